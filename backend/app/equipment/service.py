"""What one can do with equipment.

What takes a session never commits; what takes drivers is a transaction of its own.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag, problems
from app.database import Sessions
from app.drivers import Drivers
from app.equipment import past, queries, tree
from app.equipment.filters import Conditions
from app.equipment.models import Equipment, Status
from app.equipment.queries import EquipmentPage, EquipmentRow
from app.equipment.schemas import (
    Batch,
    ChildrenQuery,
    EquipmentCreate,
    EquipmentQuery,
    EquipmentUpdate,
    FleetQuery,
    VesselQuery,
)
from app.errors import (
    AppError,
    ConflictError,
    DuplicateError,
    FieldProblem,
    InvalidError,
    NotFoundError,
    ParentCycleError,
    UnknownCodesError,
)
from app.links import href
from app.recording import Cause, say
from app.vessels import service as vessels

FILTERS = (
    *("status", "name", "location", "group", "tag", "parent"),
    *("tag_prefix", "updated_since", "q"),
)

problems.CONSTRAINTS |= {
    "uq_equipment_code": ConflictError("One of the codes was taken meanwhile."),
    "uq_equipment_tag_vessel": ConflictError("One of the tags was taken meanwhile."),
}


async def install(
    drivers: Drivers,
    sessions: Sessions,
    cause: Cause,
    vessel: str,
    data: EquipmentCreate,
) -> EquipmentRow:
    if row := await queries.create(drivers, cause, vessel, data):
        return row
    # The ORM's way tells in words what the database refuses.
    equipment = Equipment()
    async with sessions.begin() as session:
        await say(session, cause)
        await _write(session, equipment, {"vessel": vessel, **data.model_dump()})
    return EquipmentRow(*(getattr(equipment, name) for name in queries.FIELDS))


async def read(drivers: Drivers, code: str) -> EquipmentRow:
    """Read one to show it; raises NotFoundError."""
    if row := await queries.one(drivers, code):
        return row
    raise unknown(code)


async def get(session: AsyncSession, code: str) -> Equipment:
    """Return the equipment; raises NotFoundError."""
    query = select(Equipment).where(Equipment.code == code)
    if equipment := await session.scalar(query):
        return equipment
    raise unknown(code)


def unknown(code: str) -> NotFoundError:
    return NotFoundError(
        f"There is no equipment {code!r}. "
        "GET /api/v1/equipment?q=… searches codes, tags, names and locations."
    )


async def show(
    drivers: Drivers, sessions: Sessions, code: str, as_of: datetime | None
) -> EquipmentRow:
    """Read one as it is, or as it stood at an instant; raises NotFoundError."""
    if as_of is None:
        return await read(drivers, code)
    async with sessions.begin() as session:
        if row := await past.one(session, code, as_of):
            return row
    raise NotFoundError(
        f"There was no equipment {code!r} at that instant. "
        f"GET {href('equipment', code, 'history')} tells what became of it."
    )


async def listing(
    drivers: Drivers, sessions: Sessions, vessel: str, query: VesselQuery
) -> EquipmentPage:
    """One page of a vessel's equipment; raises NotFoundError for the vessel."""
    if query.as_of:
        async with sessions.begin() as session:
            await vessels.get(session, vessel)
            return await past.page(session, vessel, query, query.as_of)
    found = await _page(drivers, query, {"vessel": vessel})
    if not found.items:
        async with sessions.begin() as session:
            await vessels.get(session, vessel)
    return found


async def fleet(drivers: Drivers, query: FleetQuery) -> EquipmentPage:
    return await _page(drivers, query, {"vessel": query.vessel})


async def children(drivers: Drivers, code: str, query: ChildrenQuery) -> EquipmentPage:
    """One page of what stands directly below the equipment."""
    above = await read(drivers, code)
    below = {"vessel": above.vessel, "parent": above.code}
    return await queries.page(drivers, query, below, count=query.count)


async def path(session: AsyncSession, code: str) -> Sequence[Equipment]:
    """From the root of the tree down to the equipment itself."""
    await get(session, code)
    return (await session.scalars(tree.path(code))).all()


async def update(
    session: AsyncSession, code: str, data: EquipmentUpdate, expected: int | None
) -> Equipment:
    equipment = await get(session, code)
    changes = {field: getattr(data, field) for field in data.model_fields_set}
    return await change(session, equipment, changes, expected)


async def change(
    session: AsyncSession,
    equipment: Equipment,
    changes: dict[str, Any],
    expected: int | None,
) -> Equipment:
    """Change what was read in this session from the version that was expected."""
    etag.check(equipment, expected)
    aboard = equipment.vessel
    if changes.get("parent"):
        # The vessel before the row: all who take both take them in this order.
        await _refuse_cycle(session, equipment, changes["parent"])
    if expected is None:
        await etag.wait(session, equipment)
        if changes.get("parent") and equipment.vessel != aboard:
            raise ConflictError(
                f"It was moved to {equipment.vessel} meanwhile. Read it again."
            )
    await _write(session, equipment, changes)
    return equipment


async def set_status(
    drivers: Drivers, cause: Cause, codes: list[str], status: Status, *, partial: bool
) -> Batch:
    """Change many at once; raises UnknownCodesError unless `partial`."""
    asked = list(dict.fromkeys(codes))
    found = await queries.set_status(drivers, cause, asked, status, partial=partial)
    missing = [code for code in asked if code not in found]
    if missing and not partial:
        raise UnknownCodesError(
            f"{len(missing)} of {len(asked)} codes are not registered, and nothing was "
            "changed. Remove them, or repeat with ?mode=partial.",
            codes=missing,
        )
    return Batch(
        changed=[code for code in asked if code in found and found[code] != status],
        unchanged=[code for code in asked if found.get(code) == status],
        missing=missing if partial else None,
    )


async def _page(
    drivers: Drivers, query: EquipmentQuery, aboard: Conditions
) -> EquipmentPage:
    wanted = {name: getattr(query, name) for name in FILTERS}
    return await queries.page(
        drivers, query, {**aboard, **wanted}, sort=query.sort, count=query.count
    )


async def _refuse_cycle(
    session: AsyncSession, equipment: Equipment, parent: str
) -> None:
    # One move at a time a vessel: two that are each sound could close a circle.
    await vessels.lock(session, equipment.vessel)
    above = (await session.scalars(tree.path(parent))).all()
    if any(ancestor.code == equipment.code for ancestor in above):
        raise ParentCycleError(
            f"{parent} stands below {equipment.code}, or is it. Choose a parent that "
            "does not.",
        )


async def _write(
    session: AsyncSession, equipment: Equipment, values: dict[str, Any]
) -> None:
    """Set and send the values; what the database refuses is told in words."""
    sent = {
        name: str(values.get(name, getattr(equipment, name)))
        for name in ("code", "vessel", "tag", "parent")
    }
    try:
        # Set them inside: what stands before a savepoint is sent before it.
        async with session.begin_nested():
            for field, value in values.items():
                setattr(equipment, field, value)
            session.add(equipment)
    except DBAPIError as refusal:
        raise await _explain(session, refusal, **sent) from None


async def _explain(
    session: AsyncSession,
    refusal: DBAPIError,
    *,
    code: str,
    vessel: str,
    tag: str,
    parent: str,
) -> AppError | DBAPIError:
    await vessels.get(session, vessel)
    match problems.constraint(refusal):
        case "uq_equipment_code" | "uq_equipment_vessel_code":
            return DuplicateError.of("code", code, existing=href("equipment", code))
        case "uq_equipment_tag_vessel":
            holder = await session.scalar(
                select(Equipment.code).where(
                    Equipment.vessel == vessel, Equipment.tag == tag
                )
            )
            existing = href("equipment", holder or "")
            return DuplicateError.of("tag", tag, existing=existing)
        case "fk_equipment_vessel_parent":
            message = f"{parent} is not aboard {vessel}: register it there first."
            problem = FieldProblem(
                pointer="/parent", code="unknown-parent", message=message
            )
            return InvalidError(f"/parent: {message}", errors=[problem])
        case "ck_equipment_parent":
            return ParentCycleError(f"{code} cannot be its own parent.")
    return refusal
