from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database import CODE, Base, Record


class Level(StrEnum):
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """How readings store it: the worse, the higher."""
        return RANKS[self]

    @classmethod
    def of(cls, rank: int) -> "Level":
        return next(level for level in cls if level.rank == rank)


RANKS = {Level.WARNING: 1, Level.ERROR: 2}


class Source(StrEnum):
    LOG = "log"
    REPORT = "report"
    ISSUE = "issue"


class Sensor(Record):
    """A sensor at an equipment, from when it was registered there until it was moved.

    The vessel's log names it by `code`; a code that moves to another equipment is
    another row, so that what was read before stays with the equipment that failed.
    """

    __tablename__ = "sensors"
    __table_args__ = (
        UniqueConstraint("number"),
        Index(
            "uq_sensors_vessel_code",
            "vessel",
            "code",
            unique=True,
            postgresql_where=text("until IS NULL"),
        ),
        Index(None, "vessel", "code", "number"),
        Index(None, "equipment"),
    )

    vessel: Mapped[str] = mapped_column(
        CODE, ForeignKey("vessels.code", onupdate="CASCADE")
    )
    code: Mapped[str] = mapped_column(CODE)
    equipment: Mapped[str] = mapped_column(
        CODE, ForeignKey("equipment.code", onupdate="CASCADE")
    )
    until: Mapped[datetime | None]
    # What readings refer to: four bytes, five million times.
    number: Mapped[int] = mapped_column(Identity(always=True))


class Failure(Record):
    """An equipment failed at an instant: the one event that everything counts.

    `errors` and `warnings` count its readings by their level, `level` is the worst of
    them. `vessel` is where it happened, whatever became of the equipment since.
    """

    __tablename__ = "failures"
    __table_args__ = (
        # In this order: what a log brings goes to the end of it.
        UniqueConstraint("at", "equipment"),
        CheckConstraint("errors >= 0 AND warnings >= 0", name="readings"),
        Index(None, "equipment", "at"),
    )

    equipment: Mapped[str] = mapped_column(
        CODE, ForeignKey("equipment.code", onupdate="CASCADE")
    )
    # Copied from what refers to it; see the migration.
    vessel: Mapped[str] = mapped_column(CODE)
    at: Mapped[datetime]
    level: Mapped[Level]
    source: Mapped[Source]
    errors: Mapped[int] = mapped_column(server_default=text("0"))
    warnings: Mapped[int] = mapped_column(server_default=text("0"))


class Reading(Base):
    """What one sensor read as its equipment failed: one line of a log (ADR 12).

    `nth` tells apart lines of one sensor at one instant, as in logs without a time.
    """

    __tablename__ = "readings"
    __table_args__ = ({"postgresql_partition_by": "RANGE (at)"},)

    at: Mapped[datetime] = mapped_column(primary_key=True)
    sensor: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    nth: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    level: Mapped[int] = mapped_column(SmallInteger)
    temperature: Mapped[float | None] = mapped_column(Double)
    vibration: Mapped[float | None] = mapped_column(Double)


# Sound lines of logs whose plans are not applied yet, by the import's number. After a
# crash of the server they are gone, which applying notices.
planned_readings = Table(
    "planned_readings",
    Base.metadata,
    Column("plan", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("level", SmallInteger, nullable=False),
    # The log's own name of it.
    Column("sensor", CODE, nullable=False),
    Column("temperature", Double),
    Column("vibration", Double),
    Index(None, "plan", "at", postgresql_using="brin"),
    prefixes=["UNLOGGED"],
)
