"""Find the changes of a vessel's equipment by when they were made.

`as_of` undoes what a register went through after an instant: with these it reads that
and no more. Indexes of a partitioned table cannot be made concurrently; those of its
partitions can, and the table's own takes them in, so that nobody waits to write.

The aggregate lays objects over each other, the last one on top.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_changes_vessel_at_id": "(vessel, at, id) WHERE entity = 'equipment'",
    # What came to another vessel, and so left one.
    "ix_changes_moved_at": (
        "(at) WHERE entity = 'equipment' AND action = 'updated' AND before ? 'vessel'"
    ),
}
OVERLAY = """
CREATE OR REPLACE AGGREGATE jsonb_overlay(jsonb)
    (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}')
"""
# An attempt that gave way to others may have left some, valid or not.
WITHOUT = """
SELECT inhrelid::regclass::text FROM pg_inherits p
WHERE inhparent = 'changes'::regclass AND NOT EXISTS (
    SELECT FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhrelid
    WHERE i.inhparent = '{name}'::regclass AND x.indrelid = p.inhrelid)
"""


def upgrade() -> None:
    op.execute(OVERLAY)
    if context.is_offline_mode():
        # Which partitions there are, only a database can say.
        for name, what in INDEXES.items():
            ignored = "-- squawk-ignore require-concurrent-index-creation"
            op.execute(f"{ignored}\nCREATE INDEX {name} ON changes {what}")
        return
    with op.get_context().autocommit_block():
        for name, what in INDEXES.items():
            op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY changes {what}")
            without = op.get_bind().scalars(sa.text(WITHOUT.format(name=name)))
            for partition in without.all():
                part = name.replace("changes", partition)
                op.execute("SET lock_timeout = '5min'")
                op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {part}")
                op.execute(f"CREATE INDEX CONCURRENTLY {part} ON {partition} {what}")
                # For this one everybody waits.
                op.execute("SET lock_timeout = '300ms'")
                op.execute(f"ALTER INDEX {name} ATTACH PARTITION {part}")


def downgrade() -> None:
    op.execute("DROP AGGREGATE jsonb_overlay(jsonb)")
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")
