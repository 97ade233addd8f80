"""Create sensors, failures and readings, and let imports hold more than registers.

A log has millions of lines. Its readings are mass data: they go to monthly
partitions, have no references that PostgreSQL would check line by line, and are not
in the record of changes (ADR 12). Nor are the failures that a log brings, whose
import says who loaded what, when and why; those that are reported one by one are, and
so are sensors. A failure's vessel is copied from what refers to it, its equipment or
its import: checking 700,000 of them again would take as long as storing them.

Partitions are made by a trigger on failures, for the months that a statement brings:
whoever writes needs no right to make tables, and ATTACH lets other writers go on.

What a log's plan has read waits in a table that leaves no trace in the WAL; after a
crash the log is imported again. Imports that there are hold registers: the release
before knows no others, and works on.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from app import triggers

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

CODE = sa.String(64, collation="C")
INSTANT = sa.DateTime(timezone=True)

FUNCTION = (
    "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
)
PARTITIONS = f"""
CREATE FUNCTION make_reading_partitions() RETURNS trigger {FUNCTION} AS $$
DECLARE
    month timestamp;
    name text;
BEGIN
    FOR month IN
        SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') FROM made
    LOOP
        name := to_char(month, '"readings_"YYYY_MM');
        CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
        -- One maker at a time; who waited finds the partition there.
        PERFORM pg_advisory_xact_lock(hashtext('make_reading_partitions'));
        CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
        -- Attaching lets writers go on; CREATE … PARTITION OF would wait for them all.
        EXECUTE format('CREATE TABLE public.%I (LIKE public.readings INCLUDING ALL)',
            name);
        EXECUTE format('ALTER TABLE public.readings ATTACH PARTITION public.%I '
            'FOR VALUES FROM (%L) TO (%L)', name, month AT TIME ZONE 'UTC',
            (month + interval '1 month') AT TIME ZONE 'UTC');
    END LOOP;
    RETURN NULL;
END $$
"""

SENSOR = ("vessel", "code", "equipment", "until")
# How many readings it has follows from those.
FAILURE = ("equipment", "vessel", "at", "level", "source")


def columns_of_a_record() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
    )


def make_sensors() -> None:
    op.create_table(
        "sensors",
        sa.Column("vessel", CODE, nullable=False),
        sa.Column("code", CODE, nullable=False),
        sa.Column("equipment", CODE, nullable=False),
        sa.Column("until", INSTANT),
        sa.Column("number", sa.Integer(), sa.Identity(always=True), nullable=False),
        *columns_of_a_record(),
        sa.PrimaryKeyConstraint("id", name="pk_sensors"),
        sa.UniqueConstraint("number", name="uq_sensors_number"),
        sa.ForeignKeyConstraint(
            ["vessel"],
            ["vessels.code"],
            onupdate="CASCADE",
            name="fk_sensors_vessel",
        ),
        sa.ForeignKeyConstraint(
            ["equipment"],
            ["equipment.code"],
            onupdate="CASCADE",
            name="fk_sensors_equipment",
        ),
    )
    op.create_index(
        "uq_sensors_vessel_code",
        "sensors",
        ["vessel", "code"],
        unique=True,
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_index(
        "ix_sensors_vessel_code_number", "sensors", ["vessel", "code", "number"]
    )
    op.create_index("ix_sensors_equipment", "sensors", ["equipment"])


def make_failures() -> None:
    op.create_table(
        "failures",
        sa.Column("equipment", CODE, nullable=False),
        sa.Column("vessel", CODE, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("level", sa.String(32), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("errors", sa.Integer(), server_default="0", nullable=False),
        sa.Column("warnings", sa.Integer(), server_default="0", nullable=False),
        *columns_of_a_record(),
        sa.PrimaryKeyConstraint("id", name="pk_failures"),
        sa.UniqueConstraint("at", "equipment", name="uq_failures_at_equipment"),
        sa.ForeignKeyConstraint(
            ["equipment"],
            ["equipment.code"],
            onupdate="CASCADE",
            name="fk_failures_equipment",
        ),
        sa.CheckConstraint(
            "level IN ('warning', 'error')", name=op.f("ck_failures_level")
        ),
        sa.CheckConstraint(
            "source IN ('log', 'report', 'issue')", name=op.f("ck_failures_source")
        ),
        sa.CheckConstraint(
            "errors >= 0 AND warnings >= 0", name=op.f("ck_failures_readings")
        ),
    )
    op.create_index("ix_failures_equipment_at", "failures", ["equipment", "at"])


def make_readings() -> None:
    op.create_table(
        "readings",
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("sensor", sa.Integer(), nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("temperature", sa.Double()),
        sa.Column("vibration", sa.Double()),
        sa.PrimaryKeyConstraint("at", "sensor", "nth", name="pk_readings"),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_table(
        "planned_readings",
        sa.Column("plan", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("sensor", CODE, nullable=False),
        sa.Column("temperature", sa.Double()),
        sa.Column("vibration", sa.Double()),
        prefixes=["UNLOGGED"],
    )
    op.create_index(
        "ix_planned_readings_plan",
        "planned_readings",
        ["plan"],
        postgresql_using="brin",
    )


def upgrade() -> None:
    op.add_column(
        "imports",
        sa.Column("kind", sa.String(32), server_default="register", nullable=False),
    )
    # Plans are few: they are kept for a week.
    op.execute(
        "-- squawk-ignore constraint-missing-not-valid\n"
        "ALTER TABLE imports ADD CONSTRAINT ck_imports_kind "
        "CHECK (kind IN ('register', 'sensors', 'failures'))"
    )
    op.execute(
        "-- squawk-ignore adding-field-with-default\n"
        "ALTER TABLE imports ADD COLUMN number INTEGER GENERATED ALWAYS AS IDENTITY"
    )
    op.execute(
        "-- squawk-ignore constraint-missing-not-valid, disallowed-unique-constraint\n"
        "ALTER TABLE imports ADD CONSTRAINT uq_imports_number UNIQUE (number)"
    )
    op.add_column("imports", sa.Column("details", JSONB()))
    op.add_column("imports", sa.Column("basis", sa.Text()))
    make_sensors()
    make_failures()
    make_readings()
    op.execute(PARTITIONS)
    op.execute(
        "CREATE TRIGGER failures_get_partitions AFTER INSERT ON failures "
        "REFERENCING NEW TABLE AS made "
        "FOR EACH STATEMENT EXECUTE FUNCTION make_reading_partitions()"
    )
    op.execute(
        triggers.function("sensors", "sensor", SENSOR, code="r.code", vessel="r.vessel")
    )
    op.execute(
        triggers.function(
            *("failures", "failure", FAILURE),
            code="r.id::text",
            vessel="r.vessel",
            made="r.source <> 'log'",
        )
    )
    for table in ("sensors", "failures"):
        for trigger in triggers.triggers(table):
            op.execute(trigger)


def downgrade() -> None:
    op.execute("DROP FUNCTION record_sensors, record_failures CASCADE")
    op.execute("DROP FUNCTION make_reading_partitions CASCADE")
    for table in ("planned_readings", "readings", "failures", "sensors"):
        op.drop_table(table)
    op.execute("DELETE FROM imports WHERE kind <> 'register'")
    for column in ("basis", "details", "number", "kind"):
        op.drop_column("imports", column)
