"""Hardware and where it sat. Never commits: the caller's transaction does."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag, problems
from app.equipment import service as equipment
from app.errors import (
    AppError,
    ConflictError,
    DuplicateError,
    InvalidError,
    NotFoundError,
    OccupiedError,
)
from app.folding import spelt_as
from app.links import href
from app.pagination import PageQuery, paginate
from app.units import schemas
from app.units.models import Installation, Unit

Listing = tuple[Sequence[Any], str | None]
Installed = tuple[Installation, Unit]

NAMES = ("manufacturer", "model", "serial_number")
SHOWN: list[Any] = [Unit, Installation.equipment]
TOLD: list[Any] = [Installation, Unit]
SITS = (Installation.unit == Unit.id) & Installation.removed_at.is_(None)


# --- units -------------------------------------------------------------------------


async def add(session: AsyncSession, data: schemas.UnitCreate) -> Unit:
    unit = Unit()
    await _name(session, unit, data.model_dump())
    return unit


async def get(session: AsyncSession, identity: uuid.UUID) -> Unit:
    """Return the unit; raises NotFoundError."""
    if unit := await session.get(Unit, identity):
        return unit
    raise NotFoundError(
        f"There is no unit {identity}. GET /api/v1/units?serial_number=… finds one."
    )


async def place(session: AsyncSession, unit: Unit) -> str | None:
    """The code of the equipment in which the unit sits now."""
    query = select(Installation.equipment).where(
        Installation.unit == unit.id, Installation.removed_at.is_(None)
    )
    code: str | None = await session.scalar(query)
    return code


async def listing(session: AsyncSession, query: schemas.UnitQuery) -> Listing:
    found = select(*SHOWN).outerjoin(Installation, SITS)
    for name in NAMES:
        if values := getattr(query, name):
            found = found.where(spelt_as(getattr(Unit, name), values))
    if query.installed is not None:
        sits = Installation.id.is_not(None)
        found = found.where(sits if query.installed else ~sits)
    return await paginate(
        session, found, query, sort="id", columns={"id": Unit.id}, unique=Unit.id
    )


async def change(
    session: AsyncSession,
    identity: uuid.UUID,
    data: schemas.UnitUpdate,
    expected: int | None,
) -> Unit:
    unit = await get(session, identity)
    etag.check(unit, expected)
    if expected is None:
        await etag.wait(session, unit)
    await _name(session, unit, data.model_dump(exclude_unset=True))
    return unit


async def _name(session: AsyncSession, unit: Unit, values: dict[str, Any]) -> None:
    named = {name: values.get(name, getattr(unit, name)) for name in NAMES}
    try:
        async with session.begin_nested():
            for field, value in values.items():
                setattr(unit, field, value)
            session.add(unit)
    except IntegrityError:
        holder = await session.scalar(select(Unit.id).where(_called(named)))
        raise DuplicateError.of(
            "serial_number",
            named["serial_number"],
            existing=href("units", str(holder)),
        ) from None


def _called(named: Mapping[str, str]) -> ColumnElement[bool]:
    """However it is spelt."""
    return and_(*(spelt_as(getattr(Unit, name), [named[name]]) for name in NAMES))


# --- where they sat ----------------------------------------------------------------


async def swap(
    session: AsyncSession, code: str, data: schemas.UnitSwap
) -> tuple[Installed, Installed | None]:
    """Put a unit into the equipment; whatever sits there comes out.

    Who asked when something else sat there is refused: the constraints decide.
    """
    place = await equipment.get(session, code)
    before = (await session.execute(_sitting(place.code))).one_or_none()
    await equipment.lock(session, place.code)
    unit = await _known(session, data)
    at = data.at or datetime.now(UTC)
    removed = None
    sits = Installation(unit=unit.id, equipment=place.code, installed_at=at)
    if data.until:
        sits.removed_at, sits.removed_because = data.until, data.reason
    elif before:
        if before[1].id == unit.id:
            raise _sits_there(before[0], unit)
        removed = await _take_out(session, before[0], before[1], at, data.reason)
    try:
        async with session.begin_nested():
            session.add(sits)
    except IntegrityError as refusal:
        raise await explain(session, refusal, sits, unit) from None
    return (sits, unit), removed


async def take_out(
    session: AsyncSession, identity: uuid.UUID, data: schemas.UnitRemove
) -> Installed:
    """Take a unit out of where it sits."""
    unit = await get(session, identity)
    query = select(Installation).where(
        Installation.unit == unit.id, Installation.removed_at.is_(None)
    )
    if (sits := await session.scalar(query)) is None:
        addresses = href("units", str(unit.id), "installations")
        raise ConflictError(
            f"Unit {unit.serial_number} sits nowhere now. GET {addresses} lists where "
            "it sat; if it still does, PATCH the removed_at of the last one to null."
        )
    at = data.at or datetime.now(UTC)
    return await _take_out(session, sits, unit, at, data.reason)


async def history_of_equipment(
    session: AsyncSession, code: str, page: PageQuery
) -> Listing:
    place = await equipment.get(session, code)
    return await _history(session, Installation.equipment == place.code, page)


async def history_of_unit(
    session: AsyncSession, identity: uuid.UUID, page: PageQuery
) -> Listing:
    unit = await get(session, identity)
    return await _history(session, Installation.unit == unit.id, page)


async def _history(session: AsyncSession, condition: Any, page: PageQuery) -> Listing:  # noqa: ANN401 a condition of SQLAlchemy's
    query = select(*TOLD).join(Unit, Installation.unit == Unit.id)
    return await paginate(
        session,
        query.where(condition),
        page,
        sort="-installed_at",
        columns={"installed_at": Installation.installed_at},
        unique=Installation.id,
    )


def _sitting(code: str) -> Select[Installation, Unit]:
    query = select(Installation, Unit).join(Unit, SITS)
    return query.where(Installation.equipment == code)


async def _known(session: AsyncSession, data: schemas.UnitSwap) -> Unit:
    """The unit of this name, made if it is new; one swap of it at a time from here."""
    named = {name: getattr(data, name) for name in NAMES}
    await session.execute(insert(Unit).values(**named).on_conflict_do_nothing())
    query = select(Unit).where(_called(named)).with_for_update(key_share=True)
    return (await session.scalars(query)).one()


async def _take_out(
    session: AsyncSession,
    sits: Installation,
    unit: Unit,
    at: datetime,
    reason: str | None,
) -> Installed:
    if at <= sits.installed_at:
        came = f"{sits.installed_at:%Y-%m-%dT%H:%M:%SZ}"
        message = f"What sits there came at {came}. Send a later instant, or until."
        raise InvalidError.of("/at", "before-installation", message)
    ended = (
        update(Installation)
        .where(Installation.id == sits.id, Installation.removed_at.is_(None))
        .values(
            removed_at=at,
            removed_because=reason,
            version=Installation.version + 1,
            updated_at=func.now(),
        )
        .returning(Installation.id)
    )
    # Whoever took it out meanwhile has won.
    if await session.scalar(ended) is None:
        raise OccupiedError(
            f"Unit {unit.serial_number} was taken out of {sits.equipment} meanwhile. "
            "Look at what sits there now.",
            existing=href("equipment", sits.equipment, "units"),
        )
    await session.refresh(sits)
    return sits, unit


async def explain(
    session: AsyncSession, refusal: IntegrityError, given: Installation, unit: Unit
) -> AppError | IntegrityError:
    """Say what stands in the way of an installation, other than itself."""
    until = given.removed_at
    then = or_(
        Installation.removed_at.is_(None), Installation.removed_at > given.installed_at
    )
    if until:
        then &= Installation.installed_at < until
    match problems.constraint(refusal):
        case "ck_installations_period":
            message = "It must lie after at."
            return InvalidError.of("/until", "before-installation", message)
        case "ex_installations_unit":
            mine = Installation.unit == unit.id
        case "ex_installations_equipment":
            mine = Installation.equipment == given.equipment
        case _:
            return refusal
    query = select(*TOLD).join(Unit, Installation.unit == Unit.id)
    other = Installation.id != given.id
    found = (await session.execute(query.where(mine, then, other).limit(1))).one()
    return _sits_there(found[0], found[1])


def _sits_there(sits: Installation, unit: Unit) -> OccupiedError:
    since = f"{sits.installed_at:%Y-%m-%dT%H:%M:%SZ}"
    if sits.removed_at:
        until = f"{sits.removed_at:%Y-%m-%dT%H:%M:%SZ}"
        words = f"sat in {sits.equipment} from {since} until {until}. Choose a time"
        hint = "when the unit and the place were both free"
    else:
        words = f"sits in {sits.equipment} since {since}."
        hint = f"POST {href('units', str(unit.id), 'remove')} takes it out"
    return OccupiedError(
        f"Unit {unit.serial_number} {words} {hint}; if that is wrong, PATCH "
        f"{href('installations', str(sits.id))} corrects it.",
        existing=href("equipment", sits.equipment, "units"),
    )
