"""The fields that a file of orders can give, and how each is read."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from app.imports.mapping import Fields
from app.operations.models import Category, State
from app.orders.dates import DateOrder, read_date
from app.values import Cost, Moment, check_code, check_label, check_story

T = TypeVar("T")
_CENT = Decimal("0.01")
_HOURS_MAX = Decimal(10**8)
_PRIORITIES = {"1", "2", "3", "4"}
_TYPE_MAX = 64
_BREAKS = re.compile("[\x0b\x0c\x85\u2028\u2029]")
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
_COST: TypeAdapter[Decimal] = TypeAdapter(Cost)

# What systems call their states, in any case, spaces and hyphens aside.
_STATES = {
    **dict.fromkeys(("planned", "open", "new", "created"), State.PLANNED),
    **dict.fromkeys(("in_progress", "started", "active"), State.IN_PROGRESS),
    **dict.fromkeys(("done", "completed", "complete", "closed"), State.DONE),
    **dict.fromkeys(("cancelled", "canceled"), State.CANCELLED),
}


def translate(name: str, known: str, text: str) -> PydanticCustomError:
    return PydanticCustomError(
        f"invalid-{name}",
        'Write {known}, or translate it in the mapping: "values": {"{text}": "…"}.',
        {"known": known, "text": text[:40]},
    )


def _state(text: str) -> str:
    if state := _STATES.get(text.lower().replace(" ", "_").replace("-", "_")):
        return state
    raise translate("state", "planned, in_progress, done or cancelled", text)


def _category(text: str) -> str:
    if text.lower() in set(Category):
        return text.lower()
    raise translate("category", "corrective or preventive", text)


def priority(text: str) -> int:
    if text in _PRIORITIES:
        return int(text)
    raise translate("priority", "1 (urgent) to 4 (low)", text)


def story(text: str) -> str:
    """Pages and lines that other systems break by signs of their own are lines."""
    return check_story(_BREAKS.sub("\n", text))


def _type(text: str) -> str:
    if len(check_label(text)) > _TYPE_MAX:
        raise PydanticCustomError(
            "too-long",
            "Write at most {max} characters. What it is called goes to title.",
            {"max": _TYPE_MAX},
        )
    return text


def _cost(text: str) -> Decimal:
    return _sound(_COST, text)


def _sound(adapter: TypeAdapter[T], text: str) -> T:
    """What a field of the API would make of it, or raise in its words."""
    try:
        return adapter.validate_python(text)
    except ValidationError as refusal:
        [wrong] = refusal.errors(include_url=False)
        said = {"said": wrong["msg"]}
        raise PydanticCustomError(wrong["type"], "{said}", said) from None


def _hours(text: str) -> Decimal:
    """Other systems compute them: what is below half a minute is rounded away."""
    try:
        hours = Decimal(text)
    except ArithmeticError:
        hours = Decimal(-1)
    if not (hours.is_finite() and 0 <= hours < _HOURS_MAX):
        raise PydanticCustomError(
            "invalid-hours",
            'Write a decimal such as "4.5": not negative, below 100000000.',
        )
    return hours.quantize(_CENT, ROUND_HALF_EVEN)


def moment(text: str, dates: DateOrder | None) -> datetime:
    return _sound(_MOMENT, read_date(text, dates).isoformat())


class Field(StrEnum):
    """In the order in which a plan shows them."""

    EQUIPMENT = "equipment"
    REFERENCE = "reference"
    TYPE = "type"
    TITLE = "title"
    NOTE = "note"
    STATE = "state"
    CATEGORY = "category"
    ACTIVITY = "activity"
    PRIORITY = "priority"
    PACKAGE = "package"
    ISSUE = "issue"
    COST = "cost"
    ORDERED_AT = "ordered_at"
    DUE_AT = "due_at"
    PLANNED_AT = "planned_at"
    STARTED_AT = "started_at"
    FINISHED_AT = "finished_at"
    ACTIVE_HOURS = "active_maintenance_hours"
    DOWN_HOURS = "down_hours"
    CANCEL_REASON = "cancel_reason"


INSTANTS = tuple(field for field in Field if field.endswith("_at"))
# A row must say these two; where the next three are blank, they stay as they are.
KEYS = (Field.EQUIPMENT, Field.REFERENCE)
KEPT = (Field.TYPE, Field.STATE, Field.COST)

_CHECKS: dict[str, Callable[[str], Any]] = {
    Field.EQUIPMENT: check_code,
    Field.REFERENCE: check_label,
    Field.TYPE: _type,
    Field.TITLE: check_label,
    Field.NOTE: story,
    Field.STATE: _state,
    Field.CATEGORY: _category,
    Field.ACTIVITY: check_code,
    Field.PRIORITY: priority,
    Field.PACKAGE: check_label,
    Field.ISSUE: check_label,
    Field.COST: _cost,
    Field.ACTIVE_HOURS: _hours,
    Field.DOWN_HOURS: _hours,
    Field.CANCEL_REASON: check_label,
}
# Letters and digits alone, in lower case.
EQUIPMENT = (
    *("code", "equipmentcode", "equipmentnumber", "equipmenttag", "tag"),
    *("tagname", "tagno", "asset", "assettag", "functionallocation"),
)
CREATED = ("created", "createdat", "createddate", "creationdate", "createdon")
DUE = ("due", "duedate", "requiredend", "requiredenddate", "targcompdate")
_SYNONYMS: dict[str, tuple[str, ...]] = {
    Field.EQUIPMENT: EQUIPMENT,
    Field.REFERENCE: (
        *("workordernumber", "workorderno", "workorder", "wonum", "wonumber"),
        *("wono", "ordernumber", "orderno", "order"),
    ),
    Field.TYPE: ("ordertype", "workordertype", "worktype", "maintenancetype"),
    Field.TITLE: ("workordertitle", "shorttext"),
    Field.NOTE: ("description", "desc", "longtext", "workorderdesc"),
    Field.STATE: ("status", "orderstatus", "workorderstatus"),
    Field.PACKAGE: ("workpackage", "workpackagenumber", "packagenumber"),
    Field.ISSUE: ("issuenumber", "notification", "notificationnumber", "ticketid"),
    Field.ORDERED_AT: (*CREATED, "reportdate"),
    Field.DUE_AT: DUE,
    Field.PLANNED_AT: (
        *("plannedstart", "plannedstartdate", "scheduledstart", "schedstart"),
    ),
    Field.STARTED_AT: (
        *("starttime", "startdate", "actualstart", "actualstartdate", "actstart"),
    ),
    Field.FINISHED_AT: (
        *("performedat", "endtime", "enddate", "actualend"),
        *("actualfinish", "actfinish", "finishdate", "completiondate", "completedat"),
    ),
    Field.DOWN_HOURS: ("downtimehours",),
}


def needed(field: str, what: str) -> tuple[frozenset[str], str]:
    said = f'Say which is, such as ?mapping={{"{field}": "…"}}.'
    return frozenset({field}), f"No column is {what}. {said}"


def fields(dates: DateOrder | None) -> Fields:
    """Those of a file in which days and months stand in this order."""
    checks = _CHECKS | dict.fromkeys(INSTANTS, partial(moment, dates=dates))
    return Fields(
        {field: checks[field] for field in Field},
        {field: _SYNONYMS.get(field, ()) for field in Field},
        needed=(
            needed(Field.EQUIPMENT, "an equipment, by its code or tag"),
            needed(Field.REFERENCE, "the number of an order"),
        ),
    )
