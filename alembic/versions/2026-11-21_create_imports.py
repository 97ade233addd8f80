"""Create imports and their rows.

A plan outlives the process that made it: what a file would do is kept until it is
applied or seven days old.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CODE = sa.String(64, collation="C")
LABEL = sa.String(200, collation="C")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("vessel", CODE, nullable=False),
        sa.Column("filename", LABEL),
        sa.Column("columns", JSONB(), nullable=False),
        sa.Column("header", ARRAY(sa.TEXT()), nullable=False),
        sa.Column("ignored_columns", ARRAY(sa.TEXT()), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("creates", sa.Integer(), nullable=False),
        sa.Column("updates", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column(
            "expires_at",
            INSTANT,
            server_default=sa.text("now() + interval '7 days'"),
            nullable=False,
        ),
        sa.Column("applied_at", INSTANT),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
        sa.ForeignKeyConstraint(
            ["vessel"],
            ["vessels.code"],
            onupdate="CASCADE",
            name="fk_imports_vessel",
        ),
    )
    op.create_index(
        "ix_imports_vessel_created_at_id", "imports", ["vessel", "created_at", "id"]
    )
    op.create_table(
        "import_rows",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("planned_version", sa.Integer()),
        sa.Column("code", sa.Text()),
        sa.Column("tag", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.Column("location", sa.Text()),
        sa.Column("group", sa.Text()),
        sa.Column("parent", sa.Text()),
        sa.Column("status", sa.Text()),
        sa.Column("changes", JSONB()),
        sa.Column("problems", JSONB()),
        sa.Column("original", ARRAY(sa.TEXT())),
        sa.PrimaryKeyConstraint("import_id", "row", name="pk_import_rows"),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["imports.id"],
            ondelete="CASCADE",
            name="fk_import_rows_import_id",
        ),
        sa.CheckConstraint(
            "action IN ('create', 'update', 'unchanged', 'error')",
            name=op.f("ck_import_rows_action"),
        ),
    )


def downgrade() -> None:
    op.drop_table("import_rows")
    op.drop_table("imports")
