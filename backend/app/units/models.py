import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import CODE, LABEL, Record


class Unit(Record):
    """A piece of hardware: its serial number goes with it wherever it sits."""

    __tablename__ = "units"
    __table_args__ = (
        # The release before looks units up by it.
        UniqueConstraint("manufacturer", "model", "serial_number"),
        # One piece of hardware, however it is spelt.
        Index(
            "uq_units_hardware",
            *(text(f"folded({it})") for it in ("serial_number", "model")),
            text("folded(manufacturer)"),
            unique=True,
        ),
    )

    manufacturer: Mapped[str] = mapped_column(LABEL)
    model: Mapped[str] = mapped_column(LABEL)
    serial_number: Mapped[str] = mapped_column(LABEL)
    note: Mapped[str | None]


class Installation(Record):
    """A unit's time in an equipment; one without an end sits there still.

    Two exclusion constraints, which the migration makes, keep a unit from being in two
    places at once, and a place from holding two units, now and at any time before.
    """

    __tablename__ = "installations"
    __table_args__ = (
        CheckConstraint("removed_at > installed_at", name="period"),
        Index(None, "unit", "installed_at", "id"),
        Index(None, "equipment", "installed_at", "id"),
    )

    unit: Mapped[uuid.UUID] = mapped_column(ForeignKey("units.id"))
    equipment: Mapped[str] = mapped_column(
        CODE, ForeignKey("equipment.code", onupdate="CASCADE")
    )
    installed_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    removed_because: Mapped[str | None]
