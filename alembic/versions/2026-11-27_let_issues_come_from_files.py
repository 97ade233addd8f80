"""Let issues come from files of other systems, as plans like those of orders.

A plan says what kind of file it was made from, and there is one more.
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

KINDS = ("register", "sensors", "failures", "operations")


def upgrade() -> None:
    allow(*KINDS, "issues")


def downgrade() -> None:
    op.execute("DELETE FROM imports WHERE kind = 'issues'")
    allow(*KINDS)


def allow(*kinds: str) -> None:
    """Plans are few: they are checked in no time."""
    spelt = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute(
        "-- squawk-ignore ban-drop-constraint, constraint-missing-not-valid\n"
        "ALTER TABLE imports DROP CONSTRAINT IF EXISTS ck_imports_kind, "
        f"ADD CONSTRAINT ck_imports_kind CHECK (kind IN ({spelt}))"
    )
