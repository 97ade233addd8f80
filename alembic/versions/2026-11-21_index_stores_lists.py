"""Index the lists of parts and requisitions: words, makers, states, who asked for what.

Each is built beside those who write, which may be many; what was cut off is dropped and
built anew. What 0006 says of words holds here too.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None

WORDS = (
    "array_to_tsvector(string_to_array("
    "search_text(number, manufacturer, name, NULL), ' '))"
)
INDEXES = {
    "ix_parts_manufacturer_number": ("parts", ["manufacturer", "number"]),
    "ix_parts_updated_at_number": ("parts", ["updated_at", "number"]),
    "ix_requisitions_state_created_at_id": (
        "requisitions",
        ["state", "created_at", "id"],
    ),
    "ix_requisitions_requester_created_at_id": (
        "requisitions",
        ["requester", "created_at", "id"],
    ),
    "ix_requisition_lines_part_requisition": (
        "requisition_lines",
        ["part", "requisition"],
    ),
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        for name, (table, columns) in INDEXES.items():
            drop(name)
            op.create_index(name, table, columns, postgresql_concurrently=True)
        drop("ix_parts_search")
        op.create_index(
            "ix_parts_search",
            "parts",
            [sa.text(WORDS)],
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 1024},
            postgresql_concurrently=True,
        )
        # What is common in the index of an expression is known only after this.
        op.execute("ANALYZE parts")


def drop(name: str) -> None:
    op.drop_index(name, if_exists=True, postgresql_concurrently=True)


def downgrade() -> None:
    op.execute("DROP INDEX IF EXISTS ix_parts_search")
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        for name in INDEXES:
            drop(name)
