"""What operation orders cost: those that are done, in one snapshot each."""

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.equipment import service as equipment
from app.equipment.models import Equipment
from app.operations.models import Operation, State
from app.operations.schemas import EquipmentCost, NameCost, VesselCost
from app.pagination import PageQuery, paginate
from app.values import average
from app.vessels.models import Vessel

DONE = Operation.state == State.DONE
TOTAL = func.coalesce(func.sum(Operation.cost).filter(DONE), 0).label("total")
# Counted by a column that every index of costs has: no row of the table is read.
COUNT = func.count(Operation.cost).filter(DONE).label("operations")


async def cost_of_equipment(
    session: AsyncSession, code: str, currency: str
) -> EquipmentCost:
    """Sum up the orders of one equipment; raises NotFoundError."""
    query = (
        select(TOTAL, COUNT)
        .select_from(Equipment)
        .outerjoin(Operation, Operation.equipment == Equipment.code)
        .where(Equipment.code == code)
        .group_by(Equipment.code)
    )
    if (row := (await session.execute(query)).one_or_none()) is None:
        raise equipment.unknown(code)
    return EquipmentCost(
        code=code,
        total=row.total,
        average=average(row.total, row.operations),
        operations=row.operations,
        currency=currency,
    )


async def cost_by_name(session: AsyncSession, name: str, currency: str) -> NameCost:
    """Sum up the orders of every equipment that bears exactly this name."""
    query = (
        select(TOTAL, COUNT, func.count(Equipment.id.distinct()).label("equipment"))
        .select_from(Equipment)
        .outerjoin(Operation, Operation.equipment == Equipment.code)
        .where(Equipment.name == name)
    )
    row = (await session.execute(query)).one()
    return NameCost(
        name=name,
        total=row.total,
        average=average(row.total, row.operations),
        operations=row.operations,
        equipment=row.equipment,
        currency=currency,
    )


async def cost_by_vessel(
    session: AsyncSession, page: PageQuery, currency: str
) -> tuple[list[VesselCost], str | None]:
    """One page of every vessel's costs, also of those without any order."""
    orders = (
        select(TOTAL, COUNT).where(Operation.vessel == Vessel.code).lateral("orders")
    )
    aboard = (
        select(func.count(Equipment.code))
        .where(Equipment.vessel == Vessel.code)
        .scalar_subquery()
        .label("equipment")
    )
    query = select(Vessel.code, aboard, orders.c.total, orders.c.operations).join(
        orders, literal(value=True)
    )
    rows, next_cursor = await paginate(
        session,
        query,
        page,
        sort="code",
        columns={"code": Vessel.code},
        unique=Vessel.code,
    )
    costs = [
        VesselCost(
            vessel=row.code,
            average=average(row.total, row.operations),
            total=row.total,
            operations=row.operations,
            equipment=row.equipment,
            average_per_equipment=average(row.total, row.equipment),
            currency=currency,
        )
        for row in rows
    ]
    return costs, next_cursor
