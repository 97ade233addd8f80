"""The lists of stores: as much of them as is asked for, by plans that do not grow."""

from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import Sessions, driver
from app.settings import Settings
from app.tests.conftest import connected
from app.tests.factories import (
    JSON,
    Parameter,
    get,
    ok,
    pointers,
    refused,
    url,
    vessel,
)
from app.tests.requisitions.factories import cart
from app.tests.stock.factories import MAIN, YARD, book, stocked, store

PATHS = ("parts", "stores", "stock", "movements", "requisitions", "stock/reorder")


async def test_all_give_the_fields_that_are_asked_for_and_count(
    client: AsyncClient, statements: list[str]
) -> None:
    await stocked(client, SEAL=4, OIL=1, **{"O-RING": 2})
    await cart(client, OIL=1)

    async def found(path: str, **params: Parameter) -> JSON:
        return await get(client, *path.split("/"), limit=1, count="true", **params)

    for path in PATHS:
        page = await found(path)
        assert page["total"] >= len(page["items"])
        for item in page["items"]:
            [first, last] = [next(iter(item)), list(item)[-1]]
            asked = await found(path, fields=f"{last}, {first}")
            assert asked["items"] == [{first: item[first], last: item[last]}]
        unknown = await client.get(url(*path.split("/")), params={"fields": "colour"})
        problem = refused(unknown, 422, "invalid")
        assert pointers(problem) == {"?fields": "unknown-field"}
        statements.clear()
        assert "total" not in await get(client, *path.split("/"), limit=1)
        assert not any("count(*) AS" in each for each in statements)
    stock = await found("stock", q="tes", fields="part")
    assert (stock["items"], stock["total"]) == ([{"part": "O-RING"}], 3)
    rest = await found("stock", q="tes", fields="part", cursor=stock["next_cursor"])
    assert (rest["items"], rest["total"]) == ([{"part": "OIL"}], 3)
    assert (await found("stock", q="o-ring"))["total"] == 1
    assert (await found("stock", q="ring", store=YARD))["total"] == 0
    ok(await book(client, "transfer", {"SEAL": 1}, to=YARD))
    assert (await found("movements", kind="transfer"))["total"] == 2
    assert (await found("movements", part="SEAL", store=MAIN))["total"] == 2
    assert (await found("stores", q="mv102-m"))["total"] == 1
    await store(client, "BOAT", "in_transit", name="Forsyningsfartøy 2")
    assert (await found("stores", q="FORSYNINGSFARTOY"))["total"] == 1
    assert (await found("requisitions", requester="mechanic"))["total"] == 1
    assert (await found("requisitions", state="approved"))["total"] == 0


# Of each list: what is asked, and the index that answers.
PLANS: dict[str, tuple[str, dict[str, Parameter], str]] = {
    "a word": ("parts", {"q": "gask"}, "ix_parts_search"),
    "a word, by name": ("parts", {"q": "gask", "sort": "name"}, "ix_parts_search"),
    "a phrase": ("parts", {"q": "p-3999"}, "ix_parts_search"),
    "maker": ("parts", {"manufacturer": "Rare"}, "ix_parts_manufacturer_number"),
    "the latest": ("parts", {"sort": "-updated_at"}, "ix_parts_updated_at_number"),
    "by name": ("parts", {"sort": "name"}, "ix_parts_name_number"),
    "stock of a word": ("stock", {"q": "gask"}, "ix_parts_search"),
    "state": (
        "requisitions",
        {"state": "submitted"},
        "ix_requisitions_state_created_at_id",
    ),
    "requester": (
        "requisitions",
        {"requester": "Welder"},
        "ix_requisitions_folded_created_at_id",
    ),
    "part": (
        "requisitions",
        {"part": "P-7"},
        "ix_requisition_lines_part_requisition",
    ),
}


FILL = """
INSERT INTO parts (number, name, manufacturer, unit_of_measure, price)
SELECT 'P-' || n, CASE WHEN n % 2000 < 4 THEN 'Gasket' ELSE 'Bolt' END,
    CASE WHEN n % 2000 < 4 THEN 'Rare' ELSE 'Usual' END, 'EA', 1
FROM generate_series(1, 4000) n;
INSERT INTO balances (part, store) SELECT number, 'MV102-MAIN' FROM parts;
INSERT INTO requisitions (vessel, store, requester, state)
SELECT 'MV102', 'MV102-MAIN',
    CASE WHEN n % 2000 < 4 THEN 'welder' ELSE 'mechanic' END,
    CASE WHEN n % 2000 < 4 THEN 'submitted' ELSE 'issued' END
FROM generate_series(1, 4000) n;
INSERT INTO requisition_lines (requisition, part, quantity, issued)
SELECT id, 'P-' || row_number() OVER (), 1, 1 FROM requisitions;
ANALYZE parts, balances, requisitions, requisition_lines
"""


@pytest.fixture
async def many(
    client: AsyncClient, sessions: Sessions, settings: Settings
) -> AsyncClient:
    await vessel(client, "MV102")
    await store(client)
    async with sessions.begin() as session:
        for statement in FILL.split(";"):
            await session.execute(text(statement))
    async with connected(settings) as owner:
        # As autovacuum does: words that wait there make a search look dear.
        await owner.execute("SELECT gin_clean_pending_list('ix_parts_search')")
    return client


async def test_each_filter_and_order_has_its_index(
    many: AsyncClient, sessions: Sessions, engine: AsyncEngine
) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []

    def record(_c: object, _x: object, statement: str, values: Any, *_: object) -> None:  # noqa: ANN401 the dialect's
        asked.append((statement, values))

    event.listen(engine.sync_engine, "before_cursor_execute", record)
    async with sessions() as session:
        connection = await driver(session)
        for path, params, index in PLANS.values():
            asked.clear()
            page = await get(many, path, limit=2, **params)
            assert page["items"], (path, params)
            [(listing, values)] = [each for each in asked if "LIMIT" in each[0]]
            rows = await connection.fetch(f"EXPLAIN {listing}", *values)
            plan = "\n".join(row[0] for row in rows)
            assert index in plan, (path, params, plan)
            assert "Seq Scan on requisition" not in plan
            assert "Seq Scan on parts" not in plan
    event.remove(engine.sync_engine, "before_cursor_execute", record)
