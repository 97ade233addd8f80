"""Let hardware be one however maker, model and serial number are spelt.

"Acme, P 1, AB-77" and "ACME, P  1, ab-77" were two units, which sat in two places.
Where there are two now, the one that sits somewhere stays as it is, or else the older
one. The other keeps all that is known of it, where it sat too: its serial number says
that it is another entry, and its note of which unit, so that people correct either.

A part that fits a model under two spellings fits it once.

The exact constraint of units stays while the release before looks units up by it. What
fails half-way can be run again.
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

UNITS = "folded(serial_number), folded(model), folded(manufacturer)"
INDEXES = {
    "uq_units_hardware": f"UNIQUE INDEX {{}} ON units ({UNITS})",
    "uq_part_fits_folded_part": (
        "UNIQUE INDEX {} ON part_fits (folded(model), part) WHERE model IS NOT NULL"
    ),
}
OLD = {
    "ix_units_serial_number": "INDEX {} ON units (serial_number)",
    "ix_part_fits_model_part": "INDEX {} ON part_fits (model, part)",
}


def upgrade() -> None:
    op.execute(
        "UPDATE units u SET serial_number = left(u.serial_number, 150) || "
        "' (entry ' || u.id || ')', note = concat_ws(E'\\n', u.note, "
        "'Its serial number ' || u.serial_number || ' is that of unit ' || t.first || "
        "', which may be the same: correct where it sat, or its number.'), "
        "version = u.version + 1, updated_at = now() "
        "FROM (SELECT n.id, first_value(n.id) OVER same AS first "
        "FROM units n LEFT JOIN installations i "
        "ON i.unit = n.id AND i.removed_at IS NULL "
        f"WINDOW same AS (PARTITION BY {UNITS} ORDER BY i.id IS NULL, n.id)) t "
        "WHERE u.id = t.id AND t.first <> u.id"
    )
    op.execute(
        "DELETE FROM part_fits f USING part_fits first WHERE f.part = first.part "
        "AND folded(f.model) = folded(first.model) AND first.id < f.id"
    )
    replace(OLD, INDEXES)


def downgrade() -> None:
    op.execute("SET lock_timeout = '5min'")
    replace(INDEXES, OLD)


def replace(old: dict[str, str], new: dict[str, str]) -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        for name, definition in new.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(
                "CREATE " + definition.replace("INDEX {}", f"INDEX CONCURRENTLY {name}")
            )
        for name in old:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
