from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app import search
from app.database import CODE, LABEL, Record

SEARCHED = "search_text(code, tag, name, location)"


class Status(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"


class Equipment(Record):
    """A tagged item aboard one vessel.

    `vessel` and `parent` are codes: they are what files and callers name, and no
    query needs a join to show them.
    """

    __tablename__ = "equipment"
    __table_args__ = (
        UniqueConstraint("code"),
        # What (vessel, parent) refers to, and the order of a vessel's pages.
        UniqueConstraint("vessel", "code"),
        # Checked at the end of a statement, so that an import can swap two tags.
        UniqueConstraint("tag", "vessel", deferrable=True, initially="IMMEDIATE"),
        # Both columns: a parent is never aboard another vessel.
        ForeignKeyConstraint(
            ["vessel", "parent"],
            ["equipment.vessel", "equipment.code"],
            onupdate="CASCADE",
        ),
        CheckConstraint("parent <> code", name="parent"),
        Index(None, "parent", postgresql_where=text("parent IS NOT NULL")),
        Index(None, "location"),
        Index(None, "group"),
        # The vessel last, so that a list of one passes over the others' entries.
        Index(None, "name", "code", "vessel"),
        Index(None, "updated_at", "code", "vessel"),
        Index(None, "code", "vessel", postgresql_where=text("status = 'inactive'")),
        Index(
            "ix_equipment_search",
            text(search.words(SEARCHED)),
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 1024},
        ),
    )

    code: Mapped[str] = mapped_column(CODE)
    vessel: Mapped[str] = mapped_column(
        CODE, ForeignKey("vessels.code", onupdate="CASCADE")
    )
    tag: Mapped[str | None] = mapped_column(CODE)
    name: Mapped[str] = mapped_column(LABEL)
    location: Mapped[str | None] = mapped_column(LABEL)
    group: Mapped[str | None] = mapped_column(LABEL)
    parent: Mapped[str | None] = mapped_column(CODE)
    status: Mapped[Status] = mapped_column(
        default=Status.ACTIVE, server_default=Status.ACTIVE
    )
