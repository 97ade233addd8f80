"""The SQL of issues from files: staged by COPY, judged and kept as a plan.

All run in the caller's transaction, on the asyncpg connection below it. An issue is the
one of its vessel that bears its reference.
"""

import uuid
from collections.abc import Sequence

from app.database import Driver
from app.imports import lists, merging
from app.imports.reading import Read
from app.imports.rows import ABSENT, SEPARATOR, Problem
from app.imports.walks import SECONDS
from app.reports.fields import INSTANTS, KEPT, KEYS, OF_STEPS, Field

BITS = merging.bits(Field)
# Those that an issue has under their own names.
SAME = tuple(
    field
    for field in Field
    if field not in {Field.EQUIPMENT, *KEYS, Field.STATE, *OF_STEPS}
)
COLUMNS = ("reference", *SAME, "state")

_TABLE = """
CREATE TEMPORARY TABLE reported (
    "row" integer, equipment text COLLATE "C", reference text COLLATE "C", title text,
    description text, kind text, state text, priority integer,
    failure_mode text COLLATE "C", mechanism text COLLATE "C", cause text COLLATE "C",
    detection_method text COLLATE "C", impact text, reporter text,
    observed_at timestamptz, due_at timestamptz, down_since timestamptz,
    down_until timestamptz, resolved_at timestamptz, closed_at timestamptz,
    cancel_reason text, given integer, original text
) ON COMMIT DROP;
"""


async def make_room(db: Driver) -> None:
    await db.execute(_TABLE + lists.FOUND_TABLE)


async def stage(db: Driver, rows: Sequence[Read], problems: Sequence[Problem]) -> None:
    await merging.stage(db, "reported", BITS, rows, problems)


# --- as it will be --------------------------------------------------------------------


def _then(field: Field) -> str:
    """SQL: the field as it will be, from the row where that gives it."""
    kept = f"coalesce(s.{field}, o.{field})"
    return kept if field in KEPT else merging.then(field, BITS[field])


_THEN = ", ".join(
    f"{_then(field)} AS {field}"
    for field in SAME
    if field not in {Field.PRIORITY, Field.DOWN_UNTIL}
)
_STEPS = "'{open,reopened,triaged,in_progress,resolved,closed}'::text[]"
ACTIVE = "('open', 'reopened', 'triaged', 'in_progress')"
# Whether the file tells of an end before the issue was reopened here.
_OUTDATED = f"""s.state NOT IN {ACTIVE} AND (o.state IN {ACTIVE}
        OR (o.state IN ('resolved', 'closed') AND s.state IN ('resolved', 'closed')))
    AND EXISTS (
        SELECT FROM issue_moves v WHERE v.issue = o.number AND v.after = 'reopened'
        AND (v.at < coalesce(s.closed_at, s.resolved_at)) IS NOT TRUE)"""
# A file takes an issue on, as far as it is there or here. What was called a duplicate
# stays one, and what was reopened here does until it ended again.
_STATE = f"""CASE
    WHEN s.state IS NULL OR o.state = 'duplicate' THEN coalesce(o.state, 'open')
    WHEN {_OUTDATED} THEN o.state
    WHEN (s.state IN ('resolved', 'closed')) = (o.state IN ('resolved', 'closed'))
        AND array_position({_STEPS}, s.state) <= array_position({_STEPS}, o.state)
        THEN o.state
    ELSE s.state END"""
_UP = merging.whole_day("coalesce(s.resolved_at, s.closed_at)", "s.down_since")
_MERGED = f"""
CREATE TEMPORARY TABLE merged ON COMMIT DROP AS
WITH said AS (
    SELECT s."row", o.id, o.version, o.number, o.state AS before, o.equipment AS known,
        coalesce(s.equipment, o.equipment) AS equipment, s.reference, {_THEN},
        coalesce(s.priority, o.priority, 3) AS priority, {_STATE} AS state,
        coalesce(s.state, o.state, 'open') AS said, s.cancel_reason,
        s.resolved_at, s.closed_at, s.down_until, o.down_until AS known_until,
        {_OUTDATED} AS outdated
    FROM reported s
    LEFT JOIN issues o ON o.vessel = $1 AND o.reference = s.reference
    WHERE s.reference IS NOT NULL
), ended AS (
    SELECT "row", {merging.whole_day("resolved_at", "observed_at")} AS resolved_at
    FROM said
)
SELECT s."row", s.id, s.version, s.number, s.before, s.known, s.said, s.equipment,
    s.reference, s.title, s.description, s.kind, s.state, s.priority, s.failure_mode,
    s.mechanism, s.cause, s.detection_method, s.impact, s.reporter, s.observed_at,
    s.due_at, s.down_since, s.cancel_reason, e.resolved_at,
    {merging.whole_day("s.closed_at", "coalesce(e.resolved_at, s.observed_at)")}
        AS closed_at,
    -- Resolving ends the down time, unless it is known when that was.
    CASE WHEN s.outdated THEN s.known_until ELSE
        coalesce({merging.whole_day("s.down_until", "s.down_since")}, s.known_until,
            CASE WHEN s.state IN ('resolved', 'closed') AND s.down_since IS NOT NULL
                THEN greatest(e.resolved_at, {_UP}) END) END AS down_until
FROM said s JOIN ended e USING ("row")
"""

# --- the plan -------------------------------------------------------------------------

# Whether an issue would end while orders `w` of it are still to be done.
UNDONE = """{after} IN ('resolved', 'closed', 'cancelled') AND {before} IN {active}
    AND EXISTS (SELECT FROM operations w WHERE w.issue = {number}
        AND w.state IN ('planned', 'in_progress'))"""
_UNDONE = UNDONE.format(
    after="m.state", before="m.before", active=ACTIVE, number="m.number"
)
_STEPS_WRONG = f"""
INSERT INTO found
SELECT m."row", 'state', 'open-orders', m.state,
    'Orders of issue ' || m.number || ' are still to be done. Finish or cancel them '
    'first: GET /api/v1/operations?issue=' || m.number || '&state=planned'
    '&state=in_progress lists them.'
FROM merged m WHERE {_UNDONE}
UNION ALL
SELECT m."row", 'state', 'issue-over', m.said,
    'Issue ' || m.number || ' is ' || m.before || '. Reopen it first: '
    'POST /api/v1/issues/' || m.number || '/reopen. Or leave its state out.'
FROM merged m
WHERE m.before NOT IN {ACTIVE} AND m.state <> m.before
  AND (m.before, m.state) <> ('resolved', 'closed')
"""
_NOT_YET = "It did not come to that: leave it blank, or translate its state."
_SOONER = "It was over before it was seen. Correct one of them."
_NEW = "This issue is new: say it. Map a column to it, or a constant."
_TERM = (
    "This is none of them: GET /api/v1/taxonomy/{} lists those. Translate it in the "
    "mapping, or add it there."
)
_TERMS = {
    Field.FAILURE_MODE: "failure_modes",
    Field.MECHANISM: "failure_mechanisms",
    Field.CAUSE: "failure_causes",
    Field.DETECTION_METHOD: "detection_methods",
}
_RULES: tuple[merging.Rule, ...] = (
    (*("title", "missing", "NULL"), _NEW, "title IS NULL"),
    (*("kind", "missing", "NULL"), _NEW, "kind IS NULL"),
    (
        *("observed_at", "missing", "NULL"),
        "This issue is new: say when it was seen. Map a column to it.",
        "observed_at IS NULL",
    ),
    (
        *("equipment", "missing", "NULL"),
        "A failure is one of an equipment: name it, or translate the kind.",
        "kind = 'failure' AND equipment IS NULL",
    ),
    (
        *("equipment", "other-equipment", "equipment"),
        "The issue of this reference is of something else, and stays so. Correct one.",
        "id IS NOT NULL AND equipment IS DISTINCT FROM known",
    ),
    (
        *("resolved_at", "missing", "NULL"),
        "It is over, and nothing says when. Write it, or translate its state.",
        """state IN ('resolved', 'closed') AND before IS DISTINCT FROM state
        AND coalesce(resolved_at, closed_at) IS NULL""",
    ),
    (
        *("resolved_at", "not-yet", "resolved_at::text", _NOT_YET),
        f"said IN {ACTIVE} AND resolved_at IS NOT NULL",
    ),
    (
        *("closed_at", "not-yet", "closed_at::text", _NOT_YET),
        f"said IN ('resolved', {ACTIVE[1:]} AND closed_at IS NOT NULL",
    ),
    (
        *("resolved_at", "begun-later", "resolved_at::text", _SOONER),
        "resolved_at < observed_at",
    ),
    (
        *("closed_at", "begun-later", "closed_at::text", _SOONER),
        "closed_at < greatest(resolved_at, observed_at)",
    ),
    *merging.not_to_come(field for field in INSTANTS if field is not Field.DUE_AT),
    (
        *("observed_at", "invalid-instant", "observed_at::text"),
        "No failure is known before 1970. Write when it was, or translate the kind.",
        "kind = 'failure' AND observed_at < '1970-01-01Z'",
    ),
    (
        *("down_until", "still-down", "NULL"),
        "It is over, so that nothing is down any more: write down_until too.",
        """state IN ('resolved', 'closed') AND down_since IS NOT NULL
        AND down_until IS NULL""",
    ),
    (
        *("down_until", "before-down-since", "down_until::text"),
        "It ends what began at down_since: write that, not after it.",
        "down_until IS NOT NULL AND (down_until >= down_since) IS NOT TRUE",
    ),
    (
        *("cancel_reason", "missing", "NULL"),
        'It is cancelled: say why, or map "cancel_reason": {"constant": "…"}.',
        """state = 'cancelled' AND before IS DISTINCT FROM state
        AND cancel_reason IS NULL""",
    ),
    *(
        (
            *(field, "unknown-code", field, _TERM.format(of.replace("_", "-"))),
            f"{field} NOT IN (SELECT code FROM {of})",
        )
        for field, of in _TERMS.items()
    ),
    (
        *("failure_mode", "not-of-the-class", "failure_mode"),
        "Equipment of its class cannot have it. Translate it, or add it to the class.",
        """failure_mode IS DISTINCT FROM (
            SELECT i.failure_mode FROM issues i WHERE i.id = m.id)
        AND failure_mode <> ALL (
            SELECT a.mode FROM class_failure_modes a JOIN equipment e USING (class)
            WHERE e.code = m.equipment)
        AND EXISTS (
            SELECT FROM class_failure_modes a JOIN equipment e USING (class)
            WHERE e.code = m.equipment)""",
    ),
)
# Its equipment may have gone to another vessel since; the issue stays with this one.
_MOVED = """
DELETE FROM found f USING reported s JOIN issues o
    ON o.vessel = $1 AND o.reference = s.reference AND o.equipment = s.equipment
WHERE f."row" = s."row" AND f.code = 'unknown-equipment'
"""
_KEEP = merging.keeping("reported", "issues", COLUMNS, said=SAME, more=OF_STEPS)


async def keep(db: Driver, import_id: uuid.UUID, vessel: str) -> dict[str, int]:
    """Judge the staged rows and store them as the plan; how many of each action."""
    await lists.name_equipment(db, vessel, "reported")
    await db.execute(_MOVED, vessel, timeout=SECONDS)
    said = "has this reference too. Remove one of them."
    await merging.find_twice(db, "reported", KEYS, said)
    await db.execute("ANALYZE reported", timeout=SECONDS)
    await db.execute(_MERGED, vessel, timeout=SECONDS)
    await db.execute("ANALYZE merged", timeout=SECONDS)
    await db.execute(_STEPS_WRONG, timeout=SECONDS)
    await merging.judge(db, _RULES)
    kept = await db.fetch(_KEEP, import_id, SEPARATOR, ABSENT, timeout=SECONDS)
    await db.execute("DROP TABLE reported, found, merged")
    return {row["action"]: row["count"] for row in kept}
