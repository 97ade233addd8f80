"""Operation orders. Never commits: the caller's transaction does."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag, problems
from app.equipment import service as equipment
from app.errors import AppError, DuplicateError, NotFoundError
from app.links import href
from app.operations import rules
from app.operations.models import (
    IS_OPEN,
    ISSUES,
    OPEN,
    RESOLVABLE,
    CostKind,
    CostLine,
    Operation,
)
from app.operations.schemas import (
    CostLineCreate,
    OperationCancel,
    OperationCreate,
    OperationFinish,
    OperationQuery,
    OperationStart,
    OperationUpdate,
)
from app.pagination import PageQuery, count, paginate
from app.taxonomy import service as taxonomy
from app.taxonomy.models import Kind

Listing = tuple[Sequence[Row[Any]], str | None]


async def add(
    session: AsyncSession, data: OperationCreate, *, issue: int | None = None
) -> Operation:
    """Add an operation order; raises NotFoundError for the equipment."""
    worked_on = await equipment.get(session, data.code)
    async with taxonomy.telling_all(session, _terms(data.activity)):
        placed = rules.place(data)
        if data.costs and (total := rules.total(data.costs)) != data.cost:
            raise rules.not_the_sum(total)
    given = data.model_dump(exclude={"code", "costs", "finished_at"}, exclude_none=True)
    operation = Operation(equipment=worked_on.code, vessel=worked_on.vessel)
    values = given | placed | {"issue": issue}
    if "activity" not in data.model_fields_set:
        values["activity"] = await taxonomy.activity_called(session, data.type)
    await _write(session, operation, values)
    await _itemise(session, operation, data.costs)
    return operation


async def get(session: AsyncSession, identity: uuid.UUID) -> Operation:
    if operation := await session.get(Operation, identity):
        return operation
    raise NotFoundError(
        f"There is no operation order {identity}. GET /api/v1/operations lists them."
    )


async def lock(session: AsyncSession, identity: uuid.UUID) -> Operation:
    """Read it as it is when all who changed it before have done so."""
    operation = await get(session, identity)
    await etag.wait(session, operation)
    return operation


async def listing(
    session: AsyncSession, query: OperationQuery
) -> tuple[Sequence[Row[Any]], str | None, int | None]:
    found = select(Operation)
    for column, values in (
        (Operation.equipment, query.code),
        (Operation.vessel, query.vessel),
        (Operation.type, query.type),
        (Operation.state, query.state),
        (Operation.category, query.category),
        (Operation.activity, query.activity),
        (Operation.issue, query.issue),
        (Operation.reference, query.reference),
        (Operation.package, query.package),
    ):
        if values:
            found = found.where(column.in_(values))
    if query.from_:
        found = found.where(Operation.performed_at >= query.from_)
    if query.to:
        found = found.where(Operation.performed_at < query.to)
    if query.due_before:
        found = found.where(Operation.due_at < query.due_before)
    if query.overdue:
        found = found.where(Operation.due_at < func.now(), IS_OPEN)
    if query.sort.endswith("due_at"):
        found = found.where(Operation.due_at.is_not(None))
    page = await paginate(
        session,
        found,
        query,
        sort=query.sort,
        columns={
            "performed_at": Operation.performed_at,
            "created_at": Operation.created_at,
            "due_at": Operation.due_at,
        },
        unique=Operation.id,
    )
    return *page, await count(session, found, query)


async def update(
    session: AsyncSession,
    identity: uuid.UUID,
    data: OperationUpdate,
    expected: int | None,
) -> Operation:
    operation = await get(session, identity)
    etag.check(operation, expected)
    # Its lines have no version of their own: whoever adds one waits, and is waited for.
    await etag.wait(session, operation)
    etag.check(operation, expected)
    async with taxonomy.telling_all(session, _terms(data.activity)):
        rules.check(operation, data)
        values = data.model_dump(exclude_unset=True, exclude={"costs"})
        values |= rules.follow(operation, values)
        if data.type and "activity" not in values:
            values |= await _activity_of(session, operation, data.type)
        if data.costs is not None:
            replaced = delete(CostLine).where(CostLine.operation == operation.id)
            await session.execute(replaced)
            await _itemise(session, operation, data.costs)
        total = await _sum(session, operation)
        if total is not None and values.setdefault("cost", total) != total:
            raise rules.not_the_sum(total)
    await _write(session, operation, values)
    return operation


async def _activity_of(
    session: AsyncSession, operation: Operation, named: str
) -> dict[str, str | None]:
    """The activity that another type names, if it is the type that named it so far."""
    if operation.activity != await taxonomy.activity_called(session, operation.type):
        return {}
    return {"activity": await taxonomy.activity_called(session, named)}


async def start(
    session: AsyncSession, identity: uuid.UUID, data: OperationStart
) -> Operation:
    operation = await lock(session, identity)
    operation.start(data.at)
    await session.flush()
    return operation


async def finish(
    session: AsyncSession, identity: uuid.UUID, data: OperationFinish
) -> Operation:
    operation = await lock(session, identity)
    operation.finish(data.at)
    for name in data.model_fields_set - {"at"}:
        setattr(operation, name, getattr(data, name))
    await session.flush()
    return operation


async def cancel(
    session: AsyncSession, identity: uuid.UUID, data: OperationCancel
) -> Operation:
    operation = await lock(session, identity)
    operation.cancel(data.reason)
    await session.flush()
    return operation


async def is_last(session: AsyncSession, operation: Operation) -> bool:
    """Whether its issue can be resolved: no order of it is still to be done."""
    if operation.issue is None:
        return False
    await hold(session, operation.issue)
    others = select(Operation.id).where(
        Operation.issue == operation.issue, Operation.state.in_(OPEN)
    )
    resolvable = select(ISSUES.c.number).where(
        ISSUES.c.number == operation.issue,
        ISSUES.c.state.in_(RESOLVABLE),
        ~others.exists(),
    )
    return await session.scalar(resolvable) is not None


async def hold(session: AsyncSession, issue: int) -> None:
    """Let orders of an issue close one after the other: the last one sees the others.

    Whoever locks an order and its issue takes the order first.
    """
    known = select(ISSUES.c.number).where(ISSUES.c.number == issue)
    await session.execute(known.with_for_update(key_share=True))


async def charge(
    session: AsyncSession, identity: uuid.UUID, data: CostLineCreate
) -> CostLine:
    """Add a line to what an order costs.

    What was stated as a whole becomes a line as well: the sum stays the cost.
    """
    operation = await lock(session, identity)
    if operation.cost and await _sum(session, operation) is None:
        whole = CostLine(
            operation=operation.id, kind=CostKind.OTHER, amount=operation.cost
        )
        session.add(whole)
        await session.flush()  # before the other, in the order of their ids
    operation.charge(data.amount)
    [line] = await _itemise(session, operation, [data])
    return line


async def lines(session: AsyncSession, identity: uuid.UUID, page: PageQuery) -> Listing:
    operation = await get(session, identity)
    return await paginate(
        session,
        select(CostLine).where(CostLine.operation == operation.id),
        page,
        sort="id",
        columns={"id": CostLine.id},
        unique=CostLine.id,
    )


async def _sum(session: AsyncSession, operation: Operation) -> Decimal | None:
    """What its lines sum up to; None of an order without lines."""
    query = select(func.sum(CostLine.amount)).where(CostLine.operation == operation.id)
    total: Decimal | None = await session.scalar(query)
    return total


async def _itemise(
    session: AsyncSession, operation: Operation, given: Sequence[CostLineCreate]
) -> list[CostLine]:
    made = [CostLine(operation=operation.id, **dict(line)) for line in given]
    session.add_all(made)
    await session.flush()
    return made


def _terms(activity: str | None) -> dict[str, tuple[Kind, str | None]]:
    return {"activity": (Kind.MAINTENANCE_ACTIVITIES, activity)}


async def _write(
    session: AsyncSession, operation: Operation, values: dict[str, Any]
) -> None:
    code = operation.equipment

    async def write() -> None:
        for field, value in values.items():
            setattr(operation, field, value)
        session.add(operation)
        await session.flush()

    try:
        if values.get("reference"):
            # Whoever has it already can be asked for then.
            async with session.begin_nested():
                await write()
        else:
            await write()
    except IntegrityError as refusal:
        raise await _explain(session, refusal, code, values) from None


async def _explain(
    session: AsyncSession, refusal: IntegrityError, code: str, values: dict[str, Any]
) -> AppError | IntegrityError:
    match problems.constraint(refusal):
        case "fk_operations_activity":
            return taxonomy.unknown(
                "activity", Kind.MAINTENANCE_ACTIVITIES, values["activity"]
            )
        case "uq_operations_reference_equipment":
            reference = values["reference"]
            holder = await session.scalar(
                select(Operation.id).where(
                    Operation.equipment == code, Operation.reference == reference
                )
            )
            existing = href("operations", str(holder))
            return DuplicateError.of("reference", reference, existing=existing)
    return refusal
