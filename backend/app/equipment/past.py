"""Equipment as it stood at an instant: what is stored, with what came later undone.

The record of changes (ADR 9) says what came later. A row's changes are undone from the
first one whose transaction began after the instant, together with all on top of it: a
transaction that began before, but wrote after, builds on what is undone.
"""

from datetime import datetime

from msgspec import UNSET
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import be_patient, driver
from app.equipment.models import Equipment
from app.equipment.queries import FIELDS, SORTS, EquipmentPage, EquipmentRow
from app.equipment.schemas import EquipmentQuery
from app.errors import ConflictError, FieldProblem, InvalidError, NotRecordedError
from app.pagination import cursor_after, place
from app.search import Search, words

SEARCHED = "search_text(e.code, e.tag, e.name, e.location)"
# Undoing three changes of each of 60,000 rows takes seconds.
SECONDS = 30
FILTERS = ("status", "name", "location", "group", "tag", "parent")
# Who has written, or may be about to: requests write within their first minute. When a
# transaction of another role began is hidden, but not that it writes to the table.
_LOOK = text("""
SELECT now() AS now, coalesce((SELECT at FROM changes ORDER BY id LIMIT 1), now())
    AS since, EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend' AND xact_start <= :as_of
        AND (backend_xid IS NOT NULL OR xact_start > now() - interval '1 minute')
    ) OR EXISTS (
        SELECT FROM pg_locks JOIN pg_stat_activity a USING (pid)
        WHERE a.datname = current_database() AND a.xact_start IS NULL
        AND relation = 'equipment'::regclass AND mode = 'RowExclusiveLock'
    ) AS is_open
""")


async def look(session: AsyncSession, as_of: datetime) -> datetime:
    """Since when the record goes; raises for an instant that it cannot tell of."""
    row = (await session.execute(_LOOK, {"as_of": as_of})).one()
    if as_of > row.now:
        message = f"It is {_spell(row.now)}: what will be then is not known."
        problem = FieldProblem(pointer="?as_of", code="in-the-future", message=message)
        raise InvalidError(f"?as_of: {message}", errors=[problem])
    if as_of < row.since:
        raise NotRecordedError(
            f"The record of changes begins at {_spell(row.since)}. Ask for that "
            "instant or a later one.",
            since=_spell(row.since),
        )
    if row.is_open:
        raise ConflictError(
            "A transaction that began before that instant is still open, and what it "
            "writes counts from its beginning. Ask again in a moment.",
            headers={"Retry-After": "2"},
        )
    since: datetime = row.since
    return since


def _spell(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


# --- what is undone -------------------------------------------------------------------

# A transaction lasts at most as long as an import may: what began earlier than this
# before the instant does not stand on anything that began after it.
_LONGEST = "interval '15 minutes'"
_CHANGE = "c.id, c.code, c.at, c.action, c.version, c.before"

# The vessel's changes come along an index; only of what came or left meanwhile are
# those of other vessels looked up.
_OF_VESSEL = f"""
moved AS MATERIALIZED (
    SELECT DISTINCT code FROM changes
    WHERE entity = 'equipment' AND action = 'updated' AND before ? 'vessel'
    AND at > $1::timestamptz - {_LONGEST} AND $2 IN (vessel, before ->> 'vessel')
), after AS MATERIALIZED (
    SELECT {_CHANGE} FROM changes c
    WHERE entity = 'equipment' AND vessel = $2 AND at > $1
), later AS (
    SELECT * FROM after WHERE code NOT IN (SELECT code FROM moved)
  UNION ALL
    SELECT {_CHANGE} FROM changes c
    WHERE entity = 'equipment' AND vessel = $2
    AND at > $1::timestamptz - {_LONGEST} AND at <= $1
    AND id > (SELECT min(id) FROM after) AND code NOT IN (SELECT code FROM moved)
  UNION ALL
    SELECT {_CHANGE} FROM moved JOIN changes c USING (code)
    WHERE c.entity = 'equipment' AND c.at > $1::timestamptz - {_LONGEST}
)"""
_OF_CODE = f"""
later AS (
    SELECT {_CHANGE} FROM changes c
    WHERE entity = 'equipment' AND code = $2 AND at > $1::timestamptz - {_LONGEST}
)"""

_UNDONE = """
WITH {later}, upon AS (
    SELECT *, min(id) FILTER (WHERE at > $1) OVER (PARTITION BY code) AS first
    FROM later
), undone AS MATERIALIZED (
    SELECT l.code, l.first,
        bool_or(l.id = l.first AND l.action <> 'created') AS was_there,
        bool_or(l.action <> 'updated') AS is_another,
        max(CASE l.action WHEN 'updated' THEN l.version - 1 ELSE l.version END)
            FILTER (WHERE l.id = l.first) AS version,
        -- Of each field, what it was before the first of its changes.
        jsonb_overlay(l.before ORDER BY l.id DESC) AS was
    FROM upon l
    WHERE l.id >= l.first GROUP BY l.code, l.first
)"""

_COLUMNS = ", ".join(f'e."{name}"' for name in FIELDS)
# Version and instants as the last change before says; the record may not go back to it.
_THEN = """
    SELECT e.code, e.vessel, e.tag, e.name, e.location, e."group", e.parent, e.status,
        made.created_at, coalesce(last.at, made.created_at) AS updated_at,
        coalesce(last.version, e.version_then) AS version
    FROM (
        SELECT e.*, u.first, u.version AS version_then
        FROM undone u
        LEFT JOIN equipment now ON now.code = u.code AND NOT u.is_another
        CROSS JOIN LATERAL jsonb_populate_record(now, u.was) e
        WHERE u.was_there {where} {early}
    ) e
    LEFT JOIN LATERAL (
        SELECT at, version FROM changes c
        WHERE c.entity = 'equipment' AND c.code = e.code AND c.id < e.first
        ORDER BY c.id DESC LIMIT 1
    ) last ON true
    CROSS JOIN LATERAL (SELECT coalesce(e.created_at, (
        SELECT at FROM changes c WHERE c.entity = 'equipment' AND c.code = e.code
        AND c.action = 'created' AND c.id < e.first ORDER BY c.id DESC LIMIT 1
    ), $3::timestamptz) AS created_at) made
"""


# Each arm in its own order, so that no page sorts all that did not change.
_READ = f"""{_UNDONE}
(
    SELECT {_COLUMNS} FROM equipment e
    WHERE NOT EXISTS (SELECT FROM undone u WHERE u.code = e.code)
    {{where}} {{behind}} {{order}}
) UNION ALL (
    SELECT {_COLUMNS} FROM ({_THEN}) e WHERE true {{behind}} {{order}}
) {{order}}
"""


async def one(session: AsyncSession, code: str, as_of: datetime) -> EquipmentRow | None:
    """The equipment as it stood; None if it was not there."""
    since = await look(session, as_of)
    here = "AND e.code = $2"
    query = _READ.format(later=_OF_CODE, where=here, behind="", early="", order="")
    db = await driver(session)
    row = await db.fetchrow(query, as_of, code, since)
    return EquipmentRow(*row) if row else None


async def page(
    session: AsyncSession, vessel: str, query: EquipmentQuery, as_of: datetime
) -> EquipmentPage:
    """One page of the vessel's equipment as it stood."""
    since = await look(session, as_of)
    values: list[object] = [as_of, vessel, since]
    where = "AND e.vessel = $2" + _conditions(query, values)
    name = query.sort.removeprefix("-")
    key = list(dict.fromkeys([SORTS[name], Equipment.code]))
    direction = "DESC" if query.sort.startswith("-") else "ASC"
    # When it was updated is known last, and then not of more rows than the page has,
    # unless it is what they are picked or ordered by.
    recent = ""
    if query.updated_since:
        recent = f" AND e.updated_at >= {_mark(values, query.updated_since)}"
    asked = len(values)
    behind = recent
    if (after := place(query, query.sort, key)) is not None:
        marks = [_mark(values, value) for value in after]
        here = ", ".join(f"e.{column.key}" for column in key)
        than = "<" if direction == "DESC" else ">"
        behind += f" AND ({here}) {than} ({', '.join(marks)})"
    order = ", ".join(f"{column.key} {direction}" for column in key)
    order = f"ORDER BY {order} LIMIT {query.limit + 1}"
    early = "" if recent or name == "updated_at" else f"{behind} {order}"
    statement = _READ.format(
        later=_OF_VESSEL, where=where, behind=behind, early=early, order=order
    )
    db = await driver(session)
    await be_patient(session, SECONDS)
    await db.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    found = await db.fetch(statement, *values, timeout=SECONDS)
    total = UNSET
    if query.count:
        every = _READ.format(
            later=_OF_VESSEL, where=where, behind=recent, early="", order=""
        )
        counting = f"SELECT count(*) FROM ({every}) found"
        total = await db.fetchval(counting, *values[:asked], timeout=SECONDS)
    items = [EquipmentRow(*row) for row in found[: query.limit]]
    more = len(found) > query.limit
    next_cursor = cursor_after(items[-1], query.sort, key) if more else None
    return EquipmentPage(items, next_cursor, total)


def _conditions(query: EquipmentQuery, values: list[object]) -> str:
    """The filters as SQL on the values as they stood."""
    conditions = ""
    for name in FILTERS:
        if wanted := getattr(query, name):
            conditions += f' AND e."{name}" = ANY ({_mark(values, list(wanted))})'
    if query.tag_prefix:
        conditions += f" AND starts_with(e.tag, {_mark(values, query.tag_prefix)})"
    if query.q:
        search = Search.of(query.q)
        mark = _mark(values, search.words)
        conditions += f" AND {words(SEARCHED)} @@ {mark}::text::tsquery"
        for phrase in search.phrases:
            conditions += f" AND strpos(' ' || {SEARCHED}, {_mark(values, phrase)}) > 0"
    return conditions


def _mark(values: list[object], value: object) -> str:
    values.append(value)
    return f"${len(values)}"
