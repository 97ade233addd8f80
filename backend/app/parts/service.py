"""The catalogue of parts, and what they fit. Never commits."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, Select, column, exists, func, or_, select, table
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag, problems
from app.equipment import service as equipment
from app.equipment.models import Equipment
from app.errors import ConflictError, DuplicateError, NotFoundError, UnknownCodesError
from app.folding import spelt_as
from app.links import href
from app.pagination import PageQuery, count, paginate
from app.parts.models import SEARCHED, Fit, Part
from app.parts.schemas import (
    FitCreate,
    FittingQuery,
    PartCreate,
    PartQuery,
    PartUpdate,
)
from app.search import narrow
from app.taxonomy import service as taxonomy
from app.taxonomy.models import Kind
from app.units.models import Installation, Unit

Listing = tuple[Sequence[Row[Any]], str | None]
Counted = tuple[Sequence[Row[Any]], str | None, int | None]
# What counts parts in their unit stands on them, so that only the tables are named.
COUNTING = [table(name, column("part")) for name in ("movements", "requisition_lines")]


async def register(session: AsyncSession, data: PartCreate) -> Part:
    part = Part(**data.model_dump())
    try:
        async with session.begin_nested():
            session.add(part)
    except IntegrityError as refusal:
        if problems.constraint(refusal) != "uq_parts_number":
            raise
        raise DuplicateError.of(
            "number", data.number, existing=href("parts", data.number)
        ) from None
    return part


async def get(session: AsyncSession, number: str) -> Part:
    """Return the part; raises NotFoundError."""
    if part := await session.scalar(select(Part).where(Part.number == number)):
        return part
    raise NotFoundError(
        f"There is no part {number!r}. "
        "GET /api/v1/parts?q=… searches numbers, names and manufacturers."
    )


async def find(session: AsyncSession, numbers: Iterable[str]) -> dict[str, Part]:
    """Return all of the parts by their number; raises UnknownCodesError."""
    asked = list(dict.fromkeys(numbers))
    rows = await session.scalars(select(Part).where(Part.number.in_(asked)))
    found = {part.number: part for part in rows}
    if missing := [number for number in asked if number not in found]:
        raise UnknownCodesError(
            f"{len(missing)} of {len(asked)} parts are not in the catalogue, and "
            f"nothing was changed: {', '.join(missing[:10])}. Register or remove them.",
            codes=missing,
        )
    return found


async def numbers(session: AsyncSession, q: str) -> Select[tuple[str]]:
    """The numbers of the parts that have these words."""
    return await narrow(session, select(Part.number), SEARCHED, q)


async def listing(session: AsyncSession, query: PartQuery) -> Counted:
    found = select(Part)
    if query.manufacturer:
        found = found.where(Part.manufacturer.in_(query.manufacturer))
    if query.class_:
        fitting = select(Fit.part).where(Fit.class_.in_(query.class_))
        found = found.where(Part.number.in_(fitting))
    if query.model:
        fitting = select(Fit.part).where(spelt_as(Fit.model, query.model))
        found = found.where(Part.number.in_(fitting))
    if query.q:
        found = await narrow(session, found, SEARCHED, query.q)
    page = await paginate(
        session,
        found,
        query,
        sort=query.sort,
        columns={
            "number": Part.number,
            "name": Part.name,
            "updated_at": Part.updated_at,
        },
        unique=Part.number,
    )
    return *page, await count(session, found, query)


async def update(
    session: AsyncSession, number: str, data: PartUpdate, expected: int | None
) -> Part:
    part = await get(session, number)
    etag.check(part, expected)
    if expected is None:
        await etag.wait(session, part)
    if data.unit_of_measure not in {None, part.unit_of_measure}:
        await _refuse_if_counted(session, part)
        etag.check(part, expected)
    for field in data.model_fields_set:
        setattr(part, field, getattr(data, field))
    await session.flush()
    return part


async def _refuse_if_counted(session: AsyncSession, part: Part) -> None:
    """Let the part be counted in another unit only before anybody counts it."""
    # Whoever refers to the part for the first time has done so, or waits.
    await session.refresh(part, with_for_update=True)
    counted = or_(*(exists().where(it.c.part == part.number) for it in COUNTING))
    if await session.scalar(select(counted)):
        raise ConflictError(
            f"{part.number} was moved or asked for in {part.unit_of_measure} already. "
            "Register another part for another unit of measure."
        )


async def add_fit(session: AsyncSession, number: str, data: FitCreate) -> Fit:
    """Say what the part fits; raises NotFoundError for it and for an equipment."""
    part = await get(session, number)
    if data.equipment:
        await equipment.get(session, data.equipment)
    fit = Fit(part=part.number, **data.model_dump())
    try:
        async with session.begin_nested():
            session.add(fit)
    except IntegrityError as refusal:
        match problems.constraint(refusal):
            case "uq_part_fits_part_equipment_class_model" | "uq_part_fits_folded_part":
                raise ConflictError(
                    f"That {number} fits it is known already: GET {_fits(number)} "
                    "lists it."
                ) from None
            case "fk_part_fits_class":
                kind = Kind.EQUIPMENT_CLASSES
                raise taxonomy.unknown("class", kind, data.class_) from None
        raise
    return fit


async def fits(session: AsyncSession, number: str, page: PageQuery) -> Listing:
    """One page of what the part fits; raises NotFoundError."""
    part = await get(session, number)
    return await paginate(
        session,
        select(Fit).where(Fit.part == part.number),
        page,
        sort="id",
        columns={"id": Fit.id},
        unique=Fit.id,
    )


async def remove_fit(session: AsyncSession, number: str, identity: uuid.UUID) -> None:
    part = await get(session, number)
    query = select(Fit).where(Fit.part == part.number, Fit.id == identity)
    if (fit := await session.scalar(query)) is None:
        raise NotFoundError(
            f"{number} has no fit {identity}. GET {_fits(number)} lists them."
        )
    await session.delete(fit)
    await session.flush()


async def of_equipment(
    session: AsyncSession, code: str, query: FittingQuery
) -> Counted:
    """One page of the parts that fit the equipment; raises NotFoundError."""
    fitted = await equipment.get(session, code)
    kind = select(Equipment.class_).where(Equipment.code == fitted.code)
    sits = select(func.folded(Unit.model)).join(
        Installation, Installation.unit == Unit.id
    )
    now = sits.where(
        Installation.equipment == fitted.code, Installation.removed_at.is_(None)
    )
    fitting = select(Fit.part).where(
        or_(
            Fit.equipment == fitted.code,
            Fit.class_.in_(kind),
            func.folded(Fit.model).in_(now),
        )
    )
    found = select(Part).where(Part.number.in_(fitting))
    page = await paginate(
        session,
        found,
        query,
        sort="number",
        columns={"number": Part.number},
        unique=Part.number,
    )
    return *page, await count(session, found, query)


def _fits(number: str) -> str:
    return href("parts", number, "fits")
