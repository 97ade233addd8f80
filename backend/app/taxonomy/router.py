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
from app.pagination import Page, link
from app.problems import responses
from app.recording import RecordedSessionDep
from app.taxonomy import service
from app.taxonomy.models import Kind
from app.taxonomy.schemas import TermCreate, TermQuery, TermRead, TermUpdate
from app.values import CodeRef

router = APIRouter(tags=["taxonomy"])


@router.post(
    "/taxonomy/{kind}",
    status_code=status.HTTP_201_CREATED,
    responses=responses(DuplicateError),
)
async def add_term(
    session: RecordedSessionDep, response: Response, kind: Kind, data: TermCreate
) -> TermRead:
    """Add a code of your own to a table of the taxonomy."""
    term = await service.add(session, kind, data)
    response.headers["Location"] = href("taxonomy", kind, term.code)
    etag.tag(response, term)
    return (await service.show(session, kind, [term]))[0]


@router.get("/taxonomy/{kind}", responses=responses(BadCursorError))
async def list_terms(
    session: SessionDep,
    request: Request,
    response: Response,
    kind: Kind,
    query: Annotated[TermQuery, Query()],
) -> Page[TermRead]:
    """List a table of the taxonomy: codes, what they mean and where they are from."""
    terms, next_cursor = await service.listing(session, kind, query)
    link(request, response, next_cursor)
    items = await service.show(session, kind, terms)
    return Page(items=items, next_cursor=next_cursor)


@router.get("/taxonomy/{kind}/{code}", responses=responses(NotFoundError))
async def read_term(
    session: SessionDep, response: Response, kind: Kind, code: CodeRef
) -> TermRead:
    """Read one code of the taxonomy."""
    term = await service.get(session, kind, code)
    etag.tag(response, term)
    return (await service.show(session, kind, [term]))[0]


@router.patch(
    "/taxonomy/{kind}/{code}",
    responses=responses(NotFoundError, StaleVersionError, VersionRequiredError),
)
async def update_term(
    session: RecordedSessionDep,
    response: Response,
    kind: Kind,
    code: CodeRef,
    data: TermUpdate,
    expected: ExpectedVersion,
) -> TermRead:
    """Change what a code means; fields that are not sent stay as they are."""
    term = await service.update(session, kind, code, data, expected)
    etag.tag(response, term)
    return (await service.show(session, kind, [term]))[0]
