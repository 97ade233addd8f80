import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response, status

from app.database import SessionDep
from app.errors import (
    BadCursorError,
    NotFoundError,
    PlanAlreadyAppliedError,
    PlanExpiredError,
    PlanHasErrorsError,
    PlanStaleError,
    TooLargeError,
    UnreadableFileError,
    UnsupportedMediaTypeError,
)
from app.imports import service, uploads, views
from app.imports.files import READERS
from app.imports.schemas import (
    ApplyQuery,
    ImportsQuery,
    Plan,
    PlanRow,
    PlanSummary,
    RowsQuery,
)
from app.imports.uploads import UploadDep
from app.pagination import Page, link
from app.problems import responses
from app.recording import RecordedSessionDep

router = APIRouter(tags=["imports"])

ImportId = Annotated[uuid.UUID, Path(alias="id")]


@router.post(
    "/vessels/{code}/imports",
    status_code=status.HTTP_201_CREATED,
    response_model=Plan,
    max_body_size=uploads.MAX,
    openapi_extra=uploads.described(*READERS, most="100 MiB"),
    responses=responses(
        NotFoundError, TooLargeError, UnsupportedMediaTypeError, UnreadableFileError
    ),
)
async def plan_import(upload: UploadDep, session: RecordedSessionDep) -> Response:
    """Read a register's file and say what it would change; nothing is changed yet."""
    plan = await service.plan(session, upload)
    return views.answer(plan, status.HTTP_201_CREATED, {"Location": plan.here})


@router.get("/imports", responses=responses(BadCursorError))
async def list_imports(
    session: SessionDep,
    request: Request,
    response: Response,
    query: Annotated[ImportsQuery, Query()],
) -> Page[PlanSummary]:
    """List the import plans, the latest first."""
    items, next_cursor = await service.listing(session, query)
    link(request, response, next_cursor)
    return Page(items=items, next_cursor=next_cursor)


@router.get("/imports/{id}", response_model=Plan, responses=responses(NotFoundError))
async def read_import(session: SessionDep, identity: ImportId) -> Response:
    """Read an import plan: its counts, its errors and what it updates."""
    return views.answer(await service.read(session, identity))


@router.get(
    "/imports/{id}/rows",
    responses=responses(NotFoundError, BadCursorError, PlanExpiredError),
)
async def list_import_rows(
    session: SessionDep,
    request: Request,
    response: Response,
    identity: ImportId,
    query: Annotated[RowsQuery, Query()],
) -> Page[PlanRow]:
    """List a plan's rows, of all actions or of some."""
    items, next_cursor = await service.rows(session, identity, query)
    link(request, response, next_cursor)
    return Page(items=items, next_cursor=next_cursor)


@router.get(
    "/imports/{id}/errors.csv",
    response_class=Response,
    responses={
        200: {"description": "The file.", "content": {"text/csv": {}}},
        **responses(NotFoundError, PlanExpiredError),
    },
)
async def export_import_errors(
    session: SessionDep, request: Request, identity: ImportId
) -> Response:
    """Download the rows with errors as they were sent, each with its reason."""
    planned = await service.unexpired(session, identity)
    return views.errors_csv(request.state.sessions, planned)


@router.post(
    "/imports/{id}/apply",
    response_model=Plan,
    responses=responses(
        NotFoundError,
        PlanHasErrorsError,
        PlanStaleError,
        PlanAlreadyAppliedError,
        PlanExpiredError,
    ),
)
async def apply_import(
    session: RecordedSessionDep,
    identity: ImportId,
    query: Annotated[ApplyQuery, Query()],
) -> Response:
    """Do what a plan says, whole or not at all."""
    plan = await service.apply(
        session, identity, skip_errors=query.skip_errors, reason=query.reason
    )
    return views.answer(plan)
