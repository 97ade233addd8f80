"""Create parts, stock and requisitions.

The catalogue, what its parts fit, the stores, and the ledger of every movement. A
balance is the sum of a part's movements in a store: the statement that moves stock
writes both, and reserves only where its WHERE still finds something to reserve. The
CHECKs refuse what a mistake would leave.

Parts, fits, stores, levels, requisitions and their lines are recorded like all that
people change. Movements are not: they are a record themselves, which nobody rewrites
(but a code that changes follows into it, by CASCADE). Balances are not: they follow
from movements.

All tables are new, so the release before works on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

CODE = sa.String(64, collation="C")
LABEL = sa.String(200, collation="C")
INSTANT = sa.DateTime(timezone=True)
MONEY = sa.Numeric(14, 2)
QUANTITY = sa.Numeric(14, 3)

# Of each recorded table: its entity, its vessel, what it goes by, and its columns.
# Numbers are text: what callers read and send, to the last digit.
RECORDED: dict[str, tuple[str, str, str, str]] = {
    "parts": (
        "part",
        "NULL",
        "number",
        "number name manufacturer unit_of_measure price::text lead_time_days",
    ),
    "part_fits": (
        "part_fit",
        "NULL",
        "id::text",
        "part equipment class model",
    ),
    "stores": ("store", "vessel", "code", "code name place vessel"),
    "stock_levels": (
        "stock_level",
        "NULL",
        "id::text",
        "part store minimum::text maximum::text",
    ),
    "requisitions": (
        "requisition",
        "vessel",
        "id::text",
        (
            "vessel store requester state operation needed_at note submitted_at "
            "decided_at decided_by reason"
        ),
    ),
    "requisition_lines": (
        "requisition_line",
        "(SELECT r.vessel FROM requisitions r WHERE r.id = {row}requisition)",
        "id::text",
        "requisition part quantity::text price::text reserved::text issued::text",
    ),
}


def recorder(table: str) -> str:
    """The function that records a table: ADR 9 says why it compares by column."""
    entity, vessel, code, spelt = RECORDED[table]
    columns = spelt.split()
    names = [column.removesuffix("::text") for column in columns]
    whole = ", ".join(
        f"'{name}', {column}" for name, column in zip(names, columns, strict=True)
    )

    def differing(row: str) -> str:
        return "\n            || ".join(
            f"CASE WHEN o.{name} IS DISTINCT FROM n.{name}\n"
            f"                THEN jsonb_build_object('{name}', {row}.{column}) "
            "ELSE '{}' END"
            for name, column in zip(names, columns, strict=True)
        )

    old, new = (", ".join(f"{row}.{name}" for name in names) for row in "on")
    mine = vessel.format(row="")
    theirs = "n.vessel" if vessel == "vessel" else vessel.format(row="n.")
    return f"""
CREATE FUNCTION record_{table}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    caller text := coalesce(nullif(current_setting('fpso.who', true), ''), 'anonymous');
    request text := nullif(current_setting('fpso.request_id', true), '');
    why text := nullif(current_setting('fpso.reason', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, after)
        SELECT '{entity}', {mine}, {code}, 'created', version, caller, request, why,
            jsonb_build_object({whole})
        FROM made;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, before)
        SELECT '{entity}', {mine}, {code}, 'deleted', version, caller, request, why,
            jsonb_build_object({whole})
        FROM gone;
    ELSE
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, before, after)
        SELECT '{entity}', {theirs}, n.{code}, 'updated', n.version,
            caller, request, why,
            {differing("o")},
            {differing("n")}
        FROM gone o JOIN made n USING (id)
        WHERE ({old}) IS DISTINCT FROM ({new});
    END IF;
    RETURN NULL;
END $$
"""


TRIGGERS = (
    (
        "CREATE TRIGGER {table}_made AFTER INSERT ON {table} "
        "REFERENCING NEW TABLE AS made "
        "FOR EACH STATEMENT EXECUTE FUNCTION record_{table}()"
    ),
    (
        "CREATE TRIGGER {table}_changed AFTER UPDATE ON {table} "
        "REFERENCING OLD TABLE AS gone NEW TABLE AS made "
        "FOR EACH STATEMENT EXECUTE FUNCTION record_{table}()"
    ),
    (
        "CREATE TRIGGER {table}_gone AFTER DELETE ON {table} "
        "REFERENCING OLD TABLE AS gone "
        "FOR EACH STATEMENT EXECUTE FUNCTION record_{table}()"
    ),
    (
        "CREATE TRIGGER {table}_keep_their_id BEFORE UPDATE OF id ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    ),
    (
        "CREATE TRIGGER {table}_is_not_emptied BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    ),
)

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
        check("part_fits", "one", "num_nonnulls(equipment, class, model) = 1"),
    )
    op.create_index("ix_part_fits_equipment_part", "part_fits", ["equipment", "part"])


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
        sa.Column("requisition", sa.Uuid()),
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
        sa.Column(
            "request_id",
            sa.Text(),
            server_default=sa.text(
                "NULLIF(current_setting('fpso.request_id', true), '')"
            ),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_movements"),
        refers("movements", "part", "parts.number"),
        refers("movements", "store", "stores.code"),
        refers("movements", "other_store", "stores.code"),
        sa.ForeignKeyConstraint(
            ["requisition"], ["requisitions.id"], name="fk_movements_requisition"
        ),
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
    op.create_index(
        "ix_movements_requisition_id",
        "movements",
        ["requisition", "id"],
        postgresql_where=sa.text("requisition IS NOT NULL"),
    )


def upgrade() -> None:
    create_parts()
    create_stores()
    create_requisitions()
    create_movements()
    for trigger in LEDGER:
        op.execute(trigger)
    for table in RECORDED:
        op.execute(recorder(table))
        for trigger in TRIGGERS:
            op.execute(trigger.format(table=table))


def downgrade() -> None:
    op.drop_table("movements")
    op.drop_table("balances")
    for table in reversed(RECORDED):
        op.drop_table(table)
        op.execute(f"DROP FUNCTION record_{table}")
