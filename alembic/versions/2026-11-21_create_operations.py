"""Create operations.

What was done to an equipment and what it cost. The vessel is repeated so that its
total is an index-only scan.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CODE = sa.String(64, collation="C")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "operations",
        sa.Column("equipment", CODE, nullable=False),
        sa.Column("vessel", CODE, nullable=False),
        sa.Column("type", sa.String(64, collation="C"), nullable=False),
        sa.Column("cost", sa.Numeric(14, 2), nullable=False),
        sa.Column(
            "performed_at", INSTANT, server_default=sa.func.now(), nullable=False
        ),
        sa.Column("note", sa.Text()),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_operations"),
        sa.ForeignKeyConstraint(
            ["equipment"],
            ["equipment.code"],
            onupdate="CASCADE",
            name="fk_operations_equipment",
        ),
        sa.ForeignKeyConstraint(
            ["vessel"],
            ["vessels.code"],
            onupdate="CASCADE",
            name="fk_operations_vessel",
        ),
        sa.CheckConstraint("cost >= 0", name=op.f("ck_operations_cost")),
    )
    op.create_index(
        "ix_operations_vessel", "operations", ["vessel"], postgresql_include=["cost"]
    )
    op.create_index(
        "ix_operations_equipment_performed_at_id",
        "operations",
        ["equipment", "performed_at", "id"],
        postgresql_include=["cost"],
    )
    op.create_index(
        "ix_operations_performed_at_id", "operations", ["performed_at", "id"]
    )


def downgrade() -> None:
    op.drop_table("operations")
