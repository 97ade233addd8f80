"""Stores, and how much of a part each should hold. Never commits."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag, problems
from app.errors import DuplicateError, FieldProblem, InvalidError, NotFoundError
from app.links import href
from app.pagination import count, paginate
from app.parts import service as parts
from app.search import narrow
from app.stock import queries
from app.stock.models import Level, Store
from app.stock.queries import Move
from app.stock.schemas import (
    LevelCreate,
    LevelUpdate,
    StoreCreate,
    StoreQuery,
    StoreUpdate,
)
from app.vessels import service as vessels

Counted = tuple[Sequence[Row[Any]], str | None, int | None]

SEARCHED = "search_text(code, NULL, coalesce(name, ''), NULL)"

_BOUNDS = "The maximum is at least the minimum: raise the one or lower the other."

problems.CONSTRAINTS["ck_stock_levels_bounds"] = InvalidError(
    f"/maximum: {_BOUNDS}",
    errors=[FieldProblem(pointer="/maximum", code="bounds", message=_BOUNDS)],
)


async def open_store(session: AsyncSession, data: StoreCreate) -> Store:
    if data.vessel:
        await vessels.get(session, data.vessel)
    store = Store(**data.model_dump())
    try:
        async with session.begin_nested():
            session.add(store)
    except IntegrityError as refusal:
        if problems.constraint(refusal) != "uq_stores_code":
            raise
        raise DuplicateError.of(
            "code", data.code, existing=href("stores", data.code)
        ) from None
    return store


async def get(session: AsyncSession, code: str) -> Store:
    """Return the store; raises NotFoundError."""
    if store := await session.scalar(select(Store).where(Store.code == code)):
        return store
    raise NotFoundError(
        f"There is no store {code!r}. GET /api/v1/stores lists those that there are."
    )


async def listing(session: AsyncSession, query: StoreQuery) -> Counted:
    found = select(Store)
    if query.vessel:
        found = found.where(Store.vessel.in_(query.vessel))
    if query.place:
        found = found.where(Store.place.in_(query.place))
    if query.q:
        # A fleet has no more stores than can be looked through without an index.
        found = await narrow(session, found, SEARCHED, query.q)
    page = await paginate(
        session,
        found,
        query,
        sort="code",
        columns={"code": Store.code},
        unique=Store.code,
    )
    return *page, await count(session, found, query)


async def update(
    session: AsyncSession, code: str, data: StoreUpdate, expected: int | None
) -> Store:
    store = await get(session, code)
    etag.check(store, expected)
    if expected is None:
        await etag.wait(session, store)
    for field in data.model_fields_set:
        setattr(store, field, getattr(data, field))
    await session.flush()
    return store


async def set_level(session: AsyncSession, code: str, data: LevelCreate) -> Level:
    """Say how much the store should hold; raises NotFoundError, DuplicateError."""
    store = await get(session, code)
    part = await parts.get(session, data.part)
    level = Level(store=store.code, **data.model_dump())
    try:
        async with session.begin_nested():
            session.add(level)
    except IntegrityError as refusal:
        if problems.constraint(refusal) != "uq_stock_levels_part_store":
            raise
        existing = href("stores", code, "levels", part.number)
        message = f"{code} has levels of {part.number} already. PATCH changes them."
        problem = FieldProblem(pointer="/part", code="duplicate-part", message=message)
        raise DuplicateError(
            f"{message[:-1]}: {existing}.",
            errors=[problem],
            existing=existing,
            field="part",
        ) from None
    # What should be there and is not has a balance too: of nothing.
    nothing = Decimal()
    await queries.open_balances(
        session, [Move(part.number, store.code, nothing, nothing)]
    )
    return level


async def level(session: AsyncSession, code: str, number: str) -> Level:
    """Return what the store should hold of the part; raises NotFoundError."""
    store = await get(session, code)
    query = select(Level).where(Level.store == store.code, Level.part == number)
    if found := await session.scalar(query):
        return found
    raise NotFoundError(
        f"{code} has no levels of {number!r}. POST {href('stores', code, 'levels')} "
        "sets them."
    )


async def update_level(
    session: AsyncSession,
    code: str,
    number: str,
    data: LevelUpdate,
    expected: int | None,
) -> Level:
    found = await level(session, code, number)
    etag.check(found, expected)
    if expected is None:
        await etag.wait(session, found)
    for field in data.model_fields_set:
        setattr(found, field, getattr(data, field))
    await session.flush()
    return found
