"""Carts and requisitions: from asking to handing out. Never commits.

Whoever changes one locks it first, then the stock of its parts in their order: of two
that move the same requisition, the second sees what the first made of it.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag, problems
from app.errors import (
    ConflictError,
    FieldProblem,
    InsufficientStockError,
    InvalidError,
    NotFoundError,
)
from app.links import href
from app.operations import service as operations
from app.pagination import paginate
from app.parts import service as parts
from app.quantities import spell_quantity
from app.requisitions import queries
from app.requisitions.models import Line, Requisition
from app.requisitions.queries import Whole
from app.requisitions.schemas import (
    Approval,
    Cancellation,
    Closing,
    Issue,
    Rejection,
    ReorderQuery,
    RequisitionCreate,
    RequisitionQuery,
    RequisitionUpdate,
)
from app.stock import service as stock
from app.stock import stores
from app.stock.models import Balance, Store
from app.stock.schemas import LINES_MAX
from app.vessels import service as vessels

Listing = tuple[Sequence[Row[Any]], str | None]
Quantities = dict[str, Decimal]


async def open_cart(session: AsyncSession, data: RequisitionCreate) -> Whole:
    """Open a cart; raises ConflictError where the requester has one for the vessel."""
    await vessels.get(session, data.vessel)
    await stores.get(session, data.store)
    await _check_operation(session, data.operation, data.vessel)
    await parts.find(session, (line.part for line in data.lines))
    requisition = Requisition(**data.model_dump(exclude={"lines"}))
    try:
        async with session.begin_nested():
            session.add(requisition)
    except IntegrityError as refusal:
        if problems.constraint(refusal) != "uq_requisitions_requester_vessel":
            raise
        raise await _has_a_cart(session, data) from None
    session.add_all(
        Line(requisition=requisition.id, **line.model_dump()) for line in data.lines
    )
    return await _whole(session, requisition)


async def get(session: AsyncSession, identity: uuid.UUID) -> Requisition:
    """Return the requisition; raises NotFoundError."""
    if requisition := await session.get(Requisition, identity):
        return requisition
    raise _unknown(identity)


async def read(session: AsyncSession, identity: uuid.UUID) -> Whole:
    return await _whole(session, await get(session, identity))


async def listing(
    session: AsyncSession, query: RequisitionQuery
) -> tuple[Sequence[Whole], str | None]:
    found = select(Requisition)
    for column, values in (
        (Requisition.vessel, query.vessel),
        (Requisition.store, query.store),
        (Requisition.state, query.state),
        (Requisition.requester, query.requester),
        (Requisition.operation, query.operation),
    ):
        if values:
            found = found.where(column.in_(values))
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
    return await queries.whole(session, [row[0] for row in rows]), next_cursor


async def update(
    session: AsyncSession,
    identity: uuid.UUID,
    data: RequisitionUpdate,
    expected: int | None,
) -> Whole:
    """Change a cart; what it is for, not whose."""
    requisition, at = await _locked(session, identity)
    etag.check(requisition, expected)
    if data.store:
        await stores.get(session, data.store)
    await _check_operation(session, data.operation, requisition.vessel)
    changes = {field: getattr(data, field) for field in data.model_fields_set}
    if any(getattr(requisition, field) != value for field, value in changes.items()):
        requisition.change(at)
    for field, value in changes.items():
        setattr(requisition, field, value)
    return await _whole(session, requisition)


async def put_line(
    session: AsyncSession, identity: uuid.UUID, number: str, quantity: Decimal
) -> Whole:
    """Let the cart hold this much of the part; raises NotFoundError for the part."""
    requisition, at = await _locked(session, identity)
    requisition.change(at)
    part = await parts.get(session, number)
    lines = await _lines(session, requisition)
    if part.number in lines:
        lines[part.number].quantity = quantity
    else:
        _refuse_too_many(len(lines) + 1)
        line = Line(requisition=requisition.id, part=part.number, quantity=quantity)
        session.add(line)
    return await _whole(session, requisition)


async def remove_line(session: AsyncSession, identity: uuid.UUID, number: str) -> Whole:
    requisition, at = await _locked(session, identity)
    requisition.change(at)
    lines = await _lines(session, requisition)
    if number not in lines:
        raise _no_line(requisition, number)
    await session.delete(lines[number])
    return await _whole(session, requisition)


async def submit(session: AsyncSession, identity: uuid.UUID) -> Whole:
    """Make a requisition of a cart: fix its prices and reserve what there is."""
    whole, at = await _opened(session, identity)
    whole.requisition.submit(at)
    if not whole.items:
        raise ConflictError(
            "The cart is empty. PUT "
            f"{href('requisitions', str(identity), 'lines', 'PART')} adds a line.",
            state=whole.requisition.state,
        )
    for item in whole.items:
        item.line.price = item.price
    return await _reserve(session, whole)


async def approve(session: AsyncSession, identity: uuid.UUID, data: Approval) -> Whole:
    whole, at = await _opened(session, identity)
    whole.requisition.approve(at, data.by, data.reason)
    await session.flush()
    return whole


async def reject(session: AsyncSession, identity: uuid.UUID, data: Rejection) -> Whole:
    whole, at = await _opened(session, identity)
    whole.requisition.reject(at, data.by, data.reason)
    return await _release(session, whole)


async def cancel(
    session: AsyncSession, identity: uuid.UUID, data: Cancellation
) -> Whole:
    """Take back what was asked for, before it is approved."""
    whole, at = await _opened(session, identity)
    whole.requisition.cancel(at, data.by, data.reason)
    return await _release(session, whole)


async def close(session: AsyncSession, identity: uuid.UUID, data: Closing) -> Whole:
    """End what was approved: the rest is not handed out, what was stays so."""
    whole, at = await _opened(session, identity)
    whole.requisition.close(at, data.by, data.reason)
    return await _release(session, whole)


async def reserve(session: AsyncSession, identity: uuid.UUID) -> Whole:
    """Reserve for backordered lines what has come since."""
    whole, at = await _opened(session, identity)
    whole.requisition.reserve(at)
    return await _reserve(session, whole)


async def issue(session: AsyncSession, identity: uuid.UUID, data: Issue) -> Whole:
    """Hand out what is reserved, all or what is named; nothing where one is short.

    What it costs is spent on the operation order that needs it.
    """
    whole, at = await _opened(session, identity)
    requisition, lines, before = whole.requisition, whole.lines, whole.issued_total
    requisition.issue(at)
    given = _to_issue(requisition, lines, data)
    for number, quantity in given.items():
        lines[number].reserved -= quantity
        lines[number].issued += quantity
    if all(line.issued == line.quantity for line in lines.values()):
        requisition.finish()
    await stock.hand_out(session, requisition.store, given, requisition.id)
    if requisition.operation:
        spent = whole.issued_total - before
        await operations.spend(session, requisition.operation, spent)
    return whole


async def reorder(session: AsyncSession, query: ReorderQuery) -> Listing:
    """One page of what must be ordered, by part and store."""
    found = queries.to_reorder()
    for column, values in (
        (Balance.part, query.part),
        (Balance.store, query.store),
        (Store.vessel, query.vessel),
    ):
        if values:
            found = found.where(column.in_(values))
    return await paginate(
        session,
        found,
        query,
        sort="part",
        columns={"part": Balance.part},
        unique=Balance.store,
    )


async def _locked(
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


async def _lines(session: AsyncSession, requisition: Requisition) -> dict[str, Line]:
    query = select(Line).where(Line.requisition == requisition.id).order_by(Line.part)
    return {line.part: line for line in await session.scalars(query)}


async def _whole(session: AsyncSession, requisition: Requisition) -> Whole:
    await session.flush()
    [whole] = await queries.whole(session, [requisition])
    return whole


async def _opened(session: AsyncSession, identity: uuid.UUID) -> tuple[Whole, datetime]:
    """Lock the requisition and read all of it: once stock is locked too, be quick."""
    requisition, at = await _locked(session, identity)
    return await _whole(session, requisition), at


async def _reserve(session: AsyncSession, whole: Whole) -> Whole:
    requisition, lines = whole.requisition, whole.lines
    lacked = {it.part: it.backordered for it in lines.values() if it.backordered}
    if lacked:
        taken = await stock.reserve(session, requisition.store, lacked, requisition.id)
        for number, quantity in taken.items():
            lines[number].reserved += quantity
    await session.flush()
    return whole


async def _release(session: AsyncSession, whole: Whole) -> Whole:
    requisition, lines = whole.requisition, whole.lines
    held = {it.part: it.reserved for it in lines.values() if it.reserved}
    for number in held:
        lines[number].reserved = Decimal()
    await session.flush()
    if held:
        await stock.release(
            session, requisition.store, held, requisition.id, requisition.reason
        )
    return whole


def _to_issue(
    requisition: Requisition, lines: dict[str, Line], data: Issue
) -> Quantities:
    """What is to be handed out of each part; raises where less is reserved."""
    if data.lines is None:
        asked = {it.part: it.reserved for it in lines.values() if it.reserved}
    else:
        asked = {it.part: it.quantity for it in data.lines}
    for number in asked:
        if number not in lines:
            raise _no_line(requisition, number)
    short = [
        {
            "part": number,
            "store": requisition.store,
            "wanted": spell_quantity(quantity),
            "available": spell_quantity(lines[number].reserved),
        }
        for number, quantity in asked.items()
        if quantity > lines[number].reserved
    ]
    if short or not asked:
        first = short[0] if short else {"available": "none", "part": "its parts"}
        address = href("requisitions", str(requisition.id), "reserve")
        raise InsufficientStockError(
            f"Of {first['part']} {first['available']} is reserved for it; nothing was "
            f"issued. POST {address} reserves what has come since.",
            short=short,
            state=requisition.state,
        )
    return asked


async def _check_operation(
    session: AsyncSession, identity: uuid.UUID | None, vessel: str
) -> None:
    if identity is None:
        return
    operation = await operations.get(session, identity)
    if operation.vessel != vessel:
        message = (
            f"The operation order {identity} is of {operation.vessel}, and the "
            f"requisition of {vessel}. Name an order of the same vessel."
        )
        problem = FieldProblem(
            pointer="/operation", code="other-vessel", message=message
        )
        raise InvalidError(f"/operation: {message}", errors=[problem])


async def _has_a_cart(session: AsyncSession, data: RequisitionCreate) -> ConflictError:
    cart = await session.scalar(
        select(Requisition.id).where(
            Requisition.requester == data.requester,
            Requisition.vessel == data.vessel,
            Requisition.state == "cart",
        )
    )
    existing = href("requisitions", str(cart))
    return ConflictError(
        f"{data.requester} has an open cart for {data.vessel} already: {existing}. "
        "Put the parts into it, or submit or cancel it first.",
        existing=existing,
    )


def _refuse_too_many(count: int) -> None:
    if count > LINES_MAX:
        raise ConflictError(
            f"A cart holds at most {LINES_MAX} lines. Submit it and open another one."
        )


def _no_line(requisition: Requisition, number: str) -> NotFoundError:
    address = href("requisitions", str(requisition.id))
    return NotFoundError(
        f"The requisition has no line of {number!r}. GET {address} lists them."
    )


def _unknown(identity: uuid.UUID) -> NotFoundError:
    return NotFoundError(
        f"There is no requisition {identity}. GET /api/v1/requisitions lists them."
    )
