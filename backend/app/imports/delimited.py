"""CSV and TSV: delimiter and encoding found, broken quotes confined to their row."""

import csv
import io
from collections import deque
from collections.abc import Iterator
from typing import IO, Any

from app.cells import restore
from app.errors import UnreadableFileError
from app.imports.tables import ROW_MAX, Fault, Row, Table, Text, check_width, fit, name

DELIMITERS = ",;\t"


def read_csv(file: IO[bytes], encoding: str | None, delimiter: str | None) -> Table:
    start = file.read(64 * 1024)
    file.seek(0)
    encoding = encoding or marked(start)
    # A byte that is no character becomes half a surrogate pair: only the cell that
    # holds it is in error, and only if it is read.
    text = Text(file, encoding, errors="surrogateescape", newline="")
    lines = _Lines(text)
    if delimiter is None:
        delimiter = _sniff(start.decode(encoding, "replace").lstrip("\ufeff"))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        titles = next(reader, [])
    except (csv.Error, UnicodeError) as error:
        raise UnreadableFileError(f"The header cannot be read: {error}.") from None
    if not any(title.strip("\ufeff \t\r\n") for title in titles):
        raise UnreadableFileError(
            "The file is empty, or its first line is: that one names the columns, "
            "such as code,name,location."
        )
    check_width(len(titles))
    header = [name(restore(title)) for title in titles]
    return Table(header, _rows(reader, lines, len(header)))


def read_tsv(file: IO[bytes], encoding: str | None, delimiter: str | None) -> Table:
    return read_csv(file, encoding, delimiter or "\t")


def marked(start: bytes) -> str:
    """The Unicode encoding that a file's first bytes tell."""
    return "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"


def _sniff(text: str) -> str:
    """The delimiter that cuts the header into the most columns."""

    def columns(delimiter: str) -> int:
        lines = io.StringIO(text, newline="")
        return len(next(csv.reader(lines, delimiter=delimiter), []))

    return max(DELIMITERS, key=columns)


class _Lines:
    """A file's lines, and those of the row that is being read."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.row: list[str] = []
        self.again: deque[str] = deque()
        self.size = self.read = self.reread = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else self._line()
        if not line:
            raise StopIteration
        self.row.append(line)
        self.size += len(line)
        if self.size >= ROW_MAX:
            while not line.endswith(("\n", "\r")) and (line := self._line()):
                pass
            raise csv.Error("longer than 1 MiB")
        return line

    def _line(self) -> str:
        line = self.text.readline(ROW_MAX)
        self.read += len(line)
        return line

    def next_row(self) -> None:
        self.row.clear()
        self.size = 0

    def give_up(self) -> str:
        """Take the row for its first line alone, and read the others again.

        An open quote swallows the rows below it: they are rows of their own.
        """
        first, *others = self.row
        size = sum(map(len, others))
        # Bounded, or a file made for it would be read for ever.
        if self.reread + size <= self.read + ROW_MAX:
            self.reread += size
            self.again.extendleft(reversed(others))
        return first[:2000].rstrip("\r\n")


def _rows(reader: Any, lines: _Lines, width: int) -> Iterator[Row]:  # noqa: ANN401 no public type
    number = 1
    while True:
        lines.next_row()
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = Fault("unreadable-row", _explain(str(error)))
            yield Row(number, [lines.give_up()], fault)
            continue
        except UnicodeError as error:
            raise UnreadableFileError(
                f"Row {number} cannot be read in the declared encoding: {error}."
            ) from None
        if cells:  # a blank line is no row, but spreadsheets count it
            yield fit(number, cells, width)


def _explain(error: str) -> str:
    if "longer" in error:
        return "This row has more than 1,048,576 characters. Shorten it."
    if "larger" in error:
        return "A cell of this row has more than 131,072 characters. Shorten it."
    return (
        "The quotes of this row do not match. Close every quote that is opened, and "
        "write a quote inside of a quoted cell twice."
    )
