"""Let operation orders be planned, itemised, and described in the field's words.

What is there, and what the release before goes on to add, is done: its state is the
default. The checks and the references of the new columns are trusted in the next step,
without stopping writers; no row breaks them. Activities of orders that are there stay
empty: a million rows would have to be written, and recorded, to fill them in.
"""

from typing import Any

import sqlalchemy as sa
from alembic import context, op

from app import triggers

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CODE = sa.String(64, collation="C")
LABEL = sa.String(200, collation="C")
WORD = sa.String(32)
INSTANT = sa.DateTime(timezone=True)
HOURS = sa.Numeric(10, 2)
CHECKS = {
    "state": "state IN ('planned', 'in_progress', 'done', 'cancelled')",
    "category": "category IN ('corrective', 'preventive')",
    "active_hours": "active_maintenance_hours >= 0",
    "down_hours": "down_hours >= 0",
    "cancel_reason": "(state = 'cancelled') = (cancel_reason IS NOT NULL)",
}
COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "category": WORD,
    "activity": CODE,
    "planned_at": INSTANT,
    "started_at": INSTANT,
    "active_maintenance_hours": HOURS,
    "down_hours": HOURS,
    "cancel_reason": sa.Text(),
}
RECORDED = (
    *("equipment", "vessel", "type", "cost", "performed_at", "note"),
    *("state", *COLUMNS),
)


def upgrade() -> None:
    done = sa.Column("state", WORD, server_default="done", nullable=False)
    op.add_column("operations", done)
    for name, kind in COLUMNS.items():
        op.add_column("operations", sa.Column(name, kind))
    for name, condition in CHECKS.items():
        op.execute(
            f"ALTER TABLE operations ADD CONSTRAINT ck_operations_{name} "
            f"CHECK ({condition}) NOT VALID"
        )
    op.create_foreign_key(
        "fk_operations_activity",
        "operations",
        "maintenance_activities",
        ["activity"],
        ["code"],
        onupdate="CASCADE",
        postgresql_not_valid=True,
    )
    op.execute(
        triggers.function(
            *("operations", "operation", RECORDED),
            code="r.id::text",
            vessel="r.vessel",
            exact=("cost", "active_maintenance_hours", "down_hours"),
        )
    )
    op.create_table(
        "cost_lines",
        sa.Column("operation", sa.Uuid(), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("description", LABEL),
        sa.Column("amount", sa.Numeric(14, 2), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cost_lines"),
        sa.ForeignKeyConstraint(
            ["operation"], ["operations.id"], name="fk_cost_lines_operation"
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_cost_lines_amount")),
        sa.CheckConstraint(
            "kind IN ('labour', 'parts', 'services', 'other')",
            name=op.f("ck_cost_lines_kind"),
        ),
    )
    op.create_index("ix_cost_lines_operation_id", "cost_lines", ["operation", "id"])
    op.execute(
        triggers.function(
            *(
                "cost_lines",
                "cost_line",
                ("operation", "kind", "description", "amount"),
            ),
            code="r.id::text",
            vessel="(SELECT vessel FROM operations p WHERE p.id = r.operation)",
            exact=("amount",),
        )
    )
    for trigger in triggers.triggers("cost_lines"):
        op.execute(trigger)


def downgrade() -> None:
    op.drop_table("cost_lines")
    op.execute("DROP FUNCTION record_cost_lines")
    before = context.script.get_revision("0005").module.OPERATIONS
    op.execute(before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    for name in (*COLUMNS, "state"):
        op.drop_column("operations", name)
