"""What the role of the service may do: work on the register, and read its record.

Said anew whenever the schema is migrated, by the role that owns it: the tables of later
migrations are covered, and a right that was given by hand is taken back (ADR 9).
"""

from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text

from app.database import Base

WORK = "SELECT, INSERT, UPDATE, DELETE"
# The first are written by migrations and by triggers alone. The others are histories:
# the service adds to them. A code that changes follows into them, by CASCADE.
LESS = {
    "alembic_version": "SELECT",
    "changes": "SELECT",
    "issue_moves": "SELECT, INSERT",
    "movements": "SELECT, INSERT",
}
# What it has the owner do for it; the last one is of the release before.
CALLED = {
    "build_reading_months(integer,text)",
    "attach_reading_months(timestamp without time zone[])",
    "add_reading_months(integer,text)",
}

_KNOWN = text(
    "SELECT pg_has_role(rolname, 'MEMBER WITH ADMIN OPTION') "
    "FROM pg_roles WHERE rolname = :role"
)
_MAY_MAKE = text(
    "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
)
_LOGIN = text(
    "SELECT format('%s ROLE %I LOGIN', CAST(:verb AS text), CAST(:role AS text)) || "
    "CASE WHEN CAST(:password AS text) IS NULL THEN '' "
    "ELSE format(' PASSWORD %L', CAST(:password AS text)) END"
)
# A temporary table of anybody's with one of these as its trigger could forge a record.
_DEFINER = text(
    "SELECT CAST(CAST(oid AS regprocedure) AS text) FROM pg_proc WHERE prosecdef "
    "AND pronamespace = to_regnamespace('public') AND proowner = "
    "(SELECT oid FROM pg_roles WHERE rolname = current_user)"
)


def let_in(connection: Connection, role: str, password: str | None) -> None:
    """Let the role log in with this password, where that is ours to say."""
    administered = connection.scalar(_KNOWN, {"role": role})
    may_make = connection.scalar(_MAY_MAKE)
    if administered is None and not may_make:
        name = connection.dialect.identifier_preparer.quote(role)
        raise CommandError(
            f"There is no role {role}, as which FPSO_DATABASE_URL connects, and the "
            "role of FPSO_MIGRATION_DATABASE_URL may not make it: have it made with "
            f"CREATE ROLE {name} LOGIN PASSWORD '…', and migrate again."
        )
    if may_make and administered is not False:
        verb = "CREATE" if administered is None else "ALTER"
        said = {"verb": verb, "role": role, "password": password}
        # A colon in it would be taken for a parameter.
        connection.exec_driver_sql(str(connection.scalar(_LOGIN, said)))


def grant(connection: Connection, role: str) -> None:
    """Give the role its rights on what there is, and take all others."""
    quote = connection.dialect.identifier_preparer.quote
    grantee = quote(role)
    # What everybody has, unless it was taken; where it is not ours to give, PostgreSQL
    # says so in a notice. Imports need temporary tables.
    database = quote(str(connection.scalar(text("SELECT current_database()"))))
    connection.execute(
        text(f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {grantee}")
    )
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {grantee}"))
    there = set(inspect(connection).get_table_names())
    for table in sorted(there & {*Base.metadata.tables, *LESS}):
        rights = LESS.get(table, WORK)
        connection.execute(text(f"REVOKE ALL ON {quote(table)} FROM {grantee}"))
        connection.execute(text(f"GRANT {rights} ON {quote(table)} TO {grantee}"))
    for function in connection.scalars(_DEFINER).all():
        connection.execute(text(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC"))
        if function in CALLED:
            grant = f"GRANT EXECUTE ON FUNCTION {function} TO {grantee}"
            connection.execute(text(grant))
