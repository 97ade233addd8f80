"""Instants as other systems spell them."""

import re
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

from pydantic_core import PydanticCustomError


class DateOrder(StrEnum):
    """What comes first in dates such as 02/01/2010."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


_ZONE = r"\s*(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?"
_TIME = (
    r"(?:[T ]\s*(?P<hour>\d{1,2}):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[AP]M))?)?" + _ZONE
)
_MONTHS = (
    *("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST"),
    *("SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER"),
)
_MONTH = f"(?P<name>{'|'.join(f'{m[:3]}(?:{m[3:]})?' for m in _MONTHS)})"
# Those that say by themselves which is the year, the month and the day.
_CLEAR = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"(?P<year>\d{4})(?P<sign>[/.-])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})"
        + _TIME,
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)" + _TIME,
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"
        r"[T ]?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?" + _ZONE,
        r"(?:[A-Z]{3}, )?(?P<day>\d{1,2})[ -]"
        + _MONTH
        + r"[ -](?P<year>\d{4})"
        + _TIME,
        _MONTH + r" (?P<day>\d{1,2}),? (?P<year>\d{4})" + _TIME,
    )
)
_PARTS = re.compile(
    r"(?P<one>\d{1,2})(?P<sign>[/.-])(?P<two>\d{1,2})(?P=sign)(?P<year>\d{4})" + _TIME,
    re.ASCII,
)
# Since 1970, maybe as a float: milliseconds from 1973 on, or seconds from 2001 on. What
# begins as a year does is no such number, but a date or a misspelt one.
_EPOCH = re.compile(r"(\d{13}|(?!19|20)\d{12}|(?!19|20)\d{10})(?:\.0+)?", re.ASCII)
_SECONDS = 10
_START = datetime(1970, 1, 1, tzinfo=UTC)


def _unknown() -> PydanticCustomError:
    return PydanticCustomError(
        "invalid-instant",
        "Write an instant such as 2026-01-31T08:00:00Z, 2026-01-31 08:00, 20260131, "
        "31.01.2026 08:00 or 31-Jan-2026 08:00; 31/01/2026 08:00 with "
        "?dates=day-first; or the seconds or milliseconds since 1970.",
    )


def read_date(text: str, order: DateOrder | None) -> datetime:
    """The instant that a text means, in UTC where it says no zone; or raise."""
    if epoch := _EPOCH.fullmatch(text):
        figures = epoch[1]
        unit = 1000 if len(figures) == _SECONDS else 1
        return _START + timedelta(milliseconds=int(figures) * unit)
    upper = text.upper()
    for pattern in _CLEAR:
        if found := pattern.fullmatch(upper):
            said = found.groupdict()
            if name := said.get("name"):
                said["month"] = str([m[:3] for m in _MONTHS].index(name[:3]) + 1)
            return _instant(said)
    if not (found := _PARTS.fullmatch(upper)):
        raise _unknown()
    if found["sign"] == ".":
        order = DateOrder.DAY_FIRST
    if order is None:
        raise PydanticCustomError(
            "ambiguous-date",
            "Say what comes first in it: ?dates=day-first or ?dates=month-first.",
        )
    day, month = found["one"], found["two"]
    if order is DateOrder.MONTH_FIRST:
        day, month = month, day
    return _instant(found.groupdict() | {"day": day, "month": month})


def _instant(said: dict[str, str | None]) -> datetime:
    hour = _number(said, "hour")
    if half := said.get("half"):
        if not 1 <= hour <= 12:  # noqa: PLR2004 of a clock
            raise _unknown()
        hour = hour % 12 + (12 if half == "PM" else 0)
    try:
        return datetime(
            year=_number(said, "year"),
            month=_number(said, "month"),
            day=_number(said, "day"),
            hour=hour,
            minute=_number(said, "minute"),
            second=_number(said, "second"),
            microsecond=int((said.get("fraction") or "0").ljust(6, "0")[:6]),
            tzinfo=_zone(said["zone"]),
        )
    except ValueError:
        raise _unknown() from None


def _number(said: dict[str, str | None], part: str) -> int:
    return int(said.get(part) or 0)


def _zone(text: str | None) -> timezone:
    if text in {None, "Z", "UTC", "GMT"}:
        return UTC
    sign = -1 if text.startswith("-") else 1
    hours, minutes = int(text[1:3]), int(text[3:].removeprefix(":") or 0)
    return timezone(sign * timedelta(hours=hours, minutes=minutes))
