import pytest
from httpx2 import AsyncClient

from app.tests.factories import (
    equipment,
    get,
    listed,
    ok,
    pointers,
    refused,
    url,
    vessel,
)

DEACTIVATE = url("equipment", "deactivate")
ACTIVATE = url("equipment", "activate")


async def test_there_and_back_again(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1")
    for path, status, version in (
        (DEACTIVATE, "inactive", 2),
        (ACTIVATE, "active", 3),
        (DEACTIVATE, "inactive", 4),
    ):
        answer = await client.post(path, json={"codes": "a1 "})
        assert ok(answer) == {"changed": ["A1"], "unchanged": []}
        row = await get(client, "equipment", "A1")
        assert (row["status"], row["version"]) == (status, version)


async def test_twice_is_once(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1")
    await client.post(DEACTIVATE, json={"codes": "A1"})
    before = await get(client, "equipment", "A1")
    again = await client.post(DEACTIVATE, json={"codes": ["A1"]})
    assert ok(again) == {"changed": [], "unchanged": ["A1"]}
    assert await get(client, "equipment", "A1") == before


async def test_a_code_counts_once_however_often_it_is_named(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await equipment(client, "A1")
    answer = await client.post(DEACTIVATE, json={"codes": ["A1", "a1", " A1"]})
    assert ok(answer) == {"changed": ["A1"], "unchanged": []}
    assert (await get(client, "equipment", "A1"))["version"] == 2


async def test_a_batch_crosses_vessels(client: AsyncClient) -> None:
    await vessel(client, "MV102")
    await vessel(client, "MV103")
    await equipment(client, "A1")
    await equipment(client, "B1", of="MV103")
    ok(await client.post(DEACTIVATE, json={"codes": ["A1", "B1"]}))
    assert await listed(client, "equipment", status="inactive") == ["A1", "B1"]


async def test_partial_changes_the_known_and_lists_the_rest(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await equipment(client, "A1")
    await equipment(client, "A2")
    await client.post(DEACTIVATE, json={"codes": "A2"})
    body = {"codes": ["NOPE", "A2", "A1"]}
    answer = await client.post(DEACTIVATE, json=body, params={"mode": "partial"})
    assert ok(answer) == {"changed": ["A1"], "unchanged": ["A2"], "missing": ["NOPE"]}
    whole = await client.post(
        ACTIVATE, json={"codes": "A1"}, params={"mode": "partial"}
    )
    assert ok(whole) == {"changed": ["A1"], "unchanged": [], "missing": []}
    none = await client.post(ACTIVATE, json={"codes": "NO"}, params={"mode": "partial"})
    assert ok(none) == {"changed": [], "unchanged": [], "missing": ["NO"]}


async def test_atomic_can_be_said(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1")
    body = {"codes": ["A1", "NOPE"]}
    for path in (DEACTIVATE, ACTIVATE):
        answer = await client.post(path, json=body, params={"mode": "atomic"})
        problem = refused(answer, 404, "unknown-codes")
        assert problem["codes"] == ["NOPE"]
        assert "?mode=partial" in problem["detail"]
    assert (await get(client, "equipment", "A1"))["version"] == 1


async def test_a_batch_takes_its_rows_in_one_order_and_blocks_no_reference(
    client: AsyncClient, statements: list[str]
) -> None:
    # Whatever plan PostgreSQL has: test_transactions sees only the plan of the day.
    await vessel(client)
    await equipment(client, "A1")
    statements.clear()
    await client.post(DEACTIVATE, json={"codes": ["A1"]})
    (lock,) = [statement for statement in statements if " FOR " in statement]
    assert "ORDER BY code FOR NO KEY UPDATE" in lock


@pytest.mark.parametrize(
    ("body", "where", "code"),
    [
        ({}, "/codes", "missing"),
        ({"codes": []}, "/codes", "too-short"),
        ({"codes": ""}, "/codes/0", "invalid-code"),
        ({"codes": None}, "/codes", "list-type"),
        ({"codes": 7}, "/codes", "list-type"),
        ({"codes": {"A1": True}}, "/codes", "list-type"),
        ({"codes": ["A1", None]}, "/codes/1", "string-type"),
        ({"codes": ["A1", "a/b"]}, "/codes/1", "invalid-code"),
        ({"codes": [["A1"]]}, "/codes/0", "string-type"),
        ({"codes": ["A1"] * 10_001}, "/codes", "too-long"),
        ({"codes": "A1", "force": True}, "/force", "extra-forbidden"),
        ({"code": "A1", "codes": "A1"}, "/code", "extra-forbidden"),
    ],
)
async def test_a_wrong_batch_changes_nothing(
    client: AsyncClient, body: dict[str, object], where: str, code: str
) -> None:
    await vessel(client)
    await equipment(client, "A1")
    answer = await client.post(DEACTIVATE, json=body)
    assert pointers(refused(answer, 422, "invalid")) == {where: code}
    assert (await get(client, "equipment", "A1"))["status"] == "active"


async def test_ten_thousand_codes_are_one_batch(client: AsyncClient) -> None:
    codes = [f"X{number}" for number in range(10_000)]
    answer = await client.post(DEACTIVATE, json={"codes": codes})
    assert refused(answer, 404, "unknown-codes")["codes"] == codes
