from httpx2 import AsyncClient

from app.tests.factories import created, get, ok, url
from app.tests.requisitions.factories import cart, do
from app.tests.stock.factories import MAIN, YARD, stocked


async def test_what_must_be_ordered_is_listed(client: AsyncClient) -> None:
    await stocked(client, FEW=2, LOW=1, NONE=0, LOST=0, WELL=9)
    levels = {"FEW": (2, 4), "LOW": (2, 6), "NONE": (1, 1), "WELL": (1, 5)}
    for number, (minimum, maximum) in levels.items():
        body = {"part": number, "minimum": minimum, "maximum": maximum}
        created(await client.post(url("stores", MAIN, "levels"), json=body))
    # Of another store nobody waits for it.
    nothing = {"part": "LOST", "minimum": 0, "maximum": 0}
    created(await client.post(url("stores", YARD, "levels"), json=nothing))

    async def short(**params: str) -> dict[str, tuple[str, ...]]:
        page = await get(client, "stock", "reorder", **params)
        return {
            it["part"]: (it["available"], it["backordered"], it["quantity"])
            for it in page["items"]
        }

    assert await short() == {"LOW": ("1", "0", "5"), "NONE": ("0", "0", "1")}
    # What is reserved and what is waited for is not there; a cart asks for nothing.
    made = await cart(client, FEW=1, LOST="2.5", NONE=3, WELL=9)
    assert len(await short()) == 2
    ok(await do(client, made, "submit"))
    await cart(client, WELL=100)
    assert await short() == {
        "FEW": ("1", "0", "3"),
        "LOST": ("0", "2.5", "2.5"),
        "LOW": ("1", "0", "5"),
        "NONE": ("0", "3", "4"),
        "WELL": ("0", "0", "5"),
    }
    assert await short(part="LOST") == {"LOST": ("0", "2.5", "2.5")}
    assert await short(store=YARD) == await short(vessel="MV103") == {}
    [row] = (await get(client, "stock", "reorder", part="LOST"))["items"]
    assert (row["price"], row["amount"], row["currency"]) == ("12.50", "31.25", "USD")
    page = await get(
        client, "stock", "reorder", q="lo test", count="true", fields="part,quantity"
    )
    assert page == {
        "items": [
            {"part": "LOST", "quantity": "2.5"},
            {"part": "LOW", "quantity": "5"},
        ],
        "next_cursor": None,
        "total": 2,
    }
    page = await get(client, "stock", "reorder", limit=2)
    rest = await get(client, "stock", "reorder", cursor=page["next_cursor"])
    assert [it["part"] for it in rest["items"]] == ["LOW", "NONE", "WELL"]
    ok(await do(client, made, "cancel"))
    assert len(await short()) == 2
