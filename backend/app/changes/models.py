from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from app.database import CODE, Base


class XID8(UserDefinedType[str]):
    """PostgreSQL's number of a transaction, which never comes round again."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


# So that reflection, and with it `alembic check`, knows it.
ischema_names["xid8"] = XID8


class Action(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


# Equipment that came to another vessel.
MOVED = "entity = 'equipment' AND action = 'updated' AND before ? 'vessel'"


class Change(Base):
    """What became of one row, written by triggers alone (ADR 9).

    `code` is what the entity goes by: a code, or the id of an operation order. `before`
    and `after` hold the fields that changed; of a row that was created or deleted, all.
    `id` counts in the order of writing, which for one row is that of its changes.
    """

    __tablename__ = "changes"
    __table_args__ = (
        Index(None, "entity", "code", "id"),
        Index(None, "xid"),
        Index(
            None, "vessel", "at", "id", postgresql_where=text("entity = 'equipment'")
        ),
        Index("ix_changes_moved_at", "at", postgresql_where=text(MOVED)),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True, server_default=func.now())
    xid: Mapped[str] = mapped_column(
        XID8, server_default=text("pg_current_xact_id()"), deferred=True
    )
    entity: Mapped[str] = mapped_column(String(32))
    vessel: Mapped[str] = mapped_column(CODE)
    code: Mapped[str] = mapped_column(CODE)
    action: Mapped[Action]
    version: Mapped[int]
    who: Mapped[str]
    request_id: Mapped[str | None]
    reason: Mapped[str | None]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
