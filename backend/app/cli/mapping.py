"""The words of `--map`, `--values` and `--refers-to`, as the API's mapping."""

import json
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import typer

FIELDS = ("code", "tag", "name", "location", "group", "class", "parent", "status")
SENSOR_FIELDS = ("sensor", "equipment")
ORDER_FIELDS = (
    *("equipment", "reference", "type", "title", "note", "state", "category"),
    *("activity", "priority", "package", "issue", "cost", "ordered_at", "due_at"),
    *("planned_at", "started_at", "finished_at", "active_maintenance_hours"),
    *("down_hours", "cancel_reason"),
)
ISSUE_FIELDS = (
    *("equipment", "reference", "title", "description", "kind", "state", "priority"),
    *("failure_mode", "mechanism", "cause", "detection_method", "impact", "reporter"),
    *("observed_at", "due_at", "down_since", "down_until", "resolved_at", "closed_at"),
    "cancel_reason",
)
WORD = re.compile(r"(?P<field>[^:=@]+)(?P<kind>:=|=)(?P<source>.*)", re.DOTALL)
TRANSLATION = re.compile(
    r"(?P<field>[^:=]+):(?P<before>[^=]*)=(?P<after>.*)", re.DOTALL
)

Mapping = dict[str, object]
Said = dict[str, Mapping | None]


def mapping_of(
    words: Sequence[str],
    translations: Sequence[str],
    refers_to: str | None = None,
    fields: Sequence[str] = FIELDS,
) -> Mapping:
    """The mapping that the words say together; empty when they say nothing."""
    mapping: Mapping = {}
    for word in words:
        if word.startswith("@"):
            mapping |= from_file(Path(word.removeprefix("@")), fields)
    said: Said = {}
    for word in words:
        if not word.startswith("@"):
            field, source = one_field(word, fields)
            if field in said:
                raise wrong("--map", f"{field} is mapped twice.")
            said[field] = source
    for word in translations:
        translate(said, word, fields)
    if refers_to is not None:
        column_of(said, "parent", "--refers-to")["refers_to"] = refers_to
    return mapping | said


def one_field(word: str, fields: Sequence[str]) -> tuple[str, Mapping | None]:
    """A field and its source; None for a field to leave alone."""
    found = WORD.fullmatch(word)
    if found is None:
        raise wrong(
            "--map",
            f"{word!r} is none of FIELD=COLUMN, FIELD:=CONSTANT and @FILE.json.",
        )
    field = known(found["field"], "--map", fields)
    if found["kind"] == ":=":
        return field, {"constant": found["source"]}
    return field, {"column": found["source"]} if found["source"] else None


def translate(said: Said, word: str, fields: Sequence[str]) -> None:
    found = TRANSLATION.fullmatch(word)
    if found is None:
        raise wrong(
            "--values", f"{word!r} is not FIELD:FROM=TO, as in status:1=active."
        )
    field = known(found["field"], "--values", fields)
    source = column_of(said, field, "--values")
    values = source.setdefault("values", {})
    if isinstance(values, dict):
        values[found["before"]] = found["after"]


def column_of(said: Said, field: str, option: str) -> Mapping:
    source = said.get(field) or {}
    if "column" not in source:
        raise wrong(option, f"It needs the column to read: add --map {field}=COLUMN.")
    return source


def known(field: str, option: str, fields: Sequence[str]) -> str:
    name = field.strip().lower()
    if name in fields:
        return name
    close = get_close_matches(name, fields, n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    raise wrong(
        option,
        f"{field!r} is not a field; the fields are {', '.join(fields)}.{meant}",
    )


def from_file(path: Path, fields: Sequence[str]) -> Mapping:
    try:
        mapping = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise wrong("--map", f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise wrong("--map", f"{path} is not JSON: {error}.") from error
    if not isinstance(mapping, dict):
        raise wrong("--map", f'{path} holds no object like {{"tag": "COLUMN"}}.')
    return {known(field, "--map", fields): source for field, source in mapping.items()}


def wrong(option: str, message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint=option)
