"""The SQL by which the record of changes follows a table (ADR 9): for migrations."""

from collections.abc import Sequence

# Columns whose names are words of SQL.
_WORDS = {"class", "group", "from", "to"}

_HEAD = """
CREATE OR REPLACE FUNCTION record_{table}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    caller text := coalesce(nullif(current_setting('fpso.who', true), ''), 'anonymous');
    request text := nullif(current_setting('fpso.request_id', true), '');
    why text := nullif(current_setting('fpso.reason', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, after)
        SELECT '{entity}', {vessel}, {code}, 'created', r.version,
            caller, request, why,
            {row}
        FROM made r{made};
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, before)
        SELECT '{entity}', {vessel}, {code}, 'deleted', r.version,
            caller, request, why,
            {row}
        FROM gone r;
    ELSE
        INSERT INTO changes (entity, vessel, code, action, version,
            who, request_id, reason, before, after)
        SELECT '{entity}', {vessel}, {code}, 'updated', r.version,
            caller, request, why,
            {before},
            {after}
        FROM gone o JOIN made r USING (id)
        WHERE ({old}) IS DISTINCT FROM ({new});
    END IF;
    RETURN NULL;
END $$
"""

_TRIGGERS = (
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


def function(
    table: str,
    entity: str,
    columns: Sequence[str],
    *,
    code: str,
    vessel: str = "''",
    exact: Sequence[str] = (),
    made: str | None = None,
) -> str:
    """The table's function, or its next version.

    `code` and `vessel` are SQL over the row `r`: what the entity goes by, and whose it
    is, which is empty for what belongs to the whole fleet. Decimals are `exact`: they
    are told as text, to the last digit. `made` says which new rows are recorded, if not
    all are.
    """

    def named(row: str, column: str) -> str:
        return f'{row}."{column}"' if column in _WORDS else f"{row}.{column}"

    def told(row: str, column: str) -> str:
        return named(row, column) + ("::text" if column in exact else "")

    def pair(row: str, column: str) -> str:
        return f"'{column}', {told(row, column)}"

    def changed(row: str) -> str:
        return "\n            || ".join(
            f"CASE WHEN {named('o', column)} IS DISTINCT FROM {named('r', column)}\n"
            f"                THEN jsonb_build_object({pair(row, column)}) "
            "ELSE '{}' END"
            for column in columns
        )

    listed = ",\n                ".join(pair("r", column) for column in columns)
    return _HEAD.format(
        table=table,
        entity=entity,
        made=f" WHERE {made}" if made else "",
        vessel=vessel,
        code=code,
        row=f"jsonb_build_object({listed})",
        before=changed("o"),
        after=changed("r"),
        old=", ".join(named("o", column) for column in columns),
        new=", ".join(named("r", column) for column in columns),
    )


def triggers(table: str) -> list[str]:
    return [trigger.format(table=table) for trigger in _TRIGGERS]
