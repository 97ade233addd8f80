"""What was said wrongly of where a unit sat, and when. Never commits."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag
from app.errors import InvalidError, NotFoundError
from app.units.models import Installation, Unit
from app.units.schemas import InstallationUpdate
from app.units.service import Installed, explain

TIMES = ("installed_at", "removed_at", "removed_because")


async def get(session: AsyncSession, identity: uuid.UUID) -> Installed:
    """Return one time that a unit sat somewhere; raises NotFoundError."""
    query = select(Installation, Unit).join(Unit, Installation.unit == Unit.id)
    found = await session.execute(query.where(Installation.id == identity))
    if row := found.one_or_none():
        return row[0], row[1]
    raise NotFoundError(
        f"There is no installation {identity}. GET /api/v1/equipment/CODE/units lists "
        "those of an equipment."
    )


async def correct(
    session: AsyncSession,
    identity: uuid.UUID,
    data: InstallationUpdate,
    expected: int | None,
) -> Installed:
    """Correct when a unit came and left; raises OccupiedError where it cannot have."""
    sat, unit = await _expected(session, identity, expected)
    values = _corrected(sat, data)
    wanted = Installation(id=sat.id, unit=unit.id, equipment=sat.equipment, **values)
    try:
        async with session.begin_nested():
            for name, value in values.items():
                setattr(sat, name, value)
    except IntegrityError as refusal:
        raise await explain(session, refusal, wanted, unit) from None
    return sat, unit


async def withdraw(
    session: AsyncSession, identity: uuid.UUID, expected: int | None
) -> None:
    """Take back that a unit sat there."""
    sat, _ = await _expected(session, identity, expected)
    await session.delete(sat)
    await session.flush()


async def _expected(
    session: AsyncSession, identity: uuid.UUID, expected: int | None
) -> Installed:
    sat, unit = await get(session, identity)
    etag.check(sat, expected)
    if expected is None:
        await etag.wait(session, sat)
    return sat, unit


def _corrected(sat: Installation, data: InstallationUpdate) -> dict[str, Any]:
    """Its times and reason as they will be; raises where they contradict each other."""
    sent = data.model_dump(exclude_unset=True)
    values = {name: getattr(sat, name) for name in TIMES} | sent
    came, left = values["installed_at"], values["removed_at"]
    if left is None:
        if sent.get("removed_because"):
            message = "It sits there still: say in removed_at when it left."
            raise InvalidError.of("/removed_because", "sits-there", message)
        values["removed_because"] = None
    elif left <= came:
        pointer = "/removed_at" if "removed_at" in sent else "/installed_at"
        message = (
            f"It came at {came:%Y-%m-%dT%H:%M:%SZ} then, and left at "
            f"{left:%Y-%m-%dT%H:%M:%SZ}: correct both."
        )
        raise InvalidError.of(pointer, "before-installation", message)
    return values
