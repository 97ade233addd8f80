"""The tree of a vessel's equipment: who stands below whom."""

from collections.abc import Mapping

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


def circles(parents: Mapping[str, str | None]) -> set[str]:
    """Those from which the way up comes back to them; `parents`: code → parent."""
    seen: set[str] = set()
    found: set[str] = set()
    for start in parents:
        way: dict[str, None] = {}
        here: str | None = start
        while here is not None and here in parents and here not in seen:
            seen.add(here)
            way[here] = None
            here = parents[here]
        if here is not None and here in way:
            steps = list(way)
            found.update(steps[steps.index(here) :])
    return found
