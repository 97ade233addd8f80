"""Create parts and stock.

The catalogue, what its parts fit, the stores, and the ledger of every movement. A
balance is the sum of a part's movements in a store: the statement that moves stock
writes both, and moves only what its WHERE still finds there. The CHECKs refuse what a
mistake would leave.

Parts, fits, stores and levels are recorded like all that people change; what is of no
vessel is told of the empty one, the whole fleet. Movements are not: they are a record
themselves, which nobody rewrites (but a code that changes follows into it, by CASCADE).
Balances are not: they follow from movements.

All tables are new, so the release before works on.
"""

import sqlalchemy as sa
from alembic import op

from app import triggers

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

CODE = sa.String(64, collation="C")
LABEL = sa.String(200, collation="C")
INSTANT = sa.DateTime(timezone=True)
MONEY = sa.Numeric(14, 2)
QUANTITY = sa.Numeric(14, 3)

# Of each recorded table: its entity, what it goes by, whose it is, and its columns.
RECORDED: dict[str, tuple[str, str, str, str]] = {
    "parts": (
        *("part", "r.number", "''"),
        "number name manufacturer unit_of_measure price lead_time_days",
    ),
    "part_fits": ("part_fit", "r.id::text", "''", "part equipment class model"),
    "stores": ("store", "r.code", "coalesce(r.vessel, '')", "code name place vessel"),
    "stock_levels": (
        *("stock_level", "r.id::text"),
        "coalesce((SELECT s.vessel FROM stores s WHERE s.code = r.store), '')",
        "part store minimum maximum",
    ),
}
EXACT = ("price", "minimum", "maximum")

# A code that changes comes by CASCADE, a trigger: at depth 0 somebody typed it.
LEDGER = (
    (
        "CREATE TRIGGER movements_are_not_rewritten BEFORE UPDATE OR DELETE "
        "ON movements FOR EACH ROW WHEN (pg_trigger_depth() = 0) "
        "EXECUTE FUNCTION refuse_rewriting()"
    ),
    (
        "CREATE TRIGGER movements_are_not_emptied BEFORE TRUNCATE ON movements "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    ),
)

SENSE = (
    "CASE kind "
    "WHEN 'receive' THEN on_hand > 0 AND reserved = 0 "
    "WHEN 'issue' THEN on_hand < 0 AND reserved IN (0, on_hand) "
    "WHEN 'transfer' THEN on_hand <> 0 AND reserved = 0 AND other_store IS NOT NULL "
    "WHEN 'adjust' THEN on_hand <> 0 AND reserved = 0 AND reason IS NOT NULL "
    "WHEN 'reserve' THEN on_hand = 0 AND reserved > 0 "
    "WHEN 'release' THEN on_hand = 0 AND reserved < 0 END"
)


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


def create_parts() -> None:
    op.create_table(
        "parts",
        sa.Column("number", CODE, nullable=False),
        sa.Column("name", LABEL, nullable=False),
        sa.Column("manufacturer", LABEL),
        sa.Column("unit_of_measure", sa.String(16, collation="C"), nullable=False),
        sa.Column("price", MONEY, nullable=False),
        sa.Column("lead_time_days", sa.Integer()),
        *record(),
        sa.PrimaryKeyConstraint("id", name="pk_parts"),
        sa.UniqueConstraint("number", name="uq_parts_number"),
        check("parts", "price", "price >= 0"),
        check("parts", "lead_time_days", "lead_time_days >= 0"),
    )
    op.create_index("ix_parts_name_number", "parts", ["name", "number"])
    op.create_table(
        "part_fits",
        sa.Column("part", CODE, nullable=False),
        sa.Column("equipment", CODE),
        sa.Column("class", CODE),
        sa.Column("model", LABEL),
        *record(),
        sa.PrimaryKeyConstraint("id", name="pk_part_fits"),
        sa.UniqueConstraint(
            *("part", "equipment", "class", "model"),
            name="uq_part_fits_part_equipment_class_model",
            postgresql_nulls_not_distinct=True,
        ),
        refers("part_fits", "part", "parts.number"),
        refers("part_fits", "equipment", "equipment.code"),
        refers("part_fits", "class", "equipment_classes.code"),
        check("part_fits", "one", "num_nonnulls(equipment, class, model) = 1"),
    )
    for column in ("equipment", "class", "model"):
        op.create_index(f"ix_part_fits_{column}_part", "part_fits", [column, "part"])


def create_stores() -> None:
    op.create_table(
        "stores",
        sa.Column("code", CODE, nullable=False),
        sa.Column("name", LABEL),
        sa.Column("place", sa.String(32), nullable=False),
        sa.Column("vessel", CODE),
        *record(),
        sa.PrimaryKeyConstraint("id", name="pk_stores"),
        sa.UniqueConstraint("code", name="uq_stores_code"),
        refers("stores", "vessel", "vessels.code"),
        check("stores", "vessel", "(place = 'aboard') = (vessel IS NOT NULL)"),
        members("stores", "place", "aboard", "ashore", "in_transit"),
    )
    op.create_index("ix_stores_vessel", "stores", ["vessel"])
    op.create_table(
        "stock_levels",
        sa.Column("part", CODE, nullable=False),
        sa.Column("store", CODE, nullable=False),
        sa.Column("minimum", QUANTITY, nullable=False),
        sa.Column("maximum", QUANTITY, nullable=False),
        *record(),
        sa.PrimaryKeyConstraint("id", name="pk_stock_levels"),
        sa.UniqueConstraint("part", "store", name="uq_stock_levels_part_store"),
        refers("stock_levels", "part", "parts.number"),
        refers("stock_levels", "store", "stores.code"),
        check("stock_levels", "bounds", "minimum >= 0 AND maximum >= minimum"),
    )
    op.create_table(
        "balances",
        sa.Column("part", CODE, nullable=False),
        sa.Column("store", CODE, nullable=False),
        sa.Column("on_hand", QUANTITY, server_default="0", nullable=False),
        sa.Column("reserved", QUANTITY, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("part", "store", name="pk_balances"),
        refers("balances", "part", "parts.number"),
        refers("balances", "store", "stores.code"),
        check("balances", "covered", "reserved >= 0 AND on_hand >= reserved"),
    )
    op.create_index("ix_balances_store_part", "balances", ["store", "part"])


def create_movements() -> None:
    op.create_table(
        "movements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("part", CODE, nullable=False),
        sa.Column("store", CODE, nullable=False),
        sa.Column("on_hand", QUANTITY, nullable=False),
        sa.Column("reserved", QUANTITY, nullable=False),
        sa.Column("other_store", CODE),
        sa.Column("reference", LABEL),
        sa.Column("reason", LABEL),
        sa.Column(
            "who",
            sa.Text(),
            server_default=sa.text(
                "COALESCE(NULLIF(current_setting('fpso.who', true), ''), 'anonymous')"
            ),
            nullable=False,
        ),
        sa.Column("request_id", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_movements"),
        refers("movements", "part", "parts.number"),
        refers("movements", "store", "stores.code"),
        refers("movements", "other_store", "stores.code"),
        check("movements", "sense", SENSE),
        members(
            *("movements", "kind", "receive", "issue", "transfer", "adjust"),
            *("reserve", "release"),
        ),
    )
    op.create_index(
        "ix_movements_part_store_id",
        "movements",
        ["part", "store", "id"],
        postgresql_include=["on_hand", "reserved"],
    )
    op.create_index("ix_movements_store_id", "movements", ["store", "id"])


def upgrade() -> None:
    create_parts()
    create_stores()
    create_movements()
    for trigger in LEDGER:
        op.execute(trigger)
    for table, (entity, code, vessel, columns) in RECORDED.items():
        told = columns.split()
        op.execute(
            triggers.function(
                table, entity, told, code=code, vessel=vessel, exact=EXACT
            )
        )
        for trigger in triggers.triggers(table):
            op.execute(trigger)


def downgrade() -> None:
    op.drop_table("movements")
    op.drop_table("balances")
    for table in reversed(RECORDED):
        op.drop_table(table)
        op.execute(f"DROP FUNCTION record_{table}")
