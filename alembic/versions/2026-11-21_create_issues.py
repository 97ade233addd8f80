"""Create issues, what hangs on them, and the orders that come of them.

All of it is recorded: issues are what people ask about, and each of their moves tells
who did it and why. An order's reference is checked in the next step, without stopping
writers; no row has one yet.
"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.schema import SchemaItem

from app import triggers

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

CODE = sa.String(64, collation="C")
LABEL = sa.String(200, collation="C")
WORD = sa.String(32)
INSTANT = sa.DateTime(timezone=True)
STATES = (
    "'open', 'triaged', 'in_progress', 'resolved', 'closed', 'reopened', "
    "'cancelled', 'duplicate'"
)
TERMS = {
    "failure_mode": "failure_modes",
    "mechanism": "failure_mechanisms",
    "cause": "failure_causes",
    "detection_method": "detection_methods",
}
RECORDED = {
    "issues": (
        *("number", "vessel", "equipment", "title", "description", "reporter"),
        *("priority", "kind", "state", "failure_mode", "mechanism", "cause"),
        *("detection_method", "impact", "observed_at", "down_since", "down_until"),
        "duplicate_of",
    ),
    "issue_moves": ("issue", "before", "after", "at", "comment"),
    "issue_comments": ("issue", "author", "text"),
    "issue_attachments": ("issue", "url", "title", "media_type"),
}
ENTITIES = {
    "issues": "issue",
    "issue_moves": "issue_move",
    "issue_comments": "issue_comment",
    "issue_attachments": "issue_attachment",
}


def record() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
    )


def upgrade() -> None:
    op.create_table(
        "issues",
        sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("vessel", CODE, nullable=False),
        sa.Column("equipment", CODE),
        sa.Column("title", LABEL, nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("reporter", LABEL),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("state", WORD, server_default="open", nullable=False),
        *(sa.Column(name, CODE) for name in TERMS),
        sa.Column("impact", WORD),
        sa.Column("observed_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("down_since", INSTANT),
        sa.Column("down_until", INSTANT),
        sa.Column("duplicate_of", sa.BigInteger()),
        *record(),
        sa.PrimaryKeyConstraint("id", name="pk_issues"),
        sa.UniqueConstraint("number", name="uq_issues_number"),
        sa.ForeignKeyConstraint(
            ["vessel"], ["vessels.code"], onupdate="CASCADE", name="fk_issues_vessel"
        ),
        sa.ForeignKeyConstraint(
            ["equipment"],
            ["equipment.code"],
            onupdate="CASCADE",
            name="fk_issues_equipment",
        ),
        *(
            sa.ForeignKeyConstraint(
                [name], [f"{table}.code"], onupdate="CASCADE", name=f"fk_issues_{name}"
            )
            for name, table in TERMS.items()
        ),
        sa.ForeignKeyConstraint(
            ["duplicate_of"], ["issues.number"], name="fk_issues_duplicate_of"
        ),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_issues_{name}"))
            for name, condition in (
                ("priority", "priority BETWEEN 1 AND 4"),
                (
                    "kind",
                    "kind IN ('failure', 'defect', 'inspection_finding', 'request')",
                ),
                ("state", f"state IN ({STATES})"),
                ("impact", "impact IN ('critical', 'degraded', 'incipient')"),
                ("failure_of_equipment", "kind <> 'failure' OR equipment IS NOT NULL"),
                (
                    "down_until",
                    "down_until IS NULL OR coalesce(down_until >= down_since, false)",
                ),
                ("duplicate", "(state = 'duplicate') = (duplicate_of IS NOT NULL)"),
                ("duplicate_of", "duplicate_of <> number"),
            )
        ),
    )
    for column in ("vessel", "equipment", "state", "observed_at"):
        op.create_index(f"ix_issues_{column}_number", "issues", [column, "number"])
    notes: dict[str, tuple[SchemaItem, ...]] = {
        "issue_moves": (
            sa.Column("before", WORD, nullable=False),
            sa.Column("after", WORD, nullable=False),
            sa.Column("at", INSTANT, nullable=False),
            sa.Column("comment", sa.Text()),
            *(
                sa.CheckConstraint(
                    f"{name} IN ({STATES})", name=op.f(f"ck_issue_moves_{name}")
                )
                for name in ("before", "after")
            ),
        ),
        "issue_comments": (
            sa.Column("author", LABEL),
            sa.Column("text", sa.Text(), nullable=False),
        ),
        "issue_attachments": (
            sa.Column("url", sa.Text(), nullable=False),
            sa.Column("title", LABEL, nullable=False),
            sa.Column("media_type", LABEL, nullable=False),
        ),
    }
    for table, columns in notes.items():
        op.create_table(
            table,
            sa.Column("issue", sa.BigInteger(), nullable=False),
            *columns,
            *record(),
            sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
            sa.ForeignKeyConstraint(
                ["issue"], ["issues.number"], name=f"fk_{table}_issue"
            ),
        )
        op.create_index(f"ix_{table}_issue_id", table, ["issue", "id"])
    for table, entity in ENTITIES.items():
        of_issue = "(SELECT vessel FROM issues p WHERE p.number = r.issue)"
        op.execute(
            triggers.function(
                *(table, entity, RECORDED[table]),
                code="r.number::text" if table == "issues" else "r.id::text",
                vessel="r.vessel" if table == "issues" else of_issue,
            )
        )
        for trigger in triggers.triggers(table):
            op.execute(trigger)
    op.add_column("operations", sa.Column("issue", sa.BigInteger()))
    op.create_foreign_key(
        *("fk_operations_issue", "operations", "issues"),
        *(["issue"], ["number"]),
        postgresql_not_valid=True,
    )
    op.execute(operations("issue"))


def operations(*more: str) -> str:
    before = context.script.get_revision("0010").module
    return triggers.function(
        *("operations", "operation", (*before.RECORDED, *more)),
        code="r.id::text",
        vessel="r.vessel",
        exact=("cost", "active_maintenance_hours", "down_hours"),
    )


def downgrade() -> None:
    op.execute(operations())
    op.drop_column("operations", "issue")
    for table in reversed(ENTITIES):
        op.drop_table(table)
        op.execute(f"DROP FUNCTION record_{table}")
