"""Create the record of every change.

PostgreSQL keeps it itself: a trigger a statement writes one row for each row that was
created, updated or deleted, in the same transaction, so that COPY, set-wise SQL and
whoever types in psql are recorded like a request. Nobody rewrites it: a trigger refuses
that too. ADR 9 says what else there would be to do and why not.

The tables that are recorded stay as they are, so the release before works on. The
triggers compare column by column: asking jsonb for the difference took three times as
long. Partitions are monthly, so that old months can be dropped; `alembic upgrade`
makes them a year ahead, and the default one takes what comes later.

An import keeps the reason that it was given until it is applied.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CODE = sa.String(64, collation="C")
INSTANT = sa.DateTime(timezone=True)
RECORDED = ("vessels", "equipment", "operations")


class XID8(UserDefinedType[str]):
    def get_col_spec(self, **_: object) -> str:
        return "xid8"


# The functions run as whoever owns the record: callers need no right to write it. Their
# search path is fixed, so that nobody can put another table in its place.
FUNCTION = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public"

REFUSE = f"""
CREATE FUNCTION refuse_rewriting() RETURNS trigger {FUNCTION}, pg_temp AS $$
BEGIN
    RAISE insufficient_privilege USING
        MESSAGE = format('%s of %s would not be recorded', TG_OP, TG_TABLE_NAME),
        HINT = 'Old months of the record are dropped whole: DROP TABLE changes_2026_11.'
            ' Rows are deleted with DELETE, and keep their id.';
END $$
"""

# A month whose rows went to the default partition already stays there.
PARTITIONS = f"""
CREATE FUNCTION make_change_partitions(ahead integer DEFAULT 12)
RETURNS void {FUNCTION}, pg_temp AS $$
DECLARE
    first timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    month timestamp;
    name text;
BEGIN
    FOR step IN 0..ahead LOOP
        month := first + make_interval(months => step);
        name := to_char(month, '"changes_"YYYY_MM');
        CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL OR EXISTS (
            SELECT FROM changes_default WHERE at >= month AT TIME ZONE 'UTC'
            AND at < (month + interval '1 month') AT TIME ZONE 'UTC');
        -- Attaching lets writers go on; CREATE … PARTITION OF would wait for them all.
        EXECUTE format('CREATE TABLE public.%I (LIKE changes INCLUDING CONSTRAINTS '
            'INCLUDING DEFAULTS INCLUDING INDEXES)', name);
        EXECUTE format('ALTER TABLE changes ATTACH PARTITION public.%I '
            'FOR VALUES FROM (%L) TO (%L)', name, month AT TIME ZONE 'UTC',
            (month + interval '1 month') AT TIME ZONE 'UTC');
        PERFORM protect_changes(name);
    END LOOP;
END $$
"""

# TRUNCATE and the rights of a partition are its own.
PROTECT = f"""
CREATE FUNCTION protect_changes(name text) RETURNS void {FUNCTION}, pg_temp AS $$
BEGIN
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON public.%I FROM PUBLIC, '
        'CURRENT_USER', name);
    EXECUTE format('CREATE TRIGGER is_not_emptied BEFORE TRUNCATE ON public.%I '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()', name);
END $$
"""

DECLARE = """
DECLARE
    caller text := coalesce(nullif(current_setting('fpso.who', true), ''), 'anonymous');
    request text := nullif(current_setting('fpso.request_id', true), '');
    why text := nullif(current_setting('fpso.reason', true), '');
"""

VESSELS = f"""
CREATE FUNCTION record_vessels() RETURNS trigger {FUNCTION}, pg_temp AS $$
{DECLARE}
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, after)
        SELECT 'vessel', code, code, 'created', version, caller, request, why,
            jsonb_build_object('code', code, 'name', name)
        FROM made;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, before)
        SELECT 'vessel', code, code, 'deleted', version, caller, request, why,
            jsonb_build_object('code', code, 'name', name)
        FROM gone;
    ELSE
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, before, after)
        SELECT 'vessel', n.code, n.code, 'updated', n.version, caller, request, why,
            CASE WHEN o.code IS DISTINCT FROM n.code
                THEN jsonb_build_object('code', o.code) ELSE '{{}}' END
            || CASE WHEN o.name IS DISTINCT FROM n.name
                THEN jsonb_build_object('name', o.name) ELSE '{{}}' END,
            CASE WHEN o.code IS DISTINCT FROM n.code
                THEN jsonb_build_object('code', n.code) ELSE '{{}}' END
            || CASE WHEN o.name IS DISTINCT FROM n.name
                THEN jsonb_build_object('name', n.name) ELSE '{{}}' END
        FROM gone o JOIN made n USING (id)
        WHERE (o.code, o.name) IS DISTINCT FROM (n.code, n.name);
    END IF;
    RETURN NULL;
END $$
"""

EQUIPMENT = f"""
CREATE FUNCTION record_equipment() RETURNS trigger {FUNCTION}, pg_temp AS $$
{DECLARE}
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, after)
        SELECT 'equipment', vessel, code, 'created', version, caller, request, why,
            jsonb_build_object('code', code, 'vessel', vessel, 'tag', tag,
                'name', name, 'location', location, 'group', "group",
                'parent', parent, 'status', status)
        FROM made;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, before)
        SELECT 'equipment', vessel, code, 'deleted', version, caller, request, why,
            jsonb_build_object('code', code, 'vessel', vessel, 'tag', tag,
                'name', name, 'location', location, 'group', "group",
                'parent', parent, 'status', status)
        FROM gone;
    ELSE
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, before, after)
        SELECT 'equipment', n.vessel, n.code, 'updated', n.version,
            caller, request, why,
            CASE WHEN o.code IS DISTINCT FROM n.code
                THEN jsonb_build_object('code', o.code) ELSE '{{}}' END
            || CASE WHEN o.vessel IS DISTINCT FROM n.vessel
                THEN jsonb_build_object('vessel', o.vessel) ELSE '{{}}' END
            || CASE WHEN o.tag IS DISTINCT FROM n.tag
                THEN jsonb_build_object('tag', o.tag) ELSE '{{}}' END
            || CASE WHEN o.name IS DISTINCT FROM n.name
                THEN jsonb_build_object('name', o.name) ELSE '{{}}' END
            || CASE WHEN o.location IS DISTINCT FROM n.location
                THEN jsonb_build_object('location', o.location) ELSE '{{}}' END
            || CASE WHEN o."group" IS DISTINCT FROM n."group"
                THEN jsonb_build_object('group', o."group") ELSE '{{}}' END
            || CASE WHEN o.parent IS DISTINCT FROM n.parent
                THEN jsonb_build_object('parent', o.parent) ELSE '{{}}' END
            || CASE WHEN o.status IS DISTINCT FROM n.status
                THEN jsonb_build_object('status', o.status) ELSE '{{}}' END,
            CASE WHEN o.code IS DISTINCT FROM n.code
                THEN jsonb_build_object('code', n.code) ELSE '{{}}' END
            || CASE WHEN o.vessel IS DISTINCT FROM n.vessel
                THEN jsonb_build_object('vessel', n.vessel) ELSE '{{}}' END
            || CASE WHEN o.tag IS DISTINCT FROM n.tag
                THEN jsonb_build_object('tag', n.tag) ELSE '{{}}' END
            || CASE WHEN o.name IS DISTINCT FROM n.name
                THEN jsonb_build_object('name', n.name) ELSE '{{}}' END
            || CASE WHEN o.location IS DISTINCT FROM n.location
                THEN jsonb_build_object('location', n.location) ELSE '{{}}' END
            || CASE WHEN o."group" IS DISTINCT FROM n."group"
                THEN jsonb_build_object('group', n."group") ELSE '{{}}' END
            || CASE WHEN o.parent IS DISTINCT FROM n.parent
                THEN jsonb_build_object('parent', n.parent) ELSE '{{}}' END
            || CASE WHEN o.status IS DISTINCT FROM n.status
                THEN jsonb_build_object('status', n.status) ELSE '{{}}' END
        FROM gone o JOIN made n USING (id)
        WHERE (o.code, o.vessel, o.tag, o.name, o.location, o."group", o.parent,
                o.status)
            IS DISTINCT FROM (n.code, n.vessel, n.tag, n.name, n.location, n."group",
                n.parent, n.status);
    END IF;
    RETURN NULL;
END $$
"""

# Money as text: what callers read and send, to the cent.
OPERATIONS = f"""
CREATE FUNCTION record_operations() RETURNS trigger {FUNCTION}, pg_temp AS $$
{DECLARE}
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, after)
        SELECT 'operation', vessel, id::text, 'created', version, caller, request, why,
            jsonb_build_object('equipment', equipment, 'vessel', vessel, 'type', type,
                'cost', cost::text, 'performed_at', performed_at, 'note', note)
        FROM made;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, before)
        SELECT 'operation', vessel, id::text, 'deleted', version, caller, request, why,
            jsonb_build_object('equipment', equipment, 'vessel', vessel, 'type', type,
                'cost', cost::text, 'performed_at', performed_at, 'note', note)
        FROM gone;
    ELSE
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, before, after)
        SELECT 'operation', n.vessel, n.id::text, 'updated', n.version,
            caller, request, why,
            CASE WHEN o.equipment IS DISTINCT FROM n.equipment
                THEN jsonb_build_object('equipment', o.equipment) ELSE '{{}}' END
            || CASE WHEN o.vessel IS DISTINCT FROM n.vessel
                THEN jsonb_build_object('vessel', o.vessel) ELSE '{{}}' END
            || CASE WHEN o.type IS DISTINCT FROM n.type
                THEN jsonb_build_object('type', o.type) ELSE '{{}}' END
            || CASE WHEN o.cost IS DISTINCT FROM n.cost
                THEN jsonb_build_object('cost', o.cost::text) ELSE '{{}}' END
            || CASE WHEN o.performed_at IS DISTINCT FROM n.performed_at
                THEN jsonb_build_object('performed_at', o.performed_at)
                ELSE '{{}}' END
            || CASE WHEN o.note IS DISTINCT FROM n.note
                THEN jsonb_build_object('note', o.note) ELSE '{{}}' END,
            CASE WHEN o.equipment IS DISTINCT FROM n.equipment
                THEN jsonb_build_object('equipment', n.equipment) ELSE '{{}}' END
            || CASE WHEN o.vessel IS DISTINCT FROM n.vessel
                THEN jsonb_build_object('vessel', n.vessel) ELSE '{{}}' END
            || CASE WHEN o.type IS DISTINCT FROM n.type
                THEN jsonb_build_object('type', n.type) ELSE '{{}}' END
            || CASE WHEN o.cost IS DISTINCT FROM n.cost
                THEN jsonb_build_object('cost', n.cost::text) ELSE '{{}}' END
            || CASE WHEN o.performed_at IS DISTINCT FROM n.performed_at
                THEN jsonb_build_object('performed_at', n.performed_at)
                ELSE '{{}}' END
            || CASE WHEN o.note IS DISTINCT FROM n.note
                THEN jsonb_build_object('note', n.note) ELSE '{{}}' END
        FROM gone o JOIN made n USING (id)
        WHERE (o.equipment, o.vessel, o.type, o.cost, o.performed_at, o.note)
            IS DISTINCT FROM
            (n.equipment, n.vessel, n.type, n.cost, n.performed_at, n.note);
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
    # What the record could not tell: an id that changes, rows gone without a DELETE.
    (
        "CREATE TRIGGER {table}_keep_their_id BEFORE UPDATE OF id ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    ),
    (
        "CREATE TRIGGER {table}_is_not_emptied BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
    ),
)


def upgrade() -> None:
    op.add_column("imports", sa.Column("reason", sa.String(200, collation="C")))
    op.create_table(
        "changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column(
            "xid",
            XID8(),
            server_default=sa.text("pg_current_xact_id()"),
            nullable=False,
        ),
        sa.Column("entity", sa.String(32), nullable=False),
        sa.Column("vessel", CODE, nullable=False),
        sa.Column("code", CODE, nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("before", JSONB()),
        sa.Column("after", JSONB()),
        sa.PrimaryKeyConstraint("id", "at", name="pk_changes"),
        sa.CheckConstraint(
            "action IN ('created', 'updated', 'deleted')",
            name=op.f("ck_changes_action"),
        ),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_changes_entity_code_id", "changes", ["entity", "code", "id"])
    op.create_index("ix_changes_xid", "changes", ["xid"])
    op.execute(REFUSE)
    op.execute(PROTECT)
    op.execute(PARTITIONS)
    op.execute(
        "CREATE TRIGGER is_not_rewritten BEFORE UPDATE OR DELETE ON changes "
        "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
    )
    op.execute("SELECT protect_changes('changes')")
    op.execute("CREATE TABLE changes_default PARTITION OF changes DEFAULT")
    op.execute("SELECT protect_changes('changes_default')")
    op.execute("SELECT make_change_partitions()")
    op.execute(
        "REVOKE EXECUTE ON FUNCTION protect_changes, make_change_partitions FROM PUBLIC"
    )
    for function in (VESSELS, EQUIPMENT, OPERATIONS):
        op.execute(function)
    for table in RECORDED:
        for trigger in TRIGGERS:
            op.execute(trigger.format(table=table))


def downgrade() -> None:
    op.drop_column("imports", "reason", if_exists=True)
    # A table at a time: who writes two of them would wait for us, and we for him. What
    # was cut off is done again from the start.
    with op.get_context().autocommit_block():
        for table in RECORDED:
            op.execute(f"DROP FUNCTION IF EXISTS record_{table} CASCADE")
            for name in ("keep_their_id", "is_not_emptied"):
                op.execute(f"DROP TRIGGER IF EXISTS {table}_{name} ON {table}")
        op.execute("DROP TABLE IF EXISTS changes")
        op.execute("DROP FUNCTION IF EXISTS make_change_partitions, protect_changes")
        op.execute("DROP FUNCTION IF EXISTS refuse_rewriting CASCADE")
