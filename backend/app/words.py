"""What callers read, in plain words."""

from collections.abc import Mapping, Sequence
from typing import Any

# What pydantic refuses, by its name for it.
_REFUSED = {
    "bool_parsing": "Write true or false.",
    "bool_type": "Write true or false, without quotes.",
    "dict_type": "Send a JSON object.",
    "enum": "Write {expected}.",
    "finite_number": "Write a finite number.",
    "float_parsing": "Write a number.",
    "float_type": "Write a number, without quotes.",
    "greater_than": "Write a number above {gt}.",
    "greater_than_equal": "Write {ge} or more.",
    "int_from_float": "Write a whole number.",
    "int_parsing": "Write a whole number.",
    "int_parsing_size": "Write a whole number that is not as large.",
    "int_type": "Write a whole number, without quotes.",
    "json_invalid": "Write JSON: {error}.",
    "json_type": "Write JSON.",
    "less_than": "Write a number below {lt}.",
    "less_than_equal": "Write {le} or less.",
    "list_type": "Send a JSON array.",
    "literal_error": "Write {expected}.",
    "missing": "This is needed: send it.",
    "model_attributes_type": "Send a JSON object.",
    "model_type": "Send a JSON object.",
    "string_too_long": "Write at most {max_length} characters.",
    "string_too_short": "Write {min_length} or more characters.",
    "string_type": "Send text, in quotes.",
    "string_unicode": "Send text that is Unicode throughout.",
    "too_long": "Send at most {max_length} of them.",
    "too_short": "Send {min_length} or more of them.",
    "tuple_type": "Send a JSON array.",
    "uuid_parsing": "Write an id as it was given, such as "
    "019b3ad5-7c1e-7aa0-8f0e-2f3c4d5e6f70.",
    "uuid_type": "Write an id as it was given, in quotes.",
}


def refused(kind: str, message: str, values: Mapping[str, Any]) -> str:
    """Why pydantic refused a value, and how to mend it; our own reasons stay."""
    if kind in _REFUSED:
        return _REFUSED[kind].format_map(values)
    return message.removeprefix("Value error, ")


def few(names: Sequence[str], most: int = 3, between: str = ", ") -> str:
    """The first of them, and how many more there are."""
    others = len(names) - most
    said = between.join(names[:most])
    return f"{said} and {others} more" if others > 0 else said
