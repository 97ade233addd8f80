"""Rates, times between failures and availability, against values worked out by hand."""

import math
from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from app.database import Sessions
from app.tests.factories import (
    JSON,
    change,
    created,
    equipment,
    get,
    ok,
    order,
    pointers,
    refused,
    url,
    vessel,
)
from app.tests.failures.factories import fleet, line, plan, plan_map
from app.tests.imports.factories import apply

# Ten days: 240 hours.
WINDOW = {"from": "2020-01-01T00:00:00Z", "to": "2020-01-11T00:00:00Z"}
near = pytest.approx


async def fail(client: AsyncClient, code: str, *days: int, **fields: str) -> None:
    for day in days:
        body = {"code": code, "at": f"2020-01-{day:02}T00:00:00Z", **fields}
        created(await client.post(url("failures"), json=body))


async def began(sessions: Sessions, at: str, code: str | None = None) -> None:
    """Let an equipment, or all of them, have been registered then."""
    async with sessions.begin() as session:
        await session.execute(
            text(
                "UPDATE equipment SET created_at = :at "
                "WHERE code = :code OR cast(:code AS text) IS NULL"
            ),
            {"at": datetime.fromisoformat(at), "code": code},
        )


async def figures(client: AsyncClient, **params: Any) -> dict[str, JSON]:  # noqa: ANN401 any parameter
    page = await get(client, "reliability", **{**WINDOW, **params})
    return {item.pop("name"): item for item in page["items"]}


async def test_rate_and_mtbf_have_bounds_and_say_their_time_base(
    client: AsyncClient, sessions: Sessions
) -> None:
    await fleet(client)
    await began(sessions, "2019-01-01T00:00Z")
    await fail(client, "KA-1", 1, 4, 10, 11)  # the last one is behind the window
    await fail(client, "KA-1", 5, level="warning")
    page = await get(client, "reliability", **WINDOW)
    assert "calendar hours" in page["time_base"]
    assert (page["from"], page["to"]) == (WINDOW["from"], WINDOW["to"])
    assert (page["confidence"], page["level"]) == (0.9, "error")
    found = {item["name"]: item for item in page["items"]}
    # SciPy's chi2.ppf(0.05, 6) and chi2.ppf(0.95, 8), by twice the time.
    low, high = 1.635382894327907 / 480, 15.507313055865453 / 480
    assert found["KA-1"] == {
        "name": "KA-1",
        "equipment": 1,
        "failures": 3,
        "hours": 240,
        "rate_per_hour": near(0.0125),
        "rate_low": near(low),
        "rate_high": near(high),
        "mtbf_hours": near(80),
        "mtbf_low": near(1 / high),
        "mtbf_high": near(1 / low),
        "down_hours": 0,
        **dict.fromkeys(("mttr_hours", "mean_repair_hours", "mean_down_hours")),
        "availability": 1,
    }
    # Zero failures have an upper bound only, and alpha on one side of it.
    none = found["KA-2"]
    assert (none["failures"], none["rate_per_hour"], none["rate_low"]) == (0, 0, None)
    assert none["rate_high"] == near(-math.log(0.1) / 240)
    assert (none["mtbf_hours"], none["mtbf_high"]) == (None, None)
    assert none["mtbf_low"] == near(240 / -math.log(0.1))

    warned = await figures(client, level="warning", confidence=0.95, code="KA-1")
    assert warned["KA-1"]["failures"] == 4
    # SciPy's chi2.ppf(0.975, 10), by twice the time.
    assert warned["KA-1"]["rate_high"] == near(20.483177350807395 / 480)


async def test_groups_and_vessels_sum_up_their_equipment(
    client: AsyncClient, sessions: Sessions
) -> None:
    await fleet(client)
    await began(sessions, "2019-01-01T00:00Z")
    await fail(client, "KA-1", 1, 2)
    await fail(client, "KA-2", 2)
    groups = await figures(client, by="group")
    assert [
        (n, g["equipment"], g["failures"], g["hours"]) for n, g in groups.items()
    ] == [
        ("COMPRESSORS", 2, 3, 480),
        ("PUMPS", 1, 0, 240),
    ]
    assert groups["COMPRESSORS"]["mtbf_hours"] == near(160)
    vessels = await figures(client, by="vessel")
    assert (vessels["MV102"]["equipment"], vessels["MV102"]["hours"]) == (3, 720)
    only = await figures(client, by="vessel", group="PUMPS")
    assert only["MV102"]["hours"] == 240
    await vessel(client, "MV103")
    assert await figures(client, vessel="MV103") == {}
    first = await get(client, "reliability", **WINDOW, limit=2)
    second = await get(client, "reliability", **WINDOW, cursor=first["next_cursor"])
    assert [item["name"] for item in second["items"]] == ["PA-1"]
    other = {"by": "vessel", "cursor": first["next_cursor"]}
    refused(await client.get(url("reliability"), params=other), 400, "bad-cursor")


async def test_the_time_of_an_equipment_begins_with_it(
    client: AsyncClient, sessions: Sessions
) -> None:
    await fleet(client)
    # Registered in mid-window; after it; and in mid-window though it had failed before.
    await began(sessions, "2020-01-06T00:00Z", "KA-1")
    await began(sessions, "2020-02-01T00:00Z", "KA-2")
    await began(sessions, "2020-01-06T00:00Z", "PA-1")
    await fail(client, "KA-1", 7)
    await fail(client, "PA-1", 3)
    found = await figures(client)
    assert {name: item["hours"] for name, item in found.items()} == {
        "KA-1": 120,
        "KA-2": 0,
        "PA-1": 240,
    }
    assert found["KA-1"]["mtbf_hours"] == near(120)
    nothing = {"rate_per_hour", "rate_high", "mtbf_hours", "mtbf_low"}
    assert all(found["KA-2"][name] is None for name in nothing)
    # A window without a start begins with what is known; it ends now at the latest.
    page = await get(client, "reliability", to=WINDOW["to"])
    hours = [item["hours"] for item in page["items"]]
    assert hours == [120, 0, 192]
    late = await get(client, "reliability", to="2999-01-01T00:00:00Z")
    assert late["to"] < "2999"


async def test_a_log_knows_of_what_never_failed(client: AsyncClient) -> None:
    """From its first line on, of all that has sensors; whatever was registered when."""
    await fleet(client)
    await equipment(client, "PA-2")
    log = line("2020-01-03 00:00:00", 1) + line("2020-01-09 00:00:00", 1)
    planned = await plan(client, log)
    hours = {name: item["hours"] for name, item in (await figures(client)).items()}
    assert hours == {"KA-1": 0, "KA-2": 0, "PA-1": 0, "PA-2": 0}
    ok(await apply(client, planned))
    found = await figures(client)
    hours = {name: item["hours"] for name, item in found.items()}
    assert hours == {"KA-1": 240, "KA-2": 240, "PA-1": 240, "PA-2": 0}
    assert found["KA-2"]["rate_high"] == near(-math.log(0.1) / 240)
    page = await get(client, "reliability", to=WINDOW["to"])
    assert [item["hours"] for item in page["items"]] == [192, 192, 192, 0]


async def test_a_log_knows_nothing_of_what_got_its_sensors_later(
    client: AsyncClient, sessions: Sessions
) -> None:
    await fleet(client)
    ok(await apply(client, await plan(client, line("2020-01-03 00:00:00", 1))))
    for code in ("NEW-1", "NEW-2"):
        await equipment(client, code)
        await began(sessions, "2020-01-06T00:00Z", code)
    ok(await apply(client, await plan_map(client, "sensor;equipment\n9;NEW-1\n")))
    async with sessions.begin() as session:
        await session.execute(  # one transaction is one instant
            text("UPDATE sensors SET created_at = now() + '1 h' WHERE code = '9'")
        )
    # This one was loaded later and knows of it, from its first line.
    ok(await apply(client, await plan(client, line("2020-01-08 00:00:00", 1))))
    # A sensor that has failed elsewhere is at the second one from now on.
    ok(await apply(client, await plan_map(client, "sensor;equipment\n1;NEW-2\n")))
    ok(await apply(client, await plan(client, line("2020-01-02 00:00:00", 3))))
    hours = {name: item["hours"] for name, item in (await figures(client)).items()}
    assert (hours["NEW-1"], hours["NEW-2"], hours["KA-1"]) == (120, 120, 240)


async def test_what_was_done_before_it_was_registered_tells_of_its_age(
    client: AsyncClient,
) -> None:
    """The register is younger than what it tells of, so all of the window counts."""
    await fleet(client)
    days = [f"2020-01-0{day}T00:00:00Z" for day in range(1, 10)]
    for code in ("KA-1", "KA-2"):
        await order(client, code, performed_at=days[2])
    issue = {"title": "Worn", "kind": "defect"}
    body = {"equipment": "PA-1", "observed_at": days[4], "down_since": days[3], **issue}
    created(await client.post(url("issues"), json=body))
    for code in ("PA-2", "PA-3", "PA-4"):
        await equipment(client, code)
    unit = {"manufacturer": "Maker", "model": "M", "serial_number": "1"}
    put = {**unit, "at": days[5], "reason": "New"}
    created(await client.post(url("equipment", "PA-2", "units"), json=put))
    # Neither an order that is only planned nor an issue that was none tells anything.
    await order(client, "PA-3", state="planned", planned_at=days[1])
    body = {"equipment": "PA-3", "observed_at": days[1], **issue}
    number = created(await client.post(url("issues"), json=body))["number"]
    cancel = {"reason": "None"}
    ok(await client.post(url("issues", str(number), "cancel"), json=cancel))
    hours = {name: item["hours"] for name, item in (await figures(client)).items()}
    whole = {"KA-1": 240, "KA-2": 240, "PA-1": 240, "PA-2": 240, "PA-3": 0, "PA-4": 0}
    assert hours == whole
    page = await get(client, "reliability", to=WINDOW["to"])
    assert [item["hours"] for item in page["items"]] == [192, 192, 168, 120, 0, 0]
    tellers = ("a failure", "an issue", "an order that was done", "a unit", "a log")
    assert all(teller in page["time_base"] for teller in tellers)


async def test_what_makes_no_sense_is_refused(client: AsyncClient) -> None:
    for params in ({"confidence": "1"}, {"by": "sensor"}, {"from": "2020"}):
        answer = await client.get(url("reliability"), params=params)
        (name,) = params
        assert f"?{name}" in pointers(refused(answer, 422, "invalid"))


# --- down time and repair -------------------------------------------------------------

Times = tuple[str, float, float | None]
START = datetime.fromisoformat(WINDOW["from"])


async def told(
    client: AsyncClient, sessions: Sessions, down: list[Times], state: str = "open"
) -> JSON:
    """Figures of KA-1 after issues of these hours since the window's start."""
    issue = text(
        "INSERT INTO issues (vessel, equipment, title, priority, kind, state, "
        "down_since, down_until) VALUES "
        "('MV102', :equipment, 'Down', 3, 'defect', :state, :since, :until)"
    )
    async with sessions.begin() as session:
        await session.execute(text("UPDATE issues SET state = 'cancelled'"))
        for code, since, until in down:
            times = {
                "since": START + timedelta(hours=since),
                "until": until and START + timedelta(hours=until),
            }
            await session.execute(issue, {"equipment": code, "state": state, **times})
    return (await figures(client, code="KA-1"))["KA-1"]


async def test_down_times_are_merged_and_cut_at_the_window(
    client: AsyncClient, sessions: Sessions
) -> None:
    await fleet(client)
    await began(sessions, "2019-01-01T00:00Z")
    # Two that overlap, one inside of them, one that touches nothing; another's.
    merged = await told(
        *(client, sessions),
        [
            ("KA-1", 10, 20),
            ("KA-1", 15, 30),
            ("KA-1", 16, 18),
            ("KA-1", 100, 102),
            ("KA-2", 0, 240),
        ],
    )
    assert [merged["down_hours"], merged["mean_down_hours"]] == near([22, 11])
    assert merged["availability"] == near(218 / 240)
    # It was restored twice: after 20 hours, from 10 to 30, and after 2.
    assert merged["mttr_hours"] == near(22 / 2)
    # One outage, though a second issue tells of its last hour: not (10 + 1) / 2.
    once = await told(client, sessions, [("KA-1", 0, 10), ("KA-1", 9, 10)])
    assert [once["mttr_hours"], once["mean_down_hours"]] == near([10, 10])
    # From before the window on: 14 hours, of which 4 are within it; and one of which
    # the second half is not over yet.
    whole = await told(
        *(client, sessions),
        [("KA-1", -10, -2), ("KA-1", -3, 4), ("KA-1", 50, 60), ("KA-1", 55, None)],
    )
    assert whole["mttr_hours"] == near(14)
    assert [whole["down_hours"], whole["mean_down_hours"]] == near([194, 97])
    # One that is open at the end, one that was at the start, two that are outside.
    cut = await told(
        *(client, sessions),
        [("KA-1", 230, None), ("KA-1", -10, 5), ("KA-1", 250, 260), ("KA-1", -9, -8)],
    )
    assert [cut["down_hours"], cut["mean_down_hours"]] == near([15, 7.5])
    assert cut["availability"] == near(225 / 240)
    assert cut["mttr_hours"] == near(15)
    never = await told(client, sessions, [("KA-2", 0, 1)])
    assert (never["down_hours"], never["availability"]) == (0, 1)
    assert (never["mean_down_hours"], never["mttr_hours"]) == (None, None)
    # What turned out to be nothing.
    nothing = await told(client, sessions, [("KA-1", 0, 1)], "cancelled")
    assert nothing["down_hours"] == 0


async def test_repair_is_active_time_and_not_down_time(
    client: AsyncClient, sessions: Sessions
) -> None:
    await fleet(client)
    await began(sessions, "2019-01-01T00:00Z")
    for code, day, hours, category in (
        ("KA-1", 2, 4.5, "corrective"),
        ("KA-1", 3, 1.5, "corrective"),
        ("KA-1", 4, 99, "preventive"),
        ("KA-1", 11, 99, "corrective"),
        ("KA-2", 3, 99, "corrective"),
    ):
        order = {
            "code": code,
            "type": "repair",
            "cost": 1,
            "category": category,
            "performed_at": f"2020-01-{day:02}T00:00:00Z",
            "active_maintenance_hours": hours,
        }
        created(await client.post(url("operations"), json=order))
    item = await told(client, sessions, [("KA-1", 10, 60)])
    assert item["mean_repair_hours"] == near(3)
    assert [item["mean_down_hours"], item["mttr_hours"]] == near([50, 50])


async def test_classes_sum_up_their_equipment(
    client: AsyncClient, sessions: Sessions
) -> None:
    await fleet(client)
    await began(sessions, "2019-01-01T00:00Z")
    for code in ("KA-1", "KA-2"):
        ok(await change(client, "equipment", code, **{"class": "CO"}))
    await fail(client, "KA-2", 2)
    classes = await figures(client, by="class")
    assert [(n, c["failures"], c["hours"]) for n, c in classes.items()] == [
        ("CO", 1, 480)
    ]
    assert list(await figures(client, **{"class": "co"})) == ["KA-1", "KA-2"]
