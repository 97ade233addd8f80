"""The SQL of imports: staged by COPY, then judged and applied set-wise.

A plan of 50,000 rows takes some twenty statements instead of 100,000 (W5). All run in
the caller's transaction, on the asyncpg connection below it, since COPY and minutes
of patience are the driver's own.
"""

import uuid
from collections.abc import Sequence

from app.database import Driver
from app.imports.mapping import FIELDS
from app.imports.rows import BITS, SEPARATOR, Problem

# How long one of these statements may take.
SECONDS = 10 * 60

STAGED = ("row", *FIELDS, "key", "given", "original")
FOUND = ("row", "field", "code", "value", "message")

_TABLES = """
CREATE TEMPORARY TABLE staged (
    "row" integer, code text COLLATE "C", tag text COLLATE "C", name text,
    location text, "group" text, parent text COLLATE "C", status text,
    key text COLLATE "C", given integer, original text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE found (
    "row" integer, field text, code text, value text, message text
) ON COMMIT DROP;
"""


async def make_room(db: Driver) -> None:
    """Two tables of this transaction's own: a file's rows, and what is wrong."""
    await db.execute(_TABLES)


async def stage(
    db: Driver,
    records: Sequence[tuple[int | str | None, ...]],
    problems: Sequence[Problem],
) -> None:
    await db.copy_records_to_table(
        "staged", records=records, columns=STAGED, timeout=SECONDS
    )
    if problems:
        await db.copy_records_to_table(
            "found", records=problems, columns=FOUND, timeout=SECONDS
        )


# --- what can be wrong with a row among the others -----------------------------------

# A row without a code is the equipment that has its tag, or a new one.
_NAME_BY_TAG = """
UPDATE staged s
SET code = coalesce(
    (SELECT e.code FROM equipment e WHERE e.vessel = $1 AND e.tag = s.tag),
    $1 || '-' || s.tag)
WHERE s.code IS NULL AND s.tag IS NOT NULL
"""

_CODE_TOO_LONG = """
SELECT "row", 'tag', 'code-too-long', tag,
    'The code ' || code || ' that is made of vessel and tag has more than 64 '
    'characters. Give a code.'
FROM staged WHERE length(code) > 64
"""

# The first of equal rows stands.
_TWICE = """
SELECT s."row", $1, 'duplicate-row', s.{field},
    'Row ' || f.first || ' has this {field} too. Remove one of them.'
FROM staged s JOIN (
    SELECT {field}, min("row") AS first FROM staged WHERE {field} IS NOT NULL
    GROUP BY {field} HAVING count(*) > 1
) f USING ({field})
WHERE s."row" > f.first
"""

_ABOARD_ANOTHER = """
SELECT s."row", 'code', 'code-of-another-vessel', s.code,
    'This code is aboard ' || e.vessel || '. Codes are unique in the fleet: choose '
    'another one, or import the row there.'
FROM staged s JOIN equipment e ON e.code = s.code AND e.vessel <> $1
"""

_TAG_TAKEN = """
SELECT s."row", 'tag', 'duplicate-tag', s.tag,
    'This tag is that of ' || e.code || '. Choose another one, or give that code.'
FROM staged s
JOIN equipment e ON e.vessel = $1 AND e.tag = s.tag AND e.code <> s.code
LEFT JOIN staged other ON other.code = e.code AND other.given & $2 > 0
WHERE other.code IS NULL OR other.tag = s.tag
"""

_NO_NAME = """
SELECT s."row", 'name', 'missing-name', NULL,
    'This equipment is new and needs a name. Map a column to it, or give a constant.'
FROM staged s LEFT JOIN equipment e ON e.code = s.code
WHERE e.id IS NULL AND s.name IS NULL AND s.given & $1 = 0 AND s.code IS NOT NULL
"""

# --- parents --------------------------------------------------------------------------

_KEY_TWICE = """
SELECT s."row", 'parent', 'ambiguous-parent', s.parent,
    count(*) || ' rows of the file have this in the column that parents refer to.'
FROM staged s JOIN staged p ON p.key = s.parent
GROUP BY s."row", s.parent HAVING count(*) > 1
"""

_KEY_UNKNOWN = """
SELECT s."row", 'parent', 'unknown-parent', s.parent,
    'No row of the file has this in the column that parents refer to.'
FROM staged s LEFT JOIN staged p ON p.key = s.parent
WHERE s.parent IS NOT NULL AND p."row" IS NULL
"""

# A parent whose own row could not be read has no code: this row waits for it.
_KEY_WITHOUT_CODE = """
SELECT s."row", 'parent', 'parent-has-error', s.parent,
    'The row of its parent, row ' || p."row" || ', has an error. Mend that one first.'
FROM staged s JOIN staged p ON p.key = s.parent AND p.code IS NULL
"""

_PARENT_BY_KEY = """
UPDATE staged s SET parent = (SELECT min(p.code) FROM staged p WHERE p.key = s.parent)
WHERE s.parent IS NOT NULL
"""

# A parent is named by code or else by tag, in the file or else aboard.
_PARENT_BY_TAG = """
UPDATE staged s SET parent = t.code
FROM (
    SELECT tag, code FROM staged WHERE tag IS NOT NULL
    UNION
    SELECT tag, code FROM equipment e WHERE vessel = $1 AND tag IS NOT NULL
    AND NOT EXISTS (SELECT FROM staged o WHERE o.tag = e.tag AND o.code IS NOT NULL)
) t
WHERE t.tag = s.parent AND t.code IS NOT NULL
  AND NOT EXISTS (SELECT FROM staged p WHERE p.code = s.parent)
  AND NOT EXISTS (
    SELECT FROM equipment e WHERE e.vessel = $1 AND e.code = s.parent)
"""

_PARENT_UNKNOWN = """
SELECT s."row", 'parent', 'unknown-parent', s.parent,
    'Neither the file nor ' || $1 || ' has this code or tag. Add its row, or correct '
    'the parent.'
FROM staged s
LEFT JOIN staged p ON p.code = s.parent
LEFT JOIN equipment e ON e.vessel = $1 AND e.code = s.parent
WHERE s.parent IS NOT NULL AND p."row" IS NULL AND e.id IS NULL
"""

# Whoever is to be created below a row that cannot be, cannot be either.
_BELOW_AN_ERROR = """
WITH RECURSIVE lost AS (
    SELECT code FROM (
        SELECT s.code, bool_and(f."row" IS NOT NULL) AS all_wrong
        FROM staged s LEFT JOIN (SELECT DISTINCT "row" FROM found) f USING ("row")
        WHERE s.code IS NOT NULL GROUP BY s.code
    ) rows_of WHERE all_wrong
      AND NOT EXISTS (
        SELECT FROM equipment e WHERE e.vessel = $1 AND e.code = rows_of.code)
  UNION
    SELECT s.code FROM staged s JOIN lost ON s.parent = lost.code
    WHERE NOT EXISTS (
        SELECT FROM equipment e WHERE e.vessel = $1 AND e.code = s.code)
)
SELECT s."row", 'parent', 'parent-has-error', s.parent,
    'The row of its parent has an error. Mend that one first.'
FROM staged s JOIN lost ON s.parent = lost.code
WHERE NOT EXISTS (SELECT FROM found f WHERE f."row" = s."row")
"""

# --- circles of parents ---------------------------------------------------------------

# The tree as it would be: sound rows of the file over what is aboard.
_PARENTS_PLANNED = """
SELECT s.code, CASE WHEN s.given & $2 > 0 THEN s.parent ELSE e.parent END AS parent
FROM staged s LEFT JOIN equipment e ON e.code = s.code
WHERE s.code IS NOT NULL AND NOT EXISTS (SELECT FROM found f WHERE f."row" = s."row")
UNION ALL
SELECT e.code, e.parent FROM equipment e WHERE e.vessel = $1 AND NOT EXISTS (
    SELECT FROM staged s WHERE s.code = e.code
    AND NOT EXISTS (SELECT FROM found f WHERE f."row" = s."row"))
"""
_PARENTS_ABOARD = "SELECT code, parent FROM equipment WHERE vessel = $1"

# From the roots down, each equipment is met once; what is not met is on a circle, or
# hangs from one.
_ADRIFT = """
WITH RECURSIVE tree AS MATERIALIZED ({tree}), met AS (
    SELECT code FROM tree WHERE parent IS NULL
  UNION ALL
    SELECT t.code FROM tree t JOIN met ON t.parent = met.code
)
SELECT code, parent FROM tree t
WHERE NOT EXISTS (SELECT FROM met WHERE met.code = t.code)
"""


def _on_circles(adrift: dict[str, str]) -> set[str]:
    """Those from which the way up comes back to them."""
    seen: set[str] = set()
    circles: set[str] = set()
    for start in adrift:
        way: dict[str, None] = {}
        here = start
        while here in adrift and here not in seen:
            seen.add(here)
            way[here] = None
            here = adrift[here]
        if here in way:
            steps = list(way)
            circles.update(steps[steps.index(here) :])
    return circles


async def circles(db: Driver, vessel: str, *, planned: bool) -> set[str]:
    """The codes of the vessel that stand, or would stand, below themselves."""
    tree = _PARENTS_PLANNED if planned else _PARENTS_ABOARD
    args = (vessel, BITS["parent"]) if planned else (vessel,)
    rows = await db.fetch(_ADRIFT.format(tree=tree), *args, timeout=SECONDS)
    return _on_circles({row["code"]: row["parent"] for row in rows})


_CIRCLE = """
SELECT "row", 'parent', 'parent-cycle', parent,
    'By way of its parents this equipment would stand below itself. Correct one of '
    'them.'
FROM staged WHERE code = ANY($1)
"""


# --- judging ------------------------------------------------------------------------


class _Judge:
    """Runs rules: each is a SELECT of what it finds wrong."""

    def __init__(self, db: Driver) -> None:
        self.db = db

    async def find(self, rule: str, *args: object) -> None:
        await self.db.execute(f"INSERT INTO found {rule}", *args, timeout=SECONDS)

    async def holds(self, rule: str, *args: object) -> bool:
        query = f"SELECT EXISTS ({rule})"
        return bool(await self.db.fetchval(query, *args, timeout=SECONDS))


async def judge(db: Driver, vessel: str, *, by_key: bool) -> None:
    """Find every row that contradicts another row or what is stored.

    `by_key`: parents are named by what stands in the key column of the file.
    """
    rules = _Judge(db)
    if by_key:
        await rules.find(_KEY_TWICE)
        await rules.find(_KEY_UNKNOWN)
    await db.execute(_NAME_BY_TAG, vessel, timeout=SECONDS)
    await db.execute("ANALYZE staged", timeout=SECONDS)
    if by_key:
        await rules.find(_KEY_WITHOUT_CODE)
        await db.execute(_PARENT_BY_KEY, timeout=SECONDS)
    elif await rules.holds(_PARENT_UNKNOWN, vessel):
        await db.execute(_PARENT_BY_TAG, vessel, timeout=SECONDS)
        await rules.find(_PARENT_UNKNOWN, vessel)
    await rules.find(_CODE_TOO_LONG)
    await rules.find(_TWICE.format(field="code"), "code")
    await rules.find(_TWICE.format(field="tag"), "tag")
    await rules.find(_ABOARD_ANOTHER, vessel)
    await rules.find(_TAG_TAKEN, vessel, BITS["tag"])
    await rules.find(_NO_NAME, BITS["name"])
    if await rules.holds("SELECT FROM found"):
        await rules.find(_BELOW_AN_ERROR, vessel)
    if not await rules.holds("SELECT FROM staged WHERE parent IS NOT NULL"):
        return
    if circle := await circles(db, vessel, planned=True):
        await rules.find(_CIRCLE, list(circle))
        await rules.find(_BELOW_AN_ERROR, vessel)


def _planned(field: str) -> str:
    """SQL: the field as it will be, from the row where that gives it."""
    kept = "coalesce(e.status, 'active')" if field == "status" else f'e."{field}"'
    return f'CASE WHEN s.given & {BITS[field]} > 0 THEN s."{field}" ELSE {kept} END'


_DIFFERS = " OR ".join(
    f'(s.given & {BITS[field]} > 0 AND s."{field}" IS DISTINCT FROM e."{field}")'
    for field in FIELDS[1:]
)
_CHANGES = " || ".join(
    f'CASE WHEN s.given & {BITS[field]} > 0 AND s."{field}" IS DISTINCT FROM '
    f"e.\"{field}\" THEN jsonb_build_object('{field}', jsonb_build_object("
    f"'before', e.\"{field}\", 'after', s.\"{field}\")) ELSE '{{}}' END"
    for field in FIELDS[1:]
)
_KEEP = f"""
WITH kept AS (
    INSERT INTO import_rows (import_id, "row", action, planned_version,
        {", ".join(f'"{field}"' for field in FIELDS)}, changes, problems, original)
    SELECT $1, s."row", a.action, e.version, s.code,
        {", ".join(_planned(field) for field in FIELDS[1:])},
        CASE WHEN a.action = 'update' THEN {_CHANGES} END,
        f.problems,
        CASE WHEN a.action = 'error' THEN string_to_array(s.original, $3) END
    FROM staged s
    LEFT JOIN equipment e ON e.code = s.code AND e.vessel = $2
    LEFT JOIN (
        SELECT "row", jsonb_agg(jsonb_build_object('field', field, 'code', code,
            'value', value, 'message', message)) AS problems
        FROM found GROUP BY "row"
    ) f USING ("row")
    CROSS JOIN LATERAL (SELECT CASE
        WHEN f."row" IS NOT NULL THEN 'error'
        WHEN e.id IS NULL THEN 'create'
        WHEN {_DIFFERS} THEN 'update'
        ELSE 'unchanged' END AS action) a
    RETURNING action
)
SELECT action, count(*) FROM kept GROUP BY action
"""


async def keep(db: Driver, import_id: uuid.UUID, vessel: str) -> dict[str, int]:
    """Store the judged rows as the plan; return how many there are of each action."""
    rows = await db.fetch(_KEEP, import_id, vessel, SEPARATOR, timeout=SECONDS)
    await db.execute("DROP TABLE staged, found")
    return {row["action"]: row["count"] for row in rows}


# --- applying -------------------------------------------------------------------------

_STALE = """
SELECT count(*) FROM import_rows r
LEFT JOIN equipment e ON e.code = r.code AND e.vessel = $2
WHERE r.import_id = $1 AND r.action IN ('update', 'unchanged')
  AND e.version IS DISTINCT FROM r.planned_version
"""
# In one order for all, so that two writers never wait for each other.
_LOCK = """
SELECT FROM equipment WHERE code IN (
    SELECT code FROM import_rows WHERE import_id = $1 AND action = 'update')
ORDER BY code FOR UPDATE
"""
_NAMED = ", ".join(f'"{field}"' for field in FIELDS)
_CREATE = f"""
INSERT INTO equipment (vessel, {_NAMED})
SELECT $2, {_NAMED} FROM import_rows
WHERE import_id = $1 AND action = 'create' ORDER BY "row"
"""
_UPDATE = f"""
UPDATE equipment e
SET ({", ".join(f'"{field}"' for field in FIELDS[1:])}, version, updated_at)
    = ROW ({", ".join(f'r."{field}"' for field in FIELDS[1:])}, e.version + 1, now())
FROM import_rows r
WHERE r.import_id = $1 AND r.action = 'update' AND e.code = r.code
"""
_MOVES = """
SELECT EXISTS (SELECT FROM import_rows
    WHERE import_id = $1 AND action = 'update' AND changes ? 'parent')
"""


async def stale(db: Driver, import_id: uuid.UUID, vessel: str) -> int:
    """How many rows of the plan were made from a version that is gone.

    Locks what the plan updates: nobody changes it before the transaction ends.
    """
    await db.execute(_LOCK, import_id, timeout=SECONDS)
    return int(await db.fetchval(_STALE, import_id, vessel, timeout=SECONDS))


async def apply(db: Driver, import_id: uuid.UUID, vessel: str) -> bool:
    """Create and update as planned; False if the tree would close a circle now.

    Raises asyncpg's IntegrityConstraintViolationError when a code, a tag or a parent
    of the plan was taken or lost meanwhile.
    """
    # The checks of references reuse plans that this connection may have made while the
    # table was tiny: 50,000 of them would each read the whole of what it has become.
    await db.execute("DISCARD PLANS; SET LOCAL enable_seqscan = off")
    # Two rows may swap their tags, a new one take that of another.
    await db.execute("SET CONSTRAINTS uq_equipment_tag_vessel DEFERRED")
    await db.execute(_CREATE, import_id, vessel, timeout=SECONDS)
    await db.execute(_UPDATE, import_id, timeout=SECONDS)
    await db.execute("SET CONSTRAINTS uq_equipment_tag_vessel IMMEDIATE")
    await db.execute("SET LOCAL enable_seqscan = on")
    moves = await db.fetchval(_MOVES, import_id, timeout=SECONDS)
    return not (moves and await circles(db, vessel, planned=False))
