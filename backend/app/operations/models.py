import uuid
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Numeric,
    String,
    column,
    func,
    table,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database import CODE, LABEL, Record
from app.errors import ConflictError, InvalidError, MoveRefusedError
from app.values import COST_END

HOURS = Numeric(10, 2)


class State(StrEnum):
    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    CANCELLED = "cancelled"


OPEN = (State.PLANNED, State.IN_PROGRESS)
# In words of SQL, so that a plan for all values knows its index as well.
IS_OPEN = text("state IN ('planned', 'in_progress')")


# Issues stand on orders, so that only their table is known here, and from which of
# their states they can be resolved.
ISSUES = table("issues", column("number"), column("state"))
RESOLVABLE = ("triaged", "in_progress")


# An order goes one way.
HINTS = {
    State.IN_PROGRESS: "It was begun already: change its started_at if that is wrong.",
    State.DONE: "If it was not done, cancel it with the reason and add another order.",
    State.CANCELLED: "Nothing leads back from there: add another order.",
}


class Category(StrEnum):
    CORRECTIVE = "corrective"
    PREVENTIVE = "preventive"


class Operation(Record):
    """An operation order: work done on an equipment, or to be done, with its cost.

    `vessel` is the one that the equipment was aboard of, and stays it when that moves
    (ADR 10). So a vessel's total is one index-only scan.
    """

    __tablename__ = "operations"
    __table_args__ = (
        CheckConstraint("cost >= 0", name="cost"),
        CheckConstraint("priority BETWEEN 1 AND 4", name="priority"),
        CheckConstraint("active_maintenance_hours >= 0", name="active_hours"),
        CheckConstraint("down_hours >= 0", name="down_hours"),
        CheckConstraint(
            "(state = 'cancelled') = (cancel_reason IS NOT NULL)", name="cancel_reason"
        ),
        Index(None, "vessel", "state", postgresql_include=["cost"]),
        Index(
            *(None, "equipment", "performed_at", "id", "state"),
            postgresql_include=["cost"],
        ),
        Index(None, "performed_at", "id"),
        # What is still to be done is little, and asked for often.
        Index(
            *(None, "state", "performed_at", "id"),
            postgresql_where=text("state <> 'done'"),
        ),
        Index(None, "issue", postgresql_where=text("issue IS NOT NULL")),
        Index(None, "created_at", "id"),
        Index(
            *("uq_operations_reference_equipment", "reference", "equipment"),
            unique=True,
            postgresql_where=text("reference IS NOT NULL"),
        ),
        Index(None, "due_at", "id", postgresql_where=text("due_at IS NOT NULL")),
        # Of what was due, nearly all is done.
        Index(
            *("ix_operations_open_due_at_id", "due_at", "id"),
            postgresql_where=IS_OPEN,
        ),
    )

    equipment: Mapped[str] = mapped_column(
        CODE, ForeignKey("equipment.code", onupdate="CASCADE")
    )
    vessel: Mapped[str] = mapped_column(
        CODE, ForeignKey("vessels.code", onupdate="CASCADE")
    )
    type: Mapped[str] = mapped_column(String(64, collation="C"))
    cost: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    # When it was done; of what is not, when it was begun, planned for or ordered.
    performed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    note: Mapped[str | None]
    state: Mapped[State] = mapped_column(default=State.DONE, server_default=State.DONE)
    category: Mapped[Category | None]
    activity: Mapped[str | None] = mapped_column(
        CODE, ForeignKey("maintenance_activities.code", onupdate="CASCADE")
    )
    planned_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    active_maintenance_hours: Mapped[Decimal | None] = mapped_column(HOURS)
    down_hours: Mapped[Decimal | None] = mapped_column(HOURS)
    cancel_reason: Mapped[str | None]
    # What it was ordered for.
    issue: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("issues.number"))
    title: Mapped[str | None] = mapped_column(LABEL)
    # What the system that it came from knows it by: there one order may be of several
    # equipment, here each has its own.
    reference: Mapped[str | None] = mapped_column(LABEL)
    priority: Mapped[int | None]
    package: Mapped[str | None] = mapped_column(LABEL)
    ordered_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]

    @property
    def finished_at(self) -> datetime | None:
        return self.performed_at if self.state is State.DONE else None

    def start(self, at: datetime | None) -> None:
        self._refuse_unless("start", State.PLANNED)
        self.state = State.IN_PROGRESS
        self.started_at = self.performed_at = at or datetime.now(UTC)

    def finish(self, at: datetime | None) -> None:
        self._refuse_unless("finish", *OPEN)
        self.state = State.DONE
        self.performed_at = at or datetime.now(UTC)
        if self.started_at and self.performed_at < self.started_at:
            begun = f"{self.started_at:%Y-%m-%dT%H:%M:%SZ}"
            message = f"It was begun at {begun}: it cannot be done before."
            raise InvalidError.of("/at", "begun-later", message)

    def cancel(self, reason: str) -> None:
        """It will not be done or, though it was said to be, was not."""
        self._refuse_unless("cancel", *OPEN, State.DONE)
        self.state = State.CANCELLED
        self.cancel_reason = reason

    def charge(self, amount: Decimal) -> None:
        """Let it cost more; what is cancelled costs nothing more."""
        self._refuse_unless("charge", *OPEN, State.DONE)
        if self.cost + amount >= COST_END:
            raise ConflictError(
                f"Operation order {self.id} costs {self.cost:.2f}: with {amount:.2f} "
                f"more it would not be below {COST_END}. Charge another order."
            )
        self.cost += amount

    def _refuse_unless(self, verb: str, *possible: State) -> None:
        if self.state not in possible:
            what = f"Operation order {self.id}"
            hint = HINTS[self.state]
            raise MoveRefusedError.of(what, verb, self.state, possible, hint)


class CostKind(StrEnum):
    LABOUR = "labour"
    PARTS = "parts"
    SERVICES = "services"
    OTHER = "other"


class CostLine(Record):
    """A part of what an order costs. If it has lines, their sum is its cost."""

    __tablename__ = "cost_lines"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="amount"),
        Index(None, "operation", "id"),
    )

    operation: Mapped[uuid.UUID] = mapped_column(ForeignKey("operations.id"))
    kind: Mapped[CostKind]
    description: Mapped[str | None] = mapped_column(LABEL)
    amount: Mapped[Decimal] = mapped_column(Numeric(14, 2))
