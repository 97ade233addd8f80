from decimal import Decimal

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Numeric,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app import search
from app.database import CODE, LABEL, Record

SEARCHED = "search_text(number, manufacturer, name, NULL)"


class Part(Record):
    """What can be kept in a store and asked for, under the operator's own number."""

    __tablename__ = "parts"
    __table_args__ = (
        UniqueConstraint("number"),
        CheckConstraint("price >= 0", name="price"),
        CheckConstraint("lead_time_days >= 0", name="lead_time_days"),
        Index(None, "name", "number"),
        Index(None, "manufacturer", "number"),
        Index(None, "updated_at", "number"),
        Index(
            "ix_parts_search",
            text(search.words(SEARCHED)),
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 1024},
        ),
    )

    number: Mapped[str] = mapped_column(CODE)
    name: Mapped[str] = mapped_column(LABEL)
    manufacturer: Mapped[str | None] = mapped_column(LABEL)
    unit_of_measure: Mapped[str] = mapped_column(String(16, collation="C"))
    price: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    lead_time_days: Mapped[int | None]


class Fit(Record):
    """A part fits one equipment, all of a class, or all hardware of a model."""

    __tablename__ = "part_fits"
    __table_args__ = (
        UniqueConstraint(
            "part", "equipment", "class", "model", postgresql_nulls_not_distinct=True
        ),
        CheckConstraint("num_nonnulls(equipment, class, model) = 1", name="one"),
        Index(None, "equipment", "part"),
        Index(None, "class", "part"),
        Index(
            *("uq_part_fits_folded_part", text("folded(model)"), "part"),
            unique=True,
            postgresql_where=text("model IS NOT NULL"),
        ),
    )

    part: Mapped[str] = mapped_column(
        CODE, ForeignKey("parts.number", onupdate="CASCADE")
    )
    equipment: Mapped[str | None] = mapped_column(
        CODE, ForeignKey("equipment.code", onupdate="CASCADE")
    )
    class_: Mapped[str | None] = mapped_column(
        "class", CODE, ForeignKey("equipment_classes.code", onupdate="CASCADE")
    )
    model: Mapped[str | None] = mapped_column(LABEL)
