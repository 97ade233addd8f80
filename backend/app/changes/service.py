"""Reading the record. Nothing here writes it: triggers do."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import queries
from app.changes.cursors import Cursor
from app.changes.models import Change
from app.changes.queries import Now
from app.changes.schemas import ChangeRead, Feed, FeedQuery
from app.database import Sessions
from app.equipment import service as equipment
from app.errors import CursorExpiredError
from app.issues import service as issues
from app.operations import service as operations
from app.pagination import PageQuery, paginate
from app.stopping import stopping
from app.vessels import service as vessels

Listing = tuple[Sequence[Row[Any]], str | None]


class Batch(NamedTuple):
    """Some changes, the place before them, and the one after them all."""

    items: list[ChangeRead]
    inside: Cursor
    end: Cursor

    def as_feed(self) -> Feed:
        return Feed(items=self.items, next_cursor=self.end.encode())

    def events(self) -> Iterator[tuple[ChangeRead, str]]:
        """Each change with the cursor that resumes right after it."""
        for item in self.items[:-1]:
            place = self.inside.model_copy(update={"last": item.id})
            yield item, place.encode()
        for item in self.items[-1:]:
            yield item, self.end.encode()


# Longer than any transaction: what is still to come was not begun before.
_LONGEST = timedelta(days=1)
# How long a waiting reader leaves the database alone.
PAUSE = 0.25


async def history_of_vessel(
    session: AsyncSession, code: str, page: PageQuery
) -> Listing:
    find = partial(vessels.get, session, code)
    return await _history(session, "vessel", code, page, find)


async def history_of_equipment(
    session: AsyncSession, code: str, page: PageQuery
) -> Listing:
    find = partial(equipment.get, session, code)
    return await _history(session, "equipment", code, page, find)


async def history_of_operation(
    session: AsyncSession, identity: uuid.UUID, page: PageQuery
) -> Listing:
    find = partial(operations.get, session, identity)
    return await _history(session, "operation", str(identity), page, find)


async def history_of_issue(
    session: AsyncSession, number: int, page: PageQuery
) -> Listing:
    find = partial(issues.get, session, number)
    return await _history(session, "issue", str(number), page, find)


async def _history(
    session: AsyncSession,
    entity: str,
    code: str,
    page: PageQuery,
    find: Callable[[], Awaitable[object]],
) -> Listing:
    """One page of what became of one row, the latest first.

    What was deleted has one too. Only where there is none must the row be there, as one
    that is older than the record is; else its NotFoundError is raised.
    """
    listing = await paginate(
        session,
        select(Change).where(Change.entity == entity, Change.code == code),
        page,
        sort="-id",
        columns={"id": Change.id},
        unique=Change.id,
    )
    if not listing[0]:
        await find()
    return listing


async def feed(session: AsyncSession, query: FeedQuery) -> Batch:
    """What came after the cursor; raises BadCursorError and CursorExpiredError."""
    now = await queries.look(session)
    cursor = _place(query.after, now)
    until = cursor.until or now.snapshot
    changes: Sequence[Change] = []
    if cursor.seen != until:
        found = queries.difference(cursor, until, query.vessel)
        changes = (await session.scalars(found.limit(query.limit + 1))).all()
    items = [ChangeRead.model_validate(change) for change in changes[: query.limit]]
    inside = cursor.model_copy(update={"until": until})
    if len(changes) > query.limit:
        return Batch(items, inside, inside.model_copy(update={"last": items[-1].id}))
    # A batch that took long to read ends where it began to be read.
    since = cursor.since if cursor.until else _since(now)
    end = Cursor(seen=until, since=max(cursor.since, since))
    return Batch(items, inside, end)


def _since(now: Now) -> datetime:
    return max(now.kept_since, now.now - _LONGEST)


def _place(after: str | None, now: Now) -> Cursor:
    if after is None:
        return Cursor(seen=None, since=now.kept_since)
    if after == "now":
        return Cursor(seen=now.snapshot, since=_since(now))
    cursor = Cursor.decode(after)
    ended = int(now.snapshot.split(":")[1])
    if cursor.since < now.kept_since or cursor.end > ended:
        raise CursorExpiredError(
            "Changes after this cursor are not kept any more. Read the registers "
            "again, then follow the feed from after=now."
        )
    return cursor


async def follow(
    sessions: Sessions, query: FeedQuery, is_gone: Callable[[], Awaitable[bool]]
) -> Batch:
    """The same, waiting for something new; no transaction is open meanwhile."""
    deadline = time.monotonic() + query.wait
    while True:
        async with sessions.begin() as session:
            found = await feed(session, query)
        if found.items or stopping.is_set() or time.monotonic() + PAUSE > deadline:
            return found
        if await is_gone():
            return found
        query = query.model_copy(update={"after": found.end.encode()})
        await asyncio.sleep(PAUSE)
