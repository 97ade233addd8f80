"""Walks along chains of rows: what leans on an error, what goes in circles.

A recursive query looks up its next step in the whole table, once a step; for a chain of
50,000 rows that is quadratic unless the table has an index and the planner uses it.
"""

from app.database import Driver
from app.equipment.tree import circles
from app.imports.fields import BITS

# How long one statement of an import may take.
SECONDS = 10 * 60

TABLES = """
CREATE TEMPORARY TABLE leans (
    "row" integer, code text COLLATE "C", other text COLLATE "C", field text, value text
) ON COMMIT DROP;
CREATE INDEX ON leans (other);
CREATE TEMPORARY TABLE lost (code text COLLATE "C") ON COMMIT DROP;
CREATE TEMPORARY TABLE tree (code text COLLATE "C", parent text COLLATE "C")
ON COMMIT DROP;
CREATE INDEX ON tree (parent);
CREATE TEMPORARY TABLE met (code text COLLATE "C") ON COMMIT DROP;
"""
NAMES = "leans, lost, tree, met"

_BY_INDEX = """
SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
"""
_AS_USUAL = """
SET LOCAL enable_seqscan = DEFAULT;
SET LOCAL enable_hashjoin = DEFAULT;
SET LOCAL enable_mergejoin = DEFAULT;
"""


async def _walk(db: Driver, steps: str) -> None:
    await db.execute(_BY_INDEX)
    await db.execute(steps, timeout=SECONDS)
    await db.execute(_AS_USUAL)


# --- rows that lean on others ---------------------------------------------------------

# A sound row needs the row that creates its parent, and the one that sets its tag free.
_LEANS = """
WITH sound AS MATERIALIZED (
    SELECT "row", code, tag, parent, said FROM staged s WHERE code IS NOT NULL
    AND NOT EXISTS (SELECT FROM found f WHERE f."row" = s."row")
)
INSERT INTO leans
SELECT s."row", s.code, s.parent, 'parent', coalesce(s.said, s.parent)
FROM sound s WHERE s.parent IS NOT NULL AND NOT EXISTS (
    SELECT FROM equipment e WHERE e.vessel = $1 AND e.code = s.parent)
UNION ALL
SELECT s."row", s.code, e.code, 'tag', s.tag
FROM sound s JOIN equipment e ON e.vessel = $1 AND e.tag = s.tag AND e.code <> s.code
"""

_LOST = """
INSERT INTO lost
SELECT code FROM staged s LEFT JOIN (SELECT DISTINCT "row" FROM found) f USING ("row")
WHERE code IS NOT NULL GROUP BY code HAVING bool_and(f."row" IS NOT NULL)
"""

# Where that one is wrong, so is this one, and whatever leans on it in turn.
_LOST_WITH_THEM = """
WITH RECURSIVE more AS (
    SELECT code FROM lost
  UNION
    SELECT l.code FROM more JOIN leans l ON l.other = more.code
)
INSERT INTO lost SELECT code FROM more
"""

_LEANING = """
INSERT INTO found
SELECT l."row", l.field,
    CASE l.field WHEN 'tag' THEN 'duplicate-tag' ELSE 'parent-has-error' END, l.value,
    CASE l.field WHEN 'tag'
        THEN 'This tag is that of ' || l.other || ' as long as the row of that one has '
            'an error. Mend that row first.'
        ELSE 'The row of its parent has an error. Mend that one first.' END
FROM leans l WHERE l.other IN (SELECT code FROM lost)
"""


async def find_leaning(db: Driver, vessel: str) -> None:
    """Find the sound rows that cannot be applied without those that are wrong."""
    await db.execute("TRUNCATE leans, lost")
    await db.execute(_LEANS, vessel, timeout=SECONDS)
    await db.execute(_LOST, timeout=SECONDS)
    await _walk(db, _LOST_WITH_THEM)
    await db.execute(_LEANING, timeout=SECONDS)


# --- circles of parents ---------------------------------------------------------------

# The tree as it would be: sound rows of the file over what is aboard. Only what has
# something below it can be on a circle.
_TREE_PLANNED = """
WITH sound AS MATERIALIZED (
    SELECT code, given & $2 > 0 AS moves, parent
    FROM staged s WHERE code IS NOT NULL
    AND NOT EXISTS (SELECT FROM found f WHERE f."row" = s."row")
), planned AS MATERIALIZED (
    SELECT coalesce(s.code, e.code) AS code,
        CASE WHEN s.moves THEN s.parent ELSE e.parent END AS parent
    FROM sound s FULL JOIN (SELECT code, parent FROM equipment WHERE vessel = $1) e
      ON e.code = s.code
)
INSERT INTO tree SELECT code, parent FROM planned
WHERE code IN (SELECT parent FROM planned)
"""
_TREE_ABOARD = """
INSERT INTO tree SELECT code, parent FROM equipment e
WHERE vessel = $1 AND EXISTS (
    SELECT FROM equipment c WHERE c.vessel = $1 AND c.parent = e.code)
"""

# From the roots down, each equipment is met once; what is not met is on a circle, or
# hangs from one.
_MEET = """
WITH RECURSIVE down AS (
    SELECT code FROM tree WHERE parent IS NULL
  UNION ALL
    SELECT t.code FROM down JOIN tree t ON t.parent = down.code
)
INSERT INTO met SELECT code FROM down
"""
_ADRIFT = """
SELECT code, parent FROM tree t
WHERE NOT EXISTS (SELECT FROM met WHERE met.code = t.code)
"""


async def on_circles(db: Driver, vessel: str, *, planned: bool) -> set[str]:
    """The codes of the vessel that stand, or would stand, below themselves."""
    await db.execute("TRUNCATE tree, met")
    if planned:
        await db.execute(_TREE_PLANNED, vessel, BITS["parent"], timeout=SECONDS)
    else:
        await db.execute(_TREE_ABOARD, vessel, timeout=SECONDS)
    await _walk(db, _MEET)
    rows = await db.fetch(_ADRIFT, timeout=SECONDS)
    return circles({row["code"]: row["parent"] for row in rows})
