"""Index the classes of equipment, and trust their reference.

Both read a table that may be large, so they let others write meanwhile. A step of its
own: what fails half-way can be run again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        op.execute("ALTER TABLE equipment VALIDATE CONSTRAINT fk_equipment_class")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_equipment_class")
        op.create_index(
            "ix_equipment_class",
            "equipment",
            ["class"],
            postgresql_where=sa.text("class IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index("ix_equipment_class", "equipment")
    op.drop_constraint("fk_equipment_class", "equipment")
    op.create_foreign_key(
        "fk_equipment_class",
        "equipment",
        "equipment_classes",
        ["class"],
        ["code"],
        onupdate="CASCADE",
        postgresql_not_valid=True,
    )
