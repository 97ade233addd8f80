import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response, status

from app import etag
from app.database import SessionDep
from app.errors import (
    BadCursorError,
    ConflictError,
    InsufficientStockError,
    MoveRefusedError,
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
from app.quantities import amount
from app.recording import RecordedSessionDep
from app.requisitions import carts, handing, service
from app.requisitions.queries import Whole
from app.requisitions.schemas import (
    Approval,
    Cancellation,
    Closing,
    Issue,
    LinePut,
    LineRead,
    Rejection,
    Release,
    ReorderQuery,
    ReorderRead,
    RequisitionCreate,
    RequisitionQuery,
    RequisitionRead,
    RequisitionSummary,
    RequisitionUpdate,
)
from app.settings import CurrencyDep

router = APIRouter(tags=["requisitions"])

Identity = Annotated[uuid.UUID, Path(alias="id")]
REFUSED = responses(NotFoundError, ConflictError, MoveRefusedError)
SHORT = responses(
    NotFoundError, ConflictError, MoveRefusedError, InsufficientStockError
)


def _summary(whole: Whole, currency: str) -> RequisitionSummary:
    it = whole.requisition
    return RequisitionSummary(
        id=it.id,
        vessel=it.vessel,
        store=it.store,
        requester=it.requester,
        state=it.state,
        operation=it.operation,
        needed_at=it.needed_at,
        note=it.note,
        submitted_at=it.submitted_at,
        decided_at=it.decided_at,
        decided_by=it.decided_by,
        reason=it.reason,
        closed_at=it.closed_at,
        closed_by=it.closed_by,
        total=whole.total,
        issued_total=whole.issued_total,
        currency=currency,
        backordered=any(whole.backordered(item.line) for item in whole.items),
        created_at=it.created_at,
        updated_at=it.updated_at,
        version=it.version,
    )


def _read(response: Response, whole: Whole, currency: str) -> RequisitionRead:
    # Of a cart they are those of the catalogue.
    prices = [(item.price, item.name, item.unit_of_measure) for item in whole.items]
    etag.tag(response, whole.requisition, prices)
    lines = [
        LineRead(
            part=item.line.part,
            name=item.name,
            unit_of_measure=item.unit_of_measure,
            quantity=item.line.quantity,
            reserved=item.line.reserved,
            issued=item.line.issued,
            backordered=whole.backordered(item.line),
            price=item.price,
            amount=item.amount,
        )
        for item in whole.items
    ]
    summary = _summary(whole, currency)
    return RequisitionRead(**dict(summary), lines=lines)


@router.post(
    "/requisitions",
    status_code=status.HTTP_201_CREATED,
    responses=responses(NotFoundError, UnknownCodesError, ConflictError),
)
async def open_requisition(
    session: RecordedSessionDep,
    response: Response,
    data: RequisitionCreate,
    currency: CurrencyDep,
) -> RequisitionRead:
    """Open a cart; a requester has one for a vessel at a time."""
    whole = await carts.open_cart(session, data)
    response.headers["Location"] = href("requisitions", str(whole.requisition.id))
    return _read(response, whole, currency)


@router.get(
    "/requisitions",
    response_model=Listing[RequisitionSummary],
    responses=responses(BadCursorError),
)
async def list_requisitions(
    session: SessionDep,
    request: Request,
    query: Annotated[RequisitionQuery, Query()],
    currency: CurrencyDep,
) -> Response:
    """List carts and requisitions, the latest first."""
    found, next_cursor, total = await service.listing(session, query)
    items = [_summary(whole, currency) for whole in found]
    return write(request, query, items, next_cursor, total)


@router.get("/requisitions/{id}", responses=responses(NotFoundError))
async def read_requisition(
    session: SessionDep, response: Response, identity: Identity, currency: CurrencyDep
) -> RequisitionRead:
    """Read one cart or requisition with its lines and totals."""
    return _read(response, await service.read(session, identity), currency)


@router.patch(
    "/requisitions/{id}",
    responses=responses(
        NotFoundError, MoveRefusedError, StaleVersionError, VersionRequiredError
    ),
)
async def update_requisition(
    session: RecordedSessionDep,
    response: Response,
    identity: Identity,
    data: RequisitionUpdate,
    expected: ExpectedVersion,
    currency: CurrencyDep,
) -> RequisitionRead:
    """Change what a cart is for; of what was submitted or approved, the order alone."""
    whole = await carts.update(session, identity, data, expected)
    return _read(response, whole, currency)


@router.put("/requisitions/{id}/lines/{part}", responses=REFUSED)
async def put_requisition_line(
    session: RecordedSessionDep,
    response: Response,
    identity: Identity,
    number: Number,
    data: LinePut,
    currency: CurrencyDep,
) -> RequisitionRead:
    """Add a part to a cart, or change how much of it: sent twice, it is there once."""
    whole = await carts.put_line(session, identity, number, data.quantity)
    return _read(response, whole, currency)


@router.delete("/requisitions/{id}/lines/{part}", responses=REFUSED)
async def remove_requisition_line(
    session: RecordedSessionDep,
    response: Response,
    identity: Identity,
    number: Number,
    currency: CurrencyDep,
) -> RequisitionRead:
    """Take a part out of a cart."""
    whole = await carts.remove_line(session, identity, number)
    return _read(response, whole, currency)


@router.post("/requisitions/{id}/submit", responses=REFUSED)
async def submit_requisition(
    session: RecordedSessionDep,
    response: Response,
    identity: Identity,
    currency: CurrencyDep,
) -> RequisitionRead:
    """Make a requisition of a cart: reserve what is in stock, backorder the rest."""
    return _read(response, await service.submit(session, identity), currency)


@router.post("/requisitions/{id}/approve", responses=REFUSED)
async def approve_requisition(
    session: RecordedSessionDep,
    response: Response,
    identity: Identity,
    data: Approval,
    currency: CurrencyDep,
) -> RequisitionRead:
    """Approve a submitted requisition; somebody else than its requester does."""
    return _read(response, await service.approve(session, identity, data), currency)


@router.post("/requisitions/{id}/reject", responses=REFUSED)
async def reject_requisition(
    session: RecordedSessionDep,
    response: Response,
    identity: Identity,
    data: Rejection,
    currency: CurrencyDep,
) -> RequisitionRead:
    """Reject a submitted requisition with a reason, and release its stock."""
    return _read(response, await service.reject(session, identity, data), currency)


@router.post("/requisitions/{id}/cancel", responses=REFUSED)
async def cancel_requisition(
    session: RecordedSessionDep,
    response: Response,
    identity: Identity,
    data: Cancellation,
    currency: CurrencyDep,
) -> RequisitionRead:
    """Cancel a cart, or a requisition before it is approved; release its stock."""
    return _read(response, await service.cancel(session, identity, data), currency)


@router.post("/requisitions/{id}/close", responses=REFUSED)
async def close_requisition(
    session: RecordedSessionDep,
    response: Response,
    identity: Identity,
    data: Closing,
    currency: CurrencyDep,
) -> RequisitionRead:
    """End an approved requisition and release the rest; what was issued stays so."""
    return _read(response, await service.close(session, identity, data), currency)


@router.post("/requisitions/{id}/reserve", responses=REFUSED)
async def reserve_requisition(
    session: RecordedSessionDep,
    response: Response,
    identity: Identity,
    currency: CurrencyDep,
) -> RequisitionRead:
    """Reserve for backordered lines what has come into the store since."""
    return _read(response, await service.reserve(session, identity), currency)


@router.post("/requisitions/{id}/release", responses=SHORT)
async def release_requisition(
    session: RecordedSessionDep,
    response: Response,
    identity: Identity,
    data: Release,
    currency: CurrencyDep,
) -> RequisitionRead:
    """Give back what is reserved, all of it or the lines that are named."""
    return _read(response, await handing.release(session, identity, data), currency)


@router.post("/requisitions/{id}/issue", responses=SHORT)
async def issue_requisition(
    session: RecordedSessionDep,
    response: Response,
    identity: Identity,
    data: Issue,
    currency: CurrencyDep,
) -> RequisitionRead:
    """Hand out what is reserved, all of it or the lines that are named."""
    return _read(response, await handing.issue(session, identity, data), currency)


@router.get(
    "/stock/reorder",
    tags=["stock"],
    response_model=Listing[ReorderRead],
    responses=responses(BadCursorError),
)
async def list_reorders(
    session: SessionDep,
    request: Request,
    query: Annotated[ReorderQuery, Query()],
    currency: CurrencyDep,
) -> Response:
    """List what must be ordered: below its minimum, or waited for."""
    rows, next_cursor, total = await service.reorder(session, query)
    items = [
        ReorderRead(
            **row._mapping,  # noqa: SLF001 SQLAlchemy's public name for it
            amount=amount(row.quantity, row.price),
            currency=currency,
        )
        for row in rows
    ]
    return write(request, query, items, next_cursor, total)
