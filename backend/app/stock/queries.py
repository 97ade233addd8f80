"""The statements that move stock: set-wise, and each writes the ledger with it.

They leave the ORM for what they promise more than for their speed: balance and ledger
change in one statement, for many parts at once, or not at all. Rows are locked in the
order of (part, store), so that two movements never wait for each other in a circle.
"""

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Numeric, String, TextClause, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.stock.models import Kind

_WANTED = """
wanted AS (
    SELECT * FROM unnest(:parts, :stores, :on_hand, :reserved, :others)
        AS wanted (part, store, on_hand, reserved, other_store)
)"""

# Whoever has no balance yet gets one of zero. DO NOTHING waits for whoever makes it.
_OPEN = f"""
WITH {_WANTED}
INSERT INTO balances (part, store)
SELECT part, store FROM wanted WHERE NOT EXISTS (
    SELECT FROM balances b WHERE (b.part, b.store) = (wanted.part, wanted.store))
ORDER BY part, store ON CONFLICT DO NOTHING
"""

_LOCK = f"""
WITH {_WANTED}
SELECT b.part, b.store, b.on_hand - b.reserved AS available
FROM balances b JOIN wanted USING (part, store)
ORDER BY b.part, b.store FOR NO KEY UPDATE OF b
"""

_LEDGER = """
INSERT INTO movements (kind, part, store, on_hand, reserved, other_store, requisition,
    reference, reason, request_id)
SELECT :kind, part, store, on_hand, reserved, other_store, :requisition, :reference,
    coalesce(:reason, nullif(current_setting('fpso.reason', true), '')),
    nullif(current_setting('fpso.request_id', true), '')
FROM moved ORDER BY part, store
RETURNING part, store, on_hand, reserved
"""

# The condition is what keeps stock from being sold twice, whoever locked what.
_MOVE = f"""
WITH {_WANTED}, moved AS (
    UPDATE balances b
    SET on_hand = b.on_hand + wanted.on_hand, reserved = b.reserved + wanted.reserved
    FROM wanted WHERE (b.part, b.store) = (wanted.part, wanted.store)
        AND b.reserved + wanted.reserved BETWEEN 0 AND b.on_hand + wanted.on_hand
    RETURNING wanted.*
) {_LEDGER}
"""

# As much of it as there is.
_RESERVE = f"""
WITH {_WANTED}, moved AS (
    UPDATE balances b
    SET reserved = b.reserved + least(wanted.reserved, b.on_hand - b.reserved)
    FROM wanted WHERE (b.part, b.store) = (wanted.part, wanted.store)
        AND b.on_hand > b.reserved
    RETURNING b.part, b.store, 0 AS on_hand, new.reserved - old.reserved AS reserved,
        wanted.other_store
) {_LEDGER}
"""


class Move(NamedTuple):
    """By how much what is on hand and what is reserved of a part is to change."""

    part: str
    store: str
    on_hand: Decimal
    reserved: Decimal
    other_store: str | None = None


class Origin(NamedTuple):
    """What the ledger tells of a movement besides its numbers."""

    kind: Kind
    requisition: uuid.UUID | None = None
    reference: str | None = None
    reason: str | None = None


Place = tuple[str, str]


async def open_balances(session: AsyncSession, moves: Sequence[Move]) -> None:
    """Let there be balances, of nothing, to lock and to move."""
    await session.execute(_statement(_OPEN), _wanted(moves))


async def lock(session: AsyncSession, moves: Sequence[Move]) -> Mapping[Place, Decimal]:
    """Let one transaction at a time past these balances; give what is available."""
    rows = await session.execute(_statement(_LOCK), _wanted(moves))
    return {(row.part, row.store): row.available for row in rows}


async def move(
    session: AsyncSession, moves: Sequence[Move], origin: Origin
) -> set[Place]:
    """Make those of the moves that stock covers; give where they were made."""
    rows = await session.execute(
        _statement(_MOVE, told=True), _wanted(moves) | _told(origin)
    )
    return {(row.part, row.store) for row in rows}


async def reserve(
    session: AsyncSession, moves: Sequence[Move], origin: Origin
) -> Mapping[Place, Decimal]:
    """Reserve as much of each as is available; give how much that was."""
    rows = await session.execute(
        _statement(_RESERVE, told=True), _wanted(moves) | _told(origin)
    )
    return {(row.part, row.store): row.reserved for row in rows}


def _wanted(moves: Sequence[Move]) -> dict[str, Any]:
    return {
        "parts": [it.part for it in moves],
        "stores": [it.store for it in moves],
        "on_hand": [it.on_hand for it in moves],
        "reserved": [it.reserved for it in moves],
        "others": [it.other_store for it in moves],
    }


def _told(origin: Origin) -> dict[str, Any]:
    return origin._asdict()


_CODES, _NUMBERS = ARRAY(String(collation="C")), ARRAY(Numeric(14, 3))
_ASKED = (
    bindparam("parts", type_=_CODES),
    bindparam("stores", type_=_CODES),
    bindparam("on_hand", type_=_NUMBERS),
    bindparam("reserved", type_=_NUMBERS),
    bindparam("others", type_=_CODES),
)
_TOLD = (
    bindparam("kind", type_=String()),
    bindparam("requisition", type_=Uuid()),
    bindparam("reference", type_=String()),
    bindparam("reason", type_=String()),
)


@cache
def _statement(sql: str, *, told: bool = False) -> TextClause:
    return text(sql).bindparams(*_ASKED, *(_TOLD if told else ()))
