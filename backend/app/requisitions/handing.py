"""What is held for a requisition is handed out, or given back. Never commits."""

import uuid
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import InsufficientStockError, MoveRefusedError
from app.links import href
from app.operations import service as operations
from app.operations.models import CostKind
from app.operations.schemas import CostLineCreate
from app.quantities import spell_quantity
from app.requisitions import queries, service
from app.requisitions.models import State
from app.requisitions.queries import Whole
from app.requisitions.schemas import Issue, Release
from app.requisitions.service import Quantities
from app.stock import service as stock


async def issue(session: AsyncSession, identity: uuid.UUID, data: Issue) -> Whole:
    """Hand out what is reserved, all or what is named; nothing where one is short.

    What it costs is spent on the operation order that needs it.
    """
    whole, at = await service.opened(session, identity)
    requisition, lines, before = whole.requisition, whole.lines, whole.issued_total
    requisition.issue(at)
    given = _held(whole, data, "issued")
    await queries.take(session, whole, given, issued=True)
    if all(line.issued == line.quantity for line in lines.values()):
        requisition.finish()
    await session.flush()
    if requisition.operation and (spent := whole.issued_total - before):
        await _charge(session, whole, requisition.operation, spent)
    await stock.hand_out(session, requisition.store, given, requisition.id)
    return whole


async def release(session: AsyncSession, identity: uuid.UUID, data: Release) -> Whole:
    """Give back what is reserved, all or what is named: it is waited for then."""
    whole, at = await service.opened(session, identity)
    whole.requisition.release(at)
    held = _held(whole, data, "released")
    await session.flush()
    await service.give_back(session, whole, held, data.reason)
    return whole


async def _charge(
    session: AsyncSession, whole: Whole, order: uuid.UUID, spent: Decimal
) -> None:
    # Whether the order can cost so much more is for the order to say.
    line = CostLineCreate.model_construct(
        kind=CostKind.PARTS,
        amount=spent,
        description=f"Requisition {whole.requisition.id}",
    )
    try:
        await operations.charge(session, order, line)
    except MoveRefusedError:
        end = "close ends it, with a reason"
        raise service.order_cancelled(whole.requisition, State.APPROVED, end) from None
    await session.flush()


def _held(whole: Whole, data: Issue | Release, done: str) -> Quantities:
    """What is to go of each part; raises where less is reserved."""
    requisition, lines = whole.requisition, whole.lines
    if data.lines is None:
        asked = {it.part: it.reserved for it in lines.values() if it.reserved}
    else:
        asked = {it.part: it.quantity for it in data.lines}
    for number in asked:
        if number not in lines:
            raise service.no_line(requisition, number)
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
            f"{done}. POST {address} reserves what has come since.",
            short=short,
            state=requisition.state,
        )
    return asked
