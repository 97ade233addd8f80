"""The SQL of failure logs: lines staged by COPY, judged and added set-wise.

All run in the caller's transaction, on the asyncpg connection below it.
"""

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from app.database import Driver
from app.failures.lines import Found
from app.imports.walks import SECONDS

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


async def _span(db: Driver, plan: int) -> Span:
    query = "SELECT min(at), max(at) FROM planned_readings WHERE plan = $1"
    rows = await db.fetch(query, plan, timeout=SECONDS)
    return Span(*rows[0])


async def leave_out_known(db: Driver, plan: int, vessel: str) -> int:
    """Take out the lines that were loaded before; how many they were."""
    first, last = await _span(db, plan)
    if not await db.fetchval(_ANY_KNOWN, vessel, first, last, timeout=SECONDS):
        return 0
    return int(
        await db.fetchval(_LEAVE_OUT_KNOWN, plan, vessel, first, last, timeout=SECONDS)
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


# --- applying -------------------------------------------------------------------------

_BASIS = """
SELECT concat_ws(' ',
    (SELECT md5(string_agg(number || '.' || version, ' ' ORDER BY number))
     FROM sensors WHERE vessel = $1),
    (SELECT count(*) FROM imports
     WHERE vessel = $1 AND kind = 'failures' AND applied_at IS NOT NULL
       AND details ->> 'first' <= $2::jsonb ->> 'last'
       AND details ->> 'last' >= $2::jsonb ->> 'first'))
"""


async def basis(db: Driver, vessel: str, details: dict[str, Any]) -> str:
    """What decides what a plan adds: sensors, and logs of the same time."""
    said: str = await db.fetchval(_BASIS, vessel, json.dumps(details))
    return said


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
# Of months that were there already.
_READINGS = f"""
INSERT INTO readings (at, sensor, nth, level, temperature, vibration)
SELECT p.at, s.number, 1, p.level, p.temperature, p.vibration
FROM {_PLANNED} WHERE p.plan = $1
    AND date_trunc('month', p.at AT TIME ZONE 'UTC') <> ALL ($3)
"""
_READINGS_COUNTED = f"""
WITH known AS (
    SELECT r.at, r.sensor, max(r.nth) AS nth
    FROM readings r JOIN sensor_spans($2) s ON s.number = r.sensor
    WHERE r.at BETWEEN $3 AND $4 GROUP BY r.at, r.sensor
)
INSERT INTO readings (at, sensor, nth, level, temperature, vibration)
SELECT n.at, n.number, coalesce(k.nth, 0) + n.nth, n.level, n.temperature, n.vibration
FROM (
    SELECT p.at, s.number, p.level, p.temperature, p.vibration,
        row_number() OVER (PARTITION BY p.at, s.number) AS nth
    FROM {_PLANNED} WHERE p.plan = $1
) n LEFT JOIN known k ON k.at = n.at AND k.sensor = n.number
"""


async def apply(db: Driver, plan: int, vessel: str, lines: int) -> int:
    """Add the lines of a plan, so many if none was lost; how many there were."""
    await hash_everything(db)
    # Mostly nothing is known of them, and to ask for each row costs more than to find
    # out late. Failures make partitions for the months that readings did not.
    added = await _added(db, _add_readings(db, plan, vessel, lines))
    if await _added(db, _execute(db, _FAILURES, plan, vessel)) is None:
        await _execute(db, _FAILURES_KNOWN, plan, vessel)
    if added is None:
        # A sensor tells twice of one instant: a log has no times, or there was one.
        span = await _span(db, plan)
        added = await _execute(db, _READINGS_COUNTED, plan, vessel, *span)
    await _execute(db, "DELETE FROM planned_readings WHERE plan = $1", plan)
    return added


async def _add_readings(db: Driver, plan: int, vessel: str, lines: int) -> int:
    """Those of new months become tables, which is much faster than to write rows."""
    query = "SELECT months, added FROM add_reading_months($1, $2)"
    [(months, added)] = await db.fetch(query, plan, vessel, timeout=SECONDS)
    if added < lines:
        added += await _execute(db, _READINGS, plan, vessel, months)
    return int(added)


async def _execute(db: Driver, statement: str, *values: object) -> int:
    """How many rows it wrote."""
    status = await db.execute(statement, *values, timeout=SECONDS)
    return int(status.split()[-1])


async def _added(db: Driver, adding: Awaitable[int]) -> int | None:
    """How many rows were added; None, and nothing added, if one is there."""
    try:
        async with db.transaction():
            return await adding
    except asyncpg.UniqueViolationError:
        return None
