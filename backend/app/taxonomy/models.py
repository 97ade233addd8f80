from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.schema import SchemaItem

from app.database import CODE, LABEL, Record


class Term(Record):
    """A code of the field's language and what it means, in our own words.

    `source` says where it is from; `verified`, whether more than one source has it.
    """

    __abstract__ = True

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[SchemaItem, ...]:
        return (UniqueConstraint("code"),)

    code: Mapped[str] = mapped_column(CODE)
    name: Mapped[str] = mapped_column(LABEL)
    source: Mapped[str] = mapped_column(LABEL)
    verified: Mapped[bool] = mapped_column(server_default="false")


class EquipmentClass(Term):
    """What kind of equipment it is, such as PU for pumps."""

    __tablename__ = "equipment_classes"


class FailureMode(Term):
    """How a failure shows, such as ELP for a leak of the process medium."""

    __tablename__ = "failure_modes"


class FailureMechanism(Term):
    """The process that led to a failure, such as 2.2 for corrosion."""

    __tablename__ = "failure_mechanisms"


class FailureCause(Term):
    """The circumstances behind a failure, such as 1 for design."""

    __tablename__ = "failure_causes"


class DetectionMethod(Term):
    """How a failure was found, such as 3 for an inspection."""

    __tablename__ = "detection_methods"


class MaintenanceActivity(Term):
    """What maintenance did, such as 1 for a replacement."""

    __tablename__ = "maintenance_activities"


class AllowedMode(Record):
    """A failure mode that equipment of a class can have.

    A class of which none is listed can have them all.
    """

    __tablename__ = "class_failure_modes"
    __table_args__ = (
        UniqueConstraint("class", "mode"),
        Index(None, "mode"),
    )

    class_: Mapped[str] = mapped_column(
        "class", CODE, ForeignKey("equipment_classes.code", onupdate="CASCADE")
    )
    mode: Mapped[str] = mapped_column(
        CODE, ForeignKey("failure_modes.code", onupdate="CASCADE")
    )


class Kind(StrEnum):
    """The tables of terms, by their place in an address."""

    EQUIPMENT_CLASSES = "equipment-classes"
    FAILURE_MODES = "failure-modes"
    FAILURE_MECHANISMS = "failure-mechanisms"
    FAILURE_CAUSES = "failure-causes"
    DETECTION_METHODS = "detection-methods"
    MAINTENANCE_ACTIVITIES = "maintenance-activities"


TABLES: dict[Kind, type[Term]] = {
    Kind.EQUIPMENT_CLASSES: EquipmentClass,
    Kind.FAILURE_MODES: FailureMode,
    Kind.FAILURE_MECHANISMS: FailureMechanism,
    Kind.FAILURE_CAUSES: FailureCause,
    Kind.DETECTION_METHODS: DetectionMethod,
    Kind.MAINTENANCE_ACTIVITIES: MaintenanceActivity,
}
