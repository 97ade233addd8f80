"""Carts: what is asked for until it is submitted. Never commits."""

import uuid
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag
from app.errors import ConflictError, InvalidError
from app.links import href
from app.operations import service as operations
from app.operations.models import State
from app.parts import service as parts
from app.requisitions import queries, service
from app.requisitions.models import Line, Requisition
from app.requisitions.queries import Whole
from app.requisitions.schemas import RequisitionCreate, RequisitionUpdate
from app.stock import stores
from app.stock.schemas import LINES_MAX
from app.vessels import service as vessels


async def open_cart(session: AsyncSession, data: RequisitionCreate) -> Whole:
    """Open a cart; raises ConflictError where the requester has one for the vessel."""
    await vessels.get(session, data.vessel)
    await stores.get(session, data.store)
    await _check_operation(session, data.operation, data.vessel)
    await parts.find(session, (line.part for line in data.lines))
    opening = (
        insert(Requisition)
        .values(data.model_dump(exclude={"lines"}))
        .on_conflict_do_nothing()
        .returning(Requisition)
    )
    if (requisition := await session.scalar(opening)) is None:
        raise await _has_a_cart(session, data)
    quantities = {line.part: line.quantity for line in data.lines}
    await queries.add(session, requisition.id, quantities)
    return await service.whole_of(session, requisition)


async def update(
    session: AsyncSession,
    identity: uuid.UUID,
    data: RequisitionUpdate,
    expected: int | None,
) -> Whole:
    """Change a cart; what it is for, not whose. The order may change later too."""
    requisition, at = await service.locked(session, identity)
    etag.check(requisition, expected)
    if data.store:
        await stores.get(session, data.store)
    await _check_operation(session, data.operation, requisition.vessel)
    changes = {field: getattr(data, field) for field in data.model_fields_set}
    news = {it for it, value in changes.items() if getattr(requisition, it) != value}
    if news == {"operation"}:
        requisition.name_order(at)
    elif news:
        requisition.change(at)
    for field, value in changes.items():
        setattr(requisition, field, value)
    return await service.whole_of(session, requisition)


async def put_line(
    session: AsyncSession, identity: uuid.UUID, number: str, quantity: Decimal
) -> Whole:
    """Let the cart hold this much of the part; raises NotFoundError for the part."""
    requisition, at = await service.locked(session, identity)
    requisition.change(at)
    part = await parts.get(session, number)
    lines = await _lines(session, requisition)
    if part.number in lines:
        lines[part.number].quantity = quantity
    else:
        _refuse_too_many(len(lines) + 1)
        line = Line(requisition=requisition.id, part=part.number, quantity=quantity)
        session.add(line)
    return await service.whole_of(session, requisition)


async def remove_line(session: AsyncSession, identity: uuid.UUID, number: str) -> Whole:
    requisition, at = await service.locked(session, identity)
    requisition.change(at)
    lines = await _lines(session, requisition)
    if number not in lines:
        raise service.no_line(requisition, number)
    await session.delete(lines[number])
    return await service.whole_of(session, requisition)


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
        raise InvalidError.of("/operation", "other-vessel", message)
    if operation.state is State.CANCELLED:
        message = (
            f"The operation order {identity} was cancelled. Name another order of "
            f"{vessel}, or none."
        )
        raise InvalidError.of("/operation", "cancelled-order", message)


async def _has_a_cart(session: AsyncSession, data: RequisitionCreate) -> ConflictError:
    cart = await session.scalar(
        select(Requisition.id).where(
            func.folded(Requisition.requester) == func.folded(data.requester),
            Requisition.vessel == data.vessel,
            Requisition.state == "cart",
        )
    )
    if cart is None:
        return ConflictError(
            f"{data.requester} had an open cart for {data.vessel} until this moment. "
            "Try again."
        )
    existing = href("requisitions", str(cart))
    return ConflictError(
        f"{data.requester} has an open cart for {data.vessel} already: {existing}. "
        "Put the parts into it, or submit or cancel it first.",
        existing=existing,
    )


async def _lines(session: AsyncSession, requisition: Requisition) -> dict[str, Line]:
    query = select(Line).where(Line.requisition == requisition.id).order_by(Line.part)
    return {line.part: line for line in await session.scalars(query)}


def _refuse_too_many(count: int) -> None:
    if count > LINES_MAX:
        raise ConflictError(
            f"A cart holds at most {LINES_MAX} lines. Submit it and open another one."
        )
