"""Create requisitions.

What somebody asks of a store: a cart until it is submitted, of which a requester has
one a vessel. A line knows how much of it is held in the store and how much was handed
out; the rest is on backorder. Movements name the requisition that they are for.

Requisitions and their lines are recorded like all that people change. All tables are
new, and so is the column, which may stay empty: the release before works on.
"""

import sqlalchemy as sa
from alembic import op

from app import triggers

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

CODE = sa.String(64, collation="C")
LABEL = sa.String(200, collation="C")
INSTANT = sa.DateTime(timezone=True)
MONEY = sa.Numeric(14, 2)
QUANTITY = sa.Numeric(14, 3)

REQUISITION = (
    *("vessel", "store", "requester", "state", "operation", "needed_at", "note"),
    *("submitted_at", "decided_at", "decided_by", "reason"),
)
LINE = ("requisition", "part", "quantity", "price", "reserved", "issued")


def record() -> tuple["sa.Column[object]", ...]:
    """What every record has."""
    return (
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
    )


def refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    """A reference to a code, which follows when an operator changes it."""
    name = f"fk_{table}_{column}"
    return sa.ForeignKeyConstraint([column], [to], onupdate="CASCADE", name=name)


def check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def members(table: str, column: str, *values: str) -> sa.CheckConstraint:
    spelt = ", ".join(f"'{value}'" for value in values)
    return check(table, column, f"{column} IN ({spelt})")


def create_requisitions() -> None:
    op.create_table(
        "requisitions",
        sa.Column("vessel", CODE, nullable=False),
        sa.Column("store", CODE, nullable=False),
        sa.Column("requester", LABEL, nullable=False),
        sa.Column("state", sa.String(32), server_default="cart", nullable=False),
        sa.Column("operation", sa.Uuid()),
        sa.Column("needed_at", INSTANT),
        sa.Column("note", sa.Text()),
        sa.Column("submitted_at", INSTANT),
        sa.Column("decided_at", INSTANT),
        sa.Column("decided_by", LABEL),
        sa.Column("reason", LABEL),
        *record(),
        sa.PrimaryKeyConstraint("id", name="pk_requisitions"),
        refers("requisitions", "vessel", "vessels.code"),
        refers("requisitions", "store", "stores.code"),
        sa.ForeignKeyConstraint(
            ["operation"], ["operations.id"], name="fk_requisitions_operation"
        ),
        members(
            *("requisitions", "state", "cart", "submitted", "approved", "issued"),
            *("closed", "rejected", "cancelled"),
        ),
    )
    op.create_index(
        "uq_requisitions_requester_vessel",
        "requisitions",
        ["requester", "vessel"],
        unique=True,
        postgresql_where=sa.text("state = 'cart'"),
    )
    for columns in (
        ["vessel", "created_at", "id"],
        ["store", "state"],
        ["created_at", "id"],
    ):
        op.create_index(f"ix_requisitions_{'_'.join(columns)}", "requisitions", columns)
    op.create_index(
        "ix_requisitions_operation",
        "requisitions",
        ["operation"],
        postgresql_where=sa.text("operation IS NOT NULL"),
    )
    op.create_table(
        "requisition_lines",
        sa.Column("requisition", sa.Uuid(), nullable=False),
        sa.Column("part", CODE, nullable=False),
        sa.Column("quantity", QUANTITY, nullable=False),
        sa.Column("price", MONEY),
        sa.Column("reserved", QUANTITY, server_default="0", nullable=False),
        sa.Column("issued", QUANTITY, server_default="0", nullable=False),
        *record(),
        sa.PrimaryKeyConstraint("id", name="pk_requisition_lines"),
        sa.UniqueConstraint(
            "requisition", "part", name="uq_requisition_lines_requisition_part"
        ),
        sa.ForeignKeyConstraint(
            ["requisition"],
            ["requisitions.id"],
            name="fk_requisition_lines_requisition",
        ),
        refers("requisition_lines", "part", "parts.number"),
        check("requisition_lines", "quantity", "quantity > 0"),
        check(
            "requisition_lines",
            "covered",
            "reserved >= 0 AND issued >= 0 AND reserved + issued <= quantity",
        ),
    )
    op.create_index(
        "ix_requisition_lines_part",
        "requisition_lines",
        ["part"],
        postgresql_where=sa.text("reserved + issued < quantity"),
    )


def upgrade() -> None:
    create_requisitions()
    op.execute(
        triggers.function(
            *("requisitions", "requisition", REQUISITION),
            code="r.id::text",
            vessel="r.vessel",
        )
    )
    op.execute(
        triggers.function(
            *("requisition_lines", "requisition_line", LINE),
            code="r.id::text",
            vessel="(SELECT q.vessel FROM requisitions q WHERE q.id = r.requisition)",
            exact=("quantity", "price", "reserved", "issued"),
        )
    )
    for table in ("requisitions", "requisition_lines"):
        for trigger in triggers.triggers(table):
            op.execute(trigger)
    op.add_column("movements", sa.Column("requisition", sa.Uuid()))
    # The step before made the table, so that nobody has moved anything yet.
    op.execute(
        "-- squawk-ignore constraint-missing-not-valid, adding-foreign-key-constraint\n"
        "ALTER TABLE movements ADD CONSTRAINT fk_movements_requisition "
        "FOREIGN KEY (requisition) REFERENCES requisitions (id)"
    )
    op.execute(
        "-- squawk-ignore require-concurrent-index-creation\n"
        "CREATE INDEX ix_movements_requisition_id ON movements (requisition, id) "
        "WHERE requisition IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_column("movements", "requisition")
    for table in ("requisition_lines", "requisitions"):
        op.drop_table(table)
        op.execute(f"DROP FUNCTION record_{table}")
