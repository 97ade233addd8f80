"""Failures and readings are counted by what failed and when, the worst first."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import text

from app.database import CONNECT, Sessions, create_engine, create_sessions
from app.settings import Settings
from app.tests.conftest import client_for, connected, seen
from app.tests.equipment.test_moving import move
from app.tests.factories import (
    JSON,
    created,
    equipment,
    get,
    ok,
    pointers,
    refused,
    url,
)
from app.tests.factories import vessel as register
from app.tests.failures.factories import LOG, fleet, line, load, plan_map
from app.tests.imports.factories import apply


async def counted(client: AsyncClient, **params: Any) -> list[tuple[object, ...]]:  # noqa: ANN401 any parameter
    """The values of each item, in the order of their names."""
    summary = await get(client, "failures", "summary", **params)
    assert summary["all"] == len(summary["items"])
    return [tuple(item[key] for key in sorted(item)) for item in summary["items"]]


async def test_equipment_is_counted_in_both_units(client: AsyncClient) -> None:
    await fleet(client)
    await load(client, LOG)
    summary = await get(client, "failures", "summary")
    assert summary.pop("units") == {
        "failures": "distinct failures: one of an equipment at an instant",
        "readings": "lines of a log: one of each sensor at a failure",
    }
    worst = {"code": "KA-1", "group": "COMPRESSORS", "failures": 4, "readings": 7}
    assert summary == {
        "by": "equipment",
        "unit": "readings",
        "from": None,
        "to": None,
        "level": None,
        "all": 3,
        "failures": 6,
        "readings": 9,
        "items": [
            worst,
            {"code": "KA-2", "group": "COMPRESSORS", "failures": 1, "readings": 1},
            {"code": "PA-1", "group": "PUMPS", "failures": 1, "readings": 1},
        ],
    }
    first = await get(client, "failures", "summary", limit=1)
    assert (first["items"], first["all"], first["failures"]) == ([worst], 3, 6)


async def test_the_worst_is_that_of_the_unit(client: AsyncClient) -> None:
    await fleet(client)
    report = {"code": "PA-1", "at": "2020-03-01T00:00:00Z"}
    created(await client.post(url("failures"), json=report))
    created(
        await client.post(
            url("failures"), json={**report, "at": "2020-03-02T00:00:00Z"}
        )
    )
    await load(client, line("2020-01-01", 1) + line("2020-01-01", 2))
    assert await counted(client) == [
        ("KA-1", 1, "COMPRESSORS", 2),
        ("PA-1", 2, "PUMPS", 0),
    ]
    assert await counted(client, unit="failures") == [
        ("PA-1", 2, "PUMPS", 0),
        ("KA-1", 1, "COMPRESSORS", 2),
    ]


async def test_groups_have_averages_of_their_equipment(client: AsyncClient) -> None:
    await fleet(client)
    await equipment(client, "KA-3", group="COMPRESSORS")
    await load(client, LOG)
    summary = await get(client, "failures", "summary", by="group")
    assert summary["items"] == [
        {
            "group": "COMPRESSORS",
            "failures": 5,
            "readings": 8,
            "equipment": 2,
            "failures_per_equipment": 2.5,
            "readings_per_equipment": 4.0,
            "registered": 3,
            "failures_per_registered": 1.67,
            "readings_per_registered": 2.67,
        },
        {
            "group": "PUMPS",
            "failures": 1,
            "readings": 1,
            "equipment": 1,
            "failures_per_equipment": 1.0,
            "readings_per_equipment": 1.0,
            "registered": 1,
            "failures_per_registered": 1.0,
            "readings_per_registered": 1.0,
        },
    ]


async def test_what_went_to_another_vessel_is_of_the_group_where_it_failed(
    client: AsyncClient,
) -> None:
    await fleet(client)
    await register(client, "MV103")
    await load(client, LOG)
    for code in ("KA-2", "PA-1"):
        ok(await move(client, code))
    old = (await summary_of_groups(client, vessel="MV102"))["items"]
    assert [(each["group"], each["equipment"], each["registered"]) for each in old] == [
        ("COMPRESSORS", 2, 2),
        ("PUMPS", 1, 1),
    ]
    assert (await summary_of_groups(client, vessel="MV103"))["items"] == []


async def test_months_vessels_and_sensors_are_counted_too(client: AsyncClient) -> None:
    await fleet(client)
    await load(client, LOG)
    assert await counted(client, by="month") == [
        (3, "2020-01", 5),
        (2, "2020-02", 2),
        (1, "2019-12", 2),
    ]
    assert await counted(client, by="vessel") == [(6, 9, "MV102")]
    compressor = ("COMPRESSORS", "MV102")
    assert await counted(client, by="sensor") == [
        ("KA-1", 4, compressor[0], 4, "1", compressor[1]),
        ("KA-1", 3, compressor[0], 3, "2", compressor[1]),
        ("KA-2", 1, compressor[0], 1, "3", compressor[1]),
        ("PA-1", 1, "PUMPS", 1, "4", "MV102"),
    ]
    summary = await get(client, "failures", "summary", by="sensor", code="KA-1")
    # Not the sum of the items: sensors tell of the same failures.
    assert (summary["failures"], summary["readings"]) == (4, 7)


async def test_a_level_counts_its_readings_and_failures_that_have_some(
    client: AsyncClient,
) -> None:
    await fleet(client)
    at = "2020-01-02 06:53:29"
    # The same sensor told of an error and, twice, of a warning.
    twice = line(at, 1, level="WARNING") * 2
    await load(client, LOG + twice)
    assert await counted(client, level="warning") == [
        ("KA-1", 2, "COMPRESSORS", 3),
        ("PA-1", 1, "PUMPS", 1),
    ]
    assert await counted(client, level="error", code="KA-1") == [
        ("KA-1", 3, "COMPRESSORS", 6)
    ]
    assert await counted(client, level="warning", by="sensor", group="COMPRESSORS") == [
        ("KA-1", 2, "COMPRESSORS", 3, "1", "MV102")
    ]
    report = {"code": "KA-2", "at": "2021-01-01T00:00:00Z", "level": "warning"}
    created(await client.post(url("failures"), json=report))
    assert await counted(client, level="warning", code="KA-2") == [
        ("KA-2", 1, "COMPRESSORS", 0)
    ]


async def test_what_is_counted_can_be_narrowed(client: AsyncClient) -> None:
    await fleet(client)
    await register(client, "MV103")
    await equipment(client, "KA-9", of="MV103", group="COMPRESSORS")
    created(await client.post(url("equipment", "KA-9", "sensors"), json={"code": "1"}))
    await load(client, LOG)
    await load(client, line("2020-01-02 06:53:29", 1), to="MV103")
    window = {"from": "2020-01-02T06:53:29Z", "to": "2020-01-02T06:53:30Z"}
    assert await counted(client, **window) == [
        ("KA-1", 1, "COMPRESSORS", 2),
        ("KA-9", 1, "COMPRESSORS", 1),
    ]
    assert await counted(client, by="sensor", vessel="MV103", **window) == [
        ("KA-9", 1, "COMPRESSORS", 1, "1", "MV103")
    ]
    assert [row[0] for row in await counted(client, vessel="MV103")] == ["KA-9"]
    await register(client, "MV104")
    assert await counted(client, vessel="MV104") == []
    (group,) = (await summary_of_groups(client, vessel="MV103"))["items"]
    assert (group["registered"], group["readings"]) == (1, 1)
    for params in ({"by": "flavour"}, {"level": "fatal"}, {"from": "x"}):
        answer = await client.get(url("failures", "summary"), params=params)
        (name,) = params
        assert f"?{name}" in pointers(refused(answer, 422, "invalid"))


async def summary_of_groups(client: AsyncClient, **params: str) -> JSON:
    return await get(client, "failures", "summary", by="group", **params)


async def test_what_is_not_there_is_not_counted_as_nothing(
    client: AsyncClient,
) -> None:
    await fleet(client)
    await equipment(client, "KA-9", **{"class": "CO"})
    for path in (("failures", "summary"), ("failures", "sensors"), ("reliability",)):
        there = {"vessel": "mv102", "code": "ka-1", "group": "COMPRESSORS"}
        if path == ("reliability",):
            there["class"] = "co"
        for name, value in there.items():
            ok(await client.get(url(*path), params={name: value}))
            both = await client.get(url(*path), params={name: [value, "nope"]})
            detail = refused(both, 404, "not-found")["detail"]
            assert ("'nope'" if name == "group" else "'NOPE'") in detail
            assert value.upper() not in detail
    many = await client.get(
        url("reliability"), params={"code": [f"X{n}" for n in range(5)]}
    )
    assert "'X0', 'X1', 'X2' and 2 more" in refused(many, 404, "not-found")["detail"]


async def test_sensors_are_ranked_in_their_equipment_in_its_group(
    client: AsyncClient,
) -> None:
    await fleet(client)
    pump = line("2020-05-01 00:00:00", 4) * 6
    await load(client, LOG + pump + line("2020-05-01 00:00:00", 3))
    names = ("group", "code", "sensor", "rank", "failures", "readings")

    async def ranked(**params: Any) -> list[tuple[object, ...]]:  # noqa: ANN401
        ranking = await get(client, "failures", "sensors", **params)
        assert ranking["units"].keys() == {"failures", "readings"}
        assert ranking["all"] == len(ranking["items"])
        return [tuple(item[name] for name in names) for item in ranking["items"]]

    assert await ranked() == [
        ("COMPRESSORS", "KA-1", "1", 1, 4, 4),
        ("COMPRESSORS", "KA-1", "2", 2, 3, 3),
        ("COMPRESSORS", "KA-2", "3", 1, 2, 2),
        ("PUMPS", "PA-1", "4", 1, 2, 7),
    ]
    assert [row[2] for row in await ranked(top=1)] == ["1", "3", "4"]
    first = await get(client, "failures", "sensors", top=1, limit=1)
    assert (first["all"], [item["sensor"] for item in first["items"]]) == (3, ["1"])
    assert (await get(client, "failures", "sensors", limit=10_000))["all"] == 4
    assert await ranked(top=1, group="COMPRESSORS", level="warning") == [
        ("COMPRESSORS", "KA-1", "1", 1, 1, 1)
    ]
    tied = {"from": "2020-01-31T00:00:00Z", "to": "2020-02-01T00:00:00Z"}
    assert [row[3] for row in await ranked(**tied)] == [1, 1]


async def test_failures_that_sensors_share_make_nothing_worse(
    client: AsyncClient,
) -> None:
    await fleet(client)
    shared = "".join(
        line(f"2020-05-0{n}", sensor) for n in (1, 2, 3) for sensor in "12"
    )
    alone = "".join(line(f"2020-05-0{n}", 3) for n in range(1, 6))
    pumps = "".join(line(f"2020-06-{n:02}", 4) for n in range(1, 11))
    await load(client, shared + alone + pumps)

    async def ranked(unit: str) -> list[str]:
        ranking = await get(client, "failures", "sensors", unit=unit, top=1)
        return [item["code"] for item in ranking["items"]]

    # KA-1: three failures, six readings; KA-2: five; both are a group; PA-1: ten.
    assert await ranked("failures") == ["PA-1", "KA-2", "KA-1", "KA-1"]
    assert await ranked("readings") == ["KA-1", "KA-1", "KA-2", "PA-1"]


async def test_a_sensor_that_came_back_is_one(
    client: AsyncClient, sessions: Sessions
) -> None:
    await fleet(client)
    for year, code in ((2019, "KA-2"), (2020, "KA-1")):
        await load(client, line(f"{year}-05-01", 1))
        ok(await apply(client, await plan_map(client, f"sensor;equipment\n1;{code}\n")))
        async with sessions.begin() as session:
            await session.execute(
                text("UPDATE sensors SET until = :until WHERE until = now()"),
                {"until": datetime(year, 12, 31, tzinfo=UTC)},
            )
    await load(client, line("2021-05-01", 1))
    assert await counted(client, by="sensor") == [
        ("KA-1", 2, "COMPRESSORS", 2, "1", "MV102"),
        ("KA-2", 1, "COMPRESSORS", 1, "1", "MV102"),
    ]
    ranking = await get(client, "failures", "sensors")
    assert [(item["code"], item["readings"]) for item in ranking["items"]] == [
        ("KA-1", 2),
        ("KA-2", 1),
    ]


async def test_a_summary_takes_longer_than_other_statements(
    app: FastAPI, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits here; over five million readings it counts."""
    usual = {**CONNECT["server_settings"], "statement_timeout": "100ms"}
    hasty = {**CONNECT, "command_timeout": 0.1, "server_settings": usual}
    monkeypatch.setattr("app.database.CONNECT", hasty)
    engine = create_engine(fresh)
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND query_start < clock_timestamp() - interval '300 ms'"
    )
    for path in (("failures", "summary"), ("failures", "sensors")):
        async with (
            connected(fresh) as owner,
            connected(fresh) as watch,
            client_for(app, create_sessions(engine)) as client,
        ):
            lock = owner.transaction()
            await lock.start()
            await owner.execute("LOCK TABLE failures, readings")
            asked = asyncio.ensure_future(client.get(url(*path)))
            await seen(watch, waiting, at_least=1, seconds=5)
            await lock.rollback()
            ok(await asked)
    await engine.dispose()
