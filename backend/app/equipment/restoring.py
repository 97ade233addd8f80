"""An equipment brought back to what it was in an earlier version, as a new change."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag
from app.equipment import service
from app.equipment.models import Equipment
from app.errors import ConflictError, FieldProblem, InvalidError, NotRecordedError
from app.links import href
from app.recording import because
from app.vessels import service as vessels

# Of what has the code now, not of what had it before and was deleted. Of each field,
# what it was before the first of the changes that are undone.
_UNDONE = text("""
WITH life AS (
    SELECT id, at, version, before FROM changes
    WHERE entity = 'equipment' AND code = :code AND id > coalesce((
        SELECT max(id) FROM changes
        WHERE entity = 'equipment' AND code = :code AND action = 'deleted'), 0)
)
SELECT coalesce(min(at), now()) AS since,
    coalesce(min(version) <= :version + 1, false) AS is_known,
    jsonb_overlay(before ORDER BY id DESC) FILTER (WHERE version > :version) AS was
FROM life
""")


async def restore(
    session: AsyncSession, code: str, version: int, expected: int | None
) -> Equipment:
    """Give it that version's values; raises what `service.update` does, and others."""
    equipment = await service.get(session, code)
    etag.check(equipment, expected)
    # It may come below another parent, so the vessel first; then nobody changes it.
    await vessels.lock(session, equipment.vessel)
    await etag.wait(session, equipment)
    etag.check(equipment, expected)
    if version > equipment.version:
        message = f"{code} has version {equipment.version}: it never had {version}."
        problem = FieldProblem(
            pointer="/version", code="unknown-version", message=message
        )
        raise InvalidError(f"/version: {message}", errors=[problem])
    if version == equipment.version:
        return equipment
    given = {"code": code, "version": version}
    undone = (await session.execute(_UNDONE, given)).one()
    history = href("equipment", code, "history")
    if not undone.is_known:
        raise NotRecordedError(
            f"The record does not tell of version {version} of {code}. GET {history} "
            "lists what it tells of.",
            since=undone.since.isoformat().replace("+00:00", "Z"),
        )
    was = dict(undone.was)
    vessel = was.pop("vessel", equipment.vessel)
    if vessel != equipment.vessel:
        raise ConflictError(
            f"In version {version} it was aboard {vessel}. Move it there first, with "
            f"POST {href('equipment', code, 'move')}; then restore it."
        )
    await because(session, f"Back to version {version}")
    try:
        return await service.change(session, equipment, was, expected)
    except InvalidError as refusal:
        raise ConflictError(
            f"What version {version} refers to is not there any more. {refusal.detail}"
        ) from None
