"""The SQL of orders from files: staged by COPY, judged, kept as a plan, applied.

All run in the caller's transaction, on the asyncpg connection below it. An order is the
one of its equipment that bears its reference.
"""

import uuid
from collections.abc import Sequence

from app.database import Driver
from app.imports import lists, merging
from app.imports.reading import Read
from app.imports.rows import ABSENT, SEPARATOR, Problem
from app.imports.walks import SECONDS
from app.orders.fields import KEPT, KEYS, Field

BITS = merging.bits(Field)
# Those that an order has under their own names; it is done when it was performed.
SAME = tuple(
    field
    for field in Field
    if field not in {*KEYS, Field.FINISHED_AT, Field.STATE, Field.ISSUE}
)
COLUMNS = ("reference", *SAME, "state", "performed_at", "issue")

_TABLE = """
CREATE TEMPORARY TABLE ordered (
    "row" integer, equipment text COLLATE "C", reference text COLLATE "C", type text,
    title text, note text, state text, category text, activity text COLLATE "C",
    priority integer, package text, issue text COLLATE "C", cost numeric(14, 2),
    ordered_at timestamptz, due_at timestamptz, planned_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz, active_maintenance_hours numeric(10, 2),
    down_hours numeric(10, 2), cancel_reason text, given integer, original text
) ON COMMIT DROP;
"""


async def make_room(db: Driver) -> None:
    await db.execute(_TABLE + lists.FOUND_TABLE)


async def stage(db: Driver, rows: Sequence[Read], problems: Sequence[Problem]) -> None:
    await merging.stage(db, "ordered", BITS, rows, problems)


# --- the plan -------------------------------------------------------------------------


def _then(field: Field) -> str:
    """SQL: the field as it will be, from the row where that gives it."""
    kept = f"coalesce(s.{field}, o.{field})"
    return kept if field in KEPT else merging.then(field, BITS[field])


def _named(type_: str) -> str:
    """SQL: the activity that a type names."""
    return (
        "(SELECT min(a.code) FROM maintenance_activities a "
        f"WHERE lower(a.name) = lower({type_}))"
    )


_THEN = ", ".join(
    f"{_then(field)} AS {field}"
    for field in SAME
    if field not in {Field.COST, Field.ACTIVITY}
)
_END = merging.whole_day("s.finished_at", _then(Field.STARTED_AT))
_MERGED = f"""
CREATE TEMPORARY TABLE merged ON COMMIT DROP AS
SELECT m."row", m.equipment, m.id, m.version, m.reference, m.type, m.title, m.note,
    m.state, m.category, m.activity, m.priority, m.package, m.cost, m.ordered_at,
    m.due_at, m.planned_at, m.started_at, m.active_maintenance_hours, m.down_hours,
    coalesce(m.hangs_on, m.named) AS issue, m.hangs_on, m.named, m.named_as,
    CASE WHEN m.state = 'cancelled' THEN m.cancel_reason END AS cancel_reason,
    m.finished_at,
    -- When it was done or given up; else when it was begun, planned for or ordered.
    CASE WHEN m.state = 'done' THEN coalesce(m.finished_at, m.done_at)
        WHEN m.state = 'cancelled' THEN coalesce(m.finished_at,
            greatest(m.cancelled_at, m.started_at), m.planned_at, m.ordered_at,
            m.known_at, now())
        ELSE coalesce(m.started_at, m.planned_at, m.ordered_at, m.known_at, now())
    END AS performed_at
FROM (
    SELECT s."row", s.equipment, o.id, o.version, s.reference,
        {_END} AS finished_at, {_THEN}, coalesce(s.state, o.state, 'done') AS state,
        coalesce(s.cost, o.cost, 0)::numeric(14, 2) AS cost,
        CASE WHEN s.given & {BITS[Field.ACTIVITY]} > 0 THEN s.activity
            -- Another type names it anew, if it is the type that named it so far.
            WHEN o.id IS NOT NULL AND (s.type IS NULL
                OR o.activity IS DISTINCT FROM {_named("o.type")}) THEN o.activity
            ELSE {_named("s.type")} END AS activity,
        CASE WHEN o.state = 'done' THEN o.performed_at END AS done_at,
        CASE WHEN o.state = 'cancelled' THEN o.performed_at END AS cancelled_at,
        o.performed_at AS known_at, o.issue AS hangs_on, i.number AS named,
        s.issue AS named_as
    FROM ordered s
    LEFT JOIN operations o ON o.equipment = s.equipment AND o.reference = s.reference
    LEFT JOIN issues i ON i.vessel = $1 AND i.reference = s.issue
    WHERE s.equipment IS NOT NULL AND s.reference IS NOT NULL
) m
"""

# Whether a row would open work of an issue `i` on which nobody works.
_OVER = """{state} IN ('planned', 'in_progress')
    AND i.state NOT IN ('open', 'reopened', 'triaged', 'in_progress')"""
_ISSUE_OVER = f"""
INSERT INTO found
SELECT m."row", 'state', 'issue-over', m.state,
    'Its work is that of issue ' || i.number || ', which is ' || i.state || '. Reopen '
    'that first: POST /api/v1/issues/' || i.number || '/reopen. Or translate its state.'
FROM merged m JOIN issues i ON i.number = m.issue
WHERE {_OVER.format(state="m.state")}
"""

_NOT_YET = "It did not come to that: leave it blank, or translate its state."
_RULES: tuple[merging.Rule, ...] = (
    (
        *("type", "missing", "NULL"),
        "This order is new: say what is done. Map a column to it, or a constant.",
        "type IS NULL",
    ),
    (
        *("finished_at", "missing", "NULL"),
        "It is done, and nothing says when. Write it, or translate its state.",
        "state = 'done' AND performed_at IS NULL",
    ),
    (
        *("finished_at", "not-yet", "finished_at::text"),
        _NOT_YET,
        "state IN ('planned', 'in_progress') AND finished_at IS NOT NULL",
    ),
    (
        *("started_at", "not-yet", "started_at::text"),
        _NOT_YET,
        "state = 'planned' AND started_at IS NOT NULL",
    ),
    (
        *("started_at", "begun-later", "started_at::text"),
        "It was over before it was begun. Correct one of them.",
        "started_at > CASE state WHEN 'done' THEN performed_at ELSE finished_at END",
    ),
    *merging.not_to_come((Field.ORDERED_AT, Field.STARTED_AT, Field.FINISHED_AT)),
    (
        *("cancel_reason", "missing", "NULL"),
        'It is cancelled: say why, or map "cancel_reason": {"constant": "…"}.',
        "state = 'cancelled' AND cancel_reason IS NULL",
    ),
    (
        *("issue", "unknown-issue", "named_as"),
        "No issue of this vessel has this reference. Bring the issues over first.",
        "named_as IS NOT NULL AND named IS NULL",
    ),
    (
        *("issue", "other-issue", "named_as"),
        "This order hangs on another issue, and stays there. Correct one of them.",
        "named <> hangs_on",
    ),
    (
        *("activity", "unknown-code", "activity"),
        "This is none of the maintenance activities. Translate it, or add it to them.",
        "activity NOT IN (SELECT a.code FROM maintenance_activities a)",
    ),
    (
        *("cost", "not-the-sum", "cost::text"),
        "This order has lines of cost, whose sum is its cost. Leave it blank.",
        "cost <> (SELECT sum(l.amount) FROM cost_lines l WHERE l.operation = m.id)",
    ),
)
_KEEP = merging.keeping("ordered", "operations", COLUMNS, said=SAME)


async def keep(db: Driver, import_id: uuid.UUID, vessel: str) -> dict[str, int]:
    """Judge the staged rows and store them as the plan; how many of each action."""
    await lists.name_equipment(db, vessel, "ordered")
    said = "has this order of this equipment too. Remove one of them."
    await merging.find_twice(db, "ordered", KEYS, said)
    await db.execute("ANALYZE ordered", timeout=SECONDS)
    await db.execute(_MERGED, vessel, timeout=SECONDS)
    await db.execute("ANALYZE merged", timeout=SECONDS)
    await db.execute(_ISSUE_OVER, timeout=SECONDS)
    await merging.judge(db, _RULES)
    kept = await db.fetch(_KEEP, import_id, SEPARATOR, ABSENT, timeout=SECONDS)
    await db.execute("DROP TABLE ordered, found, merged")
    return {row["action"]: row["count"] for row in kept}


# --- applying -------------------------------------------------------------------------

# In one order for all, so that two writers never wait for each other.
_LOCK_ISSUES = """
SELECT FROM issues WHERE number IN (
    SELECT (r.fields ->> 'issue')::bigint FROM import_rows r
    WHERE r.import_id = $1 AND r.action IN ('create', 'update')
      AND r.fields ->> 'state' IN ('planned', 'in_progress'))
ORDER BY number FOR NO KEY UPDATE
"""
_LOCK = """
SELECT FROM operations o JOIN import_rows r
    ON o.equipment = r.code AND o.reference = r.fields ->> 'reference'
WHERE r.import_id = $1 AND r.action = 'update'
ORDER BY o.id FOR NO KEY UPDATE OF o
"""
_STALE = f"""
SELECT count(*) FROM import_rows r
LEFT JOIN equipment e ON e.vessel = $2 AND e.code = r.code
LEFT JOIN operations o ON o.equipment = r.code
    AND o.reference = r.fields ->> 'reference'
LEFT JOIN issues i ON i.number = (r.fields ->> 'issue')::bigint
WHERE r.import_id = $1 AND r.action <> 'error'
  AND (e.code IS NULL OR o.version IS DISTINCT FROM r.planned_version
    OR ({_OVER.format(state="r.fields ->> 'state'")}))
"""
_WRITTEN = ", ".join(COLUMNS)
_VALUES = ", ".join(f"v.{column}" for column in COLUMNS)
_CREATE = f"""
INSERT INTO operations (equipment, vessel, {_WRITTEN})
SELECT r.code, $2::text, {_VALUES}
FROM import_rows r, jsonb_populate_record(NULL::operations, r.fields) v
WHERE r.import_id = $1 AND r.action = 'create' ORDER BY r."row"
"""
_UPDATE = f"""
UPDATE operations o
SET ({_WRITTEN}, version, updated_at) = ROW ({_VALUES}, o.version + 1, now())
FROM import_rows r, jsonb_populate_record(NULL::operations, r.fields) v
WHERE r.import_id = $1 AND r.action = 'update'
  AND o.equipment = r.code AND o.reference = v.reference
"""


async def stale(db: Driver, import_id: uuid.UUID, vessel: str) -> int:
    """How many rows of the plan were made from what is gone; locks what it updates."""
    await db.execute("DISCARD PLANS")
    # Orders before their issues, as whoever closes one of them.
    await db.execute(_LOCK, import_id, timeout=SECONDS)
    await db.execute(_LOCK_ISSUES, import_id, timeout=SECONDS)
    return int(await db.fetchval(_STALE, import_id, vessel, timeout=SECONDS))


async def apply(db: Driver, import_id: uuid.UUID, vessel: str) -> None:
    """Raises asyncpg's IntegrityConstraintViolationError for an order entered since."""
    await db.execute(_CREATE, import_id, vessel, timeout=SECONDS)
    await db.execute(_UPDATE, import_id, timeout=SECONDS)
