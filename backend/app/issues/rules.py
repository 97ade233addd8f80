"""What the fields of an issue may say together."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.errors import InvalidError
from app.failures.schemas import EPOCH
from app.issues.models import Issue, IssueMove, Kind, State, up_too_early


def check(issue: Issue, values: Mapping[str, Any]) -> None:
    """Refuse a change that would say what cannot be."""
    if values.keys() & {"kind", "observed_at"}:
        _check_failure(issue, values)
    if values.keys() & {"down_since", "down_until"}:
        _check_down_time(issue, values)


def check_step(issue: Issue, last: IssueMove | None, at: datetime) -> None:
    """Refuse a step before the one that it follows, or before there was anything."""
    if last and at < last.at:
        said = f"It was {last.after.replace('_', ' ')} at {_spelt(last.at)}"
        mend = "Send no earlier instant, or none if it was now"
        message = f"{said}: its next step was not before. {mend}."
        raise InvalidError.of("/at", "before-last-step", message)
    if at < issue.observed_at:
        said = f"It was observed at {_spelt(issue.observed_at)}"
        message = f"{said}: no step was before. Correct that observed_at, or this."
        raise InvalidError.of("/at", "before-observed", message)


def check_end(at: datetime, down_until: datetime | None) -> None:
    """Refuse that it is resolved while its equipment is said to be down."""
    if down_until and at < down_until:
        raise InvalidError.of(
            *("/down_until", "still-down"),
            f"It is resolved at {_spelt(at)}, and nothing is down after that: send an "
            "at that is no earlier than this, or another end.",
        )


def _spelt(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _check_failure(issue: Issue, values: Mapping[str, Any]) -> None:
    """It becomes one at `observed_at`, now or when the issue is opened again."""
    kind = values.get("kind", issue.kind)
    at = values.get("observed_at", issue.observed_at)
    if kind is Kind.FAILURE and at and not EPOCH <= at <= datetime.now(UTC):
        raise InvalidError.of(
            *("/observed_at", "invalid-instant"),
            "No failure is known before it happens, nor before 1970. Write when it "
            "was, or call it a defect.",
        )


def _check_down_time(issue: Issue, values: Mapping[str, Any]) -> None:
    since = values.get("down_since", issue.down_since)
    until = values.get("down_until", issue.down_until)
    if until and not since:
        raise InvalidError.of(
            *("/down_until", "before-down-since"),
            "Nothing says since when it was down: send down_since too, or neither.",
        )
    if until and until < since:
        pointer = "/down_until" if "down_until" in values else "/down_since"
        raise up_too_early(pointer, since)
    if since and not until and issue.state in {State.RESOLVED, State.CLOSED}:
        raise InvalidError.of(
            *("/down_until", "still-down"),
            f"It is {issue.state}, so that nothing is down any more: send down_until "
            "as well, or reopen it first.",
        )
