"""What the fields of an issue may say together."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.errors import InvalidError
from app.failures.schemas import EPOCH
from app.issues.models import Issue, Kind, State, up_too_early


def check(issue: Issue, values: Mapping[str, Any]) -> None:
    """Refuse a change that would say what cannot be."""
    if values.keys() & {"kind", "observed_at"}:
        _check_failure(issue, values)
    if values.keys() & {"down_since", "down_until"}:
        _check_down_time(issue, values)


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
