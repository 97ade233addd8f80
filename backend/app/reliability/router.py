from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.database import SessionDep
from app.errors import BadCursorError, NotFoundError
from app.pagination import link
from app.problems import responses
from app.reliability import service
from app.reliability.schemas import ReliabilityPage, ReliabilityQuery

router = APIRouter(tags=["reliability"])


@router.get("/reliability", responses=responses(BadCursorError, NotFoundError))
async def list_reliability(
    session: SessionDep,
    request: Request,
    response: Response,
    query: Annotated[ReliabilityQuery, Query()],
) -> ReliabilityPage:
    """Failure rate, MTBF with bounds, repair, down time and availability."""
    page = await service.listing(session, query)
    link(request, response, page.next_cursor)
    return page
