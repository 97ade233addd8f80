"""What hangs on an issue: its moves, comments and attachments."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status

from app.database import SessionDep
from app.errors import BadCursorError, NotFoundError
from app.issues import schemas, service
from app.issues.models import IssueAttachment, IssueComment, IssueMove
from app.issues.router import Number
from app.links import href
from app.pagination import Page, PageQuery, link
from app.problems import responses
from app.recording import RecordedSessionDep

router = APIRouter(tags=["issues"])


@router.get(
    "/issues/{number}/moves", responses=responses(NotFoundError, BadCursorError)
)
async def list_issue_moves(
    session: SessionDep,
    request: Request,
    response: Response,
    number: Number,
    query: Annotated[PageQuery, Query()],
) -> Page[schemas.MoveRead]:
    """List the steps that an issue took through its states, with their comments."""
    rows, next_cursor = await service.notes(session, IssueMove, number, query)
    link(request, response, next_cursor)
    items = [schemas.MoveRead.model_validate(row[0]) for row in rows]
    return Page(items=items, next_cursor=next_cursor)


@router.post(
    "/issues/{number}/comments",
    status_code=status.HTTP_201_CREATED,
    response_model=schemas.CommentRead,
    responses=responses(NotFoundError),
)
async def add_issue_comment(
    session: RecordedSessionDep,
    response: Response,
    number: Number,
    data: schemas.CommentCreate,
) -> IssueComment:
    """Say something about an issue."""
    comment = IssueComment(issue=number, **dict(data))
    response.headers["Location"] = href("issues", str(number), "comments")
    return await service.attach(session, comment)


@router.get(
    "/issues/{number}/comments", responses=responses(NotFoundError, BadCursorError)
)
async def list_issue_comments(
    session: SessionDep,
    request: Request,
    response: Response,
    number: Number,
    query: Annotated[PageQuery, Query()],
) -> Page[schemas.CommentRead]:
    """List what was said about an issue, the first word first."""
    rows, next_cursor = await service.notes(session, IssueComment, number, query)
    link(request, response, next_cursor)
    items = [schemas.CommentRead.model_validate(row[0]) for row in rows]
    return Page(items=items, next_cursor=next_cursor)


@router.post(
    "/issues/{number}/attachments",
    status_code=status.HTTP_201_CREATED,
    response_model=schemas.AttachmentRead,
    responses=responses(NotFoundError),
)
async def attach_to_issue(
    session: RecordedSessionDep,
    response: Response,
    number: Number,
    data: schemas.AttachmentCreate,
) -> IssueAttachment:
    """Say where a picture or a document about an issue is: none is kept here."""
    attachment = IssueAttachment(issue=number, **dict(data))
    response.headers["Location"] = href("issues", str(number), "attachments")
    return await service.attach(session, attachment)


@router.get(
    "/issues/{number}/attachments",
    responses=responses(NotFoundError, BadCursorError),
)
async def list_issue_attachments(
    session: SessionDep,
    request: Request,
    response: Response,
    number: Number,
    query: Annotated[PageQuery, Query()],
) -> Page[schemas.AttachmentRead]:
    """List the pictures and documents about an issue."""
    rows, next_cursor = await service.notes(session, IssueAttachment, number, query)
    link(request, response, next_cursor)
    items = [schemas.AttachmentRead.model_validate(row[0]) for row in rows]
    return Page(items=items, next_cursor=next_cursor)
