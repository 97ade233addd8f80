"""The tree of a vessel's equipment: who stands below whom."""

from sqlalchemy import Select, literal, select
from sqlalchemy.orm import aliased

from app.equipment.models import Equipment


def path(code: str) -> Select[Equipment]:
    """Select the equipment and all above it, the root first."""
    start = select(
        Equipment.code, Equipment.vessel, Equipment.parent, literal(0).label("height")
    ).where(Equipment.code == code)
    climb = start.cte("path", recursive=True)
    above = aliased(Equipment)
    climb = climb.union_all(
        select(above.code, above.vessel, above.parent, climb.c.height + 1).join(
            climb, (above.vessel == climb.c.vessel) & (above.code == climb.c.parent)
        )
    )
    return (
        select(Equipment)
        .join(climb, Equipment.code == climb.c.code)
        .order_by(climb.c.height.desc())
    )
