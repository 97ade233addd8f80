"""Create units and where they sit.

A unit is never in two places at once, and a place never holds two units: exclusion
constraints, so that no request needs to look first. They need "the same" beside "times
that overlap" in one index; btree_gist would do it, but not every PostgreSQL has it. A
range of texts does too: each text is what it is about, then when. Two of them overlap
if they begin alike and their times overlap.

Both tables are recorded: they are few rows, and what people ask about.
"""

import sqlalchemy as sa
from alembic import op

from app import triggers

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

CODE = sa.String(64, collation="C")
LABEL = sa.String(200, collation="C")
INSTANT = sa.DateTime(timezone=True)


def record() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
    )


def instant(column: str) -> str:
    """Microseconds, with enough digits to compare as texts, also before 1970."""
    micros = f"extract(epoch FROM {column} AT TIME ZONE 'UTC') * 1000000"
    return f"lpad(({micros} + 1e17)::bigint::text, 20, '0')"


def times(what: str) -> str:
    """The range; what has no end ends after all instants, and before other things."""
    end = rf"coalesce(E'\x01' || {instant('removed_at')}, E'\x02')"
    return (
        f"code_times({what} || E'\\x01' || {instant('installed_at')}, {what} || {end})"
    )


def upgrade() -> None:
    op.create_table(
        "units",
        sa.Column("manufacturer", LABEL, nullable=False),
        sa.Column("model", LABEL, nullable=False),
        sa.Column("serial_number", LABEL, nullable=False),
        sa.Column("note", sa.Text()),
        *record(),
        sa.PrimaryKeyConstraint("id", name="pk_units"),
        sa.UniqueConstraint(
            *("manufacturer", "model", "serial_number"),
            name="uq_units_manufacturer_model_serial_number",
        ),
    )
    op.create_index("ix_units_serial_number", "units", ["serial_number"])
    op.execute("""CREATE TYPE code_times AS RANGE (subtype = text, collation = "C")""")
    op.create_table(
        "installations",
        sa.Column("unit", sa.Uuid(), nullable=False),
        sa.Column("equipment", CODE, nullable=False),
        sa.Column("installed_at", INSTANT, nullable=False),
        sa.Column("removed_at", INSTANT),
        sa.Column("removed_because", sa.Text()),
        *record(),
        sa.PrimaryKeyConstraint("id", name="pk_installations"),
        sa.ForeignKeyConstraint(["unit"], ["units.id"], name="fk_installations_unit"),
        sa.ForeignKeyConstraint(
            ["equipment"],
            ["equipment.code"],
            onupdate="CASCADE",
            name="fk_installations_equipment",
        ),
        sa.CheckConstraint(
            "removed_at > installed_at", name=op.f("ck_installations_period")
        ),
    )
    for column, what in (("unit", "unit::text"), ("equipment", "equipment")):
        op.execute(
            f"ALTER TABLE installations ADD CONSTRAINT ex_installations_{column} "
            f"EXCLUDE USING gist ({times(what)} WITH &&)"
        )
        op.create_index(
            f"ix_installations_{column}_installed_at_id",
            "installations",
            [column, "installed_at", "id"],
        )
    op.execute(
        triggers.function(
            *("units", "unit", ("manufacturer", "model", "serial_number", "note")),
            code="r.id::text",
        )
    )
    op.execute(
        triggers.function(
            "installations",
            "installation",
            ("unit", "equipment", "installed_at", "removed_at", "removed_because"),
            code="r.id::text",
            vessel="(SELECT vessel FROM equipment p WHERE p.code = r.equipment)",
        )
    )
    for table in ("units", "installations"):
        for trigger in triggers.triggers(table):
            op.execute(trigger)


def downgrade() -> None:
    op.drop_table("installations")
    op.execute("DROP TYPE code_times")
    op.drop_table("units")
    for table in ("installations", "units"):
        op.execute(f"DROP FUNCTION record_{table}")
