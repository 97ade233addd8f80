"""Pages together are the whole, each row once, in every order; cursors are opaque."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from itertools import product
from random import Random

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from app.database import Sessions
from app.tests.factories import (
    JSON,
    Parameter,
    change,
    equipment,
    get,
    ok,
    order,
    refused,
    url,
    vessel,
)

SORTS = ("code", "-code", "name", "-name", "updated_at", "-updated_at")


async def walk(
    client: AsyncClient, *segments: str, limit: int, **params: Parameter
) -> list[JSON]:
    """Every item of every page, following next_cursor."""
    found: list[JSON] = []
    cursor: dict[str, Parameter] = {}
    while True:
        page = await get(client, *segments, limit=limit, **params, **cursor)
        found += page["items"]
        assert len(found) <= 100, "it walks in a circle"
        if page["next_cursor"] is None:
            return found
        assert len(page["items"]) == limit
        cursor = {"cursor": page["next_cursor"]}


@pytest.fixture
async def fleet(client: AsyncClient, sessions: Sessions) -> AsyncClient:
    """23 pieces of equipment: names repeat, and instants tie in threes."""
    await vessel(client)
    random = Random(2026)  # noqa: S311 the same at every run
    codes = [f"{letter}{n}" for letter, n in product("ABZ", range(8))][1:]
    random.shuffle(codes)
    for code in codes:
        name = random.choice(["pump", "Pump", "å pump", "compressor"])
        await equipment(client, code, name=name)
    async with sessions.begin() as session:
        await session.execute(
            text(
                "UPDATE equipment SET updated_at = timestamptz '2026-01-01' + "
                "(ascii(right(code, 1)) % 3) * interval '1 microsecond'"
            )
        )
    return client


@pytest.mark.parametrize("sort", SORTS)
async def test_pages_are_the_whole_once_and_in_order(
    fleet: AsyncClient, sort: str
) -> None:
    whole = (await get(fleet, "equipment", limit=500, sort=sort))["items"]
    assert len(whole) == 23
    key = sort.removeprefix("-")

    def place(item: JSON) -> tuple[object, str]:
        at = key == "updated_at"
        value = datetime.fromisoformat(item[key]) if at else item[key].encode()
        return value, item["code"]

    assert whole == sorted(whole, key=place, reverse=sort.startswith("-"))
    for limit in (1, 5, 22, 23):
        assert await walk(fleet, "equipment", limit=limit, sort=sort) == whole


async def test_filters_hold_on_every_page(fleet: AsyncClient) -> None:
    pumps = await walk(fleet, "equipment", limit=2, name=["pump", "Pump"], sort="-name")
    assert {item["name"] for item in pumps} == {"pump", "Pump"}
    whole = (await get(fleet, "equipment", limit=500))["items"]
    assert len(pumps) == sum(item["name"] in {"pump", "Pump"} for item in whole)


async def test_a_page_moves_with_nothing_that_was_written_meanwhile(
    fleet: AsyncClient,
) -> None:
    first = await get(fleet, "equipment", limit=5)
    last = first["items"][-1]["code"]
    await equipment(fleet, "A00")  # before the cursor
    await equipment(fleet, f"{last}X")  # right after it
    second = await get(fleet, "equipment", limit=5, cursor=first["next_cursor"])
    codes = [item["code"] for item in second["items"]]
    assert codes[0] == f"{last}X"
    assert not set(codes) & {item["code"] for item in first["items"]}


async def test_the_row_at_the_cursor_may_change(fleet: AsyncClient) -> None:
    whole = [item["code"] for item in (await get(fleet, "equipment"))["items"]]
    first = await get(fleet, "equipment", limit=5)
    await change(fleet, "equipment", first["items"][-1]["code"], name="renamed")
    rest = await get(fleet, "equipment", cursor=first["next_cursor"])
    assert [item["code"] for item in rest["items"]] == whole[5:]


async def test_orders_of_one_instant_come_once_each(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1")
    for number in range(9):
        at = f"2026-01-0{number % 2 + 1}T00:00:00Z"
        await order(client, "A1", number, performed_at=at)
    for sort in ("performed_at", "-performed_at", "created_at", "-created_at"):
        whole = (await get(client, "operations", sort=sort))["items"]
        assert len({item["id"] for item in whole}) == 9
        assert await walk(client, "operations", limit=2, sort=sort) == whole
    opposite = await walk(client, "operations", limit=4, sort="-created_at")
    assert opposite == list(reversed(whole))[::-1]


async def test_vessels_and_their_costs_come_in_pages(client: AsyncClient) -> None:
    for code in ("C", "A", "E", "B", "D"):
        await vessel(client, code)
    for sort in ("code", "-code", "updated_at", "-updated_at"):
        whole = (await get(client, "vessels", sort=sort))["items"]
        assert await walk(client, "vessels", limit=2, sort=sort) == whole
    costs = await walk(client, "costs", "vessels", limit=2)
    assert [item["vessel"] for item in costs] == ["A", "B", "C", "D", "E"]


async def test_the_link_header_leads_through_all_pages(fleet: AsyncClient) -> None:
    answer = await fleet.get(
        url("equipment"), params={"limit": 9, "sort": "-name", "status": "active"}
    )
    seen = ok(answer)["items"]
    while "next" in answer.links:
        address = answer.links["next"]["url"]
        assert answer.json()["next_cursor"] in address
        assert address.count("cursor=") == 1
        answer = await fleet.get(address)
        seen += ok(answer)["items"]
    assert answer.json()["next_cursor"] is None
    assert seen == (await get(fleet, "equipment", sort="-name"))["items"]


async def test_a_full_last_page_has_no_next(fleet: AsyncClient) -> None:
    answer = await fleet.get(url("equipment"), params={"limit": 23})
    assert ok(answer)["next_cursor"] is None
    assert "link" not in answer.headers


def forged(*values: object) -> str:
    return urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


BAD_CURSORS = {
    "empty": "",
    "no base64": "!!!",
    "no ascii": "ü",
    "no JSON": urlsafe_b64encode(b"{").decode(),
    "no UTF-8": urlsafe_b64encode(b"\xff\xfe\xff").decode(),
    "no list": urlsafe_b64encode(b"7").decode(),
    "null": urlsafe_b64encode(b"null").decode(),
    "nothing": forged(),
    "no key": forged("updated_at"),
    "half a key": forged("updated_at", "2026-01-01T00:00:00Z"),
    "too long a key": forged("updated_at", "2026-01-01T00:00:00Z", "A", "B"),
    "another sort": forged("code", "A1"),
    "the opposite sort": forged("-updated_at", "2026-01-01T00:00:00Z", "A1"),
    "no instant": forged("updated_at", "yesterday", "A1"),
    "an instant of no year": forged("updated_at", "0001-01-01T00:00:00+14:00", "A1"),
    "a number for an instant": forged("updated_at", 1e300, "A1"),
    "null for a code": forged("updated_at", "2026-01-01T00:00:00Z", None),
    "a number for a code": forged("updated_at", "2026-01-01T00:00:00Z", 7),
    "a list for a code": forged("updated_at", "2026-01-01T00:00:00Z", ["A1"]),
    "NUL in a code": forged("updated_at", "2026-01-01T00:00:00Z", "A\x00"),
    "half a character": forged("updated_at", "2026-01-01T00:00:00Z", "\ud800"),
    "deep": urlsafe_b64encode(b"[" * 1400).decode(),
}


@pytest.mark.parametrize("kind", BAD_CURSORS)
async def test_a_cursor_that_was_not_issued_is_400(
    client: AsyncClient, kind: str
) -> None:
    await vessel(client)
    await equipment(client, "A1")
    answer = await client.get(
        url("equipment"), params={"sort": "updated_at", "cursor": BAD_CURSORS[kind]}
    )
    refused(answer, 400, "bad-cursor")


async def test_a_good_cursor_is_good(client: AsyncClient) -> None:
    """The control of the test above: what it forges is read."""
    await vessel(client)
    await equipment(client, "A1")
    cursor = forged("updated_at", "2026-01-01T00:00:00Z", "A0")
    page = await get(client, "equipment", sort="updated_at", cursor=cursor)
    assert [item["code"] for item in page["items"]] == ["A1"]


async def test_every_listing_refuses_a_cursor_of_another_sort(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await equipment(client, "A1")
    for path in (
        url("vessels"),
        url("equipment"),
        url("vessels", "MV102", "equipment"),
        url("equipment", "A1", "children"),
        url("operations"),
        url("costs", "vessels"),
    ):
        for cursor in (forged("flavour", "x"), "x" * 2001):
            answer = await client.get(path, params={"cursor": cursor})
            if len(cursor) > 2000:
                refused(answer, 422, "invalid")
            else:
                refused(answer, 400, "bad-cursor")


async def test_a_cursor_tells_nothing_of_the_database(fleet: AsyncClient) -> None:
    page = await get(fleet, "equipment", limit=1, sort="name")
    cursor = page["next_cursor"]
    values = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    assert values == ["name", page["items"][0]["name"], page["items"][0]["code"]]


async def test_a_page_costs_one_query_however_large(
    fleet: AsyncClient, statements: list[str]
) -> None:
    for limit in (1, 20):
        statements.clear()
        await get(fleet, "equipment", limit=limit)
        selects = [s for s in statements if s.startswith("SELECT")]
        assert len(selects) == 1
        assert "OFFSET" not in selects[0]
        assert "count(" not in selects[0]
