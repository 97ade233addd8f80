"""An order's cost is the sum of its lines, whoever adds them at once."""

import asyncio
from decimal import Decimal

import pytest
from httpx2 import AsyncClient

from app.tests.factories import (
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

LINES = [
    {"kind": "labour", "amount": "400", "description": "Two technicians, a shift"},
    {"kind": "parts", "amount": "1250.50"},
]


@pytest.fixture
async def aboard(client: AsyncClient) -> AsyncClient:
    await vessel(client)
    await equipment(client, "A1")
    return client


async def amounts(client: AsyncClient, identity: str) -> list[tuple[str, str]]:
    page = await get(client, "operations", identity, "costs")
    return [(line["kind"], line["amount"]) for line in page["items"]]


async def test_lines_sum_up_to_the_cost(aboard: AsyncClient) -> None:
    made = await order(aboard, "A1", "1650.5", costs=LINES)
    lines = (await get(aboard, "operations", made["id"], "costs"))["items"]
    assert [line["description"] for line in lines] == [LINES[0]["description"], None]
    assert {line["currency"] for line in lines} == {"USD"}
    address = url("operations", made["id"], "costs")
    body = {"kind": "services", "amount": "0.5"}
    answer = await aboard.post(address, json=body)
    assert created(answer)["amount"] == "0.50"
    assert answer.headers["location"] == address
    found = await get(aboard, "operations", made["id"])
    assert (found["cost"], found["version"]) == ("1651.00", 2)
    answer = await change(aboard, "operations", made["id"], cost="1")
    assert pointers(refused(answer, 422, "invalid")) == {"/cost": "not-the-sum"}
    answer = await change(aboard, "operations", made["id"], costs=[body])
    assert ok(answer)["cost"] == "0.50"
    assert await amounts(aboard, made["id"]) == [("services", "0.50")]
    answer = await change(aboard, "operations", made["id"], costs=[], cost="7")
    assert ok(answer)["cost"] == "7.00"
    assert await amounts(aboard, made["id"]) == []


async def test_what_was_stated_as_a_whole_becomes_a_line(aboard: AsyncClient) -> None:
    made = await order(aboard, "A1", "100")
    assert await amounts(aboard, made["id"]) == []
    address = url("operations", made["id"], "costs")
    created(await aboard.post(address, json=LINES[1]))
    expected = [("other", "100.00"), ("parts", "1250.50")]
    assert await amounts(aboard, made["id"]) == expected
    assert (await get(aboard, "equipment", "A1", "cost"))["total"] == "1350.50"
    empty = await order(aboard, "A1", "0", state="planned")
    created(await aboard.post(url("operations", empty["id"], "costs"), json=LINES[0]))
    assert await amounts(aboard, empty["id"]) == [("labour", "400.00")]


async def test_those_who_add_lines_at_once_lose_none(committed: AsyncClient) -> None:
    await vessel(committed)
    await equipment(committed, "A1")
    made = await order(committed, "A1", "1")
    address = url("operations", made["id"], "costs")
    answers = await asyncio.gather(
        *(committed.post(address, json=LINES[1]) for _ in range(8)),
        *(
            change(committed, "operations", made["id"], note=f"n{number}")
            for number in range(4)
        ),
    )
    assert {answer.status_code for answer in answers} == {200, 201}
    found = await get(committed, "operations", made["id"])
    assert found["cost"] == str(1 + 8 * Decimal("1250.50"))
    listed = await amounts(committed, made["id"])
    assert sum(Decimal(amount) for _, amount in listed) == Decimal(found["cost"])
    assert [kind for kind, _ in listed].count("other") == 1
