import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Numeric,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.attributes import flag_modified

from app.database import CODE, LABEL, Record
from app.errors import ConflictError, InvalidError, MoveRefusedError
from app.stock.models import QUANTITY, ZERO
from app.values import folded

ANONYMOUS = "anonymous"


class State(StrEnum):
    CART = "cart"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    ISSUED = "issued"
    CLOSED = "closed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


# What can be done instead of a move that the state refuses.
HINTS = {
    State.CART: "Submit it first.",
    State.SUBMITTED: "Approve it first, or cancel it and open another one.",
    State.APPROVED: "Issue what is reserved for it; close ends it, with a reason.",
}
ENDED = "It has ended: open another one for what is still needed."


class Requisition(Record):
    """Parts that somebody asks of a store for a vessel: a cart until it is submitted.

    Each move refuses where the state does not allow it.
    """

    __tablename__ = "requisitions"
    __table_args__ = (
        # One open cart a caller and vessel.
        Index(
            "uq_requisitions_requester_cart",
            text("folded(requester)"),
            "vessel",
            unique=True,
            postgresql_where=text("state = 'cart'"),
        ),
        Index(None, "vessel", "created_at", "id"),
        Index(None, "store", "state"),
        Index(None, "state", "created_at", "id"),
        Index(
            *("ix_requisitions_folded_created_at_id", text("folded(requester)")),
            *("created_at", "id"),
        ),
        Index(None, "operation", postgresql_where=text("operation IS NOT NULL")),
        Index(None, "created_at", "id"),
    )

    vessel: Mapped[str] = mapped_column(
        CODE, ForeignKey("vessels.code", onupdate="CASCADE")
    )
    store: Mapped[str] = mapped_column(
        CODE, ForeignKey("stores.code", onupdate="CASCADE")
    )
    requester: Mapped[str] = mapped_column(LABEL)
    state: Mapped[State] = mapped_column(default=State.CART, server_default=State.CART)
    operation: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("operations.id"))
    needed_at: Mapped[datetime | None]
    note: Mapped[str | None]
    submitted_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(LABEL)
    reason: Mapped[str | None] = mapped_column(LABEL)
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(LABEL)

    def change(self, at: datetime) -> None:
        """Before anything of a cart is changed. It counts the version up."""
        self._only("change", State.CART)
        self._touch(at)

    def name_order(self, at: datetime) -> None:
        """Before another order is named: that it was for may be cancelled meanwhile."""
        possible = (State.CART, State.SUBMITTED, State.APPROVED)
        self._only("name another order for", *possible)
        self._touch(at)

    def submit(self, at: datetime) -> None:
        self._only("submit", State.CART)
        self.state = State.SUBMITTED
        self.submitted_at = at

    def approve(self, at: datetime, by: str, reason: str | None) -> None:
        self._only("approve", State.SUBMITTED)
        self._decide(State.APPROVED, at, by, reason)

    def reject(self, at: datetime, by: str, reason: str) -> None:
        self._only("reject", State.SUBMITTED)
        self._decide(State.REJECTED, at, by, reason)

    def cancel(self, at: datetime, by: str, reason: str | None) -> None:
        """Before it is approved: then others rely on it, and it is closed instead."""
        self._only("cancel", State.CART, State.SUBMITTED)
        self._settle(State.CANCELLED, at, by, reason)

    def close(self, at: datetime, by: str, reason: str) -> None:
        self._only("close", State.APPROVED)
        self.state = State.CLOSED
        self.closed_by, self.reason, self.closed_at = by, reason, at

    def reserve(self, at: datetime) -> None:
        self._only("reserve more for", State.SUBMITTED, State.APPROVED)
        self._touch(at)

    def release(self, at: datetime) -> None:
        self._only("release what is held for", State.SUBMITTED, State.APPROVED)
        self._touch(at)

    def issue(self, at: datetime) -> None:
        self._only("issue", State.APPROVED)
        self._touch(at)

    def finish(self) -> None:
        """After its last part was handed out."""
        self.state = State.ISSUED

    def _touch(self, at: datetime) -> None:
        # What it holds changes: a version of its own, also within one instant.
        self.updated_at = at
        flag_modified(self, "updated_at")

    def _decide(self, state: State, at: datetime, by: str, reason: str | None) -> None:
        # Callers without a name cannot be told apart.
        requester, decider = folded(self.requester), folded(by)
        if requester != ANONYMOUS == decider:
            message = (
                f"{self.requester} asked for it, and somebody else decides it: say who."
            )
            raise InvalidError.of("/by", "missing", message)
        if decider == requester != ANONYMOUS:
            raise ConflictError(
                f"{by} asked for it: somebody else approves or rejects it. Its "
                "requester can cancel it.",
                state=self.state,
            )
        self._settle(state, at, by, reason)

    def _settle(self, state: State, at: datetime, by: str, reason: str | None) -> None:
        self.state = state
        self.decided_by, self.reason, self.decided_at = by, reason, at

    def _only(self, verb: str, *possible: State) -> None:
        if self.state not in possible:
            what = f"The requisition {self.id}"
            hint = HINTS.get(self.state, ENDED)
            raise MoveRefusedError.of(what, verb, self.state, possible, hint)


class Line(Record):
    """A part of a requisition: how much is asked for, held for it and handed out.

    What is neither reserved nor issued is on backorder. The price is the catalogue's
    until the cart is submitted, then the one of that moment.
    """

    __tablename__ = "requisition_lines"
    __table_args__ = (
        UniqueConstraint("requisition", "part"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint(
            "reserved >= 0 AND issued >= 0 AND reserved + issued <= quantity",
            name="covered",
        ),
        Index(None, "part", postgresql_where=text("reserved + issued < quantity")),
        Index(None, "part", "requisition"),
    )

    requisition: Mapped[uuid.UUID] = mapped_column(ForeignKey("requisitions.id"))
    part: Mapped[str] = mapped_column(
        CODE, ForeignKey("parts.number", onupdate="CASCADE")
    )
    quantity: Mapped[Decimal] = mapped_column(QUANTITY)
    price: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    reserved: Mapped[Decimal] = mapped_column(
        QUANTITY, default=Decimal(), server_default=ZERO
    )
    issued: Mapped[Decimal] = mapped_column(
        QUANTITY, default=Decimal(), server_default=ZERO
    )

    @property
    def backordered(self) -> Decimal:
        return self.quantity - self.reserved - self.issued
