"""The SQL of failure logs: lines staged by COPY, judged and added set-wise.

All run in the caller's transaction, on the asyncpg connection below it.
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Iterable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import asyncpg

from app.database import Driver
from app.failures.lines import Found
from app.imports.walks import SECONDS

T = TypeVar("T")
STAGED = ("plan", "at", "level", "sensor", "temperature", "vibration")


async def forget(db: Driver) -> None:
    """Drop the lines of plans that nobody can apply any more."""
    await db.execute(
        "DELETE FROM planned_readings WHERE plan IN ("
        "SELECT number FROM imports WHERE kind = 'failures' AND expires_at < now())",
        timeout=SECONDS,
    )


async def sensors(db: Driver, vessel: str) -> frozenset[str]:
    rows = await db.fetch("SELECT code FROM sensors WHERE vessel = $1", vessel)
    return frozenset(row["code"] for row in rows)


async def hash_everything(db: Driver) -> None:
    """Let the planner know what nobody could count yet: that there is much of it."""
    await db.execute("DISCARD PLANS")
    for setting in ("enable_nestloop = off", "enable_sort = off", "work_mem = '64MB'"):
        await db.execute(f"SET LOCAL {setting}")


# --- the plan -------------------------------------------------------------------------


async def make_room(db: Driver) -> None:
    await db.execute(
        'CREATE TEMPORARY TABLE found ("row" integer, field text, code text, '
        "value text, message text, original text) ON COMMIT DROP"
    )


async def stage(db: Driver, texts: Iterable[bytes]) -> bool:
    """Whether PostgreSQL could read all of the lines; else none of them is staged."""

    async def source() -> AsyncIterator[bytes]:
        for text in texts:
            yield text

    try:
        async with db.transaction():
            await db.copy_to_table(
                "planned_readings",
                source=source(),
                columns=STAGED,
                timeout=SECONDS,
            )
    except asyncpg.DataError:
        return False
    return True


async def find(db: Driver, wrong: Iterable[Found]) -> None:
    await db.copy_records_to_table(
        "found", records=wrong, columns=Found._fields, timeout=SECONDS
    )


_KEEP_ERRORS = """
WITH kept AS (
    INSERT INTO import_rows (import_id, "row", action, problems, original)
    SELECT $1, "row", 'error', jsonb_build_array(jsonb_build_object('field', field,
        'code', code, 'value', value, 'message', message)), ARRAY[original]
    FROM found RETURNING 1
)
SELECT count(*) FROM kept
"""


async def keep_errors(db: Driver, import_id: uuid.UUID) -> int:
    wrong: int = await db.fetchval(_KEEP_ERRORS, import_id, timeout=SECONDS)
    await db.execute("DROP TABLE found")
    return wrong


# A line that is there as often as in the log is known. NULL equals NULL here.
_SAME = "at, code, level, coalesce(temperature, 'NaN'), coalesce(vibration, 'NaN')"
_LEAVE_OUT_KNOWN = f"""
WITH known AS (
    SELECT at, code, level, temperature, vibration,
        row_number() OVER (PARTITION BY {_SAME}) AS copy
    FROM (
        SELECT r.at, s.code, r.level, r.temperature, r.vibration
        FROM readings r JOIN sensors s ON s.number = r.sensor
        WHERE s.vessel = $2 AND r.at BETWEEN $3 AND $4
    ) stored
), sent AS (
    SELECT place, at, code, level, temperature, vibration,
        row_number() OVER (PARTITION BY {_SAME}) AS copy
    FROM (
        SELECT ctid AS place, at, sensor AS code, level, temperature, vibration
        FROM planned_readings WHERE plan = $1
    ) planned
), again AS (
    SELECT place FROM sent s JOIN known k USING (at, code, level, copy)
    WHERE coalesce(s.temperature, 'NaN') = coalesce(k.temperature, 'NaN')
      AND coalesce(s.vibration, 'NaN') = coalesce(k.vibration, 'NaN')
), gone AS (
    DELETE FROM planned_readings p USING again a
    WHERE p.plan = $1 AND p.ctid = a.place RETURNING 1
)
SELECT count(*) FROM gone
"""
_ANY_KNOWN = """
SELECT EXISTS (
    SELECT FROM readings r JOIN sensors s ON s.number = r.sensor
    WHERE s.vessel = $1 AND r.at BETWEEN $2 AND $3)
"""


class Span(NamedTuple):
    """The first and the last instant of a plan's lines; None of none."""

    first: datetime | None
    last: datetime | None


async def span(db: Driver, plan: int) -> Span:
    query = "SELECT min(at), max(at) FROM planned_readings WHERE plan = $1"
    rows = await db.fetch(query, plan, timeout=SECONDS)
    return Span(*rows[0])


async def leave_out_known(db: Driver, plan: int, vessel: str, lines: Span) -> int:
    """Take out the lines that were loaded before; how many they were."""
    if not await db.fetchval(_ANY_KNOWN, vessel, *lines, timeout=SECONDS):
        return 0
    return int(
        await db.fetchval(_LEAVE_OUT_KNOWN, plan, vessel, *lines, timeout=SECONDS)
    )


# Each line and at which equipment its sensor was then.
_PLANNED = """
planned_readings p JOIN sensor_spans($2) s
    ON s.code = p.sensor AND p.at >= s.since AND p.at < s.until
"""
# An equipment and an instant are one failure, however many sensors told of it.
_EVENTS = f"""
events AS (
    SELECT s.equipment, p.at, count(*) FILTER (WHERE p.level = 2) AS errors,
        count(*) FILTER (WHERE p.level = 1) AS warnings
    FROM {_PLANNED} WHERE p.plan = $1 GROUP BY s.equipment, p.at
)
"""
_DESCRIBE = f"""
WITH {_EVENTS}
SELECT coalesce(sum(errors + warnings), 0)::bigint AS readings,
    coalesce(sum(failures), 0)::bigint AS failures,
    coalesce(sum(errors), 0)::bigint AS errors,
    coalesce(sum(warnings), 0)::bigint AS warnings,
    count(*) AS equipment, min(first) AS first, max(last) AS last
FROM (
    SELECT count(*) AS failures, sum(errors) AS errors, sum(warnings) AS warnings,
        min(at) AS first, max(at) AS last
    FROM events GROUP BY equipment
) each
"""


async def describe(db: Driver, plan: int, vessel: str) -> dict[str, Any]:
    """What the plan's lines would add, in the words of its details."""
    row = await db.fetchrow(_DESCRIBE, plan, vessel, timeout=SECONDS)
    assert row is not None
    return {
        name: value.isoformat() if name in {"first", "last"} and value else value
        for name, value in row.items()
    }


# --- what a plan is made from ---------------------------------------------------------

# In the order of these words; the first two are the span of the lines. A report is the
# only other one that brings readings.
_BASIS = """
SELECT concat_ws(' ', $2::text, $3::text,
    (SELECT md5(string_agg(number || '.' || version, ' ' ORDER BY number))
     FROM sensors WHERE vessel = $1),
    (SELECT count(*) FROM imports
     WHERE vessel = $1 AND kind = 'failures' AND applied_at IS NOT NULL
       AND (details ->> 'first')::timestamptz <= $3::text::timestamptz
       AND (details ->> 'last')::timestamptz >= $2::text::timestamptz),
    (SELECT count(*) FROM failures
     WHERE source = 'report'
       AND at BETWEEN $2::text::timestamptz AND $3::text::timestamptz
       AND equipment IN (SELECT equipment FROM sensors WHERE vessel = $1)))
"""
_WORDS = 5


async def basis(db: Driver, vessel: str, lines: Span) -> str:
    """What decides what a plan adds: sensors, logs and reports of the same time."""
    first, last = (instant and instant.isoformat() for instant in lines)
    return await _basis(db, vessel, first or "infinity", last or "-infinity")


async def _basis(db: Driver, vessel: str, first: str, last: str) -> str:
    said: str = await db.fetchval(_BASIS, vessel, first, last, timeout=SECONDS)
    return said


async def is_stale(db: Driver, vessel: str, planned: str) -> bool:
    """Whether what a plan was made from has changed since."""
    words = planned.split()
    # The release before said fewer.
    return len(words) != _WORDS or planned != await _basis(db, vessel, *words[:2])


# --- applying -------------------------------------------------------------------------

# In one order for all, so that two writers never wait for each other. An error comes
# before a warning, in the alphabet too.
_FAILURES = f"""
WITH {_EVENTS}
INSERT INTO failures (equipment, vessel, at, level, source, errors, warnings)
SELECT equipment, $2::text, at, CASE WHEN errors > 0 THEN 'error' ELSE 'warning' END,
    'log', errors, warnings
FROM events ORDER BY at, equipment
"""
_FAILURES_KNOWN = f"""{_FAILURES}
ON CONFLICT (at, equipment) DO UPDATE SET
    level = least(failures.level, excluded.level),
    errors = failures.errors + excluded.errors,
    warnings = failures.warnings + excluded.warnings,
    version = failures.version + 1, updated_at = now()
"""
# Than those that were built.
_OF_OTHER_MONTHS = f"""
{_PLANNED} WHERE p.plan = $1
    AND date_trunc('month', p.at AT TIME ZONE 'UTC') <> ALL ($3::timestamp[])
"""
_READINGS = f"""
INSERT INTO readings (at, sensor, nth, level, temperature, vibration)
SELECT p.at, s.number, 1, p.level, p.temperature, p.vibration
FROM {_OF_OTHER_MONTHS}
"""
_READINGS_COUNTED = f"""
WITH known AS (
    SELECT r.at, r.sensor, max(r.nth) AS nth
    FROM readings r JOIN sensor_spans($2) s ON s.number = r.sensor
    WHERE r.at BETWEEN $4 AND $5 GROUP BY r.at, r.sensor
)
INSERT INTO readings (at, sensor, nth, level, temperature, vibration)
SELECT n.at, n.number, coalesce(k.nth, 0) + n.nth, n.level, n.temperature, n.vibration
FROM (
    SELECT p.at, s.number, p.level, p.temperature, p.vibration,
        row_number() OVER (PARTITION BY p.at, s.number) AS nth
    FROM {_OF_OTHER_MONTHS}
) n LEFT JOIN known k ON k.at = n.at AND k.sensor = n.number
"""


class Built(NamedTuple):
    """Months that are tables already, and how many lines these hold."""

    months: list[datetime]
    added: int


async def build_months(db: Driver, plan: int, vessel: str) -> Built | None:
    """Make tables of the lines of new months, which is faster than to write rows.

    None if a sensor tells twice of one instant, as in a log without times.
    """
    query = "SELECT months, added FROM build_reading_months($1, $2)"
    built = await _unique(db, db.fetchrow(query, plan, vessel, timeout=SECONDS))
    return Built(*built) if built else None


async def add_failures(db: Driver, plan: int, vessel: str) -> None:
    """Add the failures; partitions for the months that were not built come with them.

    Mostly none of them is known, and to ask for each costs more than to find out late.
    """
    if await _unique(db, _execute(db, _FAILURES, plan, vessel)) is None:
        await _execute(db, _FAILURES_KNOWN, plan, vessel)


async def add_readings(
    db: Driver, plan: int, vessel: str, lines: int, built: Built | None
) -> int:
    """Add the other lines, of so many if none was lost; how many there were."""
    months, added = built or ([], 0)
    if added < lines:
        adding = _execute(db, _READINGS, plan, vessel, months)
        # A sensor tells twice of one instant: a log has no times, or there was one.
        rows = await _unique(db, adding)
        if rows is None:
            within = await span(db, plan)
            counted = (db, _READINGS_COUNTED, plan, vessel, months, *within)
            rows = await _execute(*counted)
        added += rows
    await _execute(db, "DELETE FROM planned_readings WHERE plan = $1", plan)
    return added


async def attach_months(db: Driver, built: Built) -> None:
    """Let the tables be months of readings; whoever has new ones waits from now on."""
    query = "SELECT attach_reading_months($1)"
    await db.execute(query, built.months, timeout=SECONDS)


async def _execute(db: Driver, statement: str, *values: object) -> int:
    """How many rows it wrote."""
    status = await db.execute(statement, *values, timeout=SECONDS)
    return int(status.split()[-1])


async def _unique(db: Driver, adding: Awaitable[T]) -> T | None:
    """What it gave; None, and nothing added, if one is there."""
    try:
        async with db.transaction():
            return await adding
    except asyncpg.UniqueViolationError:
        return None
