"""Load operation orders from files.

A plan's rows that are no equipment keep their fields by name. The column may stay
empty, and the release before writes kinds that it knows: it works on.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

KINDS = ("register", "sensors", "failures")


def allow(*kinds: str) -> None:
    """Few plans are ever made, so that they are checked in no time."""
    spelt = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute(
        "-- squawk-ignore ban-drop-constraint, constraint-missing-not-valid\n"
        "ALTER TABLE imports DROP CONSTRAINT IF EXISTS ck_imports_kind, "
        f"ADD CONSTRAINT ck_imports_kind CHECK (kind IN ({spelt}))"
    )


def upgrade() -> None:
    op.add_column("import_rows", sa.Column("fields", JSONB()))
    allow(*KINDS, "operations")


def downgrade() -> None:
    op.execute("DELETE FROM imports WHERE kind = 'operations'")
    op.drop_column("import_rows", "fields")
    allow(*KINDS)
