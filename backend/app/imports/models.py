import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from app.database import CODE, LABEL, Base, Record

KEPT = "7 days"


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    ERROR = "error"


class Kind(StrEnum):
    """What a file holds."""

    REGISTER = "register"
    SENSORS = "sensors"
    FAILURES = "failures"
    OPERATIONS = "operations"
    ISSUES = "issues"


class Import(Record):
    """A plan: what a file would do to what is known of a vessel, and whether it did."""

    __tablename__ = "imports"
    __table_args__ = (
        Index(None, "vessel", "created_at", "id"),
        UniqueConstraint("number"),
    )

    vessel: Mapped[str] = mapped_column(
        CODE, ForeignKey("vessels.code", onupdate="CASCADE")
    )
    kind: Mapped[Kind] = mapped_column(server_default=Kind.REGISTER)
    # A short name for rows of mass data.
    number: Mapped[int] = mapped_column(Identity(always=True))
    filename: Mapped[str | None] = mapped_column(LABEL)
    reason: Mapped[str | None] = mapped_column(LABEL)
    # Field → where it comes from, in the words of a mapping.
    columns: Mapped[dict[str, Any]] = mapped_column(JSONB)
    header: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    ignored_columns: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    rows: Mapped[int]
    creates: Mapped[int]
    updates: Mapped[int]
    unchanged: Mapped[int]
    errors: Mapped[int]
    # What only this kind of file has to say of itself.
    details: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    # What the plan was made from, where versions of rows do not tell.
    basis: Mapped[str | None]
    expires_at: Mapped[datetime] = mapped_column(
        server_default=text(f"now() + interval '{KEPT}'")
    )
    applied_at: Mapped[datetime | None]


class ImportRow(Base):
    """One row of a plan's file, as it was read and as it would be applied."""

    __tablename__ = "import_rows"

    import_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True
    )
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    action: Mapped[Action]
    # The version of the equipment that the plan was made from; null of a new one.
    planned_version: Mapped[int | None]
    code: Mapped[str | None]
    tag: Mapped[str | None]
    name: Mapped[str | None]
    location: Mapped[str | None]
    group: Mapped[str | None]
    class_: Mapped[str | None] = mapped_column("class")
    parent: Mapped[str | None]
    status: Mapped[str | None]
    # Of what is no register: field → its text, as it will be stored.
    fields: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    # Of an update: field → {"before", "after"}.
    changes: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    # Of an error: what is wrong, and the user's own cells.
    problems: Mapped[list[dict[str, Any]] | None] = mapped_column(
        JSONB(none_as_null=True)
    )
    # Large, and only for the file of errors: no listing loads it.
    original: Mapped[list[str | None] | None] = mapped_column(
        ARRAY(TEXT), deferred=True, deferred_raiseload=True
    )
