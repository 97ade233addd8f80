"""Whether all that a question names is there.

Counts of what is not there would be zeros, as if it had never failed.
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.equipment.models import Equipment
from app.errors import NotFoundError
from app.taxonomy.models import EquipmentClass, Kind
from app.vessels.models import Vessel
from app.words import few

CLASSES = f"taxonomy/{Kind.EQUIPMENT_CLASSES}"


async def refuse_unknown(
    session: AsyncSession,
    *,
    code: Sequence[str],
    group: Sequence[str],
    vessel: Sequence[str],
    class_: Sequence[str] = (),
) -> None:
    """Raise NotFoundError that names what there is not."""
    for column, named, what, where in (
        (Vessel.code, vessel, "vessel", "vessels lists those that there are"),
        (Equipment.code, code, "equipment", "equipment?q=… searches codes and tags"),
        (Equipment.group, group, "equipment of the group", "equipment lists all"),
        (EquipmentClass.code, class_, "equipment class", f"{CLASSES} lists them"),
    ):
        if missing := await _missing(session, column, named):
            names = few([repr(name) for name in missing])
            raise NotFoundError(f"There is no {what} {names}. GET /api/v1/{where}.")


async def _missing(
    session: AsyncSession,
    column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None],
    named: Sequence[str],
) -> list[str]:
    if not named:
        return []
    found = await session.scalars(select(column).where(column.in_(named)).distinct())
    known = set(found)
    return [name for name in named if name not in known]
