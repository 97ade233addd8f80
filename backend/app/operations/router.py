import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response, status

from app import etag
from app.database import SessionDep
from app.errors import (
    BadCursorError,
    ConflictError,
    MoveRefusedError,
    NotFoundError,
    StaleVersionError,
    VersionRequiredError,
)
from app.etag import ExpectedVersion
from app.links import href
from app.operations import costs, service
from app.operations.models import CostLine, Operation
from app.operations.schemas import (
    CostLineCreate,
    CostLineRead,
    EquipmentCost,
    NameCost,
    NameQuery,
    OperationCancel,
    OperationClosed,
    OperationCreate,
    OperationFinish,
    OperationQuery,
    OperationRead,
    OperationStart,
    OperationUpdate,
    VesselCost,
)
from app.pagination import Listing, Page, PageQuery, link, write
from app.problems import responses
from app.recording import RecordedSessionDep
from app.settings import CurrencyDep
from app.values import CodeRef

router = APIRouter()

OperationId = Annotated[uuid.UUID, Path(alias="id")]


def read(operation: Operation, currency: str) -> OperationRead:
    named = {"code", "currency"}
    values = {
        name: getattr(operation, name)
        for name in OperationRead.model_fields
        if name not in named
    }
    return OperationRead(code=operation.equipment, currency=currency, **values)


async def _closed(
    session: SessionDep, response: Response, operation: Operation, currency: str
) -> OperationClosed:
    etag.tag(response, operation)
    last = await service.is_last(session, operation)
    return OperationClosed(
        resolve_issue=href("issues", str(operation.issue), "resolve") if last else None,
        **dict(read(operation, currency)),
    )


def _line(line: CostLine, currency: str) -> CostLineRead:
    return CostLineRead(
        id=line.id,
        kind=line.kind,
        amount=line.amount,
        currency=currency,
        description=line.description,
        created_at=line.created_at,
    )


@router.post(
    "/operations",
    status_code=status.HTTP_201_CREATED,
    tags=["operations"],
    responses=responses(NotFoundError),
)
async def add_operation(
    session: RecordedSessionDep,
    response: Response,
    data: OperationCreate,
    currency: CurrencyDep,
) -> OperationRead:
    """Add an operation order with its cost to an equipment."""
    operation = await service.add(session, data)
    response.headers["Location"] = href("operations", str(operation.id))
    etag.tag(response, operation)
    return read(operation, currency)


@router.get(
    "/operations",
    tags=["operations"],
    response_model=Listing[OperationRead],
    responses=responses(BadCursorError),
)
async def list_operations(
    session: SessionDep,
    request: Request,
    query: Annotated[OperationQuery, Query()],
    currency: CurrencyDep,
) -> Response:
    """List operation orders, the latest first."""
    rows, next_cursor, total = await service.listing(session, query)
    items = [read(row[0], currency) for row in rows]
    return write(request, query, items, next_cursor, total)


@router.get("/operations/{id}", tags=["operations"], responses=responses(NotFoundError))
async def read_operation(
    session: SessionDep,
    response: Response,
    identity: OperationId,
    currency: CurrencyDep,
) -> OperationRead:
    """Read one operation order."""
    operation = await service.get(session, identity)
    etag.tag(response, operation)
    return read(operation, currency)


@router.patch(
    "/operations/{id}",
    tags=["operations"],
    responses=responses(NotFoundError, StaleVersionError, VersionRequiredError),
)
async def update_operation(
    session: RecordedSessionDep,
    response: Response,
    identity: OperationId,
    data: OperationUpdate,
    currency: CurrencyDep,
    expected: ExpectedVersion,
) -> OperationRead:
    """Change an operation order; fields that are not sent stay as they are."""
    operation = await service.update(session, identity, data, expected)
    etag.tag(response, operation)
    return read(operation, currency)


@router.post(
    "/operations/{id}/start",
    tags=["operations"],
    responses=responses(NotFoundError, MoveRefusedError),
)
async def start_operation(
    session: RecordedSessionDep,
    response: Response,
    identity: OperationId,
    data: OperationStart,
    currency: CurrencyDep,
) -> OperationRead:
    """Begin what was planned."""
    operation = await service.start(session, identity, data)
    etag.tag(response, operation)
    return read(operation, currency)


@router.post(
    "/operations/{id}/finish",
    tags=["operations"],
    responses=responses(NotFoundError, MoveRefusedError),
)
async def finish_operation(
    session: RecordedSessionDep,
    response: Response,
    identity: OperationId,
    data: OperationFinish,
    currency: CurrencyDep,
) -> OperationClosed:
    """Say that it is done: from now on it counts in what things cost."""
    operation = await service.finish(session, identity, data)
    return await _closed(session, response, operation, currency)


@router.post(
    "/operations/{id}/cancel",
    tags=["operations"],
    responses=responses(NotFoundError, MoveRefusedError),
)
async def cancel_operation(
    session: RecordedSessionDep,
    response: Response,
    identity: OperationId,
    data: OperationCancel,
    currency: CurrencyDep,
) -> OperationClosed:
    """Say that it will not be done, or was not though it was called done, and why."""
    operation = await service.cancel(session, identity, data)
    return await _closed(session, response, operation, currency)


@router.post(
    "/operations/{id}/costs",
    status_code=status.HTTP_201_CREATED,
    tags=["operations"],
    responses=responses(NotFoundError, ConflictError, MoveRefusedError),
)
async def add_operation_cost(
    session: RecordedSessionDep,
    response: Response,
    identity: OperationId,
    data: CostLineCreate,
    currency: CurrencyDep,
) -> CostLineRead:
    """Add a line to what an order costs; the cost grows by it."""
    line = await service.charge(session, identity, data)
    response.headers["Location"] = href("operations", str(identity), "costs")
    return _line(line, currency)


@router.get(
    "/operations/{id}/costs",
    tags=["operations"],
    responses=responses(NotFoundError, BadCursorError),
)
async def list_operation_costs(
    session: SessionDep,
    request: Request,
    response: Response,
    identity: OperationId,
    query: Annotated[PageQuery, Query()],
    currency: CurrencyDep,
) -> Page[CostLineRead]:
    """List what makes up the cost of an order; nothing, if it was stated as a whole."""
    rows, next_cursor = await service.lines(session, identity, query)
    link(request, response, next_cursor)
    items = [_line(row[0], currency) for row in rows]
    return Page(items=items, next_cursor=next_cursor)


@router.get(
    "/equipment/{code}/cost", tags=["costs"], responses=responses(NotFoundError)
)
async def read_equipment_cost(
    session: SessionDep, code: CodeRef, currency: CurrencyDep
) -> EquipmentCost:
    """Total and average cost of the operation orders of one equipment."""
    return await costs.cost_of_equipment(session, code, currency)


@router.get("/costs/equipment", tags=["costs"])
async def read_name_cost(
    session: SessionDep, query: Annotated[NameQuery, Query()], currency: CurrencyDep
) -> NameCost:
    """Total and average cost of all equipment that bears a name, in the fleet."""
    return await costs.cost_by_name(session, query.name, currency)


@router.get("/costs/vessels", tags=["costs"], responses=responses(BadCursorError))
async def list_vessel_costs(
    session: SessionDep,
    request: Request,
    response: Response,
    query: Annotated[PageQuery, Query()],
    currency: CurrencyDep,
) -> Page[VesselCost]:
    """Average and total operation cost in each vessel."""
    items, next_cursor = await costs.cost_by_vessel(session, query, currency)
    link(request, response, next_cursor)
    return Page(items=items, next_cursor=next_cursor)
