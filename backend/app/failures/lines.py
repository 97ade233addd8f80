"""The lines of a failure log: read in blocks where they are alike, else one by one.

`[2019-12-10 10:46:09]⇥ERROR⇥sensor[5]:⇥(temperature⇥365.26, vibration⇥-6305.32)`
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from math import isfinite
from typing import NamedTuple

from pydantic_core import PydanticCustomError

from app.failures.models import Level
from app.failures.schemas import EPOCH
from app.imports.tables import ROW_MAX, clean
from app.values import check_code

# What a line looks like, whatever its values: white space is free.
_LINE = re.compile(
    r"\s*\[(?P<at>[^\]]*)\]\s*(?P<level>\w+)\s+sensor\s*\[(?P<sensor>[^\]]*)\]\s*:\s*"
    r"\(\s*temperature\s+(?P<temperature>[^\s,]+)\s*,"
    r"\s*vibration\s+(?P<vibration>[^\s)]+)\s*\)\s*"
)
_AT = re.compile(
    r"(?P<year>\d{4})([-/])(?P<month>\d\d?)\2(?P<day>\d\d?)"
    r"([T\s]+(?P<hour>\d\d?):(?P<minute>\d\d)(:(?P<second>\d\d)([.,](?P<part>\d+))?)?"
    r"\s*(Z|UTC|(?P<east>[-+])(?P<hours>\d\d)(:?(?P<minutes>\d\d))?)?)?",
    re.ASCII,
)
# What PostgreSQL takes too, out of these characters.
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_YEAR = re.compile(r"\d{4}[-/]\d", re.ASCII)
_LEVELS = {
    "ERROR": Level.ERROR,
    "ERR": Level.ERROR,
    "WARNING": Level.WARNING,
    "WARN": Level.WARNING,
}
# What loggers write where a sensor gave no number.
_NOTHING = {"err", "error", "nan", "null", "none", "n/a", "na", "-"}

# Between the tabs of a line on its way to COPY.
FIELDS = 5

EXAMPLE = (
    "[2019-12-10 10:46:09] ERROR sensor[5]: (temperature 365.26, vibration -6305.32)"
)

# In bytes: what a line holds between its values, where many lines hold the same.
_SHAPE = re.compile(
    rb"\[[^\]\n]*\](?P<before>[ \t]+)(?:ERROR|WARNING)(?P<after>[ \t]+)sensor"
    rb"\[[^\]\n]*\]:(?P<open>[ \t]*)\(temperature(?P<first>[ \t]+)[^\s,]+"
    rb",(?P<between>[ \t]+)vibration(?P<second>[ \t]+)[^\s)]+\)(?P<end>\r?\n)"
)
# Nothing but these may be left: no name of a month, of a zone or of infinity, which
# PostgreSQL would take for a date or a number.
_PLAIN = b"0123456789-+eE/:. \t\n"
# PostgreSQL takes them: a time of the next day or minute, a value with space around it.
_ODD = (b" 24:", b":60", b"\t ", b" \t")
# The year comes first, in this century: 1/2/2020 could be two days.
_ALIKE_AT = re.compile(rb"20\d\d([-/])\d\d?\1\d\d?( \d\d?:\d\d(:\d\d(\.\d{1,6})?)?)?")


@dataclass(frozen=True)
class Context:
    """What lines are read for: the plan's number, the sensors that there are, now."""

    plan: int
    vessel: str
    sensors: frozenset[str]
    now: datetime

    @cached_property
    def known(self) -> set[bytes]:
        return {code.encode() for code in self.sensors}

    @cached_property
    def text(self) -> bytes:
        """Now, as a log writes it."""
        return f"{self.now:%Y-%m-%d %H:%M:%S}".encode()


class Wrong(NamedTuple):
    """What is wrong with a line: of which field, and how to mend it."""

    field: str | None
    code: str
    value: str
    message: str


class _WrongError(Exception):
    def __init__(self, field: str | None, code: str, value: str, message: str) -> None:
        super().__init__(message)
        self.wrong = Wrong(field, code, clean(value[:500]), message)


class Found(NamedTuple):
    """What is wrong where, as it is staged."""

    row: int
    field: str | None
    code: str
    value: str
    message: str
    original: str


class Line(NamedTuple):
    at: datetime
    level: Level
    sensor: str
    temperature: float | None
    vibration: float | None


@dataclass
class Block:
    """Lines on their way to COPY: as its text, and those that are none."""

    copy: bytes = b""
    wrong: list[Found] = field(default_factory=list)


def read_alike(block: bytes, context: Context) -> bytes | None:
    """The lines as COPY reads them, if they are all alike and sound; else None.

    A few passes in C over a whole block: a regular expression takes six times as long,
    and 5,000,000 lines have to be read at a third of COPY's own speed. What is not
    exactly alike leaves a trace that the checks find, or COPY itself.
    """
    shape = _SHAPE.match(block)
    if not shape or not block.endswith(b")" + shape["end"]):
        return None
    lines = block.count(b"\n")
    end, start = b")" + shape["end"] + b"[", b"\n%d\t" % context.plan
    text = block[1 : -1 - len(shape["end"])].replace(end, start)
    for level in (Level.ERROR, Level.WARNING):
        word = level.upper().encode()
        literal = b"]" + shape["before"] + word + shape["after"] + b"sensor["
        text = text.replace(literal, b"\t%d\t" % level.rank)
    text = text.replace(b"]:" + shape["open"] + b"(temperature" + shape["first"], b"\t")
    text = text.replace(b"," + shape["between"] + b"vibration" + shape["second"], b"\t")
    text = b"%s%s\n" % (start[1:], text)
    alike = (
        text.count(b"\n") == lines
        and text.count(b"\t") == FIELDS * lines
        and text.count(start) == lines - 1
        and not text.translate(None, _PLAIN)
        and not any(odd in text for odd in _ODD)
        and _sound(text.split(b"\t"), context)
    )
    return text if alike else None


def _sound(parts: list[bytes], context: Context) -> bool:
    """Whether the sensors of the lines are known, and their instants are past ones."""
    instants = set(parts[1::FIELDS])
    return (
        all(map(_ALIKE_AT.fullmatch, instants))
        # As texts: what lacks a zero sorts too late, and is read one by one.
        and max(b"\n".join(instants).replace(b"/", b"-").split(b"\n")) <= context.text
        and context.known.issuperset(parts[3::FIELDS])
    )


def read_each(texts: list[str], first: int, context: Context) -> Block:
    """Read lines one by one, the first of which has the number `first`."""
    block = Block()
    sound: list[str] = []
    for number, text in enumerate(texts, first):
        if not text.strip():
            continue
        line = read_line(text, context)
        if isinstance(line, Wrong):
            block.wrong.append(found(number, text, line))
        else:
            temperature = "\\N" if line.temperature is None else line.temperature
            vibration = "\\N" if line.vibration is None else line.vibration
            sound.append(
                f"{context.plan}\t{line.at:%Y-%m-%d %H:%M:%S.%f}\t{line.level.rank}"
                f"\t{line.sensor}\t{temperature}\t{vibration}\n"
            )
    block.copy = "".join(sound).encode()
    return block


def read_line(text: str, context: Context) -> Line | Wrong:
    try:
        return _read(text, context)
    except _WrongError as error:
        return error.wrong


def _read(text: str, context: Context) -> Line:
    parts = _LINE.fullmatch(text)
    if not parts:
        shown = text[:500].strip()
        message = f"This is no line of a failure log. Write it like this: {EXAMPLE}"
        raise _WrongError(None, "unreadable-line", shown, message)
    at = _read_at(parts["at"], context.now)
    level = _LEVELS.get(parts["level"].upper())
    if level is None:
        message = "The level is ERROR or WARNING. Write one, or remove the line."
        raise _WrongError("level", "unknown-level", parts["level"], message)
    sensor = _read_sensor(parts["sensor"], context)
    temperature = _read_number("temperature", parts)
    return Line(at, level, sensor, temperature, _read_number("vibration", parts))


def _read_at(text: str, now: datetime) -> datetime:
    parts = _AT.fullmatch(text.strip())
    if not parts:
        message = (
            "Write nothing but a date and a time: 2019-12-10 10:46:09.5, or with "
            "+03:00 behind it, if it is not UTC."
            if _YEAR.match(text.strip())
            else "Write the year first, in UTC: 2019-12-10 10:46:09 or 2019/12/10."
        )
        raise _WrongError("at", "invalid-instant", text, message)
    names = ("year", "month", "day", "hour", "minute", "second", "hours", "minutes")
    *moment, hours, minutes = (int(parts[name] or 0) for name in names)
    part = int((parts["part"] or "")[:6].ljust(6, "0"))
    east = timedelta(hours=hours, minutes=minutes) * (-1 if parts["east"] == "-" else 1)
    year, month, day, hour, minute, second = moment
    try:
        zone = timezone(east)
        at = datetime(year, month, day, hour, minute, second, part, zone)
    except ValueError:
        message = "There is no such day or time. Write it as it was."
        raise _WrongError("at", "invalid-instant", text, message) from None
    if EPOCH <= at <= now:
        return at.astimezone(UTC)
    message = (
        "No failure is known before it happens, nor before 1970. Write when it was."
    )
    raise _WrongError("at", "invalid-instant", text, message)


def _read_sensor(text: str, context: Context) -> str:
    try:
        code = check_code(text)
    except PydanticCustomError as wrong:
        raise _WrongError("sensor", wrong.type, text, wrong.message()) from None
    if code in context.sensors:
        return code
    raise _WrongError(
        "sensor",
        "unknown-sensor",
        code,
        f"{context.vessel} has no such sensor. Load the map of its sensors first: "
        f"POST /api/v1/vessels/{context.vessel}/sensors/imports.",
    )


def _read_number(name: str, parts: re.Match[str]) -> float | None:
    if _NUMBER.fullmatch(text := parts[name]) and isfinite(number := float(text)):
        return number
    if text.lower() in _NOTHING:
        return None
    message = "Write a number such as -6305.32, or err where the sensor gave none."
    raise _WrongError(name, "invalid-number", text, message)


def found(number: int, text: str, wrong: Wrong) -> Found:
    return Found(number, *wrong, clean(text[:2000].rstrip("\r\n")))


def blocks(read: Iterator[bytes]) -> Iterator[bytes]:
    """Cut what is read into blocks of whole lines; a last line gets its end."""
    rest = b""
    for piece in read:
        cut = piece.rfind(b"\n") + 1
        if cut:
            yield rest + piece[:cut]
            rest = piece[cut:]
        else:  # no line is as long: what it starts with is enough to say so
            rest = (rest + piece)[:ROW_MAX]
    if rest:
        yield rest + b"\n"
