"""Failures that many issues tell of at once: kept as those say, set-wise."""

from app.database import Driver
from app.imports.walks import SECONDS

_TABLE = """
CREATE TEMPORARY TABLE told (
    equipment text COLLATE "C", at timestamptz, PRIMARY KEY (equipment, at)
) ON COMMIT DROP
"""
# In one order for all: nobody else says or takes back these before the end.
_HOLD = """
SELECT FROM failures f JOIN told t ON f.equipment = t.equipment AND f.at = t.at
ORDER BY f.at, f.equipment FOR NO KEY UPDATE OF f
"""
_TELL = """
INSERT INTO failures (equipment, vessel, at, level, source)
SELECT t.equipment, $1::text, t.at, 'error', 'issue' FROM told t
WHERE EXISTS ({tells}) ORDER BY t.at, t.equipment
ON CONFLICT ON CONSTRAINT uq_failures_at_equipment
DO UPDATE SET level = 'error', version = failures.version + 1, updated_at = now()
    WHERE failures.level = 'warning'
"""
# As `service.take_back` does for one.
_TAKE_BACK = """
DELETE FROM failures f USING told t
WHERE f.equipment = t.equipment AND f.at = t.at AND f.source = 'issue'
  AND f.errors + f.warnings = 0 AND NOT EXISTS ({tells})
"""
_WARN_AGAIN = """
UPDATE failures f SET level = 'warning', version = f.version + 1, updated_at = now()
FROM told t
WHERE f.equipment = t.equipment AND f.at = t.at AND f.source <> 'report'
  AND f.errors = 0 AND f.level = 'error' AND NOT EXISTS ({tells})
"""


async def make_room(db: Driver) -> None:
    """A table of the instants at which equipment failed, by what issues say."""
    await db.execute(_TABLE)


async def follow(db: Driver, vessel: str, tells: str) -> None:
    """Let failures be what issues tell now; `tells`: the SQL of who tells of `t`."""
    await db.execute("ANALYZE told")
    await db.execute(_HOLD, timeout=SECONDS)
    await db.execute(_TELL.format(tells=tells), vessel, timeout=SECONDS)
    for statement in (_TAKE_BACK, _WARN_AGAIN):
        await db.execute(statement.format(tells=tells), timeout=SECONDS)
    await db.execute("DROP TABLE told")
