import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response, status

from app import etag
from app.database import SessionDep
from app.errors import BadCursorError, NotFoundError
from app.links import href
from app.operations import service
from app.operations.models import Operation
from app.operations.schemas import (
    EquipmentCost,
    NameCost,
    NameQuery,
    OperationCreate,
    OperationQuery,
    OperationRead,
    VesselCost,
)
from app.pagination import Listing, Page, PageQuery, link, write
from app.problems import responses
from app.recording import RecordedSessionDep
from app.settings import CurrencyDep
from app.values import CodeRef

router = APIRouter()


def _read(operation: Operation, currency: str) -> OperationRead:
    return OperationRead(
        id=operation.id,
        code=operation.equipment,
        vessel=operation.vessel,
        type=operation.type,
        cost=operation.cost,
        currency=currency,
        performed_at=operation.performed_at,
        note=operation.note,
        created_at=operation.created_at,
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
    return _read(operation, currency)


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
    items = [_read(row[0], currency) for row in rows]
    return write(request, query, items, next_cursor, total)


@router.get("/operations/{id}", tags=["operations"], responses=responses(NotFoundError))
async def read_operation(
    session: SessionDep,
    response: Response,
    identity: Annotated[uuid.UUID, Path(alias="id")],
    currency: CurrencyDep,
) -> OperationRead:
    """Read one operation order."""
    operation = await service.get(session, identity)
    etag.tag(response, operation)
    return _read(operation, currency)


@router.get(
    "/equipment/{code}/cost", tags=["costs"], responses=responses(NotFoundError)
)
async def read_equipment_cost(
    session: SessionDep, code: CodeRef, currency: CurrencyDep
) -> EquipmentCost:
    """Total and average cost of the operation orders of one equipment."""
    return await service.cost_of_equipment(session, code, currency)


@router.get("/costs/equipment", tags=["costs"])
async def read_name_cost(
    session: SessionDep, query: Annotated[NameQuery, Query()], currency: CurrencyDep
) -> NameCost:
    """Total and average cost of all equipment that bears a name, in the fleet."""
    return await service.cost_by_name(session, query.name, currency)


@router.get("/costs/vessels", tags=["costs"], responses=responses(BadCursorError))
async def list_vessel_costs(
    session: SessionDep,
    request: Request,
    response: Response,
    query: Annotated[PageQuery, Query()],
    currency: CurrencyDep,
) -> Page[VesselCost]:
    """Average and total operation cost in each vessel."""
    costs, next_cursor = await service.cost_by_vessel(session, query, currency)
    link(request, response, next_cursor)
    return Page(items=costs, next_cursor=next_cursor)
