"""The kinds of values that callers send: codes, texts, money, instants."""

import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

CODE_MAX = 64
LABEL_MAX = 200
NOTE_MAX = 2000
# What systems of maintenance keep as the long text of an order.
STORY_MAX = 20_000

CODE_RULE = (
    f"1 to {CODE_MAX} characters: a letter or digit first, then letters A-Z, digits, "
    "spaces and . , : _ + - * & ' ( ) ="
)
# Slash, backslash, percent, question mark, number sign and semicolon stay out: they
# mean something in a URL, and proxies treat them each in its own way.
CODE_PATTERN = re.compile(r"[A-Z0-9][A-Z0-9 .,:_+\-*&'()=]{0,63}")

# Control characters, line and paragraph separators, and halves of surrogate pairs.
# Joiners and variation selectors pass: emoji are made with them.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNPRINTABLE_NOTE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
)


class Input(BaseModel):
    """What a caller sends: unknown fields are refused, never ignored."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


def normal_code(text: str) -> str:
    """Codes and tags compare without regard to case and surrounding spaces.

    Only ASCII changes its case: otherwise "ß" would become a valid "SS".
    """
    code = text.strip()
    return code.upper() if code.isascii() else code


def check_code(text: str) -> str:
    """Return the normal form of a code or tag, or raise with the whole rule."""
    code = normal_code(text)
    if not CODE_PATTERN.fullmatch(code):
        raise PydanticCustomError(
            "invalid-code", "A code or tag has {rule}.", {"rule": CODE_RULE}
        )
    return code


def check_label(text: str) -> str:
    """Return a one-line text without surrounding spaces, or raise."""
    label = text.strip()
    if not label:
        raise PydanticCustomError("blank", "Write at least one character.")
    if len(label) > LABEL_MAX:
        raise PydanticCustomError(
            "too-long", "Write at most {max} characters.", {"max": LABEL_MAX}
        )
    if _UNPRINTABLE.search(label):
        raise PydanticCustomError(
            "control-character",
            "Write one line without control characters (line breaks, tabs, NUL).",
        )
    return label


def folded(text: str) -> str:
    """What is spelt alike, as `folded` of PostgreSQL (0024): any case, any spaces."""
    return " ".join(text.casefold().split())


def _check_note(text: str, most: int = NOTE_MAX) -> str:
    note = text.strip()
    if len(note) > most:
        raise PydanticCustomError(
            "too-long", "Write at most {max} characters.", {"max": most}
        )
    if _UNPRINTABLE_NOTE.search(note):
        raise PydanticCustomError(
            "control-character",
            "Write text without control characters; line breaks and tabs are fine.",
        )
    return note


def check_story(text: str) -> str:
    """Return a text of several lines without surrounding spaces, or raise."""
    return _check_note(text, STORY_MAX)


Code = Annotated[
    str,
    AfterValidator(check_code),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": CODE_MAX,
            "pattern": r"^[A-Za-z0-9][A-Za-z0-9 .,:_+\-*&'()=]{0,63}$",
            "description": CODE_RULE + "; stored trimmed and in upper case.",
        }
    ),
]
# In a path or a filter a code that cannot exist is simply not found. PostgreSQL
# takes no NUL in a text, so that what is unprintable is swapped for a mark that no
# code has.
CodeRef = Annotated[
    str, AfterValidator(lambda text: _UNPRINTABLE.sub("\ufffd", normal_code(text)))
]
Label = Annotated[
    str,
    AfterValidator(check_label),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": LABEL_MAX,
            "description": "One line of text in any script.",
        }
    ),
]
Note = Annotated[
    str,
    AfterValidator(_check_note),
    WithJsonSchema({"type": "string", "maxLength": NOTE_MAX}),
]
# A note that may be as long as what other systems have.
Story = Annotated[
    str,
    AfterValidator(check_story),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": STORY_MAX,
            "description": "Text of any lines, with tabs if it has some.",
        }
    ),
]

# --- money --------------------------------------------------------------------

# Every cost is below it.
COST_END = Decimal(10**12)
_MONEY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
# Enough digits for any sum of costs: no rounding but the one that is asked for.
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_CENT = Decimal("0.01")


def _read_money(value: object) -> Decimal:
    # A JSON number arrives as int or float; repr gives back the digits that were
    # sent, or True, an exponent, nan or inf that no cost has.
    spelt = repr(value) if isinstance(value, int | float) else value
    if isinstance(spelt, str) and _MONEY.fullmatch(spelt.strip()):
        return Decimal(spelt.strip())
    raise PydanticCustomError(
        "invalid-money",
        'A cost is a decimal such as "10000" or "10000.50": not negative, at most '
        "two decimals, below 1000000000000.",
    )


def spell_money(amount: Decimal) -> str:
    return f"{amount:.2f}"


def average(total: Decimal, count: int) -> Decimal | None:
    """`total / count` rounded half-even to two decimals; None of nothing."""
    if not count:
        return None
    return _EXACT.quantize(_EXACT.divide(total, Decimal(count)), _CENT)


Cost = Annotated[
    Decimal,
    BeforeValidator(_read_money),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*[0-9]{1,12}(\.[0-9]{1,2})?\s*$"},
                {
                    "type": "number",
                    "minimum": 0,
                    "exclusiveMaximum": 10**12,
                    "multipleOf": 0.01,
                },
            ],
            "description": "Decimal, at most two decimals, 0 ≤ cost < 10^12.",
            "examples": ["10000.50"],
        }
    ),
]
Money = Annotated[
    Decimal,
    PlainSerializer(spell_money, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["10000.00"]}),
]

# --- hours ---------------------------------------------------------------------

_HOURS = re.compile(r"[0-9]{1,8}(\.[0-9]{1,2})?")


def _read_hours(value: object) -> Decimal:
    spelt = repr(value) if isinstance(value, int | float) else value
    if isinstance(spelt, str) and _HOURS.fullmatch(spelt.strip()):
        return Decimal(spelt.strip())
    raise PydanticCustomError(
        "invalid-hours",
        'Hours are a decimal such as "4" or "4.50": not negative, at most two '
        "decimals, below 100000000.",
    )


Hours = Annotated[
    Decimal,
    BeforeValidator(_read_hours),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*[0-9]{1,8}(\.[0-9]{1,2})?\s*$"},
                {"type": "number", "minimum": 0, "exclusiveMaximum": 10**8},
            ],
            "description": "Decimal, at most two decimals, 0 ≤ hours < 10^8.",
            "examples": ["4.50"],
        }
    ),
]
SpeltHours = Annotated[
    Decimal,
    PlainSerializer(spell_money, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["4.50"]}),
]

# --- instants -------------------------------------------------------------------

_FIRST_YEAR, _AFTER_LAST_YEAR = 1900, 3000

_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)",
    re.ASCII,
)


def _read_instant(value: Any) -> object:  # noqa: ANN401 whatever JSON holds
    if isinstance(value, str) and _INSTANT.fullmatch(value.strip()):
        return value.strip()
    raise PydanticCustomError(
        "invalid-instant",
        "Write an RFC 3339 instant with its offset, such as 2026-01-31T08:00:00Z.",
    )


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError(
            "invalid-instant", "Write an instant between the years 0001 and 9999."
        ) from None


Instant = Annotated[
    datetime,
    AfterValidator(_to_utc),
    BeforeValidator(_read_instant),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "examples": ["2026-01-31T08:00:00Z"]}
    ),
]


def _in_our_time(instant: datetime) -> datetime:
    """Refuse slips such as the year 26, and what the driver takes for infinity."""
    if _FIRST_YEAR <= instant.year < _AFTER_LAST_YEAR:
        return instant
    raise PydanticCustomError(
        "invalid-instant", "Write an instant between the years 1900 and 2999."
    )


# Of what is stored: a filter may ask for any instant.
Moment = Annotated[Instant, AfterValidator(_in_our_time)]


def _not_to_come(instant: datetime) -> datetime:
    if instant <= datetime.now(UTC):
        return instant
    raise PydanticCustomError(
        "invalid-instant", "This is in the future. Write when it was."
    )


# Of what is said to have happened.
Past = Annotated[Moment, AfterValidator(_not_to_come)]
