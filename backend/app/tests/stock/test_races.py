"""What comes at the moment at which it is asked for is given, not refused."""

import asyncio

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.parts import service as parts
from app.parts.models import Part
from app.settings import Settings
from app.stock import queries
from app.tests.conftest import connected, seen
from app.tests.factories import change, get, ok, refused
from app.tests.stock.factories import book, on_hand, stocked

WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND wait_event_type = 'Lock'"
)
# What comes: from outside, or because a requisition gives back what it held.
COMES = {
    "receive": (
        "VALUES ('receive', 'A', 'MV102-MAIN', 5, 0)",
        "on_hand = on_hand + 5",
    ),
    "release": (
        "VALUES ('release', 'A', 'MV102-MAIN', 0, -5)",
        "reserved = reserved - 5",
    ),
}


async def _ask_while_it_comes(
    client: AsyncClient, settings: Settings, kind: str
) -> Response:
    """Issue 3 of what another transaction has brought, and has not committed yet."""
    await stocked(client, A=0 if kind == "receive" else 5)
    movement, change = COMES[kind]
    async with connected(settings) as writer, connected(settings) as watcher:
        await writer.execute(
            "INSERT INTO balances (part, store) VALUES ('A', 'MV102-MAIN') "
            "ON CONFLICT DO NOTHING"
        )
        if kind == "release":
            await writer.execute("UPDATE balances SET reserved = 5")
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute(
            "INSERT INTO movements (kind, part, store, on_hand, reserved) " + movement
        )
        await writer.execute(f"UPDATE balances SET {change}")
        asking = asyncio.create_task(book(client, "issue", {"A": 3}))
        await seen(watcher, WAITING, at_least=1)
        await transaction.commit()
        return await asking


@pytest.mark.parametrize("kind", COMES)
async def test_who_waited_for_what_comes_has_it(
    committed: AsyncClient, fresh: Settings, kind: str
) -> None:
    ok(await _ask_while_it_comes(committed, fresh, kind))
    assert await on_hand(committed, "A") == ("2", "0", "2")


@pytest.mark.parametrize("kind", COMES)
async def test_control_who_asks_what_was_there_before_contradicts_itself(
    committed: AsyncClient,
    fresh: Settings,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    made = queries._MOVE  # noqa: SLF001 the statement is what is tried
    stale = made.replace("locked.on_hand +", "b.on_hand +")
    stale = stale.replace("locked.reserved +", "b.reserved +")
    monkeypatch.setattr(queries, "_MOVE", stale)
    answer = await _ask_while_it_comes(committed, fresh, kind)
    detail = refused(answer, 409, "insufficient-stock")["detail"]
    assert "has 5 of A to give, not 3" in detail


async def _respell_while_it_is_counted(
    client: AsyncClient, settings: Settings
) -> Response:
    """Change the unit of a part that another transaction receives, uncommitted yet."""
    await stocked(client, A=0)
    async with connected(settings) as writer, connected(settings) as watcher:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute(
            "INSERT INTO movements (kind, part, store, on_hand, reserved) "
            "VALUES ('receive', 'A', 'MV102-MAIN', 5, 0)"
        )
        asking = asyncio.create_task(change(client, "parts", "A", unit_of_measure="M"))
        waits = asyncio.create_task(seen(watcher, WAITING, at_least=1))
        await asyncio.wait({asking, waits}, return_when=asyncio.FIRST_COMPLETED)
        waits.cancel()
        await transaction.commit()
        return await asking


async def test_the_unit_of_what_is_counted_at_that_moment_stays(
    committed: AsyncClient, fresh: Settings
) -> None:
    refused(await _respell_while_it_is_counted(committed, fresh), 409, "conflict")
    assert (await get(committed, "parts", "A"))["unit_of_measure"] == "EA"


async def test_control_who_does_not_wait_counts_it_in_another_unit(
    committed: AsyncClient, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def looks(session: AsyncSession, part: Part) -> None:
        count = "SELECT count(*) FROM movements WHERE part = :part"
        assert await session.scalar(text(count), {"part": part.number}) == 0

    monkeypatch.setattr(parts, "_refuse_if_counted", looks)
    ok(await _respell_while_it_is_counted(committed, fresh))
