"""Let a requester have one open cart for a vessel, however the name is spelt.

"Welder" and "welder" are one person to whoever decides, and had a cart each. Where
there are two now, the one that was changed last stays, and the others are cancelled:
they hold nothing back, and what was in them can be read still.

The index is built beside those who write. The release before inserts into it as into
the one that it replaces. What fails half-way can be run again: another pair may have
come.
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

SPELT = "uq_requisitions_requester_vessel"
FOLDED = "uq_requisitions_cart"
REQUESTER = 'casefold(requester COLLATE "pg_unicode_fast")'


def upgrade() -> None:
    op.execute(
        "UPDATE requisitions SET state = 'cancelled', decided_at = now(), "
        "decided_by = 'anonymous', reason = 'The requester has another open cart', "
        "version = version + 1, updated_at = now() "
        "WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER ("
        f"PARTITION BY {REQUESTER}, vessel ORDER BY updated_at DESC, id DESC) "
        "AS place FROM requisitions WHERE state = 'cart') carts WHERE place > 1)"
    )
    replace(SPELT, FOLDED, REQUESTER)


def downgrade() -> None:
    op.execute("SET lock_timeout = '5min'")
    replace(FOLDED, SPELT, "requester")


def replace(old: str, new: str, requester: str) -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {new}")
        op.execute(
            f"CREATE UNIQUE INDEX CONCURRENTLY {new} ON requisitions "
            f"({requester}, vessel) WHERE state = 'cart'"
        )
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {old}")
