"""Let issues and operation orders come from other systems, and be due.

Both keep the reference by which the system that they came from knows them: one of each
among the issues of a vessel, and among the orders of an equipment, since an order of
other systems may be of several equipment. Orders besides keep what they are called, how
urgent they are, what they belong to, and when they were ordered.

Files of orders are loaded as plans: rows of a plan that are no equipment keep their
fields by name.

All columns may stay empty, so that the release before works on, and no index grows with
orders that have none of it. The indexes and the check read tables that may be large,
and let others write meanwhile; what fails half-way can be run again.
"""

from typing import Any

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects.postgresql import JSONB

from app import triggers

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

LABEL = sa.String(200, collation="C")
INSTANT = sa.DateTime(timezone=True)
OF_ISSUES: dict[str, sa.types.TypeEngine[Any]] = {
    "reference": LABEL,
    "due_at": INSTANT,
}
OF_OPERATIONS: dict[str, sa.types.TypeEngine[Any]] = {
    "title": LABEL,
    "reference": LABEL,
    "priority": sa.Integer(),
    "package": LABEL,
    "ordered_at": INSTANT,
    "due_at": INSTANT,
}
TABLES = {"issues": OF_ISSUES, "operations": OF_OPERATIONS}
HAS_REFERENCE = "reference IS NOT NULL"
IS_DUE = "due_at IS NOT NULL"
IS_OPEN = "state IN ('planned', 'in_progress')"
# name → table, columns, which rows
INDEXES = {
    "uq_issues_reference_vessel": ("issues", ["reference", "vessel"], HAS_REFERENCE),
    "ix_issues_due_at_number": ("issues", ["due_at", "number"], IS_DUE),
    "uq_operations_reference_equipment": (
        *("operations", ["reference", "equipment"]),
        HAS_REFERENCE,
    ),
    "ix_operations_due_at_id": ("operations", ["due_at", "id"], IS_DUE),
    "ix_operations_open_due_at_id": ("operations", ["due_at", "id"], IS_OPEN),
}
PRIORITY = "ck_operations_priority"
KINDS = ("register", "sensors", "failures")


def upgrade() -> None:
    for table, more in TABLES.items():
        for name, kind in more.items():
            op.add_column(table, sa.Column(name, kind), if_not_exists=True)
    # What a failed attempt left.
    op.execute(
        "-- squawk-ignore ban-drop-constraint\n"
        f"ALTER TABLE operations DROP CONSTRAINT IF EXISTS {PRIORITY}"
    )
    op.execute(
        f"ALTER TABLE operations ADD CONSTRAINT {PRIORITY} "
        "CHECK (priority BETWEEN 1 AND 4) NOT VALID"
    )
    op.add_column("import_rows", sa.Column("fields", JSONB()), if_not_exists=True)
    allow(*KINDS, "operations")
    op.execute(issues(*OF_ISSUES))
    op.execute(operations(*OF_OPERATIONS))
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        op.execute(f"ALTER TABLE operations VALIDATE CONSTRAINT {PRIORITY}")
        for name, (table, columns, rows) in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.create_index(
                *(name, table, columns),
                unique=name.startswith("uq_"),
                postgresql_where=sa.text(rows),
                postgresql_concurrently=True,
            )


def allow(*kinds: str) -> None:
    """Plans are few: they are checked in no time."""
    spelt = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute(
        "-- squawk-ignore ban-drop-constraint, constraint-missing-not-valid\n"
        "ALTER TABLE imports DROP CONSTRAINT IF EXISTS ck_imports_kind, "
        f"ADD CONSTRAINT ck_imports_kind CHECK (kind IN ({spelt}))"
    )


def issues(*more: str) -> str:
    before = context.script.get_revision("0013").module
    return triggers.function(
        *("issues", "issue", (*before.RECORDED["issues"], *more)),
        code="r.number::text",
        vessel="r.vessel",
    )


def operations(*more: str) -> str:
    return str(context.script.get_revision("0013").module.operations("issue", *more))


def downgrade() -> None:
    op.execute(issues())
    op.execute(operations())
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        for name in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    op.execute(f"ALTER TABLE operations DROP CONSTRAINT IF EXISTS {PRIORITY}")
    op.execute("DELETE FROM imports WHERE kind = 'operations'")
    op.drop_column("import_rows", "fields", if_exists=True)
    allow(*KINDS)
    for table, more in TABLES.items():
        for name in more:
            op.drop_column(table, name, if_exists=True)
