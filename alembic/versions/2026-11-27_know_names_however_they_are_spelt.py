"""Let names be one however they are spelt: in any case, with any spaces between words.

"Ann  Lee" was somebody else than "Ann Lee", and approved what Ann Lee had asked for.
One function says what is spelt alike; the carts' index, and the one by which
requisitions of a requester are listed, are made anew with it. Of two open carts that
are one's by now, the one that was changed last stays, as before (0022).

The release before inserts into these indexes as into those that they replace. What
fails half-way can be run again.
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

FOLDED = r"""
CREATE OR REPLACE FUNCTION folded(said text) RETURNS text
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN casefold(regexp_replace(said COLLATE "pg_unicode_fast", '\s+', ' ', 'g'))
"""
CASEFOLD = 'casefold(requester COLLATE "pg_unicode_fast")'
OLD_CART, CART = "uq_requisitions_cart", "uq_requisitions_requester_cart"
OLD_LISTED = "ix_requisitions_requester_created_at_id"
LISTED = "ix_requisitions_folded_created_at_id"


def upgrade() -> None:
    op.execute(FOLDED)
    op.execute(
        "UPDATE requisitions SET state = 'cancelled', decided_at = now(), "
        "decided_by = 'anonymous', reason = 'The requester has another open cart', "
        "version = version + 1, updated_at = now() "
        "WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER ("
        "PARTITION BY folded(requester), vessel ORDER BY updated_at DESC, id DESC) "
        "AS place FROM requisitions WHERE state = 'cart') carts WHERE place > 1)"
    )
    replace(OLD_CART, CART, "folded(requester)", unique=True)
    replace(OLD_LISTED, LISTED, "folded(requester)")


def downgrade() -> None:
    op.execute("SET lock_timeout = '5min'")
    replace(LISTED, OLD_LISTED, "requester")
    replace(CART, OLD_CART, CASEFOLD, unique=True)
    op.execute("DROP FUNCTION IF EXISTS folded(text)")


def replace(old: str, new: str, requester: str, *, unique: bool = False) -> None:
    kind, more, where = "INDEX", "created_at, id", ""
    if unique:
        kind, more, where = "UNIQUE INDEX", "vessel", " WHERE state = 'cart'"
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {new}")
        op.execute(
            f"CREATE {kind} CONCURRENTLY {new} ON requisitions "
            f"({requester}, {more}){where}"
        )
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {old}")
