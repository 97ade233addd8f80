"""Which sensor is at which equipment, and where it was when something failed."""

from httpx2 import AsyncClient

from app.settings import Settings
from app.tests.conftest import connected
from app.tests.factories import (
    created,
    equipment,
    get,
    ok,
    pointers,
    refused,
    url,
    vessel,
)
from app.tests.failures.factories import (
    failures,
    fleet,
    line,
    load,
    plan_map,
    send,
)
from app.tests.imports.factories import apply, counts, rows, wrong


async def where(client: AsyncClient, **params: str) -> list[tuple[str, str, bool]]:
    """Sensor, equipment, and whether it is there now."""
    page = await get(client, "sensors", **params)
    return [
        (item["code"], item["equipment"], item["until"] is None)
        for item in page["items"]
    ]


async def test_a_map_is_planned_then_applied(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "KA-1", tag="T1")
    await equipment(client, "KA-2")
    planned = await plan_map(client, "sensor;equipment\n1;t1\n2;KA-2\n")
    assert (planned["kind"], counts(planned)) == ("sensors", (2, 0, 0, 0))
    assert await where(client) == []
    assert [row["values"] for row in await rows(client, planned)] == [
        {"sensor": "1", "equipment": "KA-1"},
        {"sensor": "2", "equipment": "KA-2"},
    ]
    ok(await apply(client, planned))
    assert await where(client) == [("1", "KA-1", True), ("2", "KA-2", True)]
    again = await plan_map(client, "sensor;equipment\n1;t1\n2;KA-1\n")
    assert counts(again) == (0, 1, 1, 0)
    assert again["updates"] == [
        {
            "row": 3,
            "code": "2",
            "reference": None,
            "changes": {"equipment": {"before": "KA-2", "after": "KA-1"}},
        }
    ]
    listed = await get(client, "imports", kind="sensors", vessel="MV102")
    assert [item["id"] for item in listed["items"]] == [again["id"], planned["id"]]
    assert (await get(client, "imports", kind="register"))["items"] == []


async def test_what_is_wrong_with_a_map_is_said_row_by_row(client: AsyncClient) -> None:
    await fleet(client)
    await vessel(client, "MV103")
    await equipment(client, "KA-9", of="MV103")
    sheet = "sensor_id;equipment\n5;KA-9\n6;\n7;KA-1\n7;KA-2\n;KA-1\n8/9;KA-1\n4;KA-1\n"
    planned = await plan_map(client, sheet)
    assert wrong(planned) == [
        (2, "equipment", "unknown-equipment"),
        (3, "equipment", "blank"),
        (4, "sensor", "duplicate-sensor"),
        (5, "sensor", "duplicate-sensor"),
        (6, "sensor", "blank"),
        (7, "sensor", "invalid-code"),
    ]
    assert planned["errors"][0]["column"] == "equipment"
    mended = await client.get(planned["links"]["errors_csv"])
    assert mended.text.splitlines()[1].startswith("5,KA-9,2,")
    refused(await apply(client, planned), 409, "plan-has-errors")
    ok(await apply(client, planned, skip_errors="true"))
    # No log was loaded: the map was wrong, the sensor has not moved.
    assert await where(client, code="4") == [("4", "KA-1", True)]

    for sheet in ("code\nKA-1\n", "sensor\n5\n"):
        answer = await send(client, sheet, "sensors", kind="text/csv")
        assert "?mapping=" in refused(answer, 422, "unreadable-file")["detail"]


async def test_a_sensor_that_moves_leaves_what_it_read(client: AsyncClient) -> None:
    await fleet(client)
    await load(client, line("2020-01-01 00:00:00", 1))
    moved = await plan_map(client, "sensor;equipment\n1;PA-1\n")
    ok(await apply(client, moved))
    assert await where(client, code="1") == [("1", "KA-1", False), ("1", "PA-1", True)]
    assert await where(client, code="1", current="true") == [("1", "PA-1", True)]
    assert await where(client, equipment="PA-1") == [
        ("1", "PA-1", True),
        ("4", "PA-1", True),
    ]
    # It was at KA-1 then, whenever its log is loaded.
    await load(client, line("2020-01-01 00:00:00", 1) + line("2020-01-02 00:00:00", 1))
    assert await failures(client) == [
        ("KA-1", "2020-01-01T00:00:00Z", 1),
        ("KA-1", "2020-01-02T00:00:00Z", 1),
    ]


async def test_a_plan_of_a_map_that_is_overtaken_is_stale(client: AsyncClient) -> None:
    await fleet(client)
    first = await plan_map(client, "sensor;equipment\n4;KA-1\n5;KA-1\n")
    second = await plan_map(client, "sensor;equipment\n4;KA-2\n")
    third = await plan_map(client, "sensor;equipment\n5;KA-2\n")
    ok(await apply(client, second))
    refused(await apply(client, first), 409, "plan-stale")
    created(await client.post(url("equipment", "KA-1", "sensors"), json={"code": "5"}))
    refused(await apply(client, third), 409, "plan-stale")
    assert await where(client, code="5") == [("5", "KA-1", True)]


async def test_one_sensor_is_registered_by_hand(client: AsyncClient) -> None:
    await fleet(client)
    answer = await client.post(url("equipment", "PA-1", "sensors"), json={"code": "te"})
    sensor = created(answer)
    assert (sensor["code"], sensor["vessel"], sensor["until"]) == ("TE", "MV102", None)
    taken = await client.post(url("equipment", "KA-1", "sensors"), json={"code": "TE"})
    problem = refused(taken, 409, "duplicate-code")
    held = ok(await client.get(problem["existing"]))
    assert held["items"] == [sensor]
    nowhere = await client.post(url("equipment", "X", "sensors"), json={"code": "A"})
    refused(nowhere, 404, "not-found")
    # Another vessel's log has names of its own.
    await vessel(client, "MV103")
    await equipment(client, "KA-9", of="MV103")
    created(await client.post(url("equipment", "KA-9", "sensors"), json={"code": "TE"}))
    assert await where(client, vessel="MV103") == [("TE", "KA-9", True)]


async def test_sensors_and_reports_are_recorded_and_what_a_log_brings_is_not(
    committed: AsyncClient, fresh: Settings
) -> None:
    await fleet(committed)
    await load(committed, line("2020-01-01 00:00:00", 1))
    moved = await plan_map(committed, "sensor;equipment\n1;KA-2\n")
    ok(await apply(committed, moved, reason="Swapped"))
    body = {"code": "KA-1", "at": "2020-01-02T00:00:00Z"}
    report = created(await committed.post(url("failures"), json=body))
    async with connected(fresh) as connection:
        found = await connection.fetch(
            "SELECT entity, code, action, reason, after::text FROM changes "
            "WHERE entity IN ('sensor', 'failure') ORDER BY id"
        )
    changes = [tuple(row)[:4] for row in found]
    assert changes == [
        *[("sensor", code, "created", None) for code in "1234"],
        ("sensor", "1", "updated", "Swapped"),
        ("sensor", "1", "created", "Swapped"),
        ("failure", report["id"], "created", None),
    ]
    assert '"until": "20' in found[4]["after"]
    assert '"level": "error"' in found[6]["after"]


async def test_a_sensor_needs_a_code(client: AsyncClient) -> None:
    await fleet(client)
    answer = await client.post(url("equipment", "KA-1", "sensors"), json={"code": "/"})
    assert pointers(refused(answer, 422, "invalid")) == {"/code": "invalid-code"}
