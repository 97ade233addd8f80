"""What requisitions hold, in one statement each, and what must be ordered for them."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Numeric,
    Row,
    Select,
    Uuid,
    bindparam,
    exists,
    func,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from app.parts.models import Part
from app.quantities import amount
from app.requisitions.models import Line, Requisition, State
from app.stock.models import Balance, Kind, Level, Store
from app.stock.queries import CODES, RESERVE, TOLD, Move, Origin, statement, wanted

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


# The prices of its lines are fixed with the first attempt, at submitting.
_COVER = f"""{RESERVE}
UPDATE requisition_lines l
SET price = priced.price, reserved = l.reserved + coalesce(moved.reserved, 0),
    version = l.version + 1, updated_at = now()
FROM unnest(:lines, :prices) AS priced (part, price)
    LEFT JOIN moved ON moved.part = priced.part
WHERE l.requisition = :requisition AND l.part = priced.part
    AND (l.price IS NULL OR moved.reserved > 0)
RETURNING l.part, l.price, l.reserved, l.version
"""
_PRICED = (
    bindparam("lines", type_=CODES),
    bindparam("prices", type_=ARRAY(Numeric(14, 2))),
)


# What was reserved is handed out, or given back.
_TAKE = """
UPDATE requisition_lines l
SET reserved = l.reserved - taken.quantity, issued = l.issued + taken.issued,
    version = l.version + 1, updated_at = now()
FROM unnest(:lines, :quantities, :issued) AS taken (part, quantity, issued)
WHERE l.requisition = :requisition AND l.part = taken.part
RETURNING l.part, l.reserved, l.issued, l.version
"""
_QUANTITIES = ARRAY(Numeric(14, 3))
_taking = text(_TAKE).bindparams(
    bindparam("lines", type_=CODES),
    bindparam("quantities", type_=_QUANTITIES),
    bindparam("issued", type_=_QUANTITIES),
)
_adding = text(
    "INSERT INTO requisition_lines (requisition, part, quantity) "
    "SELECT :requisition, part, quantity "
    "FROM unnest(:lines, :quantities) AS added (part, quantity) ORDER BY part"
).bindparams(
    bindparam("requisition", type_=Uuid()),
    bindparam("lines", type_=CODES),
    bindparam("quantities", type_=_QUANTITIES),
)


async def add(
    session: AsyncSession, requisition: uuid.UUID, quantities: Mapping[str, Decimal]
) -> None:
    """Add lines to a cart that has none, all by one statement: there may be many."""
    lines, values = [*quantities], [*quantities.values()]
    given = {"requisition": requisition, "lines": lines, "quantities": values}
    await session.execute(_adding, given)


async def reserve(session: AsyncSession, whole: Whole) -> None:
    """Reserve for its lines as much as there is of what they lack."""
    requisition, lines = whole.requisition, whole.lines
    moves = [
        Move(it.part, requisition.store, NOTHING, it.backordered)
        for it in lines.values()
        if it.backordered
    ]
    origin = Origin(Kind.RESERVE, requisition=requisition.id)
    prices = {"lines": [*lines], "prices": [it.price for it in whole.items]}
    rows = await session.execute(
        statement(_COVER, *TOLD, *_PRICED), wanted(moves) | origin._asdict() | prices
    )
    _see(whole, rows)


async def take(
    session: AsyncSession,
    whole: Whole,
    quantities: Mapping[str, Decimal],
    *,
    issued: bool,
) -> None:
    """Take what is reserved from its lines: it is issued, or others may have it."""
    values = [*quantities.values()]
    given = {
        "requisition": whole.requisition.id,
        "lines": [*quantities],
        "quantities": values,
        "issued": values if issued else [NOTHING] * len(values),
    }
    _see(whole, await session.execute(_taking, given))


def _see(whole: Whole, rows: Iterable[Row[Any]]) -> None:
    """Let the session know what was written, as if it had read it."""
    lines = whole.lines
    for row in rows:
        for name, value in row._mapping.items():  # noqa: SLF001 SQLAlchemy's public name for it
            set_committed_value(lines[row.part], name, value)


def asking_for(parts: Iterable[str]) -> ColumnElement[bool]:
    """Whether a requisition has a line of one of the parts."""
    return exists().where(Line.requisition == Requisition.id, Line.part.in_(parts))


def lacking() -> ColumnElement[bool]:
    """Whether a requisition waits for what is not in stock."""
    open_line = exists().where(
        Line.requisition == Requisition.id, Line.reserved + Line.issued < Line.quantity
    )
    return Requisition.state.in_(WAITING) & open_line


def to_reorder() -> Select[*tuple[Any, ...]]:
    """Where there is less than the minimum, after all that requisitions lack.

    A part without levels has a minimum and a maximum of nothing: it is ordered when
    somebody waits for it.
    """
    # Added up once, not for each part and store: of all lines few wait.
    lacked = (
        select(
            Line.part,
            Requisition.store,
            func.sum(Line.quantity - Line.reserved - Line.issued).label("quantity"),
        )
        .join(Requisition, Requisition.id == Line.requisition)
        .where(
            Requisition.state.in_(WAITING), Line.reserved + Line.issued < Line.quantity
        )
        .group_by(Line.part, Requisition.store)
        .subquery("lacked")
    )
    available = Balance.on_hand - Balance.reserved
    backordered = func.coalesce(lacked.c.quantity, 0)
    minimum, maximum = (
        func.coalesce(column, 0) for column in (Level.minimum, Level.maximum)
    )
    after = available - backordered
    return (
        select(
            Balance.part,
            Balance.store,
            available.label("available"),
            backordered.label("backordered"),
            minimum.label("minimum"),
            maximum.label("maximum"),
            (maximum - after).label("quantity"),
            Part.name,
            Part.unit_of_measure,
            Part.manufacturer,
            Part.lead_time_days,
            Part.price,
        )
        .join(Part, Part.number == Balance.part)
        .join(Store, Store.code == Balance.store)
        .outerjoin(Level, (Level.part == Balance.part) & (Level.store == Balance.store))
        .outerjoin(
            lacked,
            (lacked.c.part == Balance.part) & (lacked.c.store == Balance.store),
        )
        .where(after < minimum)
    )
