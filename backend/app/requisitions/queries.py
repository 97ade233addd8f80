"""What requisitions hold, in one statement each, and what must be ordered for them."""

import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.parts.models import Part
from app.quantities import amount
from app.requisitions.models import Line, Requisition, State
from app.stock.models import Balance, Level, Store

# Only of these may something be missing: a cart asks for nothing yet.
WAITING = (State.SUBMITTED, State.APPROVED)
NOTHING = Decimal()


class Item(NamedTuple):
    """A line with what the catalogue says of its part."""

    line: Line
    name: str
    unit_of_measure: str
    price: Decimal

    @property
    def amount(self) -> Decimal:
        return amount(self.line.quantity, self.price)

    @property
    def issued_amount(self) -> Decimal:
        return amount(self.line.issued, self.price)


class Whole(NamedTuple):
    """A requisition with its lines, by part."""

    requisition: Requisition
    items: Sequence[Item]

    @property
    def lines(self) -> dict[str, Line]:
        """Its lines by part; what is changed in them is changed here."""
        return {item.line.part: item.line for item in self.items}

    @property
    def total(self) -> Decimal:
        return sum((item.amount for item in self.items), NOTHING)

    @property
    def issued_total(self) -> Decimal:
        return sum((item.issued_amount for item in self.items), NOTHING)

    def backordered(self, line: Line) -> Decimal:
        return line.backordered if self.requisition.state in WAITING else NOTHING


async def whole(session: AsyncSession, found: Sequence[Requisition]) -> list[Whole]:
    """Read the lines of all of them at once."""
    rows = await session.execute(
        select(
            Line,
            Part.name,
            Part.unit_of_measure,
            func.coalesce(Line.price, Part.price).label("price"),
        )
        .join(Part, Part.number == Line.part)
        .where(Line.requisition.in_([it.id for it in found]))
        .order_by(Line.requisition, Line.part)
    )
    items: dict[uuid.UUID, list[Item]] = {it.id: [] for it in found}
    for row in rows:
        items[row.Line.requisition].append(Item(*row))
    return [Whole(it, items[it.id]) for it in found]


def asking_for(parts: Iterable[str]) -> ColumnElement[bool]:
    """Whether a requisition has a line of one of the parts."""
    return exists().where(Line.requisition == Requisition.id, Line.part.in_(parts))


def lacking() -> ColumnElement[bool]:
    """Whether a requisition waits for what is not in stock."""
    open_line = exists().where(
        Line.requisition == Requisition.id, Line.reserved + Line.issued < Line.quantity
    )
    return Requisition.state.in_(WAITING) & open_line


def to_reorder() -> Select[Any]:
    """Where there is less than the minimum, after all that requisitions lack.

    A part without levels has a minimum and a maximum of nothing: it is ordered when
    somebody waits for it.
    """
    lacked = (
        select(func.coalesce(func.sum(Line.quantity - Line.reserved - Line.issued), 0))
        .join(Requisition, Requisition.id == Line.requisition)
        .where(
            Line.part == Balance.part,
            Requisition.store == Balance.store,
            Requisition.state.in_(WAITING),
            Line.reserved + Line.issued < Line.quantity,
        )
        .correlate(Balance)
        .scalar_subquery()
    )
    stock = (
        select(
            Balance.part,
            Balance.store,
            (Balance.on_hand - Balance.reserved).label("available"),
            lacked.label("backordered"),
            func.coalesce(Level.minimum, 0).label("minimum"),
            func.coalesce(Level.maximum, 0).label("maximum"),
        )
        .outerjoin(Level, (Level.part == Balance.part) & (Level.store == Balance.store))
        .cte("stock")
    )
    after = stock.c.available - stock.c.backordered
    return (
        select(
            Balance.part,
            Balance.store,
            stock.c.available,
            stock.c.backordered,
            stock.c.minimum,
            stock.c.maximum,
            (stock.c.maximum - after).label("quantity"),
            Part.name,
            Part.unit_of_measure,
            Part.manufacturer,
            Part.lead_time_days,
            Part.price,
        )
        .join(
            stock,
            (stock.c.part == Balance.part) & (stock.c.store == Balance.store),
        )
        .join(Part, Part.number == Balance.part)
        .join(Store, Store.code == Balance.store)
        .where(after < stock.c.minimum)
    )
