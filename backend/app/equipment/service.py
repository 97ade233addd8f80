"""What one can do with equipment. Never commits: the caller's transaction does."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, func, or_, select
from sqlalchemy import update as sql_update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag, problems
from app.equipment import tree
from app.equipment.models import Equipment, Status
from app.equipment.schemas import (
    Batch,
    EquipmentCreate,
    EquipmentQuery,
    EquipmentUpdate,
    FleetQuery,
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
from app.pagination import PageQuery, paginate
from app.taxonomy import service as taxonomy
from app.taxonomy.models import Kind
from app.vessels import service as vessels

# The columns sort by byte, where only A to Z have a lower case; this knows å and ç.
ANY_CASE = "pg_c_utf8"

Listing = tuple[Sequence[Row[Any]], str | None]

problems.CONSTRAINTS |= {
    "uq_equipment_code": ConflictError("One of the codes was taken meanwhile."),
    "uq_equipment_tag_vessel": ConflictError("One of the tags was taken meanwhile."),
}


async def install(
    session: AsyncSession, vessel: str, data: EquipmentCreate
) -> Equipment:
    equipment = Equipment()
    await _write(session, equipment, {"vessel": vessel, **data.model_dump()})
    return equipment


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


async def listing(session: AsyncSession, vessel: str, query: EquipmentQuery) -> Listing:
    """One page of a vessel's equipment; raises NotFoundError for the vessel."""
    await vessels.get(session, vessel)
    aboard = select(Equipment).where(Equipment.vessel == vessel)
    return await _page(session, aboard, query)


async def fleet(session: AsyncSession, query: FleetQuery) -> Listing:
    everywhere = select(Equipment)
    if query.vessel:
        everywhere = everywhere.where(Equipment.vessel.in_(query.vessel))
    return await _page(session, everywhere, query)


async def children(session: AsyncSession, code: str, page: PageQuery) -> Listing:
    """One page of what stands directly below the equipment."""
    equipment = await get(session, code)
    below = select(Equipment).where(
        Equipment.vessel == equipment.vessel, Equipment.parent == equipment.code
    )
    return await paginate(
        session,
        below,
        page,
        sort="code",
        columns={"code": Equipment.code},
        unique=Equipment.code,
    )


async def path(session: AsyncSession, code: str) -> Sequence[Equipment]:
    """From the root of the tree down to the equipment itself."""
    await get(session, code)
    return (await session.scalars(tree.path(code))).all()


async def update(
    session: AsyncSession, code: str, data: EquipmentUpdate, expected: int | None
) -> Equipment:
    equipment = await get(session, code)
    etag.check(equipment, expected)
    if data.parent:
        # The vessel before the row: all who take both take them in this order.
        await _refuse_cycle(session, equipment, data.parent)
    if expected is None:
        await etag.wait(session, equipment)
    changes = {field: getattr(data, field) for field in data.model_fields_set}
    await _write(session, equipment, changes)
    return equipment


async def set_status(
    session: AsyncSession, codes: list[str], status: Status, *, partial: bool
) -> Batch:
    """Change many at once; raises UnknownCodesError unless `partial`."""
    asked = list(dict.fromkeys(codes))
    # In one order for all, so that two batches never wait for each other.
    locked = await session.execute(
        select(Equipment.code, Equipment.status)
        .where(Equipment.code.in_(asked))
        .order_by(Equipment.code)
        .with_for_update(key_share=True)
    )
    found: dict[str, Status] = dict(locked.all())
    missing = [code for code in asked if code not in found]
    if missing and not partial:
        raise UnknownCodesError(
            f"{len(missing)} of {len(asked)} codes are not registered, and nothing was "
            "changed. Remove them, or repeat with ?mode=partial.",
            codes=missing,
        )
    changed = [code for code in asked if code in found and found[code] is not status]
    await session.execute(
        sql_update(Equipment)
        .where(Equipment.code.in_(changed))
        .values(status=status, version=Equipment.version + 1, updated_at=func.now())
    )
    return Batch(
        changed=changed,
        unchanged=[code for code in asked if found.get(code) is status],
        missing=missing if partial else None,
    )


async def _page(
    session: AsyncSession, query: Select[Any], filters: EquipmentQuery
) -> Listing:
    for name in ("status", "name", "location", "group", "class_", "tag", "parent"):
        if values := getattr(filters, name):
            query = query.where(getattr(Equipment, name).in_(values))
    if filters.q:
        searched = (Equipment.code, Equipment.tag, Equipment.name, Equipment.location)
        texts = [column.collate(ANY_CASE) for column in searched]
        query = query.where(
            or_(*(text.icontains(filters.q, autoescape=True) for text in texts))
        )
    columns = {
        "code": Equipment.code,
        "name": Equipment.name,
        "updated_at": Equipment.updated_at,
    }
    return await paginate(
        session,
        query,
        filters,
        sort=filters.sort,
        columns=columns,
        unique=Equipment.code,
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
        for name in ("code", "vessel", "tag", "class_", "parent")
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
    class_: str,
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
        case "fk_equipment_class":
            return taxonomy.unknown("class", Kind.EQUIPMENT_CLASSES, class_)
        case "fk_equipment_vessel_parent":
            message = f"{parent} is not aboard {vessel}: register it there first."
            problem = FieldProblem(
                pointer="/parent", code="unknown-parent", message=message
            )
            return InvalidError(f"/parent: {message}", errors=[problem])
        case "ck_equipment_parent":
            return ParentCycleError(f"{code} cannot be its own parent.")
    return refusal
