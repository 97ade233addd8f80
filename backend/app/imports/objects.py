"""JSON and NDJSON: objects whose keys are the columns."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import IO, NoReturn

import ijson

from app.errors import UnreadableFileError
from app.imports.delimited import marked
from app.imports.tables import (
    ROW_MAX,
    Fault,
    Row,
    Table,
    Text,
    check_width,
    clean,
    name,
)

# Whole numbers that a float holds exactly are shorter.
_DIGITS = 16
# Of a file whose encoding has to be turned into UTF-8, a read at a time.
_PIECE = 64 * 1024


def read_json(file: IO[bytes], encoding: str | None, _delimiter: str | None) -> Table:
    sample = file.read(4096)
    encoding = encoding or marked(sample)
    start = sample.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    if start[:1] not in {"[", "{"}:
        raise UnreadableFileError('Send a JSON array of objects: [{"code": "…"}, …].')
    prefix = "item" if start.startswith("[") else "items.item"
    header: list[str] = []
    return Table(
        header, _object_rows(header, _items(file, encoding, prefix)), grows=True
    )


def _items(file: IO[bytes], encoding: str, prefix: str) -> Iterator[tuple[int, object]]:
    file.seek(0)
    source = _Metered(file, encoding)
    number = 0
    try:
        for number, item in enumerate(ijson.items(source, prefix), 1):
            source.since = 0
            yield number, item
    except (ijson.JSONError, ValueError) as error:
        raise _no_json(error, after=number) from None


def _no_json(error: Exception, *, after: int = 0) -> UnreadableFileError:
    said = str(error).splitlines()[0].rstrip(".")
    where = f" after object {after}" if after else ""
    return UnreadableFileError(f"The file is not JSON{where}: {said}.")


class _Metered:
    """A file as UTF-8 that refuses to give more than one row's worth for one row."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        # A declared encoding may have its mark too.
        self.text = Text(file, "utf-8-sig" if encoding == "utf-8" else encoding)
        self.since = 0

    def read(self, size: int) -> bytes:
        if self.since > ROW_MAX:
            raise UnreadableFileError(
                "An object of the file is larger than 1 MiB; that is no equipment."
            )
        data = self.text.read(min(size, _PIECE)).encode()
        self.since += len(data)
        return data


def read_ndjson(file: IO[bytes], encoding: str | None, _delimiter: str | None) -> Table:
    encoding = encoding or marked(file.read(4))
    file.seek(0)
    text = Text(file, encoding, errors="surrogateescape", newline="\n")
    header: list[str] = []
    return Table(header, _object_rows(header, _lines(text)), grows=True)


def _lines(text: Text) -> Iterator[tuple[int, object]]:
    number = 0
    while line := text.readline(ROW_MAX):
        number += 1
        if len(line) >= ROW_MAX:
            while not line.endswith("\n") and (line := text.readline(ROW_MAX)):
                pass
            said = "This line has more than 1,048,576 characters. Shorten it."
            yield number, Fault("unreadable-row", said)
        elif line := line.strip("\ufeff \t\r\n"):
            yield number, _parse(line)


def _parse(line: str) -> object:
    try:
        return json.loads(line, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        said = f"This line is not JSON: {error}."
        return Fault("unreadable-row", said, line[:500])


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _object_rows(
    header: list[str], items: Iterator[tuple[int, object]]
) -> Iterator[Row]:
    places: dict[str, int] = {}
    for number, item in items:
        if isinstance(item, Fault):
            yield Row(number, [item.value], item._replace(value=None))
            continue
        if not isinstance(item, dict):
            fault = Fault("unreadable-row", 'This is no object such as {"code": "…"}.')
            yield Row(number, [spell(item)[:500]], fault)
            continue
        cells: list[str | None] = [None] * len(header)
        nested = []
        for key, value in item.items():
            if (place := places.get(key)) is None:
                place = _place(header, places, key)
            if place >= len(cells):
                cells += [None] * (place + 1 - len(cells))
            cells[place] = spell(value)
            if isinstance(value, dict | list):
                nested.append(place)
        yield Row(number, cells, nested=frozenset(nested))


def _place(header: list[str], places: dict[str, int], key: str) -> int:
    """The column of a key that is met for the first time."""
    check_width(len(places) + 1)
    title = name(key)
    if title not in header:
        header.append(title)
    places[key] = header.index(title)
    return places[key]


def spell(value: object) -> str:
    """What a typed cell says, as one would have written it in CSV."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | dict | list):
        try:
            return clean(json.dumps(value, ensure_ascii=False, default=str))
        except RecursionError:
            return "[…]"
    # A whole number that some programs write as 1.0; a huge one keeps its exponent.
    if isinstance(value, float | Decimal):
        exact = Decimal(value)
        digits = exact.is_finite() and abs(exact.adjusted()) < _DIGITS
        if digits and exact == exact.to_integral_value():
            return str(int(exact))
    return str(value)
