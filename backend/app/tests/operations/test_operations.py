from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient

from app.tests.factories import (
    Parameter,
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


@pytest.fixture
async def aboard(client: AsyncClient) -> AsyncClient:
    await vessel(client, "MV102")
    await vessel(client, "MV103")
    await equipment(client, "A1")
    await equipment(client, "B1", of="MV103")
    return client


async def test_an_order_is_whole_and_can_be_found(aboard: AsyncClient) -> None:
    body = {
        "code": " a1 ",
        "type": "substituição",
        "cost": "10000",
        "performed_at": "2026-01-31T10:00:00+02:00",
        "note": "Trocado o rolamento.\nØrjan\t👩‍🔧",
    }
    answer = await aboard.post(url("operations"), json=body)
    made = created(answer)
    assert str(UUID(made["id"])) == made["id"]
    assert made["created_at"].endswith("Z")
    assert made["updated_at"] == made["created_at"]
    moving = {"id": 0, "created_at": 0, "updated_at": 0}
    nothing = (
        *("category", "activity", "planned_at", "started_at", "cancel_reason"),
        *("active_maintenance_hours", "down_hours", "issue"),
        *("title", "reference", "priority", "package", "ordered_at", "due_at"),
    )
    assert made | moving == body | moving | dict.fromkeys(nothing) | {
        "code": "A1",
        "vessel": "MV102",
        "cost": "10000.00",
        "currency": "USD",
        "performed_at": "2026-01-31T08:00:00Z",
        "finished_at": "2026-01-31T08:00:00Z",
        "state": "done",
        "version": 1,
    }
    found = await aboard.get(answer.headers["location"])
    assert ok(found) == made
    assert found.headers["etag"] == answer.headers["etag"] == '"1"'


async def test_an_order_of_now_has_no_note(aboard: AsyncClient) -> None:
    made = await order(aboard, "A1")
    assert made["note"] is None
    assert made["performed_at"] == made["created_at"]
    explicit = await order(aboard, "A1", performed_at=None, note=None)
    assert explicit["performed_at"] == explicit["created_at"]


async def test_inactive_equipment_takes_orders_too(aboard: AsyncClient) -> None:
    await aboard.post(url("equipment", "deactivate"), json={"codes": "A1"})
    await order(aboard, "A1", "5")
    assert (await get(aboard, "equipment", "A1", "cost"))["total"] == "5.00"


@pytest.mark.parametrize(
    ("change", "where", "code"),
    [
        ({"code": None}, "/code", "string-type"),
        ({"code": ""}, "/code", "invalid-code"),
        ({"type": ""}, "/type", "blank"),
        ({"type": "x" * 65}, "/type", "too-long"),
        ({"type": "a\x00"}, "/type", "control-character"),
        ({"type": None}, "/type", "string-type"),
        ({"performed_at": "2026-01-31T10:00:00"}, "/performed_at", "invalid-instant"),
        ({"performed_at": "2026-01-31"}, "/performed_at", "invalid-instant"),
        ({"performed_at": "yesterday"}, "/performed_at", "invalid-instant"),
        ({"performed_at": 1769850000}, "/performed_at", "invalid-instant"),
        ({"performed_at": True}, "/performed_at", "invalid-instant"),
        (
            {"performed_at": "\uff12026-01-31T10:00:00Z"},
            "/performed_at",
            "invalid-instant",
        ),
        (
            {"performed_at": "0001-01-01T00:00:00+05:00"},
            "/performed_at",
            "invalid-instant",
        ),
        (
            {"performed_at": "9999-12-31T23:59:59-05:00"},
            "/performed_at",
            "invalid-instant",
        ),
        ({"performed_at": "1899-12-31T23:59:59Z"}, "/performed_at", "invalid-instant"),
        ({"performed_at": "0026-01-31T10:00:00Z"}, "/performed_at", "invalid-instant"),
        ({"performed_at": "3000-01-01T00:00:00Z"}, "/performed_at", "invalid-instant"),
        ({"performed_at": "2026-02-30T10:00:00Z"}, "/performed_at", None),
        ({"performed_at": "2026-01-31T25:00:00Z"}, "/performed_at", None),
        ({"note": "a\x00b"}, "/note", "control-character"),
        ({"note": "x" * 20_001}, "/note", "too-long"),
        ({"title": "two\nlines"}, "/title", "control-character"),
        ({"reference": " "}, "/reference", "blank"),
        ({"reference": "x" * 201}, "/reference", "too-long"),
        ({"priority": 5}, "/priority", "less-than-equal"),
        ({"due_at": "2026-01-31"}, "/due_at", "invalid-instant"),
        ({"note": 7}, "/note", "string-type"),
        ({"currency": "USD"}, "/currency", "extra-forbidden"),
        ({"vessel": "MV102"}, "/vessel", "extra-forbidden"),
        ({"id": str(uuid4())}, "/id", "extra-forbidden"),
    ],
)
async def test_a_wrong_order_is_not_stored(
    aboard: AsyncClient, change: dict[str, object], where: str, code: str | None
) -> None:
    body = {"code": "A1", "type": "repair", "cost": "1"} | change
    problem = refused(await aboard.post(url("operations"), json=body), 422, "invalid")
    assert pointers(problem).keys() == {where}
    assert code in {None, pointers(problem)[where]}
    assert (await get(aboard, "operations"))["items"] == []


async def test_the_first_and_the_last_instant_can_be_stored(
    aboard: AsyncClient,
) -> None:
    first, last = "1900-01-01T00:00:00Z", "2999-12-31T23:59:59.999999Z"
    for instant, said in (
        (first, {"performed_at": first}),
        (last, {"state": "planned", "planned_at": last, "due_at": last}),
    ):
        made = await order(aboard, "A1", **said)
        assert made["performed_at"] == instant
        assert ok(await aboard.get(url("operations", made["id"]))) == made


@pytest.mark.parametrize("missing", ["code", "type", "cost"])
async def test_code_type_and_cost_are_needed(aboard: AsyncClient, missing: str) -> None:
    body = {"code": "A1", "type": "repair", "cost": "1"}
    del body[missing]
    problem = refused(await aboard.post(url("operations"), json=body), 422, "invalid")
    assert pointers(problem) == {f"/{missing}": "missing"}


async def test_an_order_that_is_not_there_is_404(client: AsyncClient) -> None:
    nobody = str(uuid4())
    answer = await client.get(url("operations", nobody))
    assert nobody in refused(answer, 404, "not-found")["detail"]
    malformed = await client.get(url("operations", "seven"))
    assert pointers(refused(malformed, 422, "invalid")) == {"/id": "uuid-parsing"}


@pytest.mark.parametrize(
    ("params", "costs"),
    [
        ({}, "3 2 1 4"),
        ({"sort": "performed_at"}, "4 1 2 3"),
        ({"code": "a1"}, "2 1 4"),
        ({"code": ["A1", "B1"]}, "3 2 1 4"),
        ({"code": "NOPE"}, ""),
        ({"vessel": "mv103"}, "3"),
        ({"vessel": "MV102", "type": "repair"}, "1 4"),
        ({"type": ["repair", "inspection"]}, "2 1 4"),
        ({"type": "Repair"}, ""),
        ({"from": "2026-01-02T00:00:00Z"}, "3 2"),
        ({"from": "2026-01-02T02:00:00+02:00"}, "3 2"),
        ({"to": "2026-01-02T00:00:00Z"}, "1 4"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-03T00:00:00Z"}, "2 1"),
        ({"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}, "3 2 1 4"),
    ],
)
async def test_orders_are_found_by_what_where_and_when(
    aboard: AsyncClient, params: dict[str, Parameter], costs: str
) -> None:
    for code, kind, cost, day in (
        ("A1", "repair", 1, "2026-01-01"),
        ("A1", "inspection", 2, "2026-01-02"),
        ("B1", "replacement", 3, "2026-01-03"),
        ("A1", "repair", 4, "2025-12-31"),
    ):
        at = f"{day}T00:00:00Z"
        await order(aboard, code, cost, type=kind, performed_at=at)
    page = await get(aboard, "operations", **params)
    assert [item["cost"] for item in page["items"]] == [
        f"{cost}.00" for cost in costs.split()
    ]


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"from": "2026-01-01"}, "?from"),
        ({"to": "2026-01-01T00:00:00"}, "?to"),
        ({"from": ""}, "?from"),
        ({"from_": "2026-01-01T00:00:00Z"}, "?from_"),
        ({"sort": "cost"}, "?sort"),
        ({"equipment": "A1"}, "?equipment"),
    ],
)
async def test_a_wrong_filter_is_refused(
    client: AsyncClient, params: dict[str, Parameter], where: str
) -> None:
    answer = await client.get(url("operations"), params=params)
    assert pointers(refused(answer, 422, "invalid")).keys() == {where}


async def test_orders_are_counted_and_trimmed(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1")
    for kind in ("repair", "repair", "cleaning"):
        await order(client, "A1", type=kind)
    page = await get(
        client, "operations", type="repair", fields="code,cost", count="true", limit=1
    )
    assert page["items"] == [{"code": "A1", "cost": "10000.00"}]
    assert page["total"] == 2
    assert "total" not in await get(client, "operations")
