"""A failure that is reported: one event of one equipment at one instant."""

from httpx2 import AsyncClient

from app.tests.equipment.test_moving import move
from app.tests.factories import (
    JSON,
    created,
    get,
    ok,
    pointers,
    refused,
    url,
    vessel,
)
from app.tests.failures.factories import LOG, failures, fleet, line, load, plan_map
from app.tests.imports.factories import apply, counts

AT = "2020-01-02T06:53:29Z"


async def report(client: AsyncClient, **fields: object) -> JSON:
    body = {"code": "KA-1", "at": AT, **fields}
    return created(await client.post(url("failures"), json=body))


async def test_a_failure_is_reported_with_its_readings(client: AsyncClient) -> None:
    await fleet(client)
    body = {
        "code": "ka-1",
        "at": "2020-01-02T03:53:29-03:00",
        "readings": [{"sensor": "2", "temperature": 58.25}, {"sensor": "1"}],
    }
    answer = await client.post(url("failures"), json=body)
    failure = created(answer)
    assert failure == ok(await client.get(answer.headers["location"]))
    assert failure["at"] == AT
    assert (failure["level"], failure["source"]) == ("error", "report")
    assert (failure["vessel"], failure["readings"]) == ("MV102", 2)
    assert failure["sensors"] == [
        {"sensor": "1", "level": "error", "temperature": None, "vibration": None},
        {"sensor": "2", "level": "error", "temperature": 58.25, "vibration": None},
    ]
    taken = refused(await client.post(url("failures"), json=body), 409, "conflict")
    assert taken["existing"] == answer.headers["location"]
    # A log that tells of it too does not make another one of it.
    await load(client, LOG)
    known = ok(await client.get(answer.headers["location"]))
    assert (known["source"], known["readings"]) == ("report", 4)
    assert len(await failures(client)) == 6


async def test_what_is_wrong_with_a_report_is_said(client: AsyncClient) -> None:
    await fleet(client)
    for at in ("2999-01-01T00:00:00Z", "1969-12-31T00:00:00Z", "2020-01-01"):
        answer = await client.post(url("failures"), json={"code": "KA-1", "at": at})
        assert pointers(refused(answer, 422, "invalid")) == {"/at": "invalid-instant"}
    readings = [{"sensor": "1"}, {"sensor": "3"}, {"sensor": "1"}]
    body = {"code": "KA-1", "at": AT, "readings": readings}
    problem = refused(await client.post(url("failures"), json=body), 422, "invalid")
    assert pointers(problem) == {
        "/readings/1/sensor": "unknown-sensor",
        "/readings/2/sensor": "duplicate-sensor",
    }
    answer = await client.post(url("failures"), json={"code": "X", "at": AT})
    refused(answer, 404, "not-found")
    assert await failures(client) == []


async def test_failures_are_listed_by_what_and_when(client: AsyncClient) -> None:
    await fleet(client)
    await load(client, LOG)
    await report(client, code="PA-1", level="warning", at="2020-03-01T00:00:00Z")
    assert [code for code, *_ in await failures(client, level="warning")] == [
        "KA-1",
        "PA-1",
        "PA-1",
    ]
    january = {"from": "2020-01-02T06:53:30Z", "to": "2020-01-31T23:59:59Z"}
    assert await failures(client, **january) == [("KA-1", "2020-01-02T06:53:30Z", 1)]
    assert await failures(client, vessel="MV103") == []
    latest = await get(client, "failures", code="KA-1", limit=2)
    assert [item["at"][:10] for item in latest["items"]] == ["2020-01-31", "2020-01-02"]
    rest = await get(client, "failures", code="KA-1", cursor=latest["next_cursor"])
    assert len(rest["items"]) == 2


async def test_readings_of_other_equipment_are_not_shown(client: AsyncClient) -> None:
    await fleet(client)
    at = "2020-01-02 06:53:29"
    await load(client, line(at, 1) + line(at, 3, level="WARN", values="1.5 nan"))
    (pump,) = (await get(client, "failures", code="KA-2"))["items"]
    shown = await get(client, "failures", pump["id"])
    assert shown["level"] == "warning"
    assert shown["sensors"] == [
        {"sensor": "3", "level": "warning", "temperature": 1.5, "vibration": None}
    ]


async def test_a_report_is_of_the_sensors_that_were_there_then(
    client: AsyncClient,
) -> None:
    await fleet(client)
    await load(client, line("2020-01-01", 1))
    ok(await apply(client, await plan_map(client, "sensor;equipment\n1;PA-1\n")))
    readings = [{"sensor": "1", "temperature": 1}]
    body = {"code": "PA-1", "at": AT, "readings": readings}
    problem = refused(await client.post(url("failures"), json=body), 422, "invalid")
    assert pointers(problem) == {"/readings/0/sensor": "unknown-sensor"}
    (error,) = problem["errors"]
    assert "GET /api/v1/sensors?equipment=PA-1" in error["message"]
    shown = await report(client, readings=readings)
    assert [each["sensor"] for each in shown["sensors"]] == ["1"]
    # The log that tells of it too adds nothing.
    again = await load(client, line("2020-01-02 06:53:29", 1, values="1 nan"))
    assert counts(again) == (0, 0, 1, 0)


async def test_who_went_to_another_vessel_has_the_sensors_of_its_log(
    client: AsyncClient,
) -> None:
    await fleet(client)
    await vessel(client, "MV103")
    ok(await move(client, "KA-1"))
    readings = [{"sensor": "1"}, {"sensor": "2"}]
    await report(client, readings=readings)
    created(await client.post(url("equipment", "KA-1", "sensors"), json={"code": "1"}))
    await report(client, readings=readings, at="2020-01-03T00:00:00Z")
    summary = await get(client, "failures", "summary", by="sensor")
    assert [
        (item["vessel"], item["sensor"], item["readings"]) for item in summary["items"]
    ] == [("MV102", "2", 2), ("MV102", "1", 1), ("MV103", "1", 1)]


async def test_a_report_takes_over_what_only_an_issue_told(client: AsyncClient) -> None:
    await fleet(client)
    body = {"equipment": "KA-1", "title": "Trips", "kind": "failure", "observed_at": AT}
    number = created(await client.post(url("issues"), json=body))["number"]
    (told,) = (await get(client, "failures"))["items"]
    shown = await report(client, level="warning", readings=[{"sensor": "2"}])
    # It is the same one; what the issue called an error stays one.
    assert shown["id"] == told["id"]
    assert (shown["source"], shown["level"], shown["readings"]) == (
        "report",
        "error",
        1,
    )
    taken = await client.post(url("failures"), json={"code": "KA-1", "at": AT})
    refused(taken, 409, "conflict")
    cancel = url("issues", str(number), "cancel")
    ok(await client.post(cancel, json={"reason": "A drill"}))
    assert await failures(client) == [("KA-1", AT, 1)]
