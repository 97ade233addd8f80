"""The SQL of reliability: hours, failures and down times of equipment, summed up.

Failures are the events of `failures`; issues say when equipment was down, operation
orders how long it was worked on.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.database import Driver
from app.failures.models import Level
from app.reliability.schemas import By, ReliabilityQuery

SECONDS = 60
COLUMNS = {
    By.EQUIPMENT: "code",
    By.CLASS: '"class"',
    By.GROUP: '"group"',
    By.VESSEL: "vessel",
}

# What is known of an equipment from before it was registered tells that the register is
# younger than the equipment. A log knows of all that had sensors when it was applied,
# from its first line; a sensor that was moved there tells of nothing earlier.
_TEXT = """
WITH log AS (
    SELECT vessel, applied_at, (details ->> 'first')::timestamptz AS first FROM imports
    WHERE kind = 'failures' AND applied_at IS NOT NULL
), down AS NOT MATERIALIZED (
    SELECT equipment, down_since AS since, down_until AS until FROM issues
    WHERE down_since IS NOT NULL AND state NOT IN ('cancelled', 'duplicate')
), repair AS NOT MATERIALIZED (
    SELECT equipment, performed_at AS at, active_maintenance_hours AS hours
    FROM operations
    WHERE state = 'done' AND category = 'corrective'
      AND active_maintenance_hours IS NOT NULL
), item AS (
    SELECT e.{column} AS name, e.code, $3::timestamptz AS until,
        CASE WHEN known.since < e.created_at THEN coalesce($2, known.since)
            ELSE greatest($2, e.created_at) END AS since
    FROM equipment e
    CROSS JOIN LATERAL (
        SELECT least(
            (SELECT min(at) FROM failures f WHERE f.equipment = e.code),
            (SELECT min(performed_at) FROM operations o
             WHERE o.equipment = e.code AND o.state = 'done'),
            (SELECT min(least(observed_at, down_since)) FROM issues i
             WHERE i.equipment = e.code AND i.state NOT IN ('cancelled', 'duplicate')),
            (SELECT min(installed_at) FROM installations u WHERE u.equipment = e.code),
            (SELECT min(log.first) FROM log JOIN sensors s USING (vessel)
             WHERE s.equipment = e.code AND s.created_at <= log.applied_at
               AND NOT EXISTS (
                SELECT FROM sensors b WHERE b.vessel = s.vessel AND b.code = s.code
                AND b.number < s.number))) AS since
    ) known
    WHERE e.{column} = ANY ($1)
      AND ($5::text[] IS NULL OR e.code = ANY ($5))
      AND ($6::text[] IS NULL OR e."group" = ANY ($6))
      AND ($7::text[] IS NULL OR e.vessel = ANY ($7))
      AND ($8::text[] IS NULL OR e."class" = ANY ($8))
), seen AS (
    SELECT name, code, since, greatest(since, until) AS until FROM item
)
SELECT name, count(*) AS equipment,
    sum(extract(epoch FROM until - since)) / 3600 AS hours,
    sum(failed.n) AS failures,
    sum(stood.hours) AS down_hours, sum(stood.times) AS downs,
    sum(restored.hours) AS restored_hours, sum(restored.times) AS restored,
    sum(mended.hours) AS repair_hours, sum(mended.times) AS repairs
FROM seen
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM failures f
    WHERE f.equipment = code AND f.at >= seen.since AND f.at < seen.until
      AND f.level = ANY ($4)
) failed
CROSS JOIN LATERAL (
    SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0) / 3600 AS hours,
        count(r) AS times
    FROM unnest((
        SELECT range_agg(tstzrange(d.since, d.until)
            * tstzrange(seen.since, seen.until))
        FROM down d WHERE d.equipment = code)) r
) stood
CROSS JOIN LATERAL (
    -- From when it was down, be that before the window. What is still down has no end.
    SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0) / 3600 AS hours,
        count(*) AS times
    FROM unnest((
        SELECT range_agg(tstzrange(d.since, d.until))
        FROM down d WHERE d.equipment = code)) r
    WHERE upper(r) > seen.since AND upper(r) <= seen.until
) restored
CROSS JOIN LATERAL (
    SELECT coalesce(sum(d.hours), 0) AS hours, count(*) AS times FROM repair d
    WHERE d.equipment = code AND d.at >= seen.since AND d.at < seen.until
) mended
GROUP BY name
"""


class Sums(NamedTuple):
    """What is known of all equipment that bears a name; times are hours."""

    equipment: int
    hours: float
    failures: int
    down_hours: float
    downs: int
    restored_hours: float
    restored: int
    repair_hours: float
    repairs: int


async def sums(
    db: Driver,
    query: ReliabilityQuery,
    names: Sequence[str],
    until: datetime,
) -> dict[str, Sums]:
    levels = [Level.ERROR, query.level]
    filters = (query.code, query.group, query.vessel, query.class_)
    rows = await db.fetch(
        _TEXT.format(column=COLUMNS[query.by]),
        *(list(names), query.from_, until, [level.value for level in levels]),
        *(list(values) or None for values in filters),
        timeout=SECONDS,
    )
    return {row["name"]: _sums(row) for row in rows}


def _sums(row: asyncpg.Record) -> Sums:
    return Sums(
        equipment=row["equipment"],
        hours=float(row["hours"]),
        failures=int(row["failures"]),
        down_hours=float(row["down_hours"]),
        downs=int(row["downs"]),
        restored_hours=float(row["restored_hours"]),
        restored=int(row["restored"]),
        repair_hours=float(row["repair_hours"]),
        repairs=int(row["repairs"]),
    )
