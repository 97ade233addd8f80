"""Orders from files: spooled to disk like registers, and planned."""

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
from app.orders import service
from app.orders.schemas import OrdersQuery, OrdersUpload
from app.problems import responses
from app.recording import RecordedSessionDep
from app.values import CodeRef

router = APIRouter(tags=["operations"])


async def get_orders(
    request: Request, code: CodeRef, query: Annotated[OrdersQuery, Query()]
) -> AsyncGenerator[OrdersUpload]:
    async with uploads.received(request, code, READERS) as file:
        yield OrdersUpload(file, query)


@router.post(
    "/vessels/{code}/operations/imports",
    status_code=status.HTTP_201_CREATED,
    response_model=Plan,
    max_body_size=uploads.MAX,
    openapi_extra=uploads.described(*READERS, most="100 MiB"),
    responses=responses(
        NotFoundError, TooLargeError, UnsupportedMediaTypeError, UnreadableFileError
    ),
)
async def plan_operations_import(
    upload: Annotated[OrdersUpload, Depends(get_orders, scope="function")],
    session: RecordedSessionDep,
) -> Response:
    """Read a file of operation orders and say what it would change."""
    plan = await service.plan(session, upload)
    return views.answer(plan, status.HTTP_201_CREATED, {"Location": plan.here})
