"""The SQL that does what a plan of issues says."""

import uuid

from app.database import Driver
from app.failures import telling
from app.imports.walks import SECONDS
from app.reports.queries import ACTIVE, COLUMNS, UNDONE

_OF_PLAN = """import_rows r JOIN issues i
    ON i.vessel = $2 AND i.reference = r.fields ->> 'reference'"""
# In one order for all, so that two writers never wait for each other.
_LOCK = f"""
SELECT FROM {_OF_PLAN}
WHERE r.import_id = $1 AND r.action = 'update'
ORDER BY i.number FOR NO KEY UPDATE OF i
"""
_UNDONE = UNDONE.format(
    after="r.fields ->> 'state'", before="i.state", active=ACTIVE, number="i.number"
)
_STALE = f"""
SELECT count(*) FROM import_rows r
LEFT JOIN equipment e ON e.vessel = $2 AND e.code = r.code
LEFT JOIN issues i ON i.vessel = $2 AND i.reference = r.fields ->> 'reference'
WHERE r.import_id = $1 AND r.action <> 'error'
  AND (r.code IS NOT NULL AND i.id IS NULL AND e.code IS NULL
    OR i.version IS DISTINCT FROM r.planned_version OR ({_UNDONE}))
"""
_WRITTEN = ", ".join(COLUMNS)
_VALUES = ", ".join(f"v.{column}" for column in COLUMNS)
_CREATE = f"""
INSERT INTO issues (vessel, equipment, {_WRITTEN})
SELECT $2::text, r.code, {_VALUES}
FROM import_rows r, jsonb_populate_record(NULL::issues, r.fields) v
WHERE r.import_id = $1 AND r.action = 'create' ORDER BY r."row"
"""
# What the file tells of its way: between the steps that it dates nothing is made up.
_MOVE = f"""
INSERT INTO issue_moves (issue, before, after, at, comment)
SELECT i.number, step.before, step.after, step.at,
    concat_ws(' · ', CASE WHEN step.after = 'cancelled' THEN v.cancel_reason END,
        'By import ' || r.import_id)
FROM {_OF_PLAN}
CROSS JOIN LATERAL jsonb_to_record(r.fields) AS v (
    state text, resolved_at timestamptz, closed_at timestamptz, cancel_reason text)
CROSS JOIN LATERAL (
    SELECT CASE r.action WHEN 'create' THEN 'open' ELSE i.state END AS state
) known
CROSS JOIN LATERAL (
    SELECT 1 AS nth, known.state AS before, 'resolved' AS after,
        coalesce(v.resolved_at, v.closed_at) AS at
    WHERE v.state IN ('resolved', 'closed') AND known.state <> 'resolved'
    UNION ALL
    SELECT 2, 'resolved', 'closed', coalesce(v.closed_at, v.resolved_at)
    WHERE v.state = 'closed'
    UNION ALL
    SELECT 1, known.state, v.state, coalesce(v.closed_at, v.resolved_at, now())
    WHERE v.state NOT IN ('resolved', 'closed')
) step
WHERE r.import_id = $1 AND r.action IN ('create', 'update') AND known.state <> v.state
ORDER BY i.number, step.nth
"""
_UPDATE = f"""
UPDATE issues i
SET ({_WRITTEN}, version, updated_at) = ROW ({_VALUES}, i.version + 1, now())
FROM import_rows r, jsonb_populate_record(NULL::issues, r.fields) v
WHERE r.import_id = $1 AND r.action = 'update'
  AND i.vessel = $2 AND i.reference = v.reference
"""
# What the issues tell of failures, before and after, may differ.
_TELLS = "i.kind = 'failure' AND i.state NOT IN ('cancelled', 'duplicate')"
_TOLD = f"""
INSERT INTO told SELECT i.equipment, i.observed_at FROM {_OF_PLAN}
WHERE r.import_id = $1 AND r.action IN ('create', 'update') AND {_TELLS}
ON CONFLICT DO NOTHING
"""
_TELLING = f"""SELECT FROM issues i
    WHERE i.equipment = t.equipment AND i.observed_at = t.at AND {_TELLS}"""


async def stale(db: Driver, import_id: uuid.UUID, vessel: str) -> int:
    """How many rows of the plan were made from what is gone; locks what it updates."""
    await db.execute("DISCARD PLANS")
    await db.execute(_LOCK, import_id, vessel, timeout=SECONDS)
    return int(await db.fetchval(_STALE, import_id, vessel, timeout=SECONDS))


async def apply(db: Driver, import_id: uuid.UUID, vessel: str) -> None:
    """Raises asyncpg's IntegrityConstraintViolationError for an issue entered since."""
    await telling.make_room(db)
    for statement in (_CREATE, _TOLD, _MOVE, _UPDATE, _TOLD):
        await db.execute(statement, import_id, vessel, timeout=SECONDS)
    await telling.follow(db, vessel, _TELLING)
