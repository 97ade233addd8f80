"""Operation orders and what they cost. Never commits: the caller's transaction does."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.equipment import service as equipment
from app.equipment.models import Equipment
from app.errors import NotFoundError
from app.operations.models import Operation
from app.operations.schemas import (
    EquipmentCost,
    NameCost,
    OperationCreate,
    OperationQuery,
    VesselCost,
)
from app.pagination import PageQuery, count, paginate
from app.values import average
from app.vessels.models import Vessel

TOTAL = func.coalesce(func.sum(Operation.cost), 0).label("total")
# Counted by a column that every index of costs has: no row of the table is read.
COUNT = func.count(Operation.cost).label("operations")


async def add(session: AsyncSession, data: OperationCreate) -> Operation:
    """Add an operation order; raises NotFoundError for the equipment."""
    worked_on = await equipment.get(session, data.code)
    values = data.model_dump(exclude={"code"}, exclude_none=True)
    operation = Operation(equipment=worked_on.code, vessel=worked_on.vessel, **values)
    session.add(operation)
    await session.flush()
    return operation


async def get(session: AsyncSession, identity: uuid.UUID) -> Operation:
    if operation := await session.get(Operation, identity):
        return operation
    raise NotFoundError(
        f"There is no operation order {identity}. GET /api/v1/operations lists them."
    )


async def spend(session: AsyncSession, identity: uuid.UUID, amount: Decimal) -> None:
    """Add to the cost of an order, whoever else does so at this moment."""
    await session.execute(
        update(Operation)
        .where(Operation.id == identity)
        .values(
            cost=Operation.cost + amount,
            version=Operation.version + 1,
            updated_at=func.now(),
        ),
        execution_options={"synchronize_session": False},
    )


async def listing(
    session: AsyncSession, query: OperationQuery
) -> tuple[Sequence[Row[Any]], str | None, int | None]:
    found = select(Operation)
    for column, values in (
        (Operation.equipment, query.code),
        (Operation.vessel, query.vessel),
        (Operation.type, query.type),
    ):
        if values:
            found = found.where(column.in_(values))
    if query.from_:
        found = found.where(Operation.performed_at >= query.from_)
    if query.to:
        found = found.where(Operation.performed_at < query.to)
    page = await paginate(
        session,
        found,
        query,
        sort=query.sort,
        columns={
            "performed_at": Operation.performed_at,
            "created_at": Operation.created_at,
        },
        unique=Operation.id,
    )
    return *page, await count(session, found, query)


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
