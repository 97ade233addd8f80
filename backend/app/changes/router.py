import uuid
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Row

from app.changes import service, streams
from app.changes.schemas import ChangeRead, Feed, FeedQuery
from app.database import SessionDep
from app.errors import BadCursorError, CursorExpiredError, NotFoundError
from app.pagination import Page, PageQuery, link
from app.problems import responses
from app.values import CodeRef

router = APIRouter(tags=["changes"])


def _page(
    request: Request,
    response: Response,
    listing: tuple[Sequence[Row[Any]], str | None],
) -> Page[ChangeRead]:
    rows, next_cursor = listing
    link(request, response, next_cursor)
    items = [ChangeRead.model_validate(row[0]) for row in rows]
    return Page(items=items, next_cursor=next_cursor)


@router.get(
    "/changes",
    response_model=Feed,
    responses={
        200: {"content": {"text/event-stream": streams.SCHEMA}},
        **responses(BadCursorError, CursorExpiredError),
    },
)
async def follow_changes(
    request: Request,
    query: Annotated[FeedQuery, Query()],
    accept: streams.Accept = None,
    last_event_id: streams.LastEventId = None,
) -> Response | Feed:
    """Read every change once, in order, as it is committed; `wait` for the next."""
    follow = partial(
        service.follow, request.state.sessions, is_gone=request.is_disconnected
    )
    return await streams.answer(follow, query, accept, last_event_id)


@router.get(
    "/vessels/{code}/history", responses=responses(NotFoundError, BadCursorError)
)
async def list_vessel_history(
    session: SessionDep,
    request: Request,
    response: Response,
    code: CodeRef,
    query: Annotated[PageQuery, Query()],
) -> Page[ChangeRead]:
    """List the changes of a vessel itself, the latest first."""
    listing = await service.history_of_vessel(session, code, query)
    return _page(request, response, listing)


@router.get(
    "/equipment/{code}/history", responses=responses(NotFoundError, BadCursorError)
)
async def list_equipment_history(
    session: SessionDep,
    request: Request,
    response: Response,
    code: CodeRef,
    query: Annotated[PageQuery, Query()],
) -> Page[ChangeRead]:
    """List the changes of an equipment, the latest first."""
    listing = await service.history_of_equipment(session, code, query)
    return _page(request, response, listing)


@router.get(
    "/operations/{id}/history", responses=responses(NotFoundError, BadCursorError)
)
async def list_operation_history(
    session: SessionDep,
    request: Request,
    response: Response,
    identity: Annotated[uuid.UUID, Path(alias="id")],
    query: Annotated[PageQuery, Query()],
) -> Page[ChangeRead]:
    """List the changes of an operation order, the latest first."""
    listing = await service.history_of_operation(session, identity, query)
    return _page(request, response, listing)


@router.get(
    "/issues/{number}/history", responses=responses(NotFoundError, BadCursorError)
)
async def list_issue_history(
    session: SessionDep,
    request: Request,
    response: Response,
    number: Annotated[int, Path(ge=1, le=2**53)],
    query: Annotated[PageQuery, Query()],
) -> Page[ChangeRead]:
    """List the changes of an issue, the latest first."""
    listing = await service.history_of_issue(session, number, query)
    return _page(request, response, listing)
