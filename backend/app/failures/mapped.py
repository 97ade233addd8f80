"""The SQL of maps of sensors: rows staged by COPY, kept as a plan, applied set-wise."""

import uuid
from collections.abc import Sequence

from app.database import Driver
from app.imports import lists
from app.imports.reading import Read
from app.imports.rows import ABSENT, SEPARATOR, Problem
from app.imports.walks import SECONDS

STAGED = ("row", "sensor", "equipment", "original")


async def make_room(db: Driver) -> None:
    await db.execute(
        """
        CREATE TEMPORARY TABLE mapped (
            "row" integer, sensor text COLLATE "C", equipment text COLLATE "C",
            original text
        ) ON COMMIT DROP;
        """
        + lists.FOUND_TABLE
    )


async def stage(db: Driver, rows: Sequence[Read], problems: Sequence[Problem]) -> None:
    records = [
        (row.number, row.said.get("sensor"), row.said.get("equipment"), row.original)
        for row in rows
    ]
    await lists.stage(db, "mapped", STAGED, records, problems)


# --- the plan -------------------------------------------------------------------------

_TWICE = """
INSERT INTO found
SELECT "row", 'sensor', 'duplicate-sensor', sensor,
    'Rows ' || first || ' and ' || last || ' both name this sensor. Keep one.'
FROM (
    SELECT "row", sensor, min("row") OVER w AS first, max("row") OVER w AS last
    FROM mapped WHERE sensor IS NOT NULL WINDOW w AS (PARTITION BY sensor)
) named WHERE first < last
"""
_KEEP = f"""
WITH kept AS (
    INSERT INTO import_rows (import_id, "row", action, planned_version, code, parent,
        changes, problems, original)
    SELECT $1, m."row", a.action, s.version, m.sensor, m.equipment,
        CASE WHEN a.action = 'update' THEN jsonb_build_object('equipment',
            jsonb_build_object('before', s.equipment, 'after', m.equipment)) END,
        f.problems,
        CASE WHEN a.action = 'error' THEN string_to_array(m.original, $3, $4) END
    FROM mapped m
    LEFT JOIN sensors s ON s.vessel = $2 AND s.code = m.sensor AND s.until IS NULL
    {lists.WRONG}
    CROSS JOIN LATERAL (SELECT CASE
        WHEN f."row" IS NOT NULL THEN 'error'
        WHEN s.id IS NULL THEN 'create'
        WHEN s.equipment <> m.equipment THEN 'update'
        ELSE 'unchanged' END AS action) a
    RETURNING action
)
SELECT action, count(*) FROM kept GROUP BY action
"""


async def keep(db: Driver, import_id: uuid.UUID, vessel: str) -> dict[str, int]:
    """Judge the staged rows and store them as the plan; how many of each action."""
    await db.execute(_TWICE, timeout=SECONDS)
    await lists.name_equipment(db, vessel, "mapped")
    rows = await db.fetch(_KEEP, import_id, vessel, SEPARATOR, ABSENT, timeout=SECONDS)
    await db.execute("DROP TABLE mapped, found")
    return {row["action"]: row["count"] for row in rows}


# --- applying -------------------------------------------------------------------------

_LOCK = """
SELECT FROM sensors WHERE vessel = $1 AND until IS NULL ORDER BY code
FOR NO KEY UPDATE
"""
_STALE = """
SELECT count(*) FROM import_rows r
LEFT JOIN sensors s ON s.vessel = $2 AND s.code = r.code AND s.until IS NULL
LEFT JOIN equipment e ON e.vessel = $2 AND e.code = r.parent
WHERE r.import_id = $1 AND r.action <> 'error'
  AND (e.code IS NULL OR s.version IS DISTINCT FROM r.planned_version)
"""
# Nothing was read by it: the map is set right, the sensor has not moved.
_CORRECT = """
UPDATE sensors s SET equipment = r.parent, version = version + 1, updated_at = now()
FROM import_rows r
WHERE r.import_id = $1 AND r.action = 'update'
  AND s.vessel = $2 AND s.code = r.code AND s.until IS NULL
  AND NOT EXISTS (
    SELECT FROM failures f JOIN readings d ON d.at = f.at AND d.sensor = s.number
    WHERE f.equipment = s.equipment)
"""
_END = """
UPDATE sensors s SET until = now(), version = version + 1, updated_at = now()
FROM import_rows r
WHERE r.import_id = $1 AND r.action = 'update' AND s.vessel = $2
  AND s.code = r.code AND s.until IS NULL AND s.equipment <> r.parent
"""
_BEGIN = """
INSERT INTO sensors (vessel, code, equipment)
SELECT $2::text, r.code, r.parent FROM import_rows r
WHERE r.import_id = $1 AND r.action IN ('create', 'update') AND NOT EXISTS (
    SELECT FROM sensors s WHERE s.vessel = $2 AND s.code = r.code
    AND s.until IS NULL AND r.action = 'update')
ORDER BY r.code
"""


async def stale(db: Driver, import_id: uuid.UUID, vessel: str) -> int:
    """How many rows of the plan were made from what is gone; locks the sensors."""
    await db.execute(_LOCK, vessel, timeout=SECONDS)
    return int(await db.fetchval(_STALE, import_id, vessel, timeout=SECONDS))


async def apply(db: Driver, import_id: uuid.UUID, vessel: str) -> None:
    """Raises asyncpg's IntegrityConstraintViolationError for a sensor taken since."""
    for statement in (_CORRECT, _END, _BEGIN):
        await db.execute(statement, import_id, vessel, timeout=SECONDS)
