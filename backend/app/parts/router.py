import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response, status

from app import etag
from app.database import SessionDep
from app.errors import (
    BadCursorError,
    ConflictError,
    DuplicateError,
    NotFoundError,
    StaleVersionError,
    VersionRequiredError,
)
from app.etag import ExpectedVersion
from app.links import href
from app.pagination import Listing, Page, PageQuery, link, write
from app.parts import service
from app.parts.models import Fit, Part
from app.parts.schemas import (
    FitCreate,
    FitRead,
    FittingQuery,
    PartCreate,
    PartQuery,
    PartRead,
    PartUpdate,
)
from app.problems import responses
from app.recording import RecordedSessionDep
from app.settings import CurrencyDep
from app.values import CodeRef

router = APIRouter(tags=["parts"])

Number = Annotated[CodeRef, Path(alias="part")]


def _read(part: Part, currency: str) -> PartRead:
    return PartRead(
        number=part.number,
        name=part.name,
        manufacturer=part.manufacturer,
        unit_of_measure=part.unit_of_measure,
        price=part.price,
        currency=currency,
        lead_time_days=part.lead_time_days,
        created_at=part.created_at,
        updated_at=part.updated_at,
        version=part.version,
    )


def _page(
    request: Request, query: FittingQuery, listing: service.Counted, currency: str
) -> Response:
    rows, next_cursor, total = listing
    items = [_read(row[0], currency) for row in rows]
    return write(request, query, items, next_cursor, total)


@router.post(
    "/parts", status_code=status.HTTP_201_CREATED, responses=responses(DuplicateError)
)
async def register_part(
    session: RecordedSessionDep,
    response: Response,
    data: PartCreate,
    currency: CurrencyDep,
) -> PartRead:
    """Put a part into the catalogue, under a number that no other part has."""
    part = await service.register(session, data)
    response.headers["Location"] = href("parts", part.number)
    etag.tag(response, part)
    return _read(part, currency)


@router.get(
    "/parts", response_model=Listing[PartRead], responses=responses(BadCursorError)
)
async def list_parts(
    session: SessionDep,
    request: Request,
    query: Annotated[PartQuery, Query()],
    currency: CurrencyDep,
) -> Response:
    """List the catalogue of parts."""
    listing = await service.listing(session, query)
    return _page(request, query, listing, currency)


@router.get("/parts/{part}", responses=responses(NotFoundError))
async def read_part(
    session: SessionDep, response: Response, number: Number, currency: CurrencyDep
) -> PartRead:
    """Read one part."""
    part = await service.get(session, number)
    etag.tag(response, part)
    return _read(part, currency)


@router.patch(
    "/parts/{part}",
    responses=responses(
        NotFoundError, ConflictError, StaleVersionError, VersionRequiredError
    ),
)
async def update_part(
    session: RecordedSessionDep,
    response: Response,
    number: Number,
    data: PartUpdate,
    expected: ExpectedVersion,
    currency: CurrencyDep,
) -> PartRead:
    """Change a part; submitted requisitions keep the price that they were given."""
    part = await service.update(session, number, data, expected)
    etag.tag(response, part)
    return _read(part, currency)


@router.post(
    "/parts/{part}/fits",
    status_code=status.HTTP_201_CREATED,
    response_model=FitRead,
    responses=responses(NotFoundError, ConflictError),
)
async def add_part_fit(
    session: RecordedSessionDep, response: Response, number: Number, data: FitCreate
) -> Fit:
    """Say that a part fits an equipment, a class of it, or hardware of a model."""
    fit = await service.add_fit(session, number, data)
    response.headers["Location"] = href("parts", number, "fits")
    return fit


@router.get("/parts/{part}/fits", responses=responses(NotFoundError, BadCursorError))
async def list_part_fits(
    session: SessionDep,
    request: Request,
    response: Response,
    number: Number,
    query: Annotated[PageQuery, Query()],
) -> Page[FitRead]:
    """List where a part is used: the equipment, classes and models that it fits."""
    rows, next_cursor = await service.fits(session, number, query)
    link(request, response, next_cursor)
    items = [FitRead.model_validate(row[0]) for row in rows]
    return Page(items=items, next_cursor=next_cursor)


@router.delete(
    "/parts/{part}/fits/{id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=responses(NotFoundError),
)
async def remove_part_fit(
    session: RecordedSessionDep,
    number: Number,
    identity: Annotated[uuid.UUID, Path(alias="id")],
) -> None:
    """Take back that a part fits something; a fit never changes, so it has no ETag."""
    await service.remove_fit(session, number, identity)


@router.get(
    "/equipment/{code}/parts",
    response_model=Listing[PartRead],
    responses=responses(NotFoundError, BadCursorError),
)
async def list_equipment_parts(
    session: SessionDep,
    request: Request,
    code: CodeRef,
    query: Annotated[FittingQuery, Query()],
    currency: CurrencyDep,
) -> Response:
    """List the parts that fit an equipment, its class, or the unit that sits in it."""
    listing = await service.of_equipment(session, code, query)
    return _page(request, query, listing, currency)
