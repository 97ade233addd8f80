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
from app.issues import schemas, service
from app.issues.models import RESOLVABLE, Issue
from app.links import href
from app.operations.router import read as read_order
from app.operations.schemas import OperationRead
from app.pagination import Listing, write
from app.problems import responses
from app.recording import RecordedSessionDep
from app.settings import CurrencyDep

router = APIRouter(tags=["issues"])

Number = Annotated[int, Path(alias="number", ge=1, le=2**53)]
COUNTED = {"orders", "open_orders", "offer"}


def _read(issue: Issue, orders: int, open_orders: int) -> schemas.IssueRead:
    values = {
        name: getattr(issue, name)
        for name in schemas.IssueRead.model_fields
        if name not in COUNTED
    }
    ready = issue.state in RESOLVABLE and orders and not open_orders
    offer = "resolve" if ready else None
    return schemas.IssueRead(
        orders=orders, open_orders=open_orders, offer=offer, **values
    )


async def _answer(
    session: SessionDep, response: Response, issue: Issue
) -> schemas.IssueRead:
    orders = await service.orders_of(session, issue)
    etag.tag(response, issue, *orders)
    return _read(issue, *orders)


@router.post(
    "/issues",
    status_code=status.HTTP_201_CREATED,
    responses=responses(NotFoundError),
)
async def report_issue(
    session: RecordedSessionDep, response: Response, data: schemas.IssueCreate
) -> schemas.IssueRead:
    """Report a problem with an equipment, or with a vessel as a whole."""
    issue = await service.report(session, data)
    response.headers["Location"] = href("issues", str(issue.number))
    return await _answer(session, response, issue)


@router.get(
    "/issues",
    response_model=Listing[schemas.IssueRead],
    responses=responses(BadCursorError),
)
async def list_issues(
    session: SessionDep,
    request: Request,
    query: Annotated[schemas.IssueQuery, Query()],
) -> Response:
    """List issues, the latest first; `below` includes the equipment's subtree."""
    rows, next_cursor, total = await service.listing(session, query)
    return write(request, query, [_read(*row) for row in rows], next_cursor, total)


@router.get("/counts/issues")
async def count_issues(
    session: SessionDep, query: Annotated[schemas.IssueFilter, Query()]
) -> schemas.IssueCounts:
    """Count issues by their state, of all or of those that the filters mean."""
    return await service.counts(session, query)


@router.get("/issues/{number}", responses=responses(NotFoundError))
async def read_issue(
    session: SessionDep, response: Response, number: Number
) -> schemas.IssueRead:
    """Read one issue."""
    return await _answer(session, response, await service.get(session, number))


@router.patch(
    "/issues/{number}",
    responses=responses(NotFoundError, StaleVersionError, VersionRequiredError),
)
async def update_issue(
    session: RecordedSessionDep,
    response: Response,
    number: Number,
    data: schemas.IssueUpdate,
    expected: ExpectedVersion,
) -> schemas.IssueRead:
    """Change what an issue says; fields that are not sent stay as they are."""
    issue = await service.update(session, number, data, expected)
    return await _answer(session, response, issue)


@router.post(
    "/issues/{number}/triage", responses=responses(NotFoundError, MoveRefusedError)
)
async def triage_issue(
    session: RecordedSessionDep, response: Response, number: Number, data: schemas.Move
) -> schemas.IssueRead:
    """Say that somebody looked at it, and that it is one."""
    issue = await service.move(session, number, data, Issue.triage)
    return await _answer(session, response, issue)


@router.post(
    "/issues/{number}/start", responses=responses(NotFoundError, MoveRefusedError)
)
async def start_issue(
    session: RecordedSessionDep, response: Response, number: Number, data: schemas.Move
) -> schemas.IssueRead:
    """Say that somebody works on it."""
    issue = await service.move(session, number, data, Issue.start)
    return await _answer(session, response, issue)


@router.post(
    "/issues/{number}/resolve",
    responses=responses(NotFoundError, MoveRefusedError, ConflictError),
)
async def resolve_issue(
    session: RecordedSessionDep,
    response: Response,
    number: Number,
    data: schemas.Resolve,
) -> schemas.IssueRead:
    """Say that it is mended; not while orders of it are still to be done."""
    issue = await service.resolve(session, number, data)
    return await _answer(session, response, issue)


@router.post(
    "/issues/{number}/close", responses=responses(NotFoundError, MoveRefusedError)
)
async def close_issue(
    session: RecordedSessionDep, response: Response, number: Number, data: schemas.Move
) -> schemas.IssueRead:
    """Say that what was resolved stays so."""
    issue = await service.move(session, number, data, Issue.close)
    return await _answer(session, response, issue)


@router.post(
    "/issues/{number}/reopen", responses=responses(NotFoundError, MoveRefusedError)
)
async def reopen_issue(
    session: RecordedSessionDep,
    response: Response,
    number: Number,
    data: schemas.Reopen,
) -> schemas.IssueRead:
    """Say that it did not end there; `still_down`: nor did its down time."""
    issue = await service.reopen(session, number, data)
    return await _answer(session, response, issue)


@router.post(
    "/issues/{number}/cancel",
    responses=responses(NotFoundError, MoveRefusedError, ConflictError),
)
async def cancel_issue(
    session: RecordedSessionDep,
    response: Response,
    number: Number,
    data: schemas.Cancel,
) -> schemas.IssueRead:
    """Say that nothing will be done about it, and why; not while orders are open."""
    issue = await service.cancel(session, number, data)
    return await _answer(session, response, issue)


@router.post(
    "/issues/{number}/duplicate",
    responses=responses(NotFoundError, MoveRefusedError, ConflictError),
)
async def mark_duplicate_issue(
    session: RecordedSessionDep,
    response: Response,
    number: Number,
    data: schemas.Repeat,
) -> schemas.IssueRead:
    """Say that another issue tells of the same; not while orders are open."""
    issue = await service.repeat(session, number, data)
    return await _answer(session, response, issue)


@router.post(
    "/issues/{number}/operations",
    status_code=status.HTTP_201_CREATED,
    responses=responses(NotFoundError, MoveRefusedError),
)
async def order_issue_work(
    session: RecordedSessionDep,
    response: Response,
    number: Number,
    data: schemas.IssueOrder,
    currency: CurrencyDep,
) -> OperationRead:
    """Add an operation order for an issue, which says what the order does not."""
    operation = await service.order(session, number, data)
    response.headers["Location"] = href("operations", str(operation.id))
    etag.tag(response, operation)
    return read_order(operation, currency)
