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
    TooLargeError,
    UnreadableFileError,
    UnsupportedMediaTypeError,
)
from app.failures import loading, maps, reports, service, summaries, uploads
from app.failures.models import Sensor
from app.failures.schemas import (
    FailureCreate,
    FailureDetail,
    FailureQuery,
    FailureRead,
    Ranking,
    RankingQuery,
    SensorCreate,
    SensorRead,
    SensorsListQuery,
    Summary,
    SummaryQuery,
)
from app.failures.uploads import LogDep, SensorsDep
from app.imports import uploads as imports
from app.imports import views
from app.imports.files import READERS
from app.imports.schemas import Plan
from app.links import href
from app.pagination import Page, link
from app.problems import responses
from app.recording import RecordedSessionDep
from app.values import CodeRef

router = APIRouter(tags=["failures"])

_OF_FILES = (
    NotFoundError,
    TooLargeError,
    UnsupportedMediaTypeError,
    UnreadableFileError,
)


# --- files ----------------------------------------------------------------------------


@router.post(
    "/vessels/{code}/sensors/imports",
    status_code=status.HTTP_201_CREATED,
    response_model=Plan,
    max_body_size=imports.MAX,
    openapi_extra=imports.described(*READERS, most="100 MiB"),
    responses=responses(*_OF_FILES),
)
async def plan_sensors_import(
    upload: SensorsDep, session: RecordedSessionDep
) -> Response:
    """Read which sensor is at which equipment and say what it would change."""
    plan = await maps.plan(session, upload)
    return views.answer(plan, status.HTTP_201_CREATED, {"Location": plan.here})


@router.post(
    "/vessels/{code}/failures/imports",
    status_code=status.HTTP_201_CREATED,
    response_model=Plan,
    max_body_size=uploads.LOG_MAX,
    openapi_extra=imports.described(*uploads.LOGS, most="1 GiB"),
    responses=responses(*_OF_FILES, ConflictError),
)
async def plan_failures_import(upload: LogDep, session: RecordedSessionDep) -> Response:
    """Read a failure log and say what it would add; nothing is added yet."""
    plan = await loading.plan(session, upload)
    return views.answer(plan, status.HTTP_201_CREATED, {"Location": plan.here})


# --- sensors --------------------------------------------------------------------------


@router.post(
    "/equipment/{code}/sensors",
    status_code=status.HTTP_201_CREATED,
    response_model=SensorRead,
    responses=responses(NotFoundError, DuplicateError),
)
async def add_sensor(
    session: RecordedSessionDep, response: Response, code: CodeRef, data: SensorCreate
) -> Sensor:
    """Register a sensor at an equipment, under the name that the vessel's log gives."""
    sensor = await service.add_sensor(session, code, data)
    etag.tag(response, sensor)
    return sensor


@router.get("/sensors", responses=responses(BadCursorError))
async def list_sensors(
    session: SessionDep,
    request: Request,
    response: Response,
    query: Annotated[SensorsListQuery, Query()],
) -> Page[SensorRead]:
    """List sensors and the equipment at which they are, or were."""
    rows, next_cursor = await service.sensors(session, query)
    link(request, response, next_cursor)
    items = [SensorRead.model_validate(row[0]) for row in rows]
    return Page(items=items, next_cursor=next_cursor)


# --- failures -------------------------------------------------------------------------


@router.post(
    "/failures",
    status_code=status.HTTP_201_CREATED,
    responses=responses(NotFoundError, ConflictError),
)
async def report_failure(
    session: RecordedSessionDep, response: Response, data: FailureCreate
) -> FailureDetail:
    """Report that an equipment failed, with what its sensors read."""
    failure = await reports.report(session, data)
    response.headers["Location"] = href("failures", str(failure.id))
    etag.tag(response, failure)
    return await service.detail(session, failure)


@router.get("/failures", responses=responses(BadCursorError))
async def list_failures(
    session: SessionDep,
    request: Request,
    response: Response,
    query: Annotated[FailureQuery, Query()],
) -> Page[FailureRead]:
    """List failures, the latest first."""
    items, next_cursor = await service.listing(session, query)
    link(request, response, next_cursor)
    return Page(items=items, next_cursor=next_cursor)


@router.get(
    "/failures/summary",
    response_model_exclude_unset=True,
    responses=responses(NotFoundError),
)
async def read_failures_summary(
    session: SessionDep, query: Annotated[SummaryQuery, Query()]
) -> Summary:
    """Count failures and readings by what failed or when, the worst first."""
    return await summaries.summary(session, query)


@router.get("/failures/sensors", responses=responses(NotFoundError))
async def rank_failing_sensors(
    session: SessionDep, query: Annotated[RankingQuery, Query()]
) -> Ranking:
    """Rank sensors within their equipment within its group, the worst first."""
    return await summaries.ranking(session, query)


@router.get("/failures/{id}", responses=responses(NotFoundError))
async def read_failure(
    session: SessionDep,
    response: Response,
    identity: Annotated[uuid.UUID, Path(alias="id")],
) -> FailureDetail:
    """Read one failure and what the sensors of its equipment read."""
    failure = await service.get(session, identity)
    etag.tag(response, failure)
    return await service.detail(session, failure)
