"""Reading a register's file: the same rows from CSV, TSV, JSON, NDJSON and XLSX."""

import csv
import io
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import IO, Any

import ijson
from openpyxl import load_workbook

from app.errors import UnreadableFileError

MIB = 1024 * 1024
LINE_MAX = MIB
# What an XLSX may unfold to: shared texts are held in memory, sheets are not.
XLSX_TEXTS_MAX = 48 * MIB
XLSX_MAX = 1024 * MIB


@dataclass(frozen=True)
class Row:
    """One row: `cells` by the file's columns; None where the row has no such cell.

    `problem` says why a row could not be read at all; its text is then in `cells`.
    """

    number: int
    cells: list[str | None]
    problem: str | None = None


class Table:
    """A file's columns and its rows; JSON's columns grow while rows are read."""

    def __init__(self, header: list[str], rows: Iterator[Row]) -> None:
        self.header = header
        self.rows = rows


Reader = Callable[[IO[bytes], str | None, str | None], Table]


# --- CSV and TSV --------------------------------------------------------------------


def read_csv(file: IO[bytes], encoding: str | None, delimiter: str | None) -> Table:
    start = file.read(64 * 1024)
    file.seek(0)
    if encoding is None:
        marks = (b"\xff\xfe", b"\xfe\xff")
        encoding = "utf-16" if start.startswith(marks) else "utf-8"
    if encoding == "utf-8":
        encoding = "utf-8-sig"
    # A byte that is no character becomes half a surrogate pair: only the cell that
    # holds it is in error, and only if it is read.
    text = io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="")
    lines = _Lines(text)
    if delimiter is None:
        first = start.decode(encoding, "replace").lstrip("\ufeff")
        delimiter = _sniff(first.splitlines()[0] if first.strip() else "")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
    except (csv.Error, UnicodeError) as error:
        raise UnreadableFileError(f"The header cannot be read: {error}.") from None
    if not any(name.strip() for name in header):
        raise UnreadableFileError(
            "The file is empty. Its first row names the columns, such as "
            "code,name,location."
        )
    return Table([name.strip() for name in header], _csv_rows(reader, lines))


def _sniff(line: str) -> str:
    """The delimiter that cuts the header into the most columns."""
    cut = {d: len(next(csv.reader([line], delimiter=d), [])) for d in ",;\t"}
    return max(cut, key=lambda d: cut[d])


class _Lines:
    """A file's lines, and those of the row that is being read, to show if it fails."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.text = text
        self.row: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        # A line without an end is read in pieces; csv refuses the field that it is.
        line = self.text.readline(LINE_MAX)
        if not line:
            raise StopIteration
        self.row.append(line)
        return line


def _csv_rows(reader: Any, lines: _Lines) -> Iterator[Row]:  # noqa: ANN401 no public type
    number = 1
    while True:
        lines.row.clear()
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            text = "".join(lines.row)[:2000].rstrip("\r\n")
            said = str(error)
            if said == "unexpected end of data":
                said = "a quote that is opened here is never closed"
            yield Row(number, [text], f"This row cannot be read: {said}.")
            continue
        except UnicodeError as error:
            raise UnreadableFileError(
                f"Row {number} cannot be read in the declared encoding: {error}."
            ) from None
        if cells:  # a blank line is no row, but spreadsheets count it
            yield Row(number, cells)


def read_tsv(file: IO[bytes], encoding: str | None, delimiter: str | None) -> Table:
    return read_csv(file, encoding, delimiter or "\t")


# --- JSON and NDJSON ------------------------------------------------------------------


def _object_rows(
    header: list[str], items: Iterator[tuple[int, object]]
) -> Iterator[Row]:
    places: dict[str, int] = {}
    for number, item in items:
        if isinstance(item, UnreadableFileError):
            yield Row(number, [], item.detail)
            continue
        if not isinstance(item, dict):
            text = json.dumps(item, ensure_ascii=False)[:2000]
            yield Row(number, [text], 'This is no object such as {"code": "…"}.')
            continue
        cells: list[str | None] = [None] * len(header)
        for key, value in item.items():
            if key not in places:
                places[key] = len(header)
                header.append(key)
                cells.append(None)
            cells[places[key]] = _text(value)
        yield Row(number, cells)


def _text(value: object) -> str:
    """What a typed cell says, as one would have written it in CSV."""
    if value is None:
        return ""
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)


def read_json(file: IO[bytes], _encoding: str | None, _delimiter: str | None) -> Table:
    start = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    if file.read(3) != b"\xef\xbb\xbf":
        file.seek(0)
    if start[:1] not in {b"[", b"{"}:
        raise UnreadableFileError('Send a JSON array of objects: [{"code": "…"}, …].')
    prefix = "item" if start.startswith(b"[") else "items.item"

    def items() -> Iterator[tuple[int, object]]:
        try:
            yield from enumerate(ijson.items(file, prefix, use_float=True), 1)
        except (ijson.JSONError, UnicodeError) as error:
            said = str(error).splitlines()[0]
            raise UnreadableFileError(f"The file is not JSON: {said}.") from None

    header: list[str] = []
    return Table(header, _object_rows(header, items()))


def read_ndjson(
    file: IO[bytes], _encoding: str | None, _delimiter: str | None
) -> Table:
    def items() -> Iterator[tuple[int, object]]:
        number = 0
        while line := file.readline(LINE_MAX):
            number += 1
            text = line.removeprefix(b"\xef\xbb\xbf").strip()
            if not text:
                continue
            try:
                yield number, json.loads(text)
            except (ValueError, RecursionError) as error:
                yield number, UnreadableFileError(f"This line is not JSON: {error}.")

    header: list[str] = []
    return Table(header, _object_rows(header, items()))


# --- XLSX -----------------------------------------------------------------------------


def read_xlsx(file: IO[bytes], _encoding: str | None, _delimiter: str | None) -> Table:
    try:
        with zipfile.ZipFile(file) as package:
            _refuse_bomb(package.infolist())
        with warnings.catch_warnings():  # of styles and extensions that we do not read
            warnings.simplefilter("ignore")
            book = load_workbook(file, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # some programs write wrong ones
        rows = enumerate(sheet.iter_rows(values_only=True), 1)
        number, first = next(rows, (1, ()))
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError, SyntaxError) as error:
        raise UnreadableFileError(
            f"The file is no XLSX workbook: {error}. Save it as XLSX or CSV."
        ) from None
    header = [_text(name).strip() for name in first]
    if not any(header):
        raise UnreadableFileError(
            f"Row {number} of sheet {sheet.title!r} is empty; it names the columns."
        )

    def body() -> Iterator[Row]:
        for number, values in rows:
            if any(value is not None for value in values):
                yield Row(number, [_text(value) for value in values])

    return Table(header, body())


def _refuse_bomb(parts: list[zipfile.ZipInfo]) -> None:
    texts = sum(p.file_size for p in parts if p.filename.endswith("sharedStrings.xml"))
    if texts > XLSX_TEXTS_MAX or sum(p.file_size for p in parts) > XLSX_MAX:
        raise UnreadableFileError(
            "This workbook is too large to read. Save its sheet as CSV, which has no "
            "such limit."
        )


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
READERS: dict[str, Reader] = {
    "text/csv": read_csv,
    "text/tab-separated-values": read_tsv,
    "application/json": read_json,
    "application/x-ndjson": read_ndjson,
    XLSX: read_xlsx,
}
