"""Trust the checks of operation orders, and index their states.

What things cost is what was done: the indexes that answer it alone must know the
state. Each new one is made beside the old one, which serves until then. All of it reads
a table that may be large, and lets others write meanwhile; what fails half-way can be
run again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CONSTRAINTS = {
    "ck_operations_state": "CHECK (state IN "
    "('planned', 'in_progress', 'done', 'cancelled'))",
    "ck_operations_category": "CHECK (category IN ('corrective', 'preventive'))",
    "ck_operations_active_hours": "CHECK (active_maintenance_hours >= 0)",
    "ck_operations_down_hours": "CHECK (down_hours >= 0)",
    "ck_operations_cancel_reason": "CHECK "
    "((state = 'cancelled') = (cancel_reason IS NOT NULL))",
    "fk_operations_activity": "FOREIGN KEY (activity) "
    "REFERENCES maintenance_activities (code) ON UPDATE CASCADE",
}
OPEN = "ix_operations_state_performed_at_id"
BEFORE = {
    "ix_operations_vessel": ["vessel"],
    "ix_operations_equipment_performed_at_id": ["equipment", "performed_at", "id"],
}
AFTER = {f"{name}_state": [*columns, "state"] for name, columns in BEFORE.items()}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        for name in CONSTRAINTS:
            op.execute(f"ALTER TABLE operations VALIDATE CONSTRAINT {name}")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {OPEN}")
        op.create_index(
            OPEN,
            "operations",
            ["state", "performed_at", "id"],
            postgresql_where=sa.text("state <> 'done'"),
            postgresql_concurrently=True,
        )
        replace(BEFORE, AFTER)


def replace(old: dict[str, list[str]], new: dict[str, list[str]]) -> None:
    for name, columns in new.items():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.create_index(
            name,
            "operations",
            columns,
            postgresql_include=["cost"],
            postgresql_concurrently=True,
        )
    for name in old:
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def downgrade() -> None:
    op.drop_index(OPEN, "operations")
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        replace(AFTER, BEFORE)
    for name, definition in CONSTRAINTS.items():
        op.drop_constraint(name, "operations")
        op.execute(
            f"ALTER TABLE operations ADD CONSTRAINT {name} {definition} NOT VALID"
        )
