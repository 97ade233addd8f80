"""The fields that a row can give, and what each may hold."""

from collections.abc import Callable

from pydantic_core import PydanticCustomError

from app.equipment.models import Status
from app.values import CODE_PATTERN, LABEL_MAX, check_code, check_label

FIELDS = ("code", "tag", "name", "location", "group", "class", "parent", "status")


def attribute(field: str) -> str:
    """What Python calls it: a word of its own cannot be a name."""
    return "class_" if field == "class" else field


ATTRIBUTES = {name: attribute(name) for name in FIELDS}

# Which fields a row gives at all, as bits: the others stay as they are.
BITS = {name: 1 << place for place, name in enumerate(FIELDS)}


def _code(text: str) -> str:
    # Only ASCII changes its case: "ß" would become "SS", and a code.
    code = text.upper() if text.isascii() else text
    return code if CODE_PATTERN.fullmatch(code) else check_code(text)


def _label(text: str) -> str:
    # isprintable refuses more than the rule does, but is fast where it does not.
    if len(text) <= LABEL_MAX and text.isprintable():
        return text
    return check_label(text)


def _status(text: str) -> str:
    status = text.lower()
    if status in {Status.ACTIVE, Status.INACTIVE}:
        return status
    raise PydanticCustomError(
        "invalid-status",
        'Write active or inactive, or translate it in the mapping: "values": '
        '{"{text}": "active"}.',
        {"text": text[:40]},
    )


# Each takes a stripped text that is not empty, and returns it as it is stored.
CHECKS: dict[str, Callable[[str], str]] = {
    "code": _code,
    "tag": _code,
    "name": _label,
    "location": _label,
    "group": _label,
    "class": _code,
    "parent": _code,
    "status": _status,
}
