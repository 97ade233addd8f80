"""Carts of the fleet of stock's factories: made over HTTP, as callers make them."""

from httpx2 import AsyncClient, Response

from app.tests.factories import JSON, created, url
from app.tests.stock.factories import MAIN


async def cart(
    client: AsyncClient, requester: str = "mechanic", **quantities: object
) -> JSON:
    """A cart aboard the vessel, of the main store, with so much of each part."""
    body = asking(requester, **quantities)
    return created(await client.post(url("requisitions"), json=body))


def asking(requester: str = "mechanic", **quantities: object) -> JSON:
    lines = [{"part": part, "quantity": much} for part, much in quantities.items()]
    return {"vessel": "MV102", "store": MAIN, "requester": requester, "lines": lines}


async def do(
    client: AsyncClient, requisition: JSON, verb: str, **body: object
) -> Response:
    address = url("requisitions", requisition["id"], verb)
    takes_none = verb in {"submit", "reserve"}
    return await client.post(address, json=None if takes_none else body)


def held(requisition: JSON) -> dict[str, tuple[str, str, str, str]]:
    """Of each line: asked for, reserved, issued and on backorder."""
    return {
        line["part"]: (
            *(line["quantity"], line["reserved"]),
            *(line["issued"], line["backordered"]),
        )
        for line in requisition["lines"]
    }
