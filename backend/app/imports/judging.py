"""What is wrong with the rows of a file among themselves and against what is aboard.

Each rule is a SELECT of row, field, code, value and message over the table `staged`;
what it finds goes to the table `found`. Set-wise, some twenty statements judge 50,000
rows (W5).
"""

from app.database import Driver
from app.imports.fields import BITS
from app.imports.walks import SECONDS, find_leaning, on_circles

# Circles are mended one after another, up to so many rounds; then all moves are off.
ROUNDS = 10

# --- codes and tags -------------------------------------------------------------------

# A row without a code is the equipment that has its tag, or a new one.
_NAME_BY_TAG = """
UPDATE staged s SET code = named.code
FROM (
    SELECT t."row", coalesce(e.code, $1 || '-' || t.tag) AS code
    FROM staged t
    LEFT JOIN equipment e ON e.vessel = $1 AND e.tag = t.tag
    LEFT JOIN equipment other ON other.vessel = $1 AND other.code = $1 || '-' || t.tag
    WHERE t.code IS NULL AND t.tag IS NOT NULL
      AND (e.code IS NOT NULL OR other.tag IS NULL)
) named
WHERE s."row" = named."row"
"""

_NAME_TAKEN = """
SELECT s."row", 'tag', 'code-taken', s.tag,
    'Its code would be ' || e.code || ', which is that of the equipment with the tag '
    || e.tag || '. Give the row a code.'
FROM staged s JOIN equipment e ON e.vessel = $1 AND e.code = $1 || '-' || s.tag
WHERE s.code IS NULL AND s.tag IS NOT NULL
"""

_CODE_TOO_LONG = """
SELECT "row", 'tag', 'code-too-long', tag,
    'The code ' || code || ' that is made of vessel and tag has more than 64 '
    'characters. Give a code.'
FROM staged WHERE length(code) > 64
"""

# The first of equal rows stands; a row is told so once.
_TWICE = """
SELECT s."row", $1, 'duplicate-row', s.{field},
    'Row ' || f.first || ' has this {field} too. Remove one of them.'
FROM staged s JOIN (
    SELECT {field}, min("row") AS first FROM staged WHERE {field} IS NOT NULL
    GROUP BY {field} HAVING count(*) > 1
) f USING ({field})
WHERE s."row" > f.first AND NOT EXISTS (
    SELECT FROM found o WHERE o."row" = s."row" AND o.code = 'duplicate-row')
"""

_ABOARD_ANOTHER = """
SELECT s."row", 'code', 'code-of-another-vessel', s.code,
    'This code is aboard ' || e.vessel || '. Codes are unique in the fleet: choose '
    'another one, import the row there, or, if it came aboard here, move it first: '
    'POST /api/v1/equipment/{code}/move, or fpso equipment move.'
FROM staged s JOIN equipment e ON e.code = s.code AND e.vessel <> $1
"""

# It is free where the row of its holder gives that another one, or none.
_TAG_TAKEN = """
SELECT s."row", 'tag', 'duplicate-tag', s.tag,
    'This tag is that of ' || e.code || '. Choose another one, or give that code.'
FROM staged s
JOIN equipment e ON e.vessel = $1 AND e.tag = s.tag AND e.code <> s.code
WHERE NOT EXISTS (
    SELECT FROM staged other WHERE other.code = e.code
    AND other.given & $2 > 0 AND other.tag IS DISTINCT FROM s.tag
    AND NOT EXISTS (
        SELECT FROM found f WHERE f."row" = other."row" AND f.code = 'duplicate-row'))
"""

_NO_NAME = """
SELECT s."row", 'name', 'missing-name', NULL,
    'This equipment is new and needs a name. Map a column to it, or give a constant.'
FROM staged s LEFT JOIN equipment e ON e.code = s.code
WHERE e.id IS NULL AND s.name IS NULL AND s.given & $1 = 0 AND s.code IS NOT NULL
"""

_NO_CLASS = """
SELECT s."row", 'class', 'unknown-class', s.class,
    'There is no such equipment class. Translate it in the mapping, add it to the '
    'classes, or leave the column out: ?mapping={"class": null}.'
FROM staged s
WHERE s.class IS NOT NULL
  AND NOT EXISTS (SELECT FROM equipment_classes c WHERE c.code = s.class)
"""

# --- parents --------------------------------------------------------------------------

_KEY_TWICE = """
SELECT s."row", 'parent', 'ambiguous-parent', s.parent,
    k.rows || ' rows of the file have this in the column that parents refer to.'
FROM staged s JOIN (
    SELECT key, count(*) AS rows FROM staged WHERE key IS NOT NULL
    GROUP BY key HAVING count(*) > 1
) k ON k.key = s.parent
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
FROM staged s JOIN (
    SELECT key, min("row") AS "row" FROM staged WHERE key IS NOT NULL
    GROUP BY key HAVING count(code) = 0
) p ON p.key = s.parent
"""

_PARENT_BY_KEY = """
UPDATE staged s SET parent = p.code, said = s.parent
FROM staged o LEFT JOIN (
    SELECT DISTINCT ON (key) key, code FROM staged
    WHERE key IS NOT NULL ORDER BY key, "row"
) p ON p.key = o.parent
WHERE o."row" = s."row" AND o.parent IS NOT NULL
"""

# A parent is named by code or else by tag, in the file or else aboard.
_PARENT_BY_TAG = """
UPDATE staged s SET parent = t.code, said = s.parent
FROM (
    SELECT DISTINCT ON (tag) tag, code FROM (
        SELECT tag, code, "row" FROM staged WHERE tag IS NOT NULL AND code IS NOT NULL
        UNION ALL
        SELECT tag, code, NULL FROM equipment WHERE vessel = $1 AND tag IS NOT NULL
    ) known ORDER BY tag, "row" NULLS LAST
) t
WHERE t.tag = s.parent
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

# --- circles of parents ---------------------------------------------------------------

_MOVES = """
SELECT FROM staged s LEFT JOIN equipment e ON e.code = s.code
WHERE s.given & $1 > 0 AND s.parent IS DISTINCT FROM e.parent
"""

# To blame are the rows that say what closes the circle; null blames every move.
_CIRCLE = """
SELECT s."row", 'parent', 'parent-cycle', coalesce(s.said, s.parent),
    'By way of its parents this equipment would stand below itself. Correct one of '
    'them.'
FROM staged s
WHERE ($1::text[] IS NULL OR s.code = ANY($1)) AND s.parent IS NOT NULL
  AND NOT EXISTS (SELECT FROM found f WHERE f."row" = s."row")
"""

# --- judging --------------------------------------------------------------------------


class _Judge:
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
    await db.execute('ANALYZE staged ("row", code, tag, parent, key)', timeout=SECONDS)
    if await rules.holds("SELECT FROM staged WHERE code IS NULL AND tag IS NOT NULL"):
        await db.execute(_NAME_BY_TAG, vessel, timeout=SECONDS)
        await rules.find(_NAME_TAKEN, vessel)
        await db.execute("ANALYZE staged (code)", timeout=SECONDS)
    if by_key:
        await rules.find(_KEY_TWICE)
        await rules.find(_KEY_UNKNOWN)
        await rules.find(_KEY_WITHOUT_CODE)
        await db.execute(_PARENT_BY_KEY, timeout=SECONDS)
    elif await rules.holds(_PARENT_UNKNOWN, vessel):
        await db.execute(_PARENT_BY_TAG, vessel, timeout=SECONDS)
        await rules.find(_PARENT_UNKNOWN, vessel)
    await rules.find(_CODE_TOO_LONG)
    await rules.find(_TWICE.format(field="tag"), "tag")
    await rules.find(_TWICE.format(field="code"), "code")
    await rules.find(_ABOARD_ANOTHER, vessel)
    await rules.find(_TAG_TAKEN, vessel, BITS["tag"])
    await rules.find(_NO_NAME, BITS["name"])
    await rules.find(_NO_CLASS)
    if await rules.holds("SELECT FROM found"):
        await find_leaning(db, vessel)
    if await rules.holds(_MOVES, BITS["parent"]):
        await _break_circles(rules, vessel)


async def _break_circles(rules: _Judge, vessel: str) -> None:
    # A row that is wrong moves nothing, and so may leave a circle that it had broken.
    for _ in range(ROUNDS):
        if not (codes := await on_circles(rules.db, vessel, planned=True)):
            return
        await rules.find(_CIRCLE, list(codes))
        await find_leaning(rules.db, vessel)
    if await on_circles(rules.db, vessel, planned=True):
        await rules.find(_CIRCLE, None)
        await find_leaning(rules.db, vessel)
