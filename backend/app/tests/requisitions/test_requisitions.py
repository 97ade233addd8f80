from decimal import Decimal
from typing import Any

import pytest
from httpx2 import AsyncClient

from app.requisitions import service
from app.tests.factories import (
    JSON,
    change,
    created,
    get,
    ok,
    order,
    pointers,
    refused,
    url,
)
from app.tests.requisitions.factories import asking, cart, do, held
from app.tests.stock.factories import MAIN, YARD, book, on_hand, stocked


async def submitted(client: AsyncClient, **quantities: int) -> JSON:
    made = await cart(client, "mechanic", **quantities)
    return ok(await do(client, made, "submit"))


async def moved(client: AsyncClient, it: JSON) -> list[tuple[str, str, str, str]]:
    page = await get(client, "movements", requisition=it["id"], sort="id")
    return [
        (row["kind"], row["part"], row["on_hand"], row["reserved"])
        for row in page["items"]
    ]


async def test_from_asking_to_the_last_part(client: AsyncClient) -> None:
    await stocked(client, A=5, B=1, C=0)
    done = await order(client, "A1", cost="100")
    body = asking(A=2, B=3, C="0.5") | {"operation": done["id"]}
    made = created(await client.post(url("requisitions"), json=body))
    it = ok(await do(client, made, "submit"))
    assert (it["state"], it["backordered"]) == ("submitted", True)
    assert it["submitted_at"]
    assert held(it) == {
        "A": ("2", "2", "0", "0"),
        "B": ("3", "1", "0", "2"),
        "C": ("0.5", "0", "0", "0.5"),
    }
    assert await on_hand(client, "A") == ("5", "2", "3")
    assert await on_hand(client, "B") == ("1", "1", "0")
    # The price is the one of that moment.
    ok(await change(client, "parts", "A", price="99"))
    it = ok(await do(client, it, "approve", by="supervisor", reason="Needed"))
    assert (it["state"], it["decided_by"], it["reason"], it["total"]) == (
        *("approved", "supervisor", "Needed"),
        "68.75",
    )

    it = ok(await do(client, it, "issue", lines=[{"part": "a", "quantity": 1}]))
    assert (it["state"], it["issued_total"]) == ("approved", "12.50")
    assert held(it)["A"] == ("2", "1", "1", "0")
    assert await on_hand(client, "A") == ("4", "1", "3")
    it = ok(await do(client, it, "issue"))
    assert held(it) == {
        "A": ("2", "0", "2", "0"),
        "B": ("3", "0", "1", "2"),
        "C": ("0.5", "0", "0", "0.5"),
    }
    nothing = refused(await do(client, it, "issue"), 409, "insufficient-stock")
    assert "reserve" in nothing["detail"]

    # What comes is reserved when it is asked for, and as much as came.
    ok(await book(client, "receive", {"B": 1, "C": 7}))
    it = ok(await do(client, it, "reserve"))
    assert held(it)["B"] == ("3", "1", "1", "1")
    assert held(it)["C"] == ("0.5", "0.5", "0", "0")
    ok(await do(client, it, "issue"))
    ok(await book(client, "receive", {"B": 1}))
    ok(await do(client, it, "reserve"))
    it = ok(await do(client, it, "issue"))
    assert (it["state"], it["backordered"], it["issued_total"]) == (
        *("issued", False),
        "68.75",
    )
    assert [await on_hand(client, part) for part in "ABC"] == [
        *(("3", "0", "3"), ("0", "0", "0"), ("6.5", "0", "6.5"))
    ]
    assert await moved(client, it) == [
        *(("reserve", "A", "0", "2"), ("reserve", "B", "0", "1")),
        *(("issue", "A", "-1", "-1"), ("issue", "A", "-1", "-1")),
        ("issue", "B", "-1", "-1"),
        *(("reserve", "B", "0", "1"), ("reserve", "C", "0", "0.5")),
        *(("issue", "B", "-1", "-1"), ("issue", "C", "-0.5", "-0.5")),
        *(("reserve", "B", "0", "1"), ("issue", "B", "-1", "-1")),
    ]
    # What was handed out is spent on the order that needed it.
    spent = await get(client, "operations", done["id"])
    assert spent["cost"] == "168.75"
    costs = (await get(client, "operations", done["id"], "costs"))["items"]
    assert [(it["kind"], it["amount"]) for it in costs] == [
        *(("other", "100.00"), ("parts", "12.50"), ("parts", "25.00")),
        *(("parts", "18.75"), ("parts", "12.50")),
    ]
    assert (await get(client, "equipment", "A1", "cost"))["total"] == "168.75"


async def test_parts_that_do_not_divide_cost_what_the_whole_does(
    client: AsyncClient,
) -> None:
    await stocked(client, OIL=1)
    ok(await change(client, "parts", "OIL", price="0.35"))
    done = await order(client, "A1", cost="0")
    body = asking(OIL="0.3") | {"operation": done["id"]}
    made = created(await client.post(url("requisitions"), json=body))
    ok(await do(client, made, "submit"))
    ok(await do(client, made, "approve", by="supervisor"))
    for _ in range(3):
        ok(await do(client, made, "issue", lines=[{"part": "OIL", "quantity": "0.1"}]))
    # 0.105 rounded half-even, not three times 0.04 or 0.03.
    assert (await get(client, "requisitions", made["id"]))["issued_total"] == "0.10"
    assert (await get(client, "operations", done["id"]))["cost"] == "0.10"


@pytest.mark.parametrize("verb", ["reject", "cancel"])
async def test_what_is_not_wanted_is_released(client: AsyncClient, verb: str) -> None:
    await stocked(client, A=5, B=1)
    it = await submitted(client, A=2, B=3)
    it = ok(await do(client, it, verb, by="supervisor", reason="Two are aboard"))
    assert it["state"] == {"reject": "rejected", "cancel": "cancelled"}[verb]
    assert (it["reason"], it["backordered"]) == ("Two are aboard", False)
    assert held(it) == {"A": ("2", "0", "0", "0"), "B": ("3", "0", "0", "0")}
    assert await on_hand(client, "A") == ("5", "0", "5")
    assert await on_hand(client, "B") == ("1", "0", "1")
    page = await get(client, "movements", requisition=it["id"], kind="release")
    assert {row["reason"] for row in page["items"]} == {"Two are aboard"}
    await cart(client, A=1)  # they may ask again


async def test_the_rest_of_what_was_approved_is_closed(client: AsyncClient) -> None:
    await stocked(client, A=5)
    it = await submitted(client, A=4)
    approved = ok(await do(client, it, "approve", by="supervisor", reason="Needed"))
    ok(await do(client, it, "issue", lines=[{"part": "A", "quantity": 1}]))
    why = "The rest is not needed"
    it = ok(await do(client, it, "close", by="mechanic", reason=why))
    assert (it["state"], held(it)["A"]) == ("closed", ("4", "0", "1", "0"))
    # Who approved it stays known.
    for field in ("decided_by", "decided_at"):
        assert it[field] == approved[field]
    assert approved["closed_at"] is None
    assert (it["closed_by"], it["reason"]) == ("mechanic", why)
    assert it["closed_at"] == it["updated_at"]
    assert [kind for kind, *_ in await moved(client, it)][-1] == "release"
    assert await on_hand(client, "A") == ("4", "0", "4")


MOVES: dict[str, JSON] = {
    "submit": {},
    "approve": {"by": "supervisor"},
    "reject": {"by": "supervisor", "reason": "x"},
    "cancel": {},
    "close": {"reason": "x"},
    "reserve": {},
    "release": {},
    "issue": {},
}
ALLOWED = {
    "cart": {"submit", "cancel"},
    "submitted": {"approve", "reject", "cancel", "reserve", "release"},
    "approved": {"close", "reserve", "release", "issue"},
    "issued": set[str](),
    "closed": set[str](),
    "rejected": set[str](),
    "cancelled": set[str](),
}
WAYS = {
    "cart": [],
    "submitted": ["submit"],
    "approved": ["submit", "approve"],
    "issued": ["submit", "approve", "issue"],
    "closed": ["submit", "approve", "close"],
    "rejected": ["submit", "reject"],
    "cancelled": ["cancel"],
}


@pytest.mark.parametrize("state", WAYS)
async def test_each_state_allows_its_moves_alone(
    client: AsyncClient, state: str
) -> None:
    await stocked(client, A=500, B=1)
    for verb, body in MOVES.items():
        it = await cart(client, A=1)
        for way in WAYS[state]:
            it = ok(await do(client, it, way, **MOVES[way]))
        assert it["state"] == state
        answer = await do(client, it, verb, **body)
        if verb in ALLOWED[state]:
            ok(answer)
        else:
            problem = refused(answer, 409, "move-refused")
            assert problem["state"] == state
            assert await get(client, "requisitions", it["id"]) == it
            if state == "cart":
                ok(await do(client, it, "cancel"))
    if state == "cart":
        return
    # What was submitted is no cart any more.
    line = url("requisitions", it["id"], "lines", "B")
    refused(await client.put(line, json={"quantity": 1}), 409, "move-refused")
    refused(await client.delete(line), 409, "move-refused")
    answer = await change(client, "requisitions", it["id"], note="x")
    refused(answer, 409, "move-refused")


async def test_a_name_is_one_however_it_is_spelt(client: AsyncClient) -> None:
    await stocked(client, A=2)
    made = await cart(client, "Ann Lee", A=1)
    for spelt in ("ann lee", "Ann  Lee", "ANN \u00a0 lee"):
        again = await client.post(url("requisitions"), json=asking(spelt, A=1))
        assert made["id"] in refused(again, 409, "conflict")["existing"]
        [found] = (await get(client, "requisitions", requester=spelt))["items"]
        assert (found["id"], found["requester"]) == (made["id"], "Ann Lee")
    assert (await get(client, "requisitions", requester="AnnLee"))["items"] == []
    ok(await do(client, made, "submit"))
    for spelt in ("Ann  Lee", "ANN \u00a0 lee"):
        for verb in ("approve", "reject"):
            answer = await do(client, made, verb, by=spelt, reason="x")
            assert "somebody else" in refused(answer, 409, "conflict")["detail"]
    ok(await do(client, made, "approve", by="AnnLee"))


async def test_what_a_move_needs_it_asks_for(client: AsyncClient) -> None:
    await stocked(client, A=1)
    empty = await cart(client)
    problem = refused(await do(client, empty, "submit"), 409, "conflict")
    assert problem["state"] == "cart"
    assert (await get(client, "requisitions", empty["id"]))["state"] == "cart"
    ok(await do(client, empty, "cancel"))
    it = await submitted(client, A=1)
    for wrong in ({}, {"reason": " "}, {"reason": None}):
        answer = await do(client, it, "reject", **wrong)
        assert pointers(refused(answer, 422, "invalid")).keys() == {"/reason"}
    # Nobody decides on their own wish; without names nobody can tell.
    for verb, by in (("approve", "mechanic"), ("reject", " Mechanic")):
        answer = await do(client, it, verb, by=by, reason="x")
        assert "somebody else" in refused(answer, 409, "conflict")["detail"]
    # Nor do they by not saying who they are.
    for verb in ("approve", "reject"):
        for nobody in ({}, {"by": "Anonymous"}):
            answer = await do(client, it, verb, reason="x", **nobody)
            problem = refused(answer, 422, "invalid")
            assert pointers(problem) == {"/by": "missing"}
            assert "mechanic asked for it" in problem["detail"]
    ok(await do(client, it, "approve", by="supervisor"))
    # What others rely on is closed, not taken back.
    problem = refused(await do(client, it, "cancel"), 409, "move-refused")
    assert "close ends it" in problem["detail"]
    for lines, status in (
        ([{"part": "A", "quantity": 2}], 409),
        ([{"part": "B", "quantity": 1}], 404),
        ([{"part": p, "quantity": "0.1"} for p in "aA"], 422),
        ([], 422),
    ):
        answer = await do(client, it, "issue", lines=lines)
        assert answer.status_code == status
        if status == 409:
            short = refused(answer, 409, "insufficient-stock")["short"]
            assert short == [
                {"part": "A", "store": MAIN, "wanted": "2", "available": "1"}
            ]
    assert await on_hand(client, "A") == ("1", "1", "0")


async def test_without_names_nobody_is_asked_for_one(client: AsyncClient) -> None:
    await stocked(client, A=1)
    for verb, body in (("approve", {}), ("reject", {"reason": "x"})):
        made = await cart(client, "anonymous", A=1)
        ok(await do(client, made, "submit"))
        assert ok(await do(client, made, verb, **body))["decided_by"] == "anonymous"


async def test_a_count_below_what_is_held_is_recorded_after_a_release(
    client: AsyncClient,
) -> None:
    await stocked(client, A=4, B=1)
    held_back = await cart(client, "electrician", A=1)
    ok(await do(client, held_back, "submit"))
    it = await submitted(client, A=3, B=1)
    it = ok(await do(client, it, "approve", by="supervisor"))
    count = ("adjust", {"A": -2})
    answer = await book(client, *count, reason="Counted: two are missing")
    problem = refused(answer, 409, "insufficient-stock")
    assert problem["short"][0]["requisitions"] == [
        {"id": it["id"], "reserved": "3"},
        {"id": held_back["id"], "reserved": "1"},
    ]
    holder = f"3 of it is held for requisition {it['id']} (and 1 more)"
    assert holder in problem["detail"]
    address = url("requisitions", it["id"], "release")
    assert f"POST {address} gives it back" in problem["detail"]

    for lines, status in (
        ([{"part": "A", "quantity": 4}], 409),
        ([{"part": "C", "quantity": 1}], 404),
        ([], 422),
    ):
        answer = await client.post(address, json={"lines": lines})
        assert answer.status_code == status
    assert await get(client, "requisitions", it["id"]) == it
    less = {"lines": [{"part": "a", "quantity": 2}], "reason": "Two are missing"}
    it = ok(await client.post(address, json=less))
    assert (it["state"], it["backordered"]) == ("approved", True)
    assert held(it) == {"A": ("3", "1", "0", "2"), "B": ("1", "1", "0", "0")}
    [last, *_] = (await get(client, "movements", requisition=it["id"]))["items"]
    assert (last["kind"], last["reserved"], last["reason"]) == (
        *("release", "-2"),
        "Two are missing",
    )
    ok(await book(client, *count, reason="Counted: two are missing"))
    assert await on_hand(client, "A") == ("2", "2", "0")
    assert held(ok(await do(client, it, "reserve")))["A"] == ("3", "1", "0", "2")

    # All that it holds; then there is nothing to give back, nor to hand out.
    it = ok(await do(client, it, "release"))
    assert held(it) == {"A": ("3", "0", "0", "3"), "B": ("1", "0", "0", "1")}
    problem = refused(await do(client, it, "release"), 409, "insufficient-stock")
    assert "nothing was released" in problem["detail"]
    assert await on_hand(client, "B") == ("1", "0", "1")


async def test_no_requisition_costs_more_than_an_order_can(
    client: AsyncClient,
) -> None:
    await stocked(client, A=1000)
    ok(await change(client, "parts", "A", price="999999999"))
    done = await order(client, "A1", cost="999999999999.99")
    body = asking(A=1001) | {"operation": done["id"]}
    made = created(await client.post(url("requisitions"), json=body))
    problem = refused(await do(client, made, "submit"), 409, "conflict")
    assert (problem["state"], "1000999998999.00" in problem["detail"]) == ("cart", True)
    assert (await get(client, "requisitions", made["id"]))["state"] == "cart"
    line = url("requisitions", made["id"], "lines", "A")
    ok(await client.put(line, json={"quantity": 1000}))
    ok(await do(client, made, "submit"))
    ok(await do(client, made, "approve", by="supervisor"))
    # Nor does one that cost something before.
    problem = refused(await do(client, made, "issue"), 409, "conflict")
    assert f"{done['id']} costs 999999999999.99" in problem["detail"]
    assert await on_hand(client, "A") == ("1000", "1000", "0")
    more = {"kind": "other", "amount": "0.01"}
    answer = await client.post(url("operations", done["id"], "costs"), json=more)
    refused(answer, 409, "conflict")


async def test_what_was_submitted_and_costs_too_much_is_refused_in_words(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release before submitted it."""
    await stocked(client, A=2)
    ok(await change(client, "parts", "A", price="999999999999"))
    done = await order(client, "A1", cost="0")
    body = asking(A=2) | {"operation": done["id"]}
    made = created(await client.post(url("requisitions"), json=body))
    monkeypatch.setattr(service, "COST_END", Decimal(10**30))
    ok(await do(client, made, "submit"))
    ok(await do(client, made, "approve", by="supervisor"))
    problem = refused(await do(client, made, "issue"), 409, "conflict")
    assert "with 1999999999998.00 more" in problem["detail"]
    one = [{"part": "A", "quantity": 1}]
    ok(await do(client, made, "issue", lines=one))


async def test_what_is_reserved_is_not_there_for_others(client: AsyncClient) -> None:
    await stocked(client, A=1, B=5)
    await submitted(client, B=3)
    sent: list[tuple[str, dict[str, object], dict[str, Any]]] = [
        ("issue", {"A": 1, "B": "2.001"}, {}),
        ("transfer", {"A": 1, "B": 3}, {"to": YARD}),
        ("adjust", {"A": 1, "B": -4}, {"reason": "Counted"}),
    ]
    for verb, lines, fields in sent:
        answer = await book(client, verb, lines, **fields)
        [short] = refused(answer, 409, "insufficient-stock")["short"]
        assert (short["part"], short["available"]) == ("B", "2")
        assert await on_hand(client, "A") == ("1", "0", "1")
    assert await on_hand(client, "B") == ("5", "3", "2")
    # The same part in another store is another store's.
    ok(await book(client, "receive", {"A": 1}, store=YARD))
    ashore = asking("yard", A=1) | {"store": YARD}
    made = created(await client.post(url("requisitions"), json=ashore))
    ok(await do(client, made, "submit"))
    assert await on_hand(client, "A") == ("1", "0", "1")
    assert await on_hand(client, "A", YARD) == ("1", "1", "0")


async def test_no_move_takes_a_statement_a_line_and_stock_is_locked_by_the_last(
    client: AsyncClient, statements: list[str]
) -> None:
    """Whoever wants the same part waits for what comes after it: the commit."""

    def told() -> list[str]:
        # Those of the transaction that the test rolls back stand for BEGIN and COMMIT.
        own = [each for each in statements if "SAVEPOINT" not in each]
        statements.clear()
        return own

    parts = {f"P{number}": 2 for number in range(12)}
    await stocked(client, **parts)
    told()
    made = await cart(client, "mechanic", **parts)
    assert len(told()) == 7
    for verb, body in (
        ("submit", {}),
        ("approve", {"by": "supervisor"}),
        ("issue", {"lines": [{"part": part, "quantity": 1} for part in parts]}),
        ("close", {"reason": "Enough"}),
    ):
        ok(await do(client, made, verb, **body))
        *before, last = told()
        assert len(before) <= 5
        assert not any("balances" in each for each in before)
        assert ("UPDATE balances" in last) == (verb != "approve")
