"""Equipment that goes to another vessel, with what stands below it or not at all.

Its history and its operation orders go along; what these cost stays with the vessel for
which they were done (ADR 10).
"""

from collections.abc import Sequence

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag
from app.database import be_patient, driver
from app.drivers import Statement
from app.equipment import service
from app.equipment.models import Equipment
from app.equipment.schemas import EquipmentMove
from app.errors import (
    AppError,
    ConflictError,
    DuplicateError,
    FieldProblem,
    InvalidError,
    NotFoundError,
    ParentCycleError,
)
from app.links import href
from app.vessels import service as vessels

# How often it begins again because something was put below it meanwhile.
TRIES = 3
# A thousand rows take half a second: their indexes, references and the record.
SECONDS = 60


async def move(
    session: AsyncSession,
    code: str,
    data: EquipmentMove,
    expected: int | None,
    *,
    subtree: bool,
) -> Equipment:
    """Take it to another vessel; raises what `service.update` does."""
    equipment = await service.get(session, code)
    etag.check(equipment, expected)
    await _lock_both(session, equipment.vessel, data.vessel)
    codes = await _take(session, equipment, subtree=subtree)
    etag.check(equipment, expected)
    if data.parent in codes:
        raise ParentCycleError(
            f"{data.parent} goes along below {code}. Choose a parent that is aboard "
            f"{data.vessel}, or none."
        )
    await _refuse_taken_tags(session, data, code, codes)
    sent = {"tag", "location"} & data.model_fields_set
    given = {
        "codes": codes,
        "root": code,
        "vessel": data.vessel,
        "parent": data.parent,
        "tag": data.tag if "tag" in sent else equipment.tag,
        "location": data.location if "location" in sent else equipment.location,
    }
    await be_patient(session, SECONDS)
    db = await driver(session)
    try:
        async with session.begin_nested():
            await db.execute(_MOVE.text, *_MOVE.values(given), timeout=SECONDS)
    except asyncpg.IntegrityConstraintViolationError as refusal:
        raise _explain(data, refusal.constraint_name) from None
    await session.refresh(equipment)
    return equipment


def _explain(data: EquipmentMove, constraint: str | None) -> AppError:
    if constraint != "fk_equipment_vessel_parent":
        return ConflictError(
            f"One of the tags was taken aboard {data.vessel} meanwhile, and nothing "
            "was moved. Send the move again to see which."
        )
    message = f"{data.parent} is not aboard {data.vessel}: register it there first."
    problem = FieldProblem(pointer="/parent", code="unknown-parent", message=message)
    return InvalidError(f"/parent: {message}", errors=[problem])


async def _lock_both(session: AsyncSession, here: str, there: str) -> None:
    if here == there:
        raise ConflictError(
            f"It is aboard {here} already. PATCH changes its parent, tag and location."
        )
    try:
        await vessels.get(session, there)
    except NotFoundError as unknown:
        problem = FieldProblem(
            pointer="/vessel", code="unknown-vessel", message=unknown.detail
        )
        detail = f"/vessel: {unknown.detail}"
        raise InvalidError(detail, errors=[problem]) from None
    # In one order for all, so that two that change places never wait for each other.
    for vessel in sorted((here, there)):
        await vessels.lock(session, vessel)


async def _take(
    session: AsyncSession, equipment: Equipment, *, subtree: bool
) -> Sequence[str]:
    """Lock it and all below it, so that nothing is put below them before the end.

    What was put there while we waited for the locks is looked for again, and the locks
    are let go first: all who take several rows take them in the order of their codes.
    """
    here = {"code": equipment.code, "vessel": equipment.vessel}
    for _ in range(TRIES):
        codes = (await session.scalars(_SUBTREE, here)).all()
        if not codes:  # it was moved while we waited for the vessels
            break
        if len(codes) > 1 and not subtree:
            raise ConflictError(
                f"{len(codes) - 1} equipment below {equipment.code} would be cut off. "
                "Take it along with ?subtree=true, or put it elsewhere first."
            )
        async with session.begin_nested() as taking:
            await session.execute(LOCK, {"codes": codes})
            if (await session.scalars(_SUBTREE, here)).all() == codes:
                await session.refresh(equipment)
                return codes
            await taking.rollback()
    raise ConflictError(
        f"The tree below {equipment.code} changes at this moment, or it was moved. "
        "Read it again, then send the move again."
    )


async def _refuse_taken_tags(
    session: AsyncSession, data: EquipmentMove, root: str, codes: Sequence[str]
) -> None:
    given = {
        "codes": codes,
        "root": root,
        "vessel": data.vessel,
        "is_given": "tag" in data.model_fields_set,
        "tag": data.tag,
    }
    taken = (await session.execute(_TAKEN, given)).all()
    if not taken:
        return
    raise DuplicateError(
        f"{len(taken)} of the tags are taken aboard {data.vessel}, and nothing was "
        "moved. Change them there or here first; the tag of what is moved itself can "
        "be sent along.",
        errors=[
            FieldProblem(
                pointer="/tag" if row.code == root else "/vessel",
                code="duplicate-tag",
                message=f"The tag {row.tag} of {row.code} is {row.holder}'s there.",
            )
            for row in taken
        ],
        existing=href("equipment", taken[0].holder),
        field="tag",
    )


# OFFSET 0 keeps each step a look into an index: a join would read the whole table.
_SUBTREE = text("""
WITH RECURSIVE down AS (
    SELECT code FROM equipment WHERE vessel = :vessel AND code = :code
  UNION ALL
    SELECT e.code FROM down d CROSS JOIN LATERAL (
        SELECT code FROM equipment WHERE vessel = :vessel AND parent = d.code OFFSET 0
    ) e
)
SELECT code FROM down ORDER BY code
""")
# As strong as it gets: whoever refers to one of them as its parent waits.
LOCK = text("""
SELECT FROM equipment WHERE code = ANY (CAST(:codes AS varchar[]))
ORDER BY code FOR UPDATE
""")
_TAKEN = text("""
SELECT m.code, e.tag, e.code AS holder
FROM (
    SELECT code, CASE WHEN code = :root AND :is_given THEN CAST(:tag AS varchar)
        ELSE tag END AS tag
    FROM equipment WHERE code = ANY (CAST(:codes AS varchar[]))
) m
JOIN equipment e ON e.vessel = :vessel AND e.tag = m.tag
ORDER BY m.code
""")
# All in one statement: the references among them hold when it ends.
_MOVE = Statement(
    text("""
UPDATE equipment SET vessel = :vessel, version = version + 1, updated_at = now(),
    parent = CASE WHEN code = :root THEN CAST(:parent AS varchar) ELSE parent END,
    tag = CASE WHEN code = :root THEN CAST(:tag AS varchar) ELSE tag END,
    location = CASE WHEN code = :root THEN CAST(:location AS varchar)
        ELSE location END
WHERE code = ANY (CAST(:codes AS varchar[]))
""")
)
