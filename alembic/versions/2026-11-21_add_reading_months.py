"""Add the readings of new months as whole tables.

Five million rows are written one by one in three times the time that it takes to make
tables out of them, and to sort their keys afterwards. So a log's readings of a month
that has no partition become one: `add_reading_months` runs as the owner, because the
service makes no tables. An index over the instants of what is planned finds each month.

At which equipment a sensor was when, `sensor_spans` says to this and to the statements
of the service. The release before knows none of these, and works on.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

SPANS = """
CREATE FUNCTION sensor_spans(of_vessel text) RETURNS TABLE
    (number integer, code text, equipment text, since timestamptz, until timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT number, code, equipment, lag(until, 1, '-infinity') OVER (
        PARTITION BY code ORDER BY until NULLS LAST), coalesce(until, 'infinity')
    FROM sensors WHERE vessel = of_vessel
$$
"""
ADD = """
CREATE FUNCTION add_reading_months(of_plan integer, of_vessel text,
    OUT months timestamp[], OUT added bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    month timestamp;
    name text;
    since timestamptz;
    until timestamptz;
    rows bigint;
BEGIN
    added := 0;
    PERFORM brin_summarize_new_values('ix_planned_readings_plan_at');
    -- One maker of partitions at a time; who waited finds them there.
    PERFORM pg_advisory_xact_lock(hashtext('make_reading_partitions'));
    -- Materialized: else each row's table would be looked for.
    WITH of_the_plan AS MATERIALIZED (
        SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') AS first
        FROM planned_readings WHERE plan = of_plan
    )
    SELECT coalesce(array_agg(first), '{}') INTO months FROM of_the_plan
    WHERE to_regclass('public.' || to_char(first, '"readings_"YYYY_MM')) IS NULL;
    FOREACH month IN ARRAY months LOOP
        name := to_char(month, '"readings_"YYYY_MM');
        since := month AT TIME ZONE 'UTC';
        until := (month + interval '1 month') AT TIME ZONE 'UTC';
        EXECUTE format('CREATE TABLE public.%I AS '
            'SELECT p.at, s.number AS sensor, 1 AS nth, p.level, p.temperature, '
            'p.vibration FROM public.planned_readings p '
            'JOIN public.sensor_spans(%L) s ON s.code = p.sensor '
            'AND p.at >= s.since AND p.at < s.until '
            'WHERE p.plan = %L AND p.at >= %L AND p.at < %L',
            name, of_vessel, of_plan, since, until);
        GET DIAGNOSTICS rows = ROW_COUNT;
        added := added + rows;
        EXECUTE format('ALTER TABLE public.%I ALTER at SET NOT NULL, '
            'ALTER sensor SET NOT NULL, ALTER nth SET NOT NULL, '
            'ALTER level SET NOT NULL, ADD PRIMARY KEY (at, sensor, nth)', name);
        EXECUTE format('ALTER TABLE public.readings ATTACH PARTITION public.%I '
            'FOR VALUES FROM (%L) TO (%L)', name, since, until);
    END LOOP;
END $$
"""
OLD, NEW = "ix_planned_readings_plan", "ix_planned_readings_plan_at"


def upgrade() -> None:
    op.execute(SPANS)
    op.execute(ADD)
    replace_index(OLD, NEW, "plan, at")


def replace_index(old: str, new: str, columns: str) -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {new}")
        op.execute(
            f"CREATE INDEX CONCURRENTLY {new} "
            f"ON planned_readings USING brin ({columns})"
        )
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {old}")


def downgrade() -> None:
    op.execute("DROP FUNCTION add_reading_months, sensor_spans")
    replace_index(NEW, OLD, "plan")
