"""A register's file as rows of cells, whatever its format."""

import io
from collections.abc import Iterator
from typing import NamedTuple

from app.errors import UnreadableFileError

MIB = 1024 * 1024
# What one row may hold, in bytes or characters. A file is read row by row, so that
# this, and not the length of the file, bounds the memory that it takes.
ROW_MAX = MIB
COLUMNS_MAX = 1000


class Fault(NamedTuple):
    """Why a row cannot be read."""

    code: str
    message: str
    value: str | None = None


class Row(NamedTuple):
    """One row: `cells` by the file's columns; None where the row has no such cell.

    What a row with a `fault` says is in its first cell. `nested` are the places of
    cells that hold a JSON object or array.
    """

    number: int
    cells: list[str | None]
    fault: Fault | None = None
    nested: frozenset[int] = frozenset()


class Table:
    """A file's columns and its rows; while it `grows`, rows bring further columns."""

    def __init__(
        self, header: list[str], rows: Iterator[Row], *, grows: bool = False
    ) -> None:
        self.header = header
        self.rows = rows
        self.grows = grows


class Text(io.TextIOWrapper):
    """A file's text. Going, it does not close the file, which belongs to the upload."""

    def close(self) -> None:
        """Leave the file as it is."""


def fit(number: int, cells: list[str | None], width: int) -> Row:
    """The row cut to the width of the header, a fault if that loses anything."""
    if len(cells) <= width:
        return Row(number, cells)
    surplus = [cell for cell in cells[width:] if cell and cell.strip()]
    if not surplus:
        return Row(number, cells[:width])
    message = (
        f"This row has {len(cells)} cells, the header {width} columns. Put quotes "
        "around cells that hold the delimiter, or name the further columns."
    )
    return Row(
        number,
        cells[:width],
        Fault("too-many-cells", message, ", ".join(surplus[:20])),
    )


def clean(text: str) -> str:
    """The text as PostgreSQL can store it."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def name(title: str) -> str:
    """The name of a column as the file has it."""
    return clean(title.strip().lstrip("\ufeff").strip()[:500])


def check_width(columns: int) -> None:
    if columns > COLUMNS_MAX:
        raise UnreadableFileError(
            f"The file has more than {COLUMNS_MAX:,} columns. Send those that are "
            "needed."
        )
