"""Money in, money out: exact, decimal, and named in its currency."""

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import event, text

from app.database import Sessions, driver
from app.main import create_app
from app.operations.costs import cost_by_vessel
from app.pagination import PageQuery
from app.settings import Settings
from app.tests.conftest import client_for, generic_plan
from app.tests.factories import (
    equipment,
    get,
    order,
    pointers,
    refused,
    url,
    vessel,
)


@pytest.fixture
async def aboard(client: AsyncClient) -> AsyncClient:
    await vessel(client)
    await equipment(client, "A1")
    return client


async def _raw(client: AsyncClient, cost: str) -> Response:
    """Post a cost spelt exactly so: Python's JSON writer would spell it its way."""
    return await client.post(
        url("operations"),
        content=f'{{"code": "A1", "type": "repair", "cost": {cost}}}',
        headers={"Content-Type": "application/json"},
    )


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ('"10000"', "10000.00"),
        ("10000", "10000.00"),
        ('"10000.50"', "10000.50"),
        ('"10000.5"', "10000.50"),
        ("10000.5", "10000.50"),
        ("0.1", "0.10"),
        ("0.29", "0.29"),
        ('"0"', "0.00"),
        ("0", "0.00"),
        ("0.0", "0.00"),
        ('" 7 "', "7.00"),
        ('"007"', "7.00"),
        ("1e3", "1000.00"),
        ("1E+2", "100.00"),
        ("12.00", "12.00"),
        ('"999999999999.99"', "999999999999.99"),
        ("999999999999.99", "999999999999.99"),
        ("999999999999", "999999999999.00"),
        ("99999999999.98", "99999999999.98"),
    ],
)
async def test_a_cost_is_stored_as_it_was_meant(
    aboard: AsyncClient, sent: str, stored: str
) -> None:
    answer = await _raw(aboard, sent)
    assert answer.status_code == 201, answer.text
    assert answer.json()["cost"] == stored
    assert (await get(aboard, "equipment", "A1", "cost"))["total"] == stored


@pytest.mark.parametrize(
    "sent",
    [
        '"-5"',
        "-5",
        '"-0"',
        "-0.0",
        '"-0.01"',
        '"abc"',
        '""',
        '" "',
        "null",
        "true",
        "false",
        "[]",
        '["10"]',
        "{}",
        '{"amount": 5}',
        "NaN",
        '"NaN"',
        '"nan"',
        '"sNaN"',
        "Infinity",
        "-Infinity",
        '"Infinity"',
        '"inf"',
        "1e999",
        '"1e999"',
        "-1e999",
        '"1e3"',
        "1e12",
        "1000000000000",
        '"1000000000000"',
        '"999999999999.999"',
        "999999999999.999",
        '"1.005"',
        "1.005",
        '"1.000"',
        "0.001",
        "1e-3",
        '"10,50"',
        '"1,000"',
        '"1_000"',
        '"1 000"',
        '"$5"',
        '"5 USD"',
        '"0x10"',
        '"+5"',
        '"5."',
        '".5"',
        '"\uff11\uff12"',
        '"\u0663"',
        '"5\\u0000"',
        '"\\ud800"',
        '"' + "9" * 5000 + '"',
        "9" * 4000,
    ],
)
async def test_what_is_no_cost_is_422_and_not_stored(
    aboard: AsyncClient, sent: str
) -> None:
    problem = refused(await _raw(aboard, sent), 422, "invalid")
    assert pointers(problem) == {"/cost": "invalid-money"}
    assert "at most two decimals" in problem["detail"]
    assert (await get(aboard, "operations"))["items"] == []


async def test_numbers_and_nests_beyond_json_readers_are_refused(
    aboard: AsyncClient,
) -> None:
    for cost in ("9" * 5000, "[" * 900 + "]" * 900, "[" * 100_000 + "]" * 100_000):
        answer = await _raw(aboard, cost)
        # How deep and how long a JSON reader goes depends on the Python below it.
        refusal = (answer.status_code, answer.json()["code"])
        assert refusal in {(400, "malformed"), (422, "invalid")}
        refused(answer, *refusal)
    assert (await get(aboard, "operations"))["items"] == []


async def test_totals_are_exact_at_the_largest_costs(aboard: AsyncClient) -> None:
    largest = Decimal("999999999999.99")
    for _ in range(40):
        await order(aboard, "A1", str(largest))
    await order(aboard, "A1", "0.01")
    total = largest * 40 + Decimal("0.01")
    average = (total / 41).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    for cost in (
        await get(aboard, "equipment", "A1", "cost"),
        await get(aboard, "costs", "equipment", name="compressor"),
        (await get(aboard, "costs", "vessels"))["items"][0],
    ):
        assert cost["total"] == str(total) == "39999999999999.61"
        assert cost["average"] == str(average)
        assert cost["operations"] == 41


@pytest.mark.parametrize(
    ("costs", "average"),
    [
        (["0.01", "0.00"], "0.00"),  # 0.005, which half-up makes 0.01
        (["0.02", "0.01"], "0.02"),  # 0.015
        (["0.03", "0.02"], "0.02"),  # 0.025, which half-up makes 0.03
        (["100.00", "100.05"], "100.02"),  # 100.025, half-up 100.03
        (["10.00", "10.00", "10.01"], "10.00"),
        (["10.00", "10.01", "10.01"], "10.01"),
        (["1", "0", "0"], "0.33"),
        (["2", "0", "0"], "0.67"),
    ],
)
async def test_averages_round_half_to_even(
    aboard: AsyncClient, costs: list[str], average: str
) -> None:
    for cost in costs:
        await order(aboard, "A1", cost)
    for answer in (
        await get(aboard, "equipment", "A1", "cost"),
        await get(aboard, "costs", "equipment", name="compressor"),
        (await get(aboard, "costs", "vessels"))["items"][0],
    ):
        assert answer["average"] == average


def test_the_rounding_cases_tell_half_even_from_half_up() -> None:
    cent = Decimal("0.01")
    for half in (Decimal("0.005"), Decimal("0.025"), Decimal("100.025")):
        even = half.quantize(cent, ROUND_HALF_EVEN)
        assert even != half.quantize(cent, ROUND_HALF_UP)


async def test_a_free_order_is_an_order(aboard: AsyncClient) -> None:
    await order(aboard, "A1", "0")
    cost = await get(aboard, "equipment", "a1 ", "cost")
    assert cost == {
        "code": "A1",
        "total": "0.00",
        "average": "0.00",
        "operations": 1,
        "currency": "USD",
    }


async def test_inactive_equipment_counts(aboard: AsyncClient) -> None:
    await order(aboard, "A1", "9")
    await aboard.post(url("equipment", "deactivate"), json={"codes": "A1"})
    by_name = await get(aboard, "costs", "equipment", name="compressor")
    assert (by_name["total"], by_name["equipment"]) == ("9.00", 1)
    by_vessel = (await get(aboard, "costs", "vessels"))["items"][0]
    assert (by_vessel["total"], by_vessel["equipment"]) == ("9.00", 1)


async def test_a_name_is_taken_exactly(aboard: AsyncClient) -> None:
    await equipment(aboard, "A2", name="Bomba d'água 💧")
    await order(aboard, "A2", "3")
    found = await get(aboard, "costs", "equipment", name=" Bomba d'água 💧 ")
    assert (found["name"], found["total"]) == ("Bomba d'água 💧", "3.00")
    for other in ("bomba d'água 💧", "Bomba", "Bomba%", "COMPRESSOR"):
        nobody = await get(aboard, "costs", "equipment", name=other)
        assert nobody == {
            "name": other,
            "total": "0.00",
            "average": None,
            "operations": 0,
            "equipment": 0,
            "currency": "USD",
        }


@pytest.mark.parametrize(
    ("params", "where", "code"),
    [
        ({}, "?name", "missing"),
        ({"name": ""}, "?name", "blank"),
        ({"name": "a\x00b"}, "?name", "control-character"),
        ({"name": "a", "vessel": "MV102"}, "?vessel", "unknown-parameter"),
        ({"name": ["a", "b"]}, "?name", "repeated-parameter"),
    ],
)
async def test_costs_by_name_need_one_name(
    client: AsyncClient, params: dict[str, str | list[str]], where: str, code: str
) -> None:
    answer = await client.get(url("costs", "equipment"), params=params)
    problem = refused(answer, 422, "invalid")
    assert {e["pointer"]: e["code"] for e in problem["errors"]}[where] == code


async def test_every_vessel_is_on_some_page_of_the_costs(aboard: AsyncClient) -> None:
    await order(aboard, "A1", "5")
    for code in ("MV101", "MV103", "MV104"):
        await vessel(aboard, code)
    seen = []
    cursor: str | None = None
    while True:
        given = {"cursor": cursor} if cursor else {}
        page = await get(aboard, "costs", "vessels", limit=2, **given)
        seen += [(item["vessel"], item["total"]) for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == [
        ("MV101", "0.00"),
        ("MV102", "5.00"),
        ("MV103", "0.00"),
        ("MV104", "0.00"),
    ]


async def test_the_currency_is_the_fleets(
    settings: Settings, sessions: Sessions
) -> None:
    app = create_app(settings.model_copy(update={"currency": "BRL"}))
    async with client_for(app, sessions) as client:
        await vessel(client)
        await equipment(client, "A1")
        assert (await order(client, "A1"))["currency"] == "BRL"
        for answer in (
            await get(client, "equipment", "A1", "cost"),
            await get(client, "costs", "equipment", name="compressor"),
            (await get(client, "costs", "vessels"))["items"][0],
            (await get(client, "operations"))["items"][0],
        ):
            assert answer["currency"] == "BRL"


async def test_totals_read_nothing_but_indexes(
    client: AsyncClient, sessions: Sessions
) -> None:
    for code in ("MV102", "MV103", "MV104", "MV105"):
        await vessel(client, code)
    fill = (
        """INSERT INTO equipment (code, vessel, tag, name, updated_at)
        SELECT 'E' || n, 'MV' || 102 + n % 4, 'T' || n, 'pump' || n,
        now() + n * interval '1 s' FROM generate_series(1, 2000) n""",
        """INSERT INTO operations (equipment, vessel, type, cost, performed_at)
        SELECT code, vessel, 'repair', 1, now() FROM equipment""",
        "ANALYZE equipment, operations",
        # Rows that this transaction wrote look dear to an index-only scan.
        "SET LOCAL enable_seqscan = off",
        "SET LOCAL enable_bitmapscan = off",
    )
    asked: list[str] = []

    def note(*said: object) -> None:
        asked.append(str(said[2]))

    async with sessions() as session:
        for statement in fill:
            await session.execute(text(statement))
        below = (await session.connection()).sync_connection
        event.listen(below, "before_cursor_execute", note)
        costs, _ = await cost_by_vessel(session, PageQuery(), "USD")
        event.remove(below, "before_cursor_execute", note)
        plan = await generic_plan(await driver(session), asked[0])
    assert costs[0].total == Decimal(500)
    assert costs[0].equipment == 500
    assert "Index Only Scan using ix_operations_vessel" in plan
    assert plan.count("Index Only Scan") == 3
    assert "Seq Scan" not in plan
