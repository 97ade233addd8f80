from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database import CODE, LABEL, Record
from app.errors import InvalidError, MoveRefusedError
from app.operations import models as operations

NUMBER = BigInteger()


class Kind(StrEnum):
    FAILURE = "failure"
    DEFECT = "defect"
    INSPECTION_FINDING = "inspection_finding"
    REQUEST = "request"


class Impact(StrEnum):
    """On the equipment's function."""

    CRITICAL = "critical"
    DEGRADED = "degraded"
    INCIPIENT = "incipient"


class State(StrEnum):
    OPEN = "open"
    TRIAGED = "triaged"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"
    CANCELLED = "cancelled"
    DUPLICATE = "duplicate"


# Somebody has still to do something about it.
ACTIVE = (State.OPEN, State.REOPENED, State.TRIAGED, State.IN_PROGRESS)
# What it says did not happen, or is told by another one.
UNTRUE = (State.CANCELLED, State.DUPLICATE)
RESOLVABLE = tuple(State(each) for each in operations.RESOLVABLE)
ENDED = (State.RESOLVED, State.CLOSED, State.CANCELLED, State.DUPLICATE)


class Issue(Record):
    """A problem with an equipment, or with a vessel as a whole.

    `vessel` is where it was reported: it stays when the equipment moves on.
    """

    __tablename__ = "issues"
    __table_args__ = (
        UniqueConstraint("number"),
        CheckConstraint("priority BETWEEN 1 AND 4", name="priority"),
        CheckConstraint(
            "kind <> 'failure' OR equipment IS NOT NULL", name="failure_of_equipment"
        ),
        CheckConstraint(
            "down_until IS NULL OR coalesce(down_until >= down_since, false)",
            name="down_until",
        ),
        CheckConstraint(
            "(state = 'duplicate') = (duplicate_of IS NOT NULL)", name="duplicate"
        ),
        CheckConstraint("duplicate_of <> number", name="duplicate_of"),
        Index(None, "vessel", "number"),
        Index(None, "equipment", "number"),
        Index(None, "state", "number"),
        Index(None, "observed_at", "number"),
        Index(
            *("uq_issues_reference_vessel", "reference", "vessel"),
            unique=True,
            postgresql_where=text("reference IS NOT NULL"),
        ),
        Index(None, "due_at", "number", postgresql_where=text("due_at IS NOT NULL")),
    )

    number: Mapped[int] = mapped_column(NUMBER, Identity())
    vessel: Mapped[str] = mapped_column(
        CODE, ForeignKey("vessels.code", onupdate="CASCADE")
    )
    equipment: Mapped[str | None] = mapped_column(
        CODE, ForeignKey("equipment.code", onupdate="CASCADE")
    )
    title: Mapped[str] = mapped_column(LABEL)
    description: Mapped[str | None]
    reporter: Mapped[str | None] = mapped_column(LABEL)
    priority: Mapped[int]
    kind: Mapped[Kind]
    state: Mapped[State] = mapped_column(default=State.OPEN, server_default=State.OPEN)
    failure_mode: Mapped[str | None] = mapped_column(
        CODE, ForeignKey("failure_modes.code", onupdate="CASCADE")
    )
    mechanism: Mapped[str | None] = mapped_column(
        CODE, ForeignKey("failure_mechanisms.code", onupdate="CASCADE")
    )
    cause: Mapped[str | None] = mapped_column(
        CODE, ForeignKey("failure_causes.code", onupdate="CASCADE")
    )
    detection_method: Mapped[str | None] = mapped_column(
        CODE, ForeignKey("detection_methods.code", onupdate="CASCADE")
    )
    impact: Mapped[Impact | None]
    observed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    down_since: Mapped[datetime | None]
    down_until: Mapped[datetime | None]
    duplicate_of: Mapped[int | None] = mapped_column(
        NUMBER, ForeignKey("issues.number")
    )
    # What the system that it came from knows it by.
    reference: Mapped[str | None] = mapped_column(LABEL)
    due_at: Mapped[datetime | None]

    @property
    def failed_at(self) -> datetime | None:
        """When its equipment failed by what it says; None if it did not."""
        failed = self.kind is Kind.FAILURE and self.state not in UNTRUE
        return self.observed_at if failed else None

    def triage(self) -> None:
        self._move("triage", State.TRIAGED, State.OPEN, State.REOPENED)

    def start(self) -> None:
        self._move("start", State.IN_PROGRESS, State.TRIAGED, State.REOPENED)

    def resolve(self, at: datetime, down_until: datetime | None) -> None:
        """It is mended: unless that is known better, the equipment is up again."""
        self._move("resolve", State.RESOLVED, *RESOLVABLE)
        if down_until and not self.down_since:
            raise InvalidError.of(
                *("/down_until", "before-down-since"),
                "Nothing says since when it was down: change its down_since first, or "
                "leave this out.",
            )
        if self.down_since and (down_until or not self.down_until):
            up_at = down_until or at
            if up_at < self.down_since:
                pointer = "/down_until" if down_until else "/at"
                raise up_too_early(pointer, self.down_since)
            self.down_until = up_at

    def close(self) -> None:
        self._move("close", State.CLOSED, State.RESOLVED)

    def reopen(self, *, still_down: bool = False) -> None:
        """It did not end there; nor, if that is said, did its down time."""
        self._move("reopen", State.REOPENED, *ENDED)
        self.duplicate_of = None
        if not still_down:
            return
        if not self.down_since:
            raise InvalidError.of(
                *("/still_down", "before-down-since"),
                "Nothing says since when it was down: leave this out, and change its "
                "down_since.",
            )
        self.down_until = None

    def cancel(self) -> None:
        self._move("cancel", State.CANCELLED, *ACTIVE)

    def repeat(self, other: "Issue") -> None:
        """It is the same as another one, which tells all that counts of it."""
        self._move("call a duplicate", State.DUPLICATE, *ACTIVE)
        if other.state in UNTRUE:
            raise MoveRefusedError.of(
                *(f"Issue {other.number}", "repeat", other.state),
                [state for state in State if state not in UNTRUE],
                "Name another one, or reopen it first.",
            )
        same = other.equipment == self.equipment
        if self.kind is Kind.FAILURE and not (same and other.kind is Kind.FAILURE):
            self._refuse_losing("a failure", "kind", other)
        if self.down_since and not (same and other.down_since):
            self._refuse_losing("down time", "down_since", other)
        self.duplicate_of = other.number

    def _refuse_losing(self, what: str, field: str, other: "Issue") -> None:
        raise InvalidError.of(
            *("/of", "not-the-same"),
            f"Issue {self.number} tells of {what} of {self.equipment or self.vessel}, "
            f"issue {other.number} does not: it would be lost. Name one that does, or "
            f"correct {field} of one of them first.",
        )

    def order(self) -> None:
        """Let work be ordered for it."""
        self._refuse_unless("order work for", *ACTIVE)

    def _move(self, verb: str, to: State, *possible: State) -> None:
        self._refuse_unless(verb, *possible)
        self.state = to

    def _refuse_unless(self, verb: str, *possible: State) -> None:
        if self.state not in possible:
            raise MoveRefusedError.of(
                f"Issue {self.number}", verb, self.state, possible
            )


def up_too_early(pointer: str, since: datetime) -> InvalidError:
    down = f"{since:%Y-%m-%dT%H:%M:%SZ}"
    message = f"It was down since {down}: it cannot be up before. Correct one of them."
    return InvalidError.of(pointer, "before-down-since", message)


class IssueMove(Record):
    """A step of an issue through its states."""

    __tablename__ = "issue_moves"
    __table_args__ = (Index(None, "issue", "id"),)

    issue: Mapped[int] = mapped_column(NUMBER, ForeignKey("issues.number"))
    before: Mapped[State]
    after: Mapped[State]
    at: Mapped[datetime]
    comment: Mapped[str | None]


class IssueComment(Record):
    __tablename__ = "issue_comments"
    __table_args__ = (Index(None, "issue", "id"),)

    issue: Mapped[int] = mapped_column(NUMBER, ForeignKey("issues.number"))
    author: Mapped[str | None] = mapped_column(LABEL)
    text: Mapped[str]


class IssueAttachment(Record):
    """Where a picture or a document is: we keep none."""

    __tablename__ = "issue_attachments"
    __table_args__ = (Index(None, "issue", "id"),)

    issue: Mapped[int] = mapped_column(NUMBER, ForeignKey("issues.number"))
    url: Mapped[str]
    title: Mapped[str] = mapped_column(LABEL)
    media_type: Mapped[str] = mapped_column(LABEL)
