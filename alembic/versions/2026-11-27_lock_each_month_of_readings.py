"""Let a log's load hold up nobody but those who bring the same new month.

Whoever made a partition of readings held one lock for all of them until it committed,
and a load took that lock whatever it brought. Now only new months are locked, each by
itself and in their order, so that two loads never wait for each other in a circle.

ATTACH locks the table of readings against other ATTACHes. A load therefore makes the
tables of its months with `build_reading_months`, in one pass over its lines, whatever
their order, and attaches them last, with `attach_reading_months`: the CHECK tells
PostgreSQL that it need not read them once more. The release before calls
`add_reading_months`, which does both.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

OWNER = (
    "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
)
# Who waited for it finds the month there: `pg_class` is read anew.
LOCK = """
        PERFORM pg_advisory_xact_lock(
            hashtext('make_reading_partitions'), to_char(month, 'YYYYMM')::integer);
        CONTINUE WHEN EXISTS (SELECT FROM pg_class
            WHERE relname = name AND relnamespace = 'public'::regnamespace);
"""
PARTITIONS = f"""
CREATE OR REPLACE FUNCTION make_reading_partitions() RETURNS trigger {OWNER} AS $$
DECLARE
    month timestamp;
    name text;
BEGIN
    FOR month IN
        SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') FROM made ORDER BY 1
    LOOP
        name := to_char(month, '"readings_"YYYY_MM');
        CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
{LOCK}
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
BUILD = f"""
CREATE FUNCTION build_reading_months(of_plan integer, of_vessel text,
    OUT months timestamp[], OUT added bigint) {OWNER} AS $$
DECLARE
    whole text := 'readings_of_plan_' || of_plan;
    month timestamp;
    name text;
BEGIN
    months := '{{}}';
    added := 0;
    FOR month IN
        -- Materialized: else each row's table would be looked for.
        WITH of_the_plan AS MATERIALIZED (
            SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') AS first
            FROM planned_readings WHERE plan = of_plan
        )
        SELECT first FROM of_the_plan
        WHERE to_regclass('public.' || to_char(first, '"readings_"YYYY_MM')) IS NULL
        ORDER BY first
    LOOP
        name := to_char(month, '"readings_"YYYY_MM');
{LOCK}
        months := months || month;
    END LOOP;
    IF months = '{{}}' THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.readings) '
        'PARTITION BY RANGE (at)', whole);
    FOREACH month IN ARRAY months LOOP
        EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I '
            'FOR VALUES FROM (%L) TO (%L)', to_char(month, '"readings_"YYYY_MM'), whole,
            month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
    END LOOP;
    EXECUTE format('INSERT INTO public.%I (at, sensor, nth, level, temperature, '
        'vibration) SELECT p.at, s.number, 1, p.level, p.temperature, p.vibration '
        'FROM public.planned_readings p '
        'JOIN public.sensor_spans(%L) s ON s.code = p.sensor '
        'AND p.at >= s.since AND p.at < s.until WHERE p.plan = %L '
        'AND date_trunc(''month'', p.at AT TIME ZONE ''UTC'') = ANY (%L)',
        whole, of_vessel, of_plan, months);
    GET DIAGNOSTICS added = ROW_COUNT;
    FOREACH month IN ARRAY months LOOP
        name := to_char(month, '"readings_"YYYY_MM');
        EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I', whole, name);
        EXECUTE format('ALTER TABLE public.%I ADD PRIMARY KEY (at, sensor, nth), '
            'ADD CONSTRAINT within CHECK (at >= %L AND at < %L)', name,
            month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
    END LOOP;
    EXECUTE format('DROP TABLE public.%I', whole);
END $$
"""
ATTACH = f"""
CREATE FUNCTION attach_reading_months(months timestamp[]) RETURNS void {OWNER} AS $$
DECLARE
    month timestamp;
    name text;
BEGIN
    FOREACH month IN ARRAY months LOOP
        name := to_char(month, '"readings_"YYYY_MM');
        EXECUTE format('ALTER TABLE public.readings ATTACH PARTITION public.%I '
            'FOR VALUES FROM (%L) TO (%L)', name, month AT TIME ZONE 'UTC',
            (month + interval '1 month') AT TIME ZONE 'UTC');
        EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT within', name);
    END LOOP;
END $$
"""
BOTH = f"""
CREATE OR REPLACE FUNCTION add_reading_months(of_plan integer, of_vessel text,
    OUT months timestamp[], OUT added bigint) {OWNER} AS $$
BEGIN
    SELECT b.months, b.added INTO months, added
    FROM build_reading_months(of_plan, of_vessel) b;
    PERFORM attach_reading_months(months);
END $$
"""


def upgrade() -> None:
    for function in (PARTITIONS, BUILD, ATTACH, BOTH):
        op.execute(function)


def downgrade() -> None:
    op.execute("DROP FUNCTION build_reading_months, attach_reading_months")
    script = op.get_context().script
    assert script
    created, added = (script.get_revision(number).module for number in ("0015", "0018"))
    for function in (created.PARTITIONS, added.ADD):
        op.execute(function.replace("CREATE F", "CREATE OR REPLACE F"))
