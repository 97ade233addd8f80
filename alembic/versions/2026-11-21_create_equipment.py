"""Create equipment.

A code is unique in the fleet; a tag names one place aboard one vessel, and sister
ships share tags. The two-column reference keeps a parent aboard the same vessel.

Only the key that the reference needs starts with the vessel. While the table is small,
all indexes that do look alike to the planner; a reference's check that settled on
another one would read the whole vessel for each of 50,000 imported rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CODE = sa.String(64, collation="C")
LABEL = sa.String(200, collation="C")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "equipment",
        sa.Column("code", CODE, nullable=False),
        sa.Column("vessel", CODE, nullable=False),
        sa.Column("tag", CODE),
        sa.Column("name", LABEL, nullable=False),
        sa.Column("location", LABEL),
        sa.Column("group", LABEL),
        sa.Column("parent", CODE),
        sa.Column("status", sa.String(32), server_default="active", nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_equipment"),
        sa.UniqueConstraint("code", name="uq_equipment_code"),
        sa.UniqueConstraint("vessel", "code", name="uq_equipment_vessel_code"),
        sa.UniqueConstraint(
            "tag",
            "vessel",
            deferrable=True,
            initially="IMMEDIATE",
            name="uq_equipment_tag_vessel",
        ),
        sa.ForeignKeyConstraint(
            ["vessel"],
            ["vessels.code"],
            onupdate="CASCADE",
            name="fk_equipment_vessel",
        ),
        sa.ForeignKeyConstraint(
            ["vessel", "parent"],
            ["equipment.vessel", "equipment.code"],
            onupdate="CASCADE",
            name="fk_equipment_vessel_parent",
        ),
        sa.CheckConstraint("parent <> code", name=op.f("ck_equipment_parent")),
        sa.CheckConstraint(
            "status IN ('active', 'inactive')", name=op.f("ck_equipment_status")
        ),
    )
    op.create_index(
        "ix_equipment_parent",
        "equipment",
        ["parent"],
        postgresql_where=sa.text("parent IS NOT NULL"),
    )
    op.create_index("ix_equipment_name_code", "equipment", ["name", "code"])


def downgrade() -> None:
    op.drop_table("equipment")
