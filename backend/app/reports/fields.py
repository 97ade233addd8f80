"""The fields that a file of issues can give, and how each is read."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Any

from app.imports.mapping import Fields
from app.issues.models import Impact, Kind, State
from app.orders.dates import DateOrder
from app.orders.fields import (
    CREATED,
    DUE,
    EQUIPMENT,
    moment,
    needed,
    priority,
    story,
    translate,
)
from app.values import check_code, check_label

# What systems call their states, in any case, spaces and hyphens aside. Which issue one
# repeats, no file says, nor that one was opened again.
_STATES = {
    **dict.fromkeys(("open", "new", "created", "reported"), State.OPEN),
    "triaged": State.TRIAGED,
    **dict.fromkeys(("in_progress", "started", "active"), State.IN_PROGRESS),
    **dict.fromkeys(("resolved", "done", "completed", "complete"), State.RESOLVED),
    "closed": State.CLOSED,
    **dict.fromkeys(("cancelled", "canceled"), State.CANCELLED),
}


def _plain(text: str) -> str:
    return text.lower().replace(" ", "_").replace("-", "_")


def _state(text: str) -> str:
    if state := _STATES.get(_plain(text)):
        return state
    known = "open, triaged, in_progress, resolved, closed or cancelled"
    raise translate("state", known, text)


def _kind(text: str) -> str:
    if _plain(text) in set(Kind):
        return _plain(text)
    raise translate("kind", "failure, defect, inspection_finding or request", text)


def _impact(text: str) -> str:
    if text.lower() in set(Impact):
        return text.lower()
    raise translate("impact", "critical, degraded or incipient", text)


class Field(StrEnum):
    """In the order in which a plan shows them."""

    EQUIPMENT = "equipment"
    REFERENCE = "reference"
    TITLE = "title"
    DESCRIPTION = "description"
    KIND = "kind"
    STATE = "state"
    PRIORITY = "priority"
    FAILURE_MODE = "failure_mode"
    MECHANISM = "mechanism"
    CAUSE = "cause"
    DETECTION_METHOD = "detection_method"
    IMPACT = "impact"
    REPORTER = "reporter"
    OBSERVED_AT = "observed_at"
    DUE_AT = "due_at"
    DOWN_SINCE = "down_since"
    DOWN_UNTIL = "down_until"
    RESOLVED_AT = "resolved_at"
    CLOSED_AT = "closed_at"
    CANCEL_REASON = "cancel_reason"


INSTANTS = (
    *(field for field in Field if field.endswith("_at")),
    *(Field.DOWN_SINCE, Field.DOWN_UNTIL),
)
KEYS = (Field.REFERENCE,)
# Where these are blank, they stay as they are.
KEPT = (Field.TITLE, Field.KIND, Field.PRIORITY, Field.OBSERVED_AT, Field.DOWN_UNTIL)
# What tells of a step that the issue took.
OF_STEPS = (Field.RESOLVED_AT, Field.CLOSED_AT, Field.CANCEL_REASON)

_CHECKS: dict[str, Callable[[str], Any]] = {
    Field.EQUIPMENT: check_code,
    Field.REFERENCE: check_label,
    Field.TITLE: check_label,
    Field.DESCRIPTION: story,
    Field.KIND: _kind,
    Field.STATE: _state,
    Field.PRIORITY: priority,
    Field.FAILURE_MODE: check_code,
    Field.MECHANISM: check_code,
    Field.CAUSE: check_code,
    Field.DETECTION_METHOD: check_code,
    Field.IMPACT: _impact,
    Field.REPORTER: check_label,
    Field.CANCEL_REASON: check_label,
}
# Letters and digits alone, in lower case.
_SYNONYMS: dict[str, tuple[str, ...]] = {
    Field.EQUIPMENT: EQUIPMENT,
    Field.REFERENCE: (
        *("issue", "issuenumber", "issueno", "notification", "notificationnumber"),
        *("notificationno", "ticket", "ticketid", "ticketnumber"),
    ),
    Field.TITLE: ("summary", "subject", "shorttext", "workordertitle"),
    Field.DESCRIPTION: ("desc", "longtext", "details", "workorderdesc"),
    Field.KIND: ("issuetype", "notificationtype", "notiftype"),
    Field.STATE: ("status", "issuestatus", "notificationstatus"),
    Field.CAUSE: ("causecode",),
    Field.REPORTER: ("reportedby",),
    Field.OBSERVED_AT: (*CREATED, "reportedat", "reportdate", "reporteddate"),
    Field.DUE_AT: DUE,
    Field.DOWN_SINCE: ("downfrom", "malfunctionstart", "breakdownstart"),
    Field.DOWN_UNTIL: ("downto", "malfunctionend", "breakdownend"),
    Field.RESOLVED_AT: (
        *("completedat", "completedon", "completiondate", "resolveddate"),
        *("actualfinish", "actfinish", "endtime"),
    ),
    Field.CLOSED_AT: ("closeddate", "closedon"),
}


def fields(dates: DateOrder | None) -> Fields:
    """Those of a file in which days and months stand in this order."""
    checks = _CHECKS | dict.fromkeys(INSTANTS, partial(moment, dates=dates))
    return Fields(
        {field: checks[field] for field in Field},
        {field: _SYNONYMS.get(field, ()) for field in Field},
        needed=(needed(Field.REFERENCE, "the number of an issue"),),
    )
