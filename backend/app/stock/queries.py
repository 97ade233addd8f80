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

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Numeric,
    String,
    TextClause,
    Uuid,
    bindparam,
    func,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.stock.models import Kind, Movement

_WANTED = """
wanted AS (
    SELECT * FROM unnest(:parts, :stores, :on_hand, :reserved, :others)
        AS wanted (part, store, on_hand, reserved, other_store)
)"""

# Whoever has no balance yet gets one of zero. DO NOTHING waits for whoever makes it.
_OPEN = """
INSERT INTO balances (part, store)
SELECT part, store FROM wanted WHERE NOT EXISTS (
    SELECT FROM balances b WHERE (b.part, b.store) = (wanted.part, wanted.store))
ORDER BY part, store ON CONFLICT DO NOTHING
"""

_LEDGER = """
ledger AS (
    INSERT INTO movements (kind, part, store, on_hand, reserved, other_store,
        requisition, reference, reason, request_id)
    SELECT :kind, part, store, on_hand, reserved, other_store, :requisition,
        :reference, coalesce(:reason, nullif(current_setting('fpso.reason', true), '')),
        nullif(current_setting('fpso.request_id', true), '')
    FROM moved ORDER BY part, store
    RETURNING part, store
)"""

# Locking by a statement of its own would let all others wait for one more round trip.
# The condition of the update is what keeps stock from being sold twice. It reckons with
# what was locked: its own rows are those of when it began, and would refuse what came
# while it waited.
_MOVE = f"""
WITH {_WANTED}, locked AS MATERIALIZED (
    SELECT b.part, b.store, b.on_hand, b.reserved
    FROM balances b JOIN wanted USING (part, store)
    ORDER BY b.part, b.store FOR NO KEY UPDATE OF b
), moved AS (
    UPDATE balances b
    SET on_hand = locked.on_hand + wanted.on_hand,
        reserved = locked.reserved + wanted.reserved
    FROM locked JOIN wanted USING (part, store)
    WHERE (b.part, b.store) = (locked.part, locked.store)
        AND locked.reserved + wanted.reserved
            BETWEEN 0 AND locked.on_hand + wanted.on_hand
    RETURNING wanted.*
), {_LEDGER}
SELECT part, store, locked.on_hand - locked.reserved AS available
FROM locked LEFT JOIN ledger USING (part, store)
WHERE ledger IS NULL
"""

# As much of it as there is; whoever goes on with `moved`, by part and store, does so in
# the same statement. Balances are opened before any is locked: whoever waits for one
# that is being made must hold none. What has nothing to give is waited for by nobody.
RESERVE = f"""
WITH {_WANTED}, opened AS ({_OPEN} RETURNING part),
locked AS MATERIALIZED (
    SELECT b.part, b.store FROM balances b JOIN wanted USING (part, store)
    WHERE (SELECT count(*) FROM opened) IS NOT NULL AND b.on_hand > b.reserved
    ORDER BY b.part, b.store FOR NO KEY UPDATE OF b
), moved AS (
    UPDATE balances b
    SET reserved = b.reserved + least(wanted.reserved, b.on_hand - b.reserved)
    FROM locked JOIN wanted USING (part, store)
    WHERE (b.part, b.store) = (locked.part, locked.store) AND b.on_hand > b.reserved
    RETURNING b.part, b.store, 0 AS on_hand, new.reserved - old.reserved AS reserved,
        wanted.other_store
), {_LEDGER}
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
    opening = statement(f"WITH {_WANTED} {_OPEN}")
    await session.execute(opening, wanted(moves))


async def move(
    session: AsyncSession, moves: Sequence[Move], origin: Origin
) -> Mapping[Place, Decimal]:
    """Make those of the moves that stock covers; give what the others had to take."""
    rows = await session.execute(
        statement(_MOVE, *TOLD), wanted(moves) | origin._asdict()
    )
    return {(row.part, row.store): row.available for row in rows}


async def holders(
    session: AsyncSession, places: Sequence[Place]
) -> Mapping[Place, list[tuple[str, Decimal]]]:
    """Which requisitions hold how much there, the largest first: by their movements."""
    reserved = func.sum(Movement.reserved)
    rows = await session.execute(
        select(Movement.part, Movement.store, Movement.requisition, reserved)
        .where(tuple_(Movement.part, Movement.store).in_(places))
        .where(Movement.requisition.is_not(None))
        .group_by(Movement.part, Movement.store, Movement.requisition)
        .having(reserved > 0)
        .order_by(reserved.desc(), Movement.requisition)
    )
    found: dict[Place, list[tuple[str, Decimal]]] = {}
    for part, store, requisition, held in rows:
        found.setdefault((part, store), []).append((str(requisition), held))
    return found


def wanted(moves: Sequence[Move]) -> dict[str, Any]:
    """The parameters of what begins with these moves."""
    return {
        "parts": [it.part for it in moves],
        "stores": [it.store for it in moves],
        "on_hand": [it.on_hand for it in moves],
        "reserved": [it.reserved for it in moves],
        "others": [it.other_store for it in moves],
    }


CODES, _NUMBERS = ARRAY(String(collation="C")), ARRAY(Numeric(14, 3))
_ASKED = (
    bindparam("parts", type_=CODES),
    bindparam("stores", type_=CODES),
    bindparam("on_hand", type_=_NUMBERS),
    bindparam("reserved", type_=_NUMBERS),
    bindparam("others", type_=CODES),
)
# What the ledger tells besides the numbers.
TOLD = (
    bindparam("kind", type_=String()),
    bindparam("requisition", type_=Uuid()),
    bindparam("reference", type_=String()),
    bindparam("reason", type_=String()),
)


@cache
def statement(sql: str, *more: BindParameter[Any]) -> TextClause:
    """One that begins with the moves that are wanted."""
    return text(sql).bindparams(*_ASKED, *more)
