"""A fleet with stores: made over HTTP, as callers make it."""

from collections.abc import Mapping

from httpx2 import AsyncClient, Response

from app.tests.factories import (
    JSON,
    created,
    equipment,
    get,
    ok,
    url,
    vessel,
)

MAIN, YARD = "MV102-MAIN", "YARD"


async def part(client: AsyncClient, number: str = "SEAL", **fields: object) -> JSON:
    body: JSON = {"number": number, "name": f"{number} of the test", "price": "12.50"}
    body |= {"unit_of_measure": "EA", **fields}
    return created(await client.post(url("parts"), json=body))


async def store(
    client: AsyncClient, code: str = MAIN, place: str = "aboard", **fields: object
) -> JSON:
    body = {"code": code, "place": place, **fields}
    if place == "aboard":
        body = {"vessel": "MV102"} | body
    return created(await client.post(url("stores"), json=body))


async def stocked(client: AsyncClient, **quantities: object) -> None:
    """A vessel with an equipment, a store aboard and ashore, and so much of each."""
    await vessel(client, "MV102")
    await equipment(client, "A1")
    await store(client)
    await store(client, YARD, "ashore")
    for number, quantity in quantities.items():
        await part(client, number)
        if quantity:
            ok(await book(client, "receive", {number: quantity}))


async def book(
    client: AsyncClient, verb: str, lines: Mapping[str, object], **fields: object
) -> Response:
    """Receive, issue, transfer or adjust these parts in the main store."""
    what = "difference" if verb == "adjust" else "quantity"
    spelt = [{"part": part, what: quantity} for part, quantity in lines.items()]
    body = {"store": MAIN, "lines": spelt, **fields}
    return await client.post(url("stock", verb), json=body)


async def on_hand(client: AsyncClient, part: str, store: str = MAIN) -> tuple[str, ...]:
    """On hand, reserved and available."""
    page = await get(client, "stock", part=part, store=store)
    [row] = page["items"]
    return row["on_hand"], row["reserved"], row["available"]
