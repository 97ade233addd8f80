"""Carts and requisitions: from asking to the end. Never commits.

Whoever changes one locks it first, then the stock of its parts in their order: of two
that move the same requisition, the second sees what the first made of it.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import (
    ConflictError,
    NotFoundError,
)
from app.folding import spelt_as
from app.links import href
from app.operations import service as operations
from app.operations.models import State as OrderState
from app.pagination import count, paginate
from app.parts import service as parts
from app.requisitions import queries
from app.requisitions.models import Requisition, State
from app.requisitions.queries import Whole
from app.requisitions.schemas import (
    Approval,
    Cancellation,
    Closing,
    Rejection,
    ReorderQuery,
    RequisitionQuery,
)
from app.stock import service as stock
from app.stock.models import Balance, Store
from app.values import COST_END, spell_money

Counted = tuple[Sequence[Row[Any]], str | None, int | None]
Quantities = dict[str, Decimal]


async def get(session: AsyncSession, identity: uuid.UUID) -> Requisition:
    """Return the requisition; raises NotFoundError."""
    if requisition := await session.get(Requisition, identity):
        return requisition
    raise _unknown(identity)


async def read(session: AsyncSession, identity: uuid.UUID) -> Whole:
    return await whole_of(session, await get(session, identity))


async def listing(
    session: AsyncSession, query: RequisitionQuery
) -> tuple[Sequence[Whole], str | None, int | None]:
    found = select(Requisition)
    for column, values in (
        (Requisition.vessel, query.vessel),
        (Requisition.store, query.store),
        (Requisition.state, query.state),
        (Requisition.operation, query.operation),
    ):
        if values:
            found = found.where(column.in_(values))
    if query.requester:
        found = found.where(spelt_as(Requisition.requester, query.requester))
    if query.part:
        found = found.where(queries.asking_for(query.part))
    if query.backordered is not None:
        lacking = queries.lacking()
        found = found.where(lacking if query.backordered else ~lacking)
    rows, next_cursor = await paginate(
        session,
        found,
        query,
        sort=query.sort,
        columns={"created_at": Requisition.created_at},
        unique=Requisition.id,
    )
    whole = await queries.whole(session, [row[0] for row in rows])
    return whole, next_cursor, await count(session, found, query)


async def submit(session: AsyncSession, identity: uuid.UUID) -> Whole:
    """Make a requisition of a cart: fix its prices and reserve what there is."""
    whole, at = await opened(session, identity)
    whole.requisition.submit(at)
    if not whole.items:
        raise ConflictError(
            "The cart is empty. PUT "
            f"{href('requisitions', str(identity), 'lines', 'PART')} adds a line.",
            state=State.CART,
        )
    if whole.total >= COST_END:
        raise ConflictError(
            f"Its parts cost {spell_money(whole.total)}, and must cost less than "
            f"{COST_END}. Ask for less, by several requisitions if need be.",
            state=State.CART,
        )
    if whole.requisition.operation:
        order = await operations.get(session, whole.requisition.operation)
        if order.state is OrderState.CANCELLED:
            raise order_cancelled(whole.requisition, State.CART, "cancel ends it")
    return await _reserve(session, whole)


async def approve(session: AsyncSession, identity: uuid.UUID, data: Approval) -> Whole:
    whole, at = await opened(session, identity)
    whole.requisition.approve(at, data.by, data.reason)
    await session.flush()
    return whole


async def reject(session: AsyncSession, identity: uuid.UUID, data: Rejection) -> Whole:
    whole, at = await opened(session, identity)
    whole.requisition.reject(at, data.by, data.reason)
    return await _release(session, whole)


async def cancel(
    session: AsyncSession, identity: uuid.UUID, data: Cancellation
) -> Whole:
    """Take back what was asked for, before it is approved."""
    whole, at = await opened(session, identity)
    whole.requisition.cancel(at, data.by, data.reason)
    return await _release(session, whole)


async def close(session: AsyncSession, identity: uuid.UUID, data: Closing) -> Whole:
    """End what was approved: the rest is not handed out, what was stays so."""
    whole, at = await opened(session, identity)
    whole.requisition.close(at, data.by, data.reason)
    return await _release(session, whole)


async def reserve(session: AsyncSession, identity: uuid.UUID) -> Whole:
    """Reserve for backordered lines what has come since."""
    whole, at = await opened(session, identity)
    whole.requisition.reserve(at)
    return await _reserve(session, whole)


async def reorder(session: AsyncSession, query: ReorderQuery) -> Counted:
    """One page of what must be ordered, by part and store."""
    found = queries.to_reorder()
    for column, values in (
        (Balance.part, query.part),
        (Balance.store, query.store),
        (Store.vessel, query.vessel),
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


async def locked(
    session: AsyncSession, identity: uuid.UUID
) -> tuple[Requisition, datetime]:
    """Let one transaction at a time past the requisition, and see what it is now.

    The instant is that of the transaction, as the record of changes has it.
    """
    query = select(Requisition, func.now()).where(Requisition.id == identity)
    locked = query.with_for_update(key_share=True, of=Requisition)
    rows = await session.execute(locked, execution_options={"populate_existing": True})
    if row := rows.one_or_none():
        return row[0], row[1]
    raise _unknown(identity)


async def whole_of(session: AsyncSession, requisition: Requisition) -> Whole:
    await session.flush()
    [whole] = await queries.whole(session, [requisition])
    return whole


async def opened(session: AsyncSession, identity: uuid.UUID) -> tuple[Whole, datetime]:
    """Lock the requisition and read all of it; stock is locked last, and briefly."""
    requisition, at = await locked(session, identity)
    return await whole_of(session, requisition), at


async def _reserve(session: AsyncSession, whole: Whole) -> Whole:
    await session.flush()
    await queries.reserve(session, whole)
    return whole


async def _release(session: AsyncSession, whole: Whole) -> Whole:
    """Give back all that is held for what has ended."""
    held = {it.part: it.reserved for it in whole.lines.values() if it.reserved}
    await session.flush()
    if held:
        await give_back(session, whole, held, whole.requisition.reason)
    return whole


async def give_back(
    session: AsyncSession, whole: Whole, held: Quantities, reason: str | None
) -> None:
    requisition = whole.requisition
    await queries.take(session, whole, held, issued=False)
    await stock.release(session, requisition.store, held, requisition.id, reason)


def order_cancelled(requisition: Requisition, state: State, end: str) -> ConflictError:
    address = href("requisitions", str(requisition.id))
    return ConflictError(
        f"Its operation order {requisition.operation} was cancelled and takes no "
        f"costs: PATCH {address} names another order or none, and POST "
        f"{address}/{end}.",
        state=state,
    )


def no_line(requisition: Requisition, number: str) -> NotFoundError:
    address = href("requisitions", str(requisition.id))
    return NotFoundError(
        f"The requisition has no line of {number!r}. GET {address} lists them."
    )


def _unknown(identity: uuid.UUID) -> NotFoundError:
    return NotFoundError(
        f"There is no requisition {identity}. GET /api/v1/requisitions lists them."
    )
