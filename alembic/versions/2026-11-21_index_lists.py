"""Index the lists of equipment: search, locations, groups, instants, what is inactive.

And orders by when they were entered: that list sorted them all.

The words of a search stand in an index alone: a stored column would rewrite the table
while everybody waits. Built CONCURRENTLY, nobody waits for the others either; a build
that was cut off leaves an index that does not work, so each is dropped first.

Words that are written wait in the index's pending list. Whoever fills it sorts it in:
at the usual 4 MB one insert of 20,000 stood still for it, so it is smaller here.

None starts with the vessel; 0002 says why. Where the vessel comes last, a list of one
vessel passes over the others' entries without reading their rows.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Words of small letters and digits with one space between: å is a, ø is o, ½ is 1 2.
# Most texts are ASCII with few signs, for which this takes a quarter of what a regular
# expression takes. A word of more than 200 letters (some signs stand for five) would be
# refused by an index. app/search.py says the same of what is searched for.
SEARCH_TEXT = r"""
CREATE OR REPLACE FUNCTION search_text(code text, tag text, name text, location text)
RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 100 AS $$
DECLARE
    said text := lower((code || coalesce(' ' || tag, '') || ' ' || name
        || coalesce(' ' || location, '')) COLLATE "C");
BEGIN
    said := replace(replace(replace(replace(replace(replace(
        said, '-', ' '), '.', ' '), '/', ' '), '_', ' '), '(', ' '), ')', ' ');
    IF said ~ '[^a-z0-9 ]' THEN
        said := lower(normalize(said, NFKD) COLLATE "pg_c_utf8");
        said := regexp_replace(said, '[\u0300-\u036f]', '', 'g');
        said := replace(replace(replace(replace(replace(replace(replace(replace(
            said, 'ø', 'o'), 'æ', 'ae'), 'œ', 'oe'), 'ß', 'ss'), 'đ', 'd'), 'ł', 'l'),
            U&'\0131', 'i'), U&'\03c2', U&'\03c3');
        said := regexp_replace(said, '[\u0001-/:-@\[-`{-\u00bf\u00d7\u00f7'
            '\u2000-\u206f\u2190-\u2bff\u3000-\u303f]+', ' ', 'g');
        said := regexp_replace(said, '([^ ]{200})[^ ]+', '\1', 'g');
    END IF;
    IF strpos(said, '  ') > 0 THEN
        said := regexp_replace(said, ' +', ' ', 'g');
    END IF;
    RETURN btrim(said);
END $$
"""
TEXT = "search_text(code, tag, name, location)"
WORDS = f"array_to_tsvector(string_to_array({TEXT}, ' '))"


def upgrade() -> None:
    op.execute(SEARCH_TEXT)
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        build(
            "ix_equipment_search",
            sa.text(WORDS),
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 1024},
        )
        build("ix_equipment_location", "location")
        build("ix_equipment_group", "group")
        build("ix_equipment_updated_at_code_vessel", "updated_at", "code", "vessel")
        build("ix_equipment_name_code_vessel", "name", "code", "vessel")
        drop("ix_equipment_name_code")
        build(
            "ix_equipment_code_vessel",
            "code",
            "vessel",
            postgresql_where=sa.text("status = 'inactive'"),
        )
        build("ix_operations_created_at_id", "created_at", "id", table="operations")
        # What is common in the index of an expression is known only after this.
        op.execute("ANALYZE equipment")


def build(
    name: str,
    *columns: str | sa.TextClause,
    table: str = "equipment",
    **options: Any,  # noqa: ANN401 Alembic's
) -> None:
    drop(name)
    op.create_index(name, table, list(columns), postgresql_concurrently=True, **options)


def drop(name: str) -> None:
    op.drop_index(name, if_exists=True, postgresql_concurrently=True)


def downgrade() -> None:
    op.execute("DROP INDEX IF EXISTS ix_equipment_search")
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        drop("ix_operations_created_at_id")
        build("ix_equipment_name_code", "name", "code")
        for name in ("name_code_vessel", "location", "group"):
            drop(f"ix_equipment_{name}")
        drop("ix_equipment_updated_at_code_vessel")
        drop("ix_equipment_code_vessel")
    op.execute("DROP FUNCTION IF EXISTS search_text(text, text, text, text)")
