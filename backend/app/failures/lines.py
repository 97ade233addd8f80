"""The lines of a failure log: read in blocks where they are alike, else one by one.

`[2019-12-10 10:46:09]⇥ERROR⇥sensor[5]:⇥(temperature⇥365.26, vibration⇥-6305.32)`
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic_core import PydanticCustomError

from app.failures.models import Level
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
    r"([T\s]+(?P<hour>\d\d?):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<part>\d{1,6}))?)?"
    r"\s*Z?)?",
    re.ASCII,
)
_NUMBER = re.compile(r"[-+]?\d{1,15}(\.\d{1,15})?", re.ASCII)
_LEVELS = {
    "ERROR": Level.ERROR,
    "ERR": Level.ERROR,
    "WARNING": Level.WARNING,
    "WARN": Level.WARNING,
}
# What loggers write where a sensor gave no number.
_NOTHING = {"err", "error", "nan", "null", "none", "n/a", "na", "-"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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
_PLAIN = b"0123456789-/:. \t\n"
# PostgreSQL takes them: a time of the next day or minute, a value with space around it.
_ODD = (b" 24:", b":60", b"\t ", b" \t")


class Wrong(NamedTuple):
    """What is wrong with a line: of which field, and how to mend it."""

    field: str | None
    code: str
    value: str
    message: str


class Line(NamedTuple):
    at: datetime
    level: Level
    sensor: str
    temperature: float | None
    vibration: float | None


@dataclass
class Block:
    """Lines on their way to COPY: as its text, and those that are none."""

    lines: int
    copy: bytes = b""
    wrong: list[tuple[int, str, Wrong]] = field(default_factory=list)


def read_alike(block: bytes, plan: int) -> bytes | None:
    """The lines as COPY reads them, if they are all alike; else None.

    Five passes in C over a whole block: a regular expression takes six times as long,
    and 5,000,000 lines have to be read at a third of COPY's own speed. What is not
    exactly alike leaves a trace that the checks find, or COPY itself.
    """
    shape = _SHAPE.match(block)
    if not shape or not block.endswith(b")" + shape["end"]):
        return None
    lines = block.count(b"\n")
    end, start = b")" + shape["end"] + b"[", b"\n%d\t" % plan
    text = block[1 : -1 - len(shape["end"])].replace(end, start)
    for level in (Level.ERROR, Level.WARNING):
        word = level.upper().encode()
        literal = b"]" + shape["before"] + word + shape["after"] + b"sensor["
        text = text.replace(literal, b"\t%d\t" % level.rank)
    text = text.replace(
        b"]:" + shape["open"] + b"(temperature" + shape["first"], b"\t"
    )
    text = text.replace(
        b"," + shape["between"] + b"vibration" + shape["second"], b"\t"
    )
    text = b"%s%s\n" % (start[1:], text)
    alike = (
        text.count(b"\n") == lines
        and text.count(b"\t") == 5 * lines
        # The year comes first, in this century: 1/2/2020 could be two days.
        and text.count(start + b"20") + text.startswith(start[1:] + b"20") == lines
        and not text.translate(None, _PLAIN)
        and not any(odd in text for odd in _ODD)
    )
    return text if alike else None


def read_each(texts: list[str], first: int, plan: int, now: datetime) -> Block:
    """Read lines one by one, the first of which has the number `first`."""
    block = Block(len(texts))
    sound: list[str] = []
    for number, text in enumerate(texts, first):
        if not text.strip():
            continue
        line = read_line(text, now)
        if isinstance(line, Wrong):
            block.wrong.append((number, clean(text[:2000].rstrip("\r\n")), line))
        else:
            temperature = "\\N" if line.temperature is None else line.temperature
            vibration = "\\N" if line.vibration is None else line.vibration
            sound.append(
                f"{plan}\t{line.at:%Y-%m-%d %H:%M:%S.%f}\t{line.level.rank}"
                f"\t{line.sensor}\t{temperature}\t{vibration}\n"
            )
    block.copy = "".join(sound).encode()
    return block


def read_line(text: str, now: datetime) -> Line | Wrong:
    parts = _LINE.fullmatch(text)
    if not parts:
        return Wrong(
            None,
            "unreadable-line",
            clean(text[:500].strip()),
            f"This is no line of a failure log. Write it like this: {EXAMPLE}",
        )
    at = _read_at(parts["at"], now)
    if isinstance(at, Wrong):
        return at
    level = _LEVELS.get(parts["level"].upper())
    if level is None:
        return Wrong(
            "level",
            "unknown-level",
            clean(parts["level"][:500]),
            "The level is ERROR or WARNING. Write one of them, or leave the line out.",
        )
    try:
        sensor = check_code(parts["sensor"])
    except PydanticCustomError as wrong:
        return Wrong(
            "sensor", wrong.type, clean(parts["sensor"][:500]), wrong.message()
        )
    read = [_read_number(name, parts[name]) for name in ("temperature", "vibration")]
    for value in read:
        if isinstance(value, Wrong):
            return value
    temperature, vibration = read
    return Line(at, level, sensor, temperature, vibration)


def _read_at(text: str, now: datetime) -> datetime | Wrong:
    parts = _AT.fullmatch(text.strip())
    value = clean(text[:500])
    if not parts:
        return Wrong(
            "at",
            "invalid-instant",
            value,
            "Write the year first, in UTC: 2019-12-10 10:46:09 or 2019/12/10.",
        )
    try:
        at = datetime(
            *(int(parts[name]) for name in ("year", "month", "day")),
            *(int(parts[name] or 0) for name in ("hour", "minute", "second")),
            int((parts["part"] or "").ljust(6, "0")),
            tzinfo=UTC,
        )
    except ValueError:
        return Wrong(
            "at",
            "invalid-instant",
            value,
            "There is no such day or time. Write it as it was.",
        )
    return at if EPOCH <= at <= now else out_of_time(value)


def out_of_time(value: str) -> Wrong:
    return Wrong(
        "at",
        "invalid-instant",
        value,
        "No failure is known before it happens, nor before 1970. Write when it was, "
        "in UTC.",
    )


def _read_number(name: str, text: str) -> float | Wrong | None:
    if _NUMBER.fullmatch(text):
        return float(text)
    if text.lower() in _NOTHING:
        return None
    return Wrong(
        name,
        "invalid-number",
        clean(text[:500]),
        "Write a number such as -6305.32, or err where the sensor gave none.",
    )


def unknown_sensor(code: str, vessel: str) -> Wrong:
    return Wrong(
        "sensor",
        "unknown-sensor",
        code,
        f"{vessel} has no such sensor at an equipment aboard. Load the map of its "
        f"sensors first: POST /api/v1/vessels/{vessel}/sensors/imports.",
    )


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
