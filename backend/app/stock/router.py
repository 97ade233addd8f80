from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status
from sqlalchemy import Row

from app import etag
from app.database import SessionDep
from app.errors import (
    BadCursorError,
    DuplicateError,
    InsufficientStockError,
    NotFoundError,
    StaleVersionError,
    UnknownCodesError,
    VersionRequiredError,
)
from app.etag import ExpectedVersion
from app.links import href
from app.pagination import Listing, write
from app.parts.router import Number
from app.problems import responses
from app.recording import RecordedSessionDep
from app.stock import service, stores
from app.stock.models import Level, Store
from app.stock.schemas import (
    Adjustment,
    LevelCreate,
    LevelRead,
    LevelUpdate,
    Moved,
    MovementQuery,
    MovementRead,
    Receipt,
    StockQuery,
    StockRead,
    StoreCreate,
    StoreQuery,
    StoreRead,
    StoreUpdate,
    Transfer,
    Withdrawal,
)
from app.values import CodeRef

router = APIRouter(tags=["stock"])

STALE = (NotFoundError, StaleVersionError, VersionRequiredError)
SHORT = (NotFoundError, UnknownCodesError, InsufficientStockError)


@router.post(
    "/stores",
    status_code=status.HTTP_201_CREATED,
    response_model=StoreRead,
    responses=responses(NotFoundError, DuplicateError),
)
async def open_store(
    session: RecordedSessionDep, response: Response, data: StoreCreate
) -> Store:
    """Open a store aboard a vessel, ashore, or for what is in transit."""
    store = await stores.open_store(session, data)
    response.headers["Location"] = href("stores", store.code)
    etag.tag(response, store)
    return store


@router.get(
    "/stores", response_model=Listing[StoreRead], responses=responses(BadCursorError)
)
async def list_stores(
    session: SessionDep, request: Request, query: Annotated[StoreQuery, Query()]
) -> Response:
    """List the stores of the fleet."""
    rows, next_cursor, total = await stores.listing(session, query)
    items = [StoreRead.model_validate(row[0]) for row in rows]
    return write(request, query, items, next_cursor, total)


@router.get(
    "/stores/{code}", response_model=StoreRead, responses=responses(NotFoundError)
)
async def read_store(session: SessionDep, response: Response, code: CodeRef) -> Store:
    """Read one store."""
    store = await stores.get(session, code)
    etag.tag(response, store)
    return store


@router.patch("/stores/{code}", response_model=StoreRead, responses=responses(*STALE))
async def update_store(
    session: RecordedSessionDep,
    response: Response,
    code: CodeRef,
    data: StoreUpdate,
    expected: ExpectedVersion,
) -> Store:
    """Change a store's name."""
    store = await stores.update(session, code, data, expected)
    etag.tag(response, store)
    return store


@router.post(
    "/stores/{code}/levels",
    status_code=status.HTTP_201_CREATED,
    response_model=LevelRead,
    responses=responses(NotFoundError, DuplicateError),
)
async def set_stock_level(
    session: RecordedSessionDep, response: Response, code: CodeRef, data: LevelCreate
) -> Level:
    """Say how much of a part a store should hold, at least and at most."""
    level = await stores.set_level(session, code, data)
    response.headers["Location"] = href("stores", level.store, "levels", level.part)
    etag.tag(response, level)
    return level


@router.get(
    "/stores/{code}/levels/{part}",
    response_model=LevelRead,
    responses=responses(NotFoundError),
)
async def read_stock_level(
    session: SessionDep, response: Response, code: CodeRef, number: Number
) -> Level:
    """Read how much of a part a store should hold."""
    level = await stores.level(session, code, number)
    etag.tag(response, level)
    return level


@router.patch(
    "/stores/{code}/levels/{part}",
    response_model=LevelRead,
    responses=responses(*STALE),
)
async def update_stock_level(
    session: RecordedSessionDep,
    response: Response,
    code: CodeRef,
    number: Number,
    data: LevelUpdate,
    expected: ExpectedVersion,
) -> Level:
    """Change how much of a part a store should hold."""
    level = await stores.update_level(session, code, number, data, expected)
    etag.tag(response, level)
    return level


@router.get(
    "/stock", response_model=Listing[StockRead], responses=responses(BadCursorError)
)
async def list_stock(
    session: SessionDep, request: Request, query: Annotated[StockQuery, Query()]
) -> Response:
    """List what lies where: on hand, reserved and available, by part and store."""
    rows, next_cursor, total = await service.listing(session, query)
    return write(request, query, _stock(rows), next_cursor, total)


@router.post("/stock/receive", responses=responses(NotFoundError, UnknownCodesError))
async def receive_stock(session: RecordedSessionDep, data: Receipt) -> Moved:
    """Take parts into a store; the answer says what there is now."""
    return Moved(items=_stock(await service.receive(session, data)))


@router.post("/stock/issue", responses=responses(*SHORT))
async def issue_stock(session: RecordedSessionDep, data: Withdrawal) -> Moved:
    """Hand parts out without a requisition; what is reserved stays."""
    return Moved(items=_stock(await service.withdraw(session, data)))


@router.post("/stock/transfer", responses=responses(*SHORT))
async def transfer_stock(session: RecordedSessionDep, data: Transfer) -> Moved:
    """Move parts from one store to another, such as one that is in transit."""
    return Moved(items=_stock(await service.transfer(session, data)))


@router.post("/stock/adjust", responses=responses(*SHORT))
async def adjust_stock(session: RecordedSessionDep, data: Adjustment) -> Moved:
    """Correct what is on hand after a count, and say why."""
    return Moved(items=_stock(await service.adjust(session, data)))


@router.get(
    "/movements",
    response_model=Listing[MovementRead],
    responses=responses(BadCursorError),
)
async def list_movements(
    session: SessionDep, request: Request, query: Annotated[MovementQuery, Query()]
) -> Response:
    """Read the ledger, the latest movement first; stock is the sum of it."""
    rows, next_cursor, total = await service.movements(session, query)
    items = [MovementRead.model_validate(row[0]) for row in rows]
    return write(request, query, items, next_cursor, total)


def _stock(rows: Sequence[Row[Any]]) -> list[StockRead]:
    return [StockRead.model_validate(row) for row in rows]
