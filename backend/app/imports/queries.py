"""The SQL of imports: rows staged by COPY, kept as a plan and applied set-wise.

All run in the caller's transaction, on the asyncpg connection below it: COPY is the
driver's own, and a few statements for 50,000 rows need its patience (W5).
"""

import json
import uuid
from collections.abc import Sequence

from app.database import Driver
from app.imports.fields import BITS, FIELDS
from app.imports.rows import ABSENT, SEPARATOR, Problem, Record
from app.imports.walks import NAMES, SECONDS, TABLES, on_circles

STAGED = ("row", *FIELDS, "key", "given", "original")
FOUND = ("row", "field", "code", "value", "message")

_TABLES = """
CREATE TEMPORARY TABLE staged (
    "row" integer, code text COLLATE "C", tag text COLLATE "C", name text,
    location text, "group" text, class text COLLATE "C", parent text COLLATE "C",
    status text, key text COLLATE "C", given integer, original text, said text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE found (
    "row" integer, field text, code text, value text, message text
) ON COMMIT DROP;
"""


async def make_room(db: Driver) -> None:
    """Tables of this transaction's own: a file's rows, what is wrong, and for walks."""
    await db.execute(_TABLES + TABLES)


async def stage(
    db: Driver,
    records: Sequence[Record],
    problems: Sequence[Problem],
) -> None:
    await db.copy_records_to_table(
        "staged", records=records, columns=STAGED, timeout=SECONDS
    )
    if problems:
        await db.copy_records_to_table(
            "found", records=problems, columns=FOUND, timeout=SECONDS
        )


# --- the plan -----------------------------------------------------------------------


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
        CASE WHEN a.action = 'error' THEN string_to_array(s.original, $3, $4) END
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
    rows = await db.fetch(_KEEP, import_id, vessel, SEPARATOR, ABSENT, timeout=SECONDS)
    await db.execute(f"DROP TABLE staged, found, {NAMES}")
    return {row["action"]: row["count"] for row in rows}


# --- the plan as JSON -----------------------------------------------------------------

# Made by PostgreSQL: 10,000 errors or updates took the event loop half a second, in
# which no other request was served.
_ERRORS_SHOWN = """
SELECT coalesce(json_agg(json_build_object(
    'row', r."row", 'column', $3::jsonb ->> (p.problem ->> 'field'),
    'field', p.problem ->> 'field', 'code', p.problem ->> 'code',
    'value', p.problem ->> 'value', 'message', p.problem ->> 'message'
) ORDER BY r."row", p.place), '[]')::text
FROM (
    SELECT "row", problems FROM import_rows
    WHERE import_id = $1 AND action = 'error' ORDER BY "row" LIMIT $2
) r, jsonb_array_elements(r.problems) WITH ORDINALITY p (problem, place)
"""
_UPDATES_SHOWN = """
SELECT coalesce(json_agg(json_build_object(
    'row', "row", 'code', code, 'reference', fields ->> 'reference', 'changes', changes
) ORDER BY "row"), '[]')::text
FROM (
    SELECT "row", code, fields, changes FROM import_rows
    WHERE import_id = $1 AND action = 'update' ORDER BY "row" LIMIT $2
) r
"""


async def errors_shown(
    db: Driver, import_id: uuid.UUID, columns: dict[str, str | None], most: int
) -> str:
    """The problems of the first rows; `columns`: field → the file's own name."""
    shown: str = await db.fetchval(
        _ERRORS_SHOWN, import_id, most, json.dumps(columns), timeout=SECONDS
    )
    return shown


async def updates_shown(db: Driver, import_id: uuid.UUID, most: int) -> str:
    shown: str = await db.fetchval(_UPDATES_SHOWN, import_id, most, timeout=SECONDS)
    return shown


# --- applying -------------------------------------------------------------------------

_STALE = """
SELECT count(*) FROM import_rows r
LEFT JOIN equipment e ON e.code = r.code AND e.vessel = $2
WHERE r.import_id = $1 AND r.action IN ('update', 'unchanged')
  AND e.version IS DISTINCT FROM r.planned_version
"""
# In one order for all, so that two writers never wait for each other.
LOCK = """
SELECT FROM equipment WHERE code IN (
    SELECT code FROM import_rows WHERE import_id = $1 AND action = 'update')
ORDER BY code FOR NO KEY UPDATE
"""
_NAMED = ", ".join(f'"{field}"' for field in FIELDS)
_CREATE = f"""
INSERT INTO equipment (vessel, {_NAMED})
SELECT $2, {_NAMED} FROM import_rows
WHERE import_id = $1 AND action = 'create' ORDER BY code
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
    # Statements and the checks of references reuse plans that this connection made when
    # the table was tiny: 50,000 rows would each read the whole of what it has become.
    await db.execute("DISCARD PLANS")
    await db.execute(LOCK, import_id, timeout=SECONDS)
    return int(await db.fetchval(_STALE, import_id, vessel, timeout=SECONDS))


async def apply(db: Driver, import_id: uuid.UUID, vessel: str) -> bool:
    """Create and update as planned; False if the tree would close a circle now.

    Raises asyncpg's IntegrityConstraintViolationError when a code, a tag or a parent
    of the plan was taken or lost meanwhile.
    """
    # Nor for checks of references, whose plans are made while the table may be empty.
    await db.execute("SET LOCAL enable_seqscan = off")
    # Two rows may swap their tags, a new one take that of another.
    await db.execute("SET CONSTRAINTS uq_equipment_tag_vessel DEFERRED")
    await db.execute(_CREATE, import_id, vessel, timeout=SECONDS)
    await db.execute(_UPDATE, import_id, timeout=SECONDS)
    await db.execute("SET CONSTRAINTS uq_equipment_tag_vessel IMMEDIATE")
    await db.execute("SET LOCAL enable_seqscan = on")
    if not await db.fetchval(_MOVES, import_id, timeout=SECONDS):
        return True
    await db.execute(TABLES)
    circles = await on_circles(db, vessel, planned=False)
    await db.execute(f"DROP TABLE {NAMES}")
    return not circles
