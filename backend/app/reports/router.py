"""Issues from files: spooled to disk like registers, and planned."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, status

from app.errors import (
    NotFoundError,
    TooLargeError,
    UnreadableFileError,
    UnsupportedMediaTypeError,
)
from app.imports import uploads, views
from app.imports.files import READERS
from app.imports.schemas import Plan
from app.problems import responses
from app.recording import RecordedSessionDep
from app.reports import service
from app.reports.schemas import IssuesImportQuery, IssuesUpload
from app.values import CodeRef

router = APIRouter(tags=["issues"])


async def get_issues(
    request: Request, code: CodeRef, query: Annotated[IssuesImportQuery, Query()]
) -> AsyncGenerator[IssuesUpload]:
    async with uploads.received(request, code, READERS) as file:
        yield IssuesUpload(file, query)


@router.post(
    "/vessels/{code}/issues/imports",
    status_code=status.HTTP_201_CREATED,
    response_model=Plan,
    max_body_size=uploads.MAX,
    openapi_extra=uploads.described(*READERS, most="100 MiB"),
    responses=responses(
        NotFoundError, TooLargeError, UnsupportedMediaTypeError, UnreadableFileError
    ),
)
async def plan_issues_import(
    upload: Annotated[IssuesUpload, Depends(get_issues, scope="function")],
    session: RecordedSessionDep,
) -> Response:
    """Read a file of issues and say what it would change."""
    plan = await service.plan(session, upload)
    return views.answer(plan, status.HTTP_201_CREATED, {"Location": plan.here})
