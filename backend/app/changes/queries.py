"""The SQL of the feed: what one snapshot shows and an earlier one did not."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, Text, cast, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import UserDefinedType

from app.changes.cursors import Cursor
from app.changes.models import XID8, Change

# Of the partitions that there are, the first one's first instant: they are named by it.
_NOW = text("""
SELECT pg_current_snapshot()::text AS snapshot, now() AS now, coalesce((
    SELECT min(to_date(right(relname, 7), 'YYYY_MM'))::timestamp AT TIME ZONE 'UTC'
    FROM pg_inherits JOIN pg_class ON oid = inhrelid
    WHERE inhparent = 'changes'::regclass AND relname ~ '^changes_[0-9]{4}_[0-9]{2}$'
), 'epoch') AS kept_since
""")


class Snapshot(UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "pg_snapshot"


class Now(NamedTuple):
    snapshot: str
    now: datetime
    kept_since: datetime


async def look(session: AsyncSession) -> Now:
    """Which transactions have ended, and how far back the record goes."""
    row = (await session.execute(_NOW)).one()
    return Now(row.snapshot, row.now, row.kept_since)


def difference(cursor: Cursor, until: str, vessels: Sequence[str]) -> Select[Change]:
    """What is visible in `until` and was not in what the cursor has seen, by id."""
    found = select(Change).where(_visible(until))
    if cursor.seen:
        # Whatever is older than the oldest transaction that ran then was seen: an
        # index finds the rest.
        oldest = cursor.seen.partition(":")[0]
        found = found.where(
            Change.xid >= cast(cast(oldest, Text), XID8), ~_visible(cursor.seen)
        )
    if vessels:
        # Whoever follows a vessel hears of what left it.
        left = Change.before["vessel"].astext
        found = found.where(or_(Change.vessel.in_(vessels), left.in_(vessels)))
    if cursor.seen and not cursor.last:
        # A batch's first page. The sum keeps the planner from walking the ids from
        # the first one ever, in the hope of meeting a new one soon.
        return found.order_by(Change.id + 0)
    return found.where(Change.id > cursor.last).order_by(Change.id)


def _visible(snapshot: str) -> ColumnElement[bool]:
    return func.pg_visible_in_snapshot(Change.xid, cast(cast(snapshot, Text), Snapshot))
