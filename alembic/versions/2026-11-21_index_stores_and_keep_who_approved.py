"""Index the lists of stores, and keep who approved a requisition when it is closed.

Whoever closed one was written over who had approved it, and when; the release before
still does that, and leaves the new columns empty. The record of changes tells of them
too.

Words, makers, states, requesters and what a part was asked for are indexed beside those
who write, which may be many; what was cut off is dropped and built anew. What 0006 says
of words holds here too.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app import triggers

revision = "0019"
down_revision = "0018"
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

CLOSING: dict[str, sa.types.TypeEngine[Any]] = {
    "closed_at": sa.DateTime(timezone=True),
    "closed_by": sa.String(200, collation="C"),
}
BEFORE = (
    *("vessel", "store", "requester", "state", "operation", "needed_at", "note"),
    *("submitted_at", "decided_at", "decided_by", "reason"),
)


def record(*columns: str) -> None:
    op.execute(
        triggers.function(
            *("requisitions", "requisition", columns),
            code="r.id::text",
            vessel="r.vessel",
        )
    )


def upgrade() -> None:
    for name, kind in CLOSING.items():
        op.add_column("requisitions", sa.Column(name, kind), if_not_exists=True)
    record(*BEFORE, *CLOSING)
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
    record(*BEFORE)
    for name in CLOSING:
        op.drop_column("requisitions", name, if_exists=True)
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5min'")
        for name in INDEXES:
            drop(name)
