import pytest
from httpx2 import AsyncClient

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
from app.tests.requisitions.factories import asking, cart, do, held
from app.tests.stock.factories import MAIN, YARD, on_hand, stocked

NOBODY = "01a1fd8f-407f-7d7c-8b0f-e1b47434c977"


async def put(client: AsyncClient, it: JSON, part: str, quantity: object) -> JSON:
    address = url("requisitions", it["id"], "lines", part)
    return ok(await client.put(address, json={"quantity": quantity}))


async def test_a_cart_is_filled_changed_and_emptied(client: AsyncClient) -> None:
    await stocked(client, A=5, B=5, C=0)
    body = asking(A="2.5") | {"note": "For the January stop"}
    answer = await client.post(url("requisitions"), json=body)
    made = created(answer)
    assert ok(await client.get(answer.headers["location"])) == made
    assert (made["state"], made["requester"], made["version"]) == (
        *("cart", "mechanic"),
        1,
    )
    assert (made["total"], made["issued_total"], made["currency"]) == (
        *("31.25", "0.00"),
        "USD",
    )
    [line] = made["lines"]
    assert (line["name"], line["price"], line["amount"]) == (
        *("A of the test", "12.50"),
        "31.25",
    )

    assert held(await put(client, made, "b", 2))["B"] == ("2", "0", "0", "0")
    twice = await put(client, made, "B", "3")
    assert held(twice) == {"A": ("2.5", "0", "0", "0"), "B": ("3", "0", "0", "0")}
    assert (twice["total"], twice["version"]) == ("68.75", 3)
    removed = await client.delete(url("requisitions", made["id"], "lines", "A"))
    assert held(ok(removed)).keys() == {"B"}
    again = await client.delete(url("requisitions", made["id"], "lines", "A"))
    refused(again, 404, "not-found")
    address = url("requisitions", made["id"], "lines", "NOPE")
    refused(await client.put(address, json={"quantity": 1}), 404, "not-found")
    for wrong in (0, -1, "x", None, "1.2345"):
        address = url("requisitions", made["id"], "lines", "C")
        answer = await client.put(address, json={"quantity": wrong})
        assert pointers(refused(answer, 422, "invalid")).keys() == {"/quantity"}
    # A cart reserves nothing, and its price is today's.
    assert await on_hand(client, "B") == ("5", "0", "5")
    ok(await change(client, "parts", "B", price="1"))
    assert (await get(client, "requisitions", made["id"]))["total"] == "3.00"

    now = await get(client, "requisitions", made["id"])
    match = f'"{now["version"]}"'
    where = ("requisitions", made["id"])
    moved = ok(await change(client, *where, match=match, store=YARD, note=None))
    assert (moved["store"], moved["note"]) == (YARD, None)
    refused(await change(client, *where, match=match, note="x"), 412, "stale-version")
    for value, status in ((None, 422), ("NOPE", 404)):
        answer = await change(client, *where, store=value)
        assert answer.status_code == status


async def test_a_requester_has_one_cart_for_a_vessel(client: AsyncClient) -> None:
    await stocked(client, A=5)
    await vessel(client, "MV103")
    made = await cart(client, A=1)
    # They are no other, however they spell themselves; in all scripts.
    for name in ("mechanic", "Mechanic"):
        answer = await client.post(url("requisitions"), json=asking(name, A=1))
        problem = refused(answer, 409, "conflict")
        assert ok(await client.get(problem["existing"])) == made
    await cart(client, "Schweißer Ørn", A=1)
    answer = await client.post(url("requisitions"), json=asking("SCHWEISSER ØRN", A=1))
    refused(answer, 409, "conflict")
    await cart(client, "electrician", A=1)
    other = asking(A=1) | {"vessel": "MV103"}
    created(await client.post(url("requisitions"), json=other))
    ok(await do(client, made, "submit"))
    await cart(client, A=1)


@pytest.mark.parametrize(
    ("change", "status", "slug"),
    [
        ({"vessel": "NOPE"}, 404, "not-found"),
        ({"store": "NOPE"}, 404, "not-found"),
        ({"lines": [{"part": "NOPE", "quantity": 1}]}, 404, "unknown-codes"),
        ({"lines": [{"part": p, "quantity": 1} for p in "aA"]}, 422, "invalid"),
        ({"lines": [{"part": "A", "quantity": 0}]}, 422, "invalid"),
        ({"requester": " "}, 422, "invalid"),
        ({"needed_at": "2026-11-21"}, 422, "invalid"),
        ({"needed_at": "0026-01-10T06:00:00Z"}, 422, "invalid"),
        ({"operation": NOBODY}, 404, "not-found"),
        ({"state": "approved"}, 422, "invalid"),
    ],
)
async def test_a_wrong_cart_is_not_opened(
    client: AsyncClient, change: JSON, status: int, slug: str
) -> None:
    await stocked(client, A=1)
    answer = await client.post(url("requisitions"), json=asking(A=1) | change)
    refused(answer, status, slug)
    assert (await get(client, "requisitions"))["items"] == []


async def test_a_cart_is_for_an_order_of_its_vessel(client: AsyncClient) -> None:
    await stocked(client, A=1)
    await vessel(client, "MV103")
    await equipment(client, "B1", of="MV103")
    mine, theirs = await order(client, "A1"), await order(client, "B1")
    body = asking(A=1) | {"operation": theirs["id"]}
    problem = refused(await client.post(url("requisitions"), json=body), 422, "invalid")
    assert pointers(problem) == {"/operation": "other-vessel"}
    body = asking(A=1) | {"operation": mine["id"]}
    made = created(await client.post(url("requisitions"), json=body))
    answer = await change(client, "requisitions", made["id"], operation=theirs["id"])
    refused(answer, 422, "invalid")
    page = await get(client, "requisitions", operation=mine["id"])
    assert [it["id"] for it in page["items"]] == [made["id"]]
    assert page["items"][0]["operation"] == mine["id"]


async def give_up(client: AsyncClient, order: JSON) -> None:
    address = url("operations", order["id"], "cancel")
    ok(await client.post(address, json={"reason": "No spare"}))


async def test_what_is_for_a_cancelled_order_names_another_one(
    client: AsyncClient,
) -> None:
    await stocked(client, A=9)
    first, second, third = [
        await order(client, "A1", cost="0", state="planned") for _ in range(3)
    ]
    body = asking(A=2) | {"operation": first["id"]}
    made = created(await client.post(url("requisitions"), json=body))
    where = ("requisitions", made["id"])
    await give_up(client, first)
    answer = await client.post(url("requisitions"), json=body | {"requester": "x"})
    problem = refused(answer, 422, "invalid")
    assert pointers(problem) == {"/operation": "cancelled-order"}
    # It was cancelled after the cart had named it: the cart is not lost.
    problem = refused(await do(client, made, "submit"), 409, "conflict")
    assert (problem["state"], url(*where) in problem["detail"]) == ("cart", True)
    assert f"{first['id']} was cancelled" in problem["detail"]
    assert await get(client, *where) == made
    answer = await change(client, *where, operation=first["id"])
    refused(answer, 422, "invalid")
    ok(await change(client, *where, operation=second["id"]))
    ok(await do(client, made, "submit"))
    # And after it was submitted, or approved.
    ok(await change(client, *where, operation=third["id"]))
    approved = ok(await do(client, made, "approve", by="supervisor"))
    await give_up(client, third)
    problem = refused(await do(client, made, "issue"), 409, "conflict")
    assert problem["state"] == "approved"
    for way in (f"PATCH {url(*where)} ", f"POST {url(*where, 'close')} "):
        assert way in problem["detail"]
    assert await get(client, *where) == approved
    refused(await change(client, *where, operation=third["id"]), 422, "invalid")
    answer = await change(client, *where, operation=second["id"], note="x")
    refused(answer, 409, "move-refused")
    match = f'"{approved["version"]}"'
    ok(await change(client, *where, match=match, operation=second["id"]))
    answer = await change(client, *where, match=match, operation=None)
    refused(answer, 412, "stale-version")
    assert ok(await do(client, made, "issue"))["state"] == "issued"
    assert (await get(client, "operations", second["id"]))["cost"] == "25.00"
    refused(await change(client, *where, operation=None), 409, "move-refused")


async def test_the_unit_stays_of_what_was_moved_or_asked_for(
    client: AsyncClient,
) -> None:
    await stocked(client, A=1, B=0, C=0)
    made = await cart(client, B=1)
    for number in "AB":
        answer = await change(client, "parts", number, unit_of_measure="M", name="x")
        detail = refused(answer, 409, "conflict")["detail"]
        assert "Register another part" in detail
        kept = await get(client, "parts", number)
        assert (kept["unit_of_measure"], kept["name"]) == (
            "EA",
            f"{number} of the test",
        )
        ok(await change(client, "parts", number, unit_of_measure="EA", name="x"))
    # Nobody counts what nobody has, or asks for any more.
    ok(await client.delete(url("requisitions", made["id"], "lines", "B")))
    for number in "BC":
        changed = ok(await change(client, "parts", number, unit_of_measure="M"))
        assert changed["unit_of_measure"] == "M"


async def test_requisitions_are_listed(client: AsyncClient) -> None:
    await stocked(client, A=1, B=9)
    first = await cart(client, A=2)
    ok(await do(client, first, "submit"))
    second = await cart(client, "electrician", B=1)
    ok(await do(client, second, "submit"))
    third = await cart(client, B=1)
    ids = [third["id"], second["id"], first["id"]]

    async def found(**params: str) -> list[str]:
        page = await get(client, "requisitions", **params)
        return [it["id"] for it in page["items"]]

    assert await found() == ids
    assert await found(sort="created_at") == ids[::-1]
    assert await found(state="submitted") == ids[1:]
    assert await found(requester="mechanic") == [ids[0], ids[2]]
    assert await found(part="a") == await found(backordered="true") == ids[2:]
    assert await found(backordered="false") == ids[:2]
    assert await found(vessel="MV102", store=MAIN) == ids
    assert await found(vessel="MV103") == await found(store=YARD) == []
    page = await get(client, "requisitions", limit=2)
    assert await found(cursor=page["next_cursor"]) == ids[2:]
    [waiting] = (await get(client, "requisitions", backordered="true"))["items"]
    assert (waiting["backordered"], waiting["total"]) == (True, "25.00")
