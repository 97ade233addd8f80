"""Index the issues of operation orders, and trust their reference.

Both read a table that may be large, so they let others write meanwhile. A step of its
own: what fails half-way can be run again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        op.execute("ALTER TABLE operations VALIDATE CONSTRAINT fk_operations_issue")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_operations_issue")
        op.create_index(
            "ix_operations_issue",
            "operations",
            ["issue"],
            postgresql_where=sa.text("issue IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index("ix_operations_issue", "operations")
    op.drop_constraint("fk_operations_issue", "operations")
    op.create_foreign_key(
        *("fk_operations_issue", "operations", "issues"),
        *(["issue"], ["number"]),
        postgresql_not_valid=True,
    )
