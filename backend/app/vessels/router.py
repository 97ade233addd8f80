from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status

from app import etag
from app.database import SessionDep
from app.errors import (
    BadCursorError,
    DuplicateError,
    NotFoundError,
    StaleVersionError,
    VersionRequiredError,
)
from app.etag import ExpectedVersion
from app.links import href
from app.pagination import Listing, write
from app.problems import responses
from app.recording import RecordedSessionDep
from app.values import CodeRef
from app.vessels import service
from app.vessels.models import Vessel
from app.vessels.schemas import VesselCreate, VesselQuery, VesselRead, VesselUpdate

router = APIRouter(tags=["vessels"])


@router.post(
    "/vessels",
    status_code=status.HTTP_201_CREATED,
    response_model=VesselRead,
    responses=responses(DuplicateError),
)
async def register_vessel(
    session: RecordedSessionDep, response: Response, data: VesselCreate
) -> Vessel:
    """Register a vessel under a code that no other vessel has."""
    vessel = await service.register(session, data)
    response.headers["Location"] = href("vessels", vessel.code)
    etag.tag(response, vessel)
    return vessel


@router.get(
    "/vessels",
    response_model=Listing[VesselRead],
    responses=responses(BadCursorError),
)
async def list_vessels(
    session: SessionDep, request: Request, query: Annotated[VesselQuery, Query()]
) -> Response:
    """List the vessels of the fleet."""
    rows, next_cursor, total = await service.listing(session, query)
    items = [VesselRead.model_validate(row[0]) for row in rows]
    return write(request, query, items, next_cursor, total)


@router.get(
    "/vessels/{code}", response_model=VesselRead, responses=responses(NotFoundError)
)
async def read_vessel(session: SessionDep, response: Response, code: CodeRef) -> Vessel:
    """Read one vessel."""
    vessel = await service.get(session, code)
    etag.tag(response, vessel)
    return vessel


@router.patch(
    "/vessels/{code}",
    response_model=VesselRead,
    responses=responses(NotFoundError, StaleVersionError, VersionRequiredError),
)
async def update_vessel(
    session: RecordedSessionDep,
    response: Response,
    code: CodeRef,
    data: VesselUpdate,
    expected: ExpectedVersion,
) -> Vessel:
    """Change a vessel's name; fields that are not sent stay as they are."""
    vessel = await service.update(session, code, data, expected)
    etag.tag(response, vessel)
    return vessel
