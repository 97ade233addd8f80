"""What lies where, and how it moves. Never commits: the caller's transaction does."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import InsufficientStockError
from app.links import href
from app.pagination import count, paginate
from app.parts import service as parts
from app.parts.models import Part
from app.quantities import spell_quantity
from app.stock import queries, stores
from app.stock.models import Balance, Kind, Level, Movement, Store
from app.stock.queries import Move, Origin, Place
from app.stock.schemas import (
    Adjustment,
    MovementQuery,
    Receipt,
    StockQuery,
    Transfer,
    Withdrawal,
)
from app.words import few

Counted = tuple[Sequence[Row[Any]], str | None, int | None]
Held = Sequence[tuple[str, Decimal]]
# So many requisitions are named of those that hold a part that is short.
NAMED = 10
NOTHING = Decimal()


async def listing(session: AsyncSession, query: StockQuery) -> Counted:
    """One page of what lies where, by part and store."""
    found = _stock()
    for column, values in (
        (Balance.part, query.part),
        (Balance.store, query.store),
        (Store.vessel, query.vessel),
        (Store.place, query.place),
    ):
        if values:
            found = found.where(column.in_(values))
    if query.q:
        found = found.where(Balance.part.in_(await parts.numbers(session, query.q)))
    page = await paginate(
        session,
        found,
        query,
        sort="part",
        columns={"part": Balance.part},
        unique=Balance.store,
    )
    return *page, await count(session, found, query)


async def movements(session: AsyncSession, query: MovementQuery) -> Counted:
    """One page of the ledger."""
    found = select(Movement)
    for column, values in (
        (Movement.part, query.part),
        (Movement.store, query.store),
        (Movement.kind, query.kind),
        (Movement.requisition, query.requisition),
    ):
        if values:
            found = found.where(column.in_(values))
    if query.from_:
        found = found.where(Movement.at >= query.from_)
    if query.to:
        found = found.where(Movement.at < query.to)
    page = await paginate(
        session,
        found,
        query,
        sort=query.sort,
        columns={"id": Movement.id},
        unique=Movement.id,
    )
    return *page, await count(session, found, query)


async def receive(session: AsyncSession, data: Receipt) -> Sequence[Row[Any]]:
    store = await stores.get(session, data.store)
    moves = [Move(it.part, store.code, it.quantity, NOTHING) for it in data.lines]
    return await _book(session, moves, _origin(Kind.RECEIVE, data))


async def withdraw(session: AsyncSession, data: Withdrawal) -> Sequence[Row[Any]]:
    store = await stores.get(session, data.store)
    moves = [Move(it.part, store.code, -it.quantity, NOTHING) for it in data.lines]
    return await _book(session, moves, _origin(Kind.ISSUE, data))


async def transfer(session: AsyncSession, data: Transfer) -> Sequence[Row[Any]]:
    giver = (await stores.get(session, data.store)).code
    taker = (await stores.get(session, data.to)).code
    moves = []
    for it in data.lines:
        moves.append(Move(it.part, giver, -it.quantity, NOTHING, taker))
        moves.append(Move(it.part, taker, it.quantity, NOTHING, giver))
    return await _book(session, moves, _origin(Kind.TRANSFER, data))


async def adjust(session: AsyncSession, data: Adjustment) -> Sequence[Row[Any]]:
    store = await stores.get(session, data.store)
    moves = [Move(it.part, store.code, it.difference, NOTHING) for it in data.lines]
    return await _book(session, moves, _origin(Kind.ADJUST, data))


async def release(
    session: AsyncSession,
    store: str,
    quantities: Mapping[str, Decimal],
    requisition: uuid.UUID,
    reason: str | None,
) -> None:
    """Take back what was reserved."""
    moves = [Move(part, store, NOTHING, -held) for part, held in quantities.items()]
    await _move(session, moves, Origin(Kind.RELEASE, requisition, reason=reason))


async def hand_out(
    session: AsyncSession,
    store: str,
    quantities: Mapping[str, Decimal],
    requisition: uuid.UUID,
) -> None:
    """Issue what was reserved."""
    moves = [Move(part, store, -taken, -taken) for part, taken in quantities.items()]
    await _move(session, moves, Origin(Kind.ISSUE, requisition))


async def _book(
    session: AsyncSession, moves: Sequence[Move], origin: Origin
) -> Sequence[Row[Any]]:
    await parts.find(session, (move.part for move in moves))
    await queries.open_balances(session, moves)
    await _move(session, moves, origin)
    places = {(move.part, move.store) for move in moves}
    return await _at(session, places)


async def _move(session: AsyncSession, moves: Sequence[Move], origin: Origin) -> None:
    """Make all of the moves; raises InsufficientStockError.

    All that comes after it lets others wait for this stock: nothing, at best.
    """
    left = await queries.move(session, moves, origin)
    if left:
        holders = await queries.holders(session, list(left))
        raise _too_little([it for it in moves if it[:2] in left], left, holders)


def _too_little(
    moves: Sequence[Move], left: Mapping[Place, Decimal], holders: Mapping[Place, Held]
) -> InsufficientStockError:
    """Say what is short of what, and which requisitions hold what is there."""
    short = [
        {
            "part": it.part,
            "store": it.store,
            "wanted": spell_quantity(-it.on_hand),
            "available": spell_quantity(left[it.part, it.store]),
            "requisitions": [
                {"id": requisition, "reserved": spell_quantity(held)}
                for requisition, held in holders.get((it.part, it.store), ())[:NAMED]
            ],
        }
        for it in moves
    ]
    part, store, *_ = moves[0]
    lacks = [
        f"{spell_quantity(left[it.part, it.store])} of {it.part} to give, not "
        f"{spell_quantity(-it.on_hand)}"
        for it in moves
    ]
    mend = "Ask for less, or receive more."
    if held := holders.get((part, store)):
        requisition, reserved = held[0]
        others = f" (and {len(held) - 1} more)" if len(held) > 1 else ""
        address = href("requisitions", requisition, "release")
        mend = (
            f"{spell_quantity(reserved)} of it is held for requisition {requisition}"
            f"{others}. Ask for less, receive more, or POST {address} gives it back."
        )
    return InsufficientStockError(
        f"{store} has {few(lacks, between='; ')}; nothing was moved. {mend}",
        short=short,
    )


def _origin(kind: Kind, data: Receipt | Transfer | Adjustment) -> Origin:
    return Origin(kind, reference=data.reference, reason=data.reason)


def _stock() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Balance.part,
            Balance.store,
            Balance.on_hand,
            Balance.reserved,
            (Balance.on_hand - Balance.reserved).label("available"),
            Part.name,
            Part.unit_of_measure,
            Level.minimum,
            Level.maximum,
        )
        .join(Part, Part.number == Balance.part)
        .join(Store, Store.code == Balance.store)
        .outerjoin(Level, (Level.part == Balance.part) & (Level.store == Balance.store))
    )


async def _at(
    session: AsyncSession, places: Iterable[tuple[str, str]]
) -> Sequence[Row[Any]]:
    """What there is now of each part in each store."""
    place = tuple_(Balance.part, Balance.store)
    found = _stock().where(place.in_(list(places)))
    return (await session.execute(found.order_by(Balance.part, Balance.store))).all()
