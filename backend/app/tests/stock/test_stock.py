from decimal import Decimal
from typing import Any

import pytest
from asyncpg.exceptions import CheckViolationError, InsufficientPrivilegeError
from httpx2 import AsyncClient

from app.settings import Settings
from app.tests.conftest import connected
from app.tests.factories import get, ok, pointers, refused, url
from app.tests.stock.factories import (
    MAIN,
    YARD,
    book,
    on_hand,
    part,
    stocked,
    store,
)
from app.tests.test_rights import as_service


async def ledger(client: AsyncClient, **params: Any) -> list[tuple[str, ...]]:  # noqa: ANN401 httpx2's
    page = await get(client, "movements", sort="id", **params)
    return [
        (it["kind"], it["part"], it["store"], it["on_hand"], it["reserved"])
        for it in page["items"]
    ]


async def test_stock_is_the_sum_of_what_moved(client: AsyncClient) -> None:
    await stocked(client, SEAL=0, OIL=0)
    received = await book(
        client, "receive", {"oil": "200.5", "SEAL": 4}, reference="DN 7718"
    )
    rows = {row["part"]: row for row in ok(received)["items"]}
    assert rows.keys() == {"OIL", "SEAL"}
    assert rows["OIL"]["available"] == rows["OIL"]["on_hand"] == "200.5"
    ok(await book(client, "issue", {"OIL": "0.125"}))
    moved = await book(client, "transfer", {"SEAL": 3}, to=YARD)
    assert [(it["store"], it["on_hand"]) for it in ok(moved)["items"]] == [
        (MAIN, "1"),
        (YARD, "3"),
    ]
    ok(await book(client, "adjust", {"SEAL": -1}, reason="Counted: one is missing"))
    assert await on_hand(client, "SEAL") == ("0", "0", "0")
    assert await on_hand(client, "OIL") == ("200.375", "0", "200.375")
    assert await ledger(client) == [
        ("receive", "OIL", MAIN, "200.5", "0"),
        ("receive", "SEAL", MAIN, "4", "0"),
        ("issue", "OIL", MAIN, "-0.125", "0"),
        ("transfer", "SEAL", MAIN, "-3", "0"),
        ("transfer", "SEAL", YARD, "3", "0"),
        ("adjust", "SEAL", MAIN, "-1", "0"),
    ]
    assert await ledger(client, store=YARD) == [("transfer", "SEAL", YARD, "3", "0")]
    assert len(await ledger(client, kind=["adjust", "issue"], part="SEAL")) == 1
    assert await ledger(client, to="2026-01-01T00:00:00Z") == []
    assert len(await ledger(client, **{"from": "2026-01-01T00:00:00Z"})) == 6
    [last] = (await get(client, "movements", limit=1))["items"]
    assert last["reason"] == "Counted: one is missing"
    assert last["who"] == "anonymous"
    assert last["request_id"]
    [first] = (await get(client, "movements", limit=1, sort="id"))["items"]
    assert first["reference"] == "DN 7718"
    assert first["request_id"] == received.headers["x-request-id"]
    [gone] = (await get(client, "movements", store=YARD))["items"]
    assert gone["other_store"] == MAIN


async def test_the_reason_of_the_request_is_the_ledgers(client: AsyncClient) -> None:
    await stocked(client, SEAL=0)
    body = {"store": MAIN, "lines": [{"part": "SEAL", "quantity": 1}]}
    headers = {"X-Change-Reason": "Opening stock"}
    ok(await client.post(url("stock", "receive"), json=body, headers=headers))
    [line] = (await get(client, "movements"))["items"]
    assert line["reason"] == "Opening stock"


async def test_stock_is_listed_by_part_and_store(client: AsyncClient) -> None:
    await stocked(client, A=1, B=2)
    await store(client, "BOAT", "in_transit")
    ok(await book(client, "transfer", {"B": 1}, to="BOAT"))

    async def found(**params: Any) -> list[tuple[str, str]]:  # noqa: ANN401 httpx2's
        page = await get(client, "stock", **params)
        return [(item["part"], item["store"]) for item in page["items"]]

    everything = [("A", MAIN), ("B", "BOAT"), ("B", MAIN)]
    assert await found() == everything
    assert await found(vessel="MV102") == [("A", MAIN), ("B", MAIN)]
    assert await found(place="in_transit") == [("B", "BOAT")]
    assert await found(part=["A", "C"]) == [("A", MAIN)]
    seen: list[tuple[str, str]] = []
    page = await get(client, "stock", limit=1)
    seen += [(item["part"], item["store"]) for item in page["items"]]
    while page["next_cursor"]:
        page = await get(client, "stock", limit=1, cursor=page["next_cursor"])
        seen += [(item["part"], item["store"]) for item in page["items"]]
    assert seen == everything


async def test_nothing_moves_where_one_part_is_short(client: AsyncClient) -> None:
    await stocked(client, A=1, B=5)
    before = await ledger(client)
    for verb, lines, fields in (
        ("issue", {"A": 1, "B": "5.001"}, {}),
        ("transfer", {"A": 1, "B": 6}, {"to": YARD}),
        ("adjust", {"A": 1, "B": -7}, {"reason": "Counted"}),
    ):
        answer = await book(client, verb, lines, **fields)
        problem = refused(answer, 409, "insufficient-stock")
        wanted = str(abs(Decimal(str(lines["B"]))))
        assert problem["short"] == [
            {
                "part": "B",
                "store": MAIN,
                "wanted": wanted,
                "available": "5",
                "requisitions": [],
            }
        ]
        assert f"5 of B to give, not {wanted}" in problem["detail"]
        assert await ledger(client) == before
        assert await on_hand(client, "A") == ("1", "0", "1")
    assert await on_hand(client, "B") == ("5", "0", "5")
    answer = await book(client, "issue", {"B": 6, "A": 2})
    detail = refused(answer, 409, "insufficient-stock")["detail"]
    assert "has 5 of B to give, not 6; 1 of A to give, not 2; nothing" in detail
    # What a store never had it does not have either.
    answer = await book(client, "issue", {"A": 1}, store=YARD)
    assert refused(answer, 409, "insufficient-stock")["short"][0]["available"] == "0"


@pytest.mark.parametrize(
    ("verb", "change", "where"),
    [
        ("receive", {"lines": []}, "/lines"),
        ("receive", {"lines": [{"part": "A", "quantity": 0}]}, "/lines/0/quantity"),
        ("receive", {"lines": [{"part": "A", "quantity": -1}]}, "/lines/0/quantity"),
        ("receive", {"lines": [{"part": "A", "quantity": True}]}, "/lines/0/quantity"),
        ("receive", {"lines": [{"part": "A", "quantity": "NaN"}]}, "/lines/0/quantity"),
        (
            "receive",
            {"lines": [{"part": "A", "quantity": "0.0001"}]},
            "/lines/0/quantity",
        ),
        (
            "receive",
            {"lines": [{"part": "A", "quantity": 10**11}]},
            "/lines/0/quantity",
        ),
        ("issue", {"lines": [{"part": "A"}]}, "/lines/0/quantity"),
        ("issue", {"lines": [{"part": p, "quantity": 1} for p in "aA"]}, "/lines"),
        ("issue", {"reference": "x" * 201}, "/reference"),
        ("transfer", {}, "/to"),
        ("adjust", {}, "/reason"),
    ],
)
async def test_a_wrong_movement_moves_nothing(
    client: AsyncClient, verb: str, change: dict[str, object], where: str
) -> None:
    await stocked(client, A=1)
    what = "difference" if verb == "adjust" else "quantity"
    body = {"store": MAIN, "lines": [{"part": "A", what: 1}]} | change
    answer = await client.post(url("stock", verb), json=body)
    assert pointers(refused(answer, 422, "invalid")).keys() == {where}
    assert await on_hand(client, "A") == ("1", "0", "1")


async def test_unknown_parts_and_stores_are_named(client: AsyncClient) -> None:
    await stocked(client, A=1)
    answer = await book(client, "receive", {"A": 1, "X": 1, "Y": 1})
    assert refused(answer, 404, "unknown-codes")["codes"] == ["X", "Y"]
    answer = await book(client, "receive", {"A": 1}, store="NOPE")
    assert "NOPE" in refused(answer, 404, "not-found")["detail"]
    answer = await book(client, "transfer", {"A": 1}, to="NOPE")
    refused(answer, 404, "not-found")
    same = await book(client, "transfer", {"A": 1}, to=MAIN.lower())
    refused(same, 422, "invalid")
    zero = await book(client, "adjust", {"A": 0}, reason="x")
    assert "not zero" in refused(zero, 422, "invalid")["detail"]
    assert await on_hand(client, "A") == ("1", "0", "1")


async def test_more_than_can_be_written_is_refused(client: AsyncClient) -> None:
    await stocked(client, A="99999999999.999")
    refused(await book(client, "receive", {"A": 1}), 422, "invalid")
    assert (await on_hand(client, "A"))[0] == "99999999999.999"


# --- what the database holds by itself -----------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE movements SET on_hand = 1",
        "UPDATE movements SET reason = 'other'",
        "DELETE FROM movements",
        "TRUNCATE movements",
    ],
)
async def test_nobody_rewrites_the_ledger(
    committed: AsyncClient, fresh: Settings, statement: str
) -> None:
    await stocked(committed, A=2)
    async with connected(fresh) as connection:
        with pytest.raises(InsufficientPrivilegeError):
            await connection.execute(statement)
        assert await connection.fetchval("SELECT on_hand FROM movements") == 2


async def test_a_code_that_an_operator_changes_follows_into_it(
    committed: AsyncClient, fresh: Settings
) -> None:
    await stocked(committed, A=2)
    await part(committed, "C")
    async with as_service(fresh) as connection:
        await connection.execute("UPDATE parts SET number = 'B' WHERE number = 'A'")
        await connection.execute("UPDATE stores SET code = 'S' WHERE code <> 'YARD'")
        with pytest.raises(InsufficientPrivilegeError):
            await connection.execute("UPDATE movements SET part = 'C'")
    assert await ledger(committed) == [("receive", "B", "S", "2", "0")]
    assert await on_hand(committed, "B", "S") == ("2", "0", "2")


SENSELESS = [
    "balances (part, store, on_hand) VALUES ('A', 'YARD', -1)",
    "balances (part, store, reserved) VALUES ('A', 'YARD', 1)",
    "balances (part, store, on_hand, reserved) VALUES ('A', 'YARD', 1, -1)",
    *(
        "movements (kind, part, store, on_hand, reserved) VALUES "
        f"('{kind}', 'A', 'YARD', {numbers})"
        for kind, numbers in (
            ("receive", "-1, 0"),
            ("receive", "1, 1"),
            ("issue", "1, 0"),
            ("issue", "-2, -1"),
            ("transfer", "1, 0"),
            ("adjust", "1, 0"),
            ("reserve", "0, -1"),
            ("reserve", "1, 1"),
            ("release", "0, 1"),
            ("lend", "1, 0"),
        )
    ),
]


async def test_the_database_refuses_what_makes_no_sense(
    committed: AsyncClient, fresh: Settings
) -> None:
    await stocked(committed, A=0)
    async with connected(fresh) as connection:
        for statement in SENSELESS:
            with pytest.raises(CheckViolationError):
                await connection.execute(f"INSERT INTO {statement}")
        sense = SENSELESS[3].replace("-1, 0", "1, 0")
        assert await connection.execute(f"INSERT INTO {sense}") == "INSERT 0 1"
