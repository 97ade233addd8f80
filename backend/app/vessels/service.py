"""What one can do with vessels. Never commits: the caller's transaction does."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag, problems
from app.errors import DuplicateError, NotFoundError
from app.links import href
from app.pagination import count, paginate
from app.search import Search, found
from app.vessels.models import Vessel
from app.vessels.schemas import VesselCreate, VesselQuery, VesselUpdate

SEARCHED = "search_text(code, NULL, coalesce(name, ''), NULL)"


async def register(session: AsyncSession, data: VesselCreate) -> Vessel:
    vessel = Vessel(**data.model_dump())
    try:
        async with session.begin_nested():
            session.add(vessel)
    except IntegrityError as refusal:
        if problems.constraint(refusal) != "uq_vessels_code":
            raise
        raise DuplicateError.of(
            "code", data.code, existing=href("vessels", data.code)
        ) from None
    return vessel


async def get(session: AsyncSession, code: str) -> Vessel:
    """Return the vessel; raises NotFoundError."""
    query = select(Vessel).where(Vessel.code == code)
    if vessel := await session.scalar(query):
        return vessel
    raise NotFoundError(
        f"There is no vessel {code!r}. GET /api/v1/vessels lists those that there are."
    )


async def listing(
    session: AsyncSession, query: VesselQuery
) -> tuple[Sequence[Row[Any]], str | None, int | None]:
    vessels = select(Vessel)
    if query.updated_since:
        vessels = vessels.where(Vessel.updated_at >= query.updated_since)
    if query.q:
        # A fleet has no more vessels than can be looked through without an index.
        asked = Search.of(query.q)
        vessels = vessels.where(*found(SEARCHED, len(asked.phrases)))
        vessels = vessels.params(asked.values())
    columns = {"code": Vessel.code, "updated_at": Vessel.updated_at}
    page = await paginate(
        session,
        vessels,
        query,
        sort=query.sort,
        columns=columns,
        unique=Vessel.code,
    )
    return *page, await count(session, vessels, query)


async def update(
    session: AsyncSession, code: str, data: VesselUpdate, expected: int | None
) -> Vessel:
    vessel = await get(session, code)
    etag.check(vessel, expected)
    if expected is None:
        await etag.wait(session, vessel)
    for field in data.model_fields_set:
        setattr(vessel, field, getattr(data, field))
    await session.flush()
    return vessel


async def lock(session: AsyncSession, code: str) -> None:
    """Let one transaction at a time past this point, a vessel.

    Readers and those who refer to the vessel go on meanwhile.
    """
    row = select(Vessel.id).where(Vessel.code == code)
    await session.execute(row.with_for_update(key_share=True))
