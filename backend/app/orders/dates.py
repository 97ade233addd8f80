"""Instants as other systems spell them."""

import re
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

from pydantic_core import PydanticCustomError


class DateOrder(StrEnum):
    """What comes first in dates such as 02/01/2010."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


_TIME = (
    r"(?:[T ]\s*(?P<hour>\d{1,2}):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[AP]M))?)?"
    r"\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?"
)
_ISO = re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)" + _TIME, re.ASCII)
_COMPACT = re.compile(r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)" + _TIME, re.ASCII)
_PARTS = re.compile(
    r"(?P<one>\d{1,2})(?P<sign>[/.-])(?P<two>\d{1,2})(?P=sign)(?P<year>\d{4})" + _TIME,
    re.ASCII,
)
# Milliseconds since 1970, of the years 1973 to 2286.
_EPOCH = re.compile(r"\d{12,13}", re.ASCII)
_START = datetime(1970, 1, 1, tzinfo=UTC)


def _unknown() -> PydanticCustomError:
    return PydanticCustomError(
        "invalid-instant",
        "Write an instant such as 2026-01-31T08:00:00Z or 2026-01-31 08:00; 31/01/2026 "
        "08:00 with ?dates=day-first; or 31.01.2026 08:00.",
    )


def read_date(text: str, order: DateOrder | None) -> datetime:
    """The instant that a text means, in UTC where it says no zone; or raise."""
    if _EPOCH.fullmatch(text):
        return _START + timedelta(milliseconds=int(text))
    upper = text.upper()
    if found := _ISO.fullmatch(upper) or _COMPACT.fullmatch(upper):
        return _instant(found, found["month"], found["day"])
    if not (found := _PARTS.fullmatch(upper)):
        raise _unknown()
    if found["sign"] == ".":
        order = DateOrder.DAY_FIRST
    if order is None:
        raise PydanticCustomError(
            "ambiguous-date",
            "Say what comes first in it: ?dates=day-first or ?dates=month-first.",
        )
    day_first = order is DateOrder.DAY_FIRST
    day, month = ("one", "two") if day_first else ("two", "one")
    return _instant(found, found[month], found[day])


def _instant(found: re.Match[str], month: str, day: str) -> datetime:
    hour = int(found["hour"] or 0)
    if half := found["half"]:
        if not 1 <= hour <= 12:  # noqa: PLR2004 of a clock
            raise _unknown()
        hour = hour % 12 + (12 if half == "PM" else 0)
    try:
        return datetime(
            year=int(found["year"]),
            month=int(month),
            day=int(day),
            hour=hour,
            minute=int(found["minute"] or 0),
            second=int(found["second"] or 0),
            microsecond=int((found["fraction"] or "0").ljust(6, "0")[:6]),
            tzinfo=_zone(found["zone"]),
        )
    except ValueError:
        raise _unknown() from None


def _zone(text: str | None) -> timezone:
    if text in {None, "Z", "UTC"}:
        return UTC
    sign = -1 if text.startswith("-") else 1
    hours, minutes = int(text[1:3]), int(text[-2:])
    return timezone(sign * timedelta(hours=hours, minutes=minutes))
