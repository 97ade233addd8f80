"""The first sheet of an XLSX workbook, which is a ZIP and may unfold to anything."""

import re
import struct
import warnings
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import IO, Any

from openpyxl.packaging.manifest import Manifest
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.worksheet._reader import DATA_TAG, ROW_TAG, WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
from openpyxl.xml.functions import iterparse

from app.cells import restore
from app.errors import UnreadableFileError
from app.imports.objects import spell
from app.imports.tables import MIB, ROW_MAX, Row, Table, check_width, fit, name

# What the parts may unfold to: a sheet is read row by row and its texts lie packed in
# memory; styles and the like are read whole.
SHEET_MAX = 512 * MIB
TEXTS_MAX = 32 * MIB
PART_MAX = 4 * MIB
ROWS_MAX = 1_048_576

TOO_LARGE = (
    "This workbook unfolds to more than can be read. Save its sheet as CSV, which has "
    "no such limit."
)
# What the libraries raise of broken files, each in its own way.
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)

_ESCAPED = re.compile(r"(?:_x[0-9A-Fa-f]{4}_)+")
_TEXT = f"{{{SHEET_MAIN_NS}}}t"
_RUN = f"{{{SHEET_MAIN_NS}}}r"
_ITEM = f"{{{SHEET_MAIN_NS}}}si"

# It speaks of styles and extensions that are not read here.
warnings.filterwarnings("ignore", module=r"openpyxl\.")


def read_xlsx(file: IO[bytes], _encoding: str | None, _delimiter: str | None) -> Table:
    try:
        rows = _open(file)
        number, titles = next(rows, (1, []))
    except BROKEN as error:
        raise _broken(error) from None
    if number > 1 or not any(title and title.strip() for title in titles):
        raise UnreadableFileError(
            "The first row of the first sheet is empty; it names the columns."
        )
    while not (titles[-1] or "").strip():
        titles.pop()
    check_width(len(titles))
    header = [name(restore(title or "")) for title in titles]
    return Table(header, _body(rows, number, len(header)))


def _body(
    rows: Iterator[tuple[int, list[str | None]]], last: int, width: int
) -> Iterator[Row]:
    try:
        for number, cells in rows:
            if not last < number <= ROWS_MAX:
                raise UnreadableFileError(f"Row {number} stands after row {last}.")
            last = number
            if any(cells):
                # Every row has all the columns: a cell that is not stored is blank.
                blanks = [""] * (width - len(cells))
                yield fit(number, [*(cell or "" for cell in cells), *blanks], width)
    except BROKEN as error:
        raise _broken(error, f" after row {last}") from None


def _broken(error: Exception, where: str = "") -> UnreadableFileError:
    said = str(error).partition("\n")[0].rstrip(".")
    return UnreadableFileError(
        f"The file is no sound XLSX workbook{where}: {said}. Save it as XLSX or CSV."
    )


def _open(file: IO[bytes]) -> Iterator[tuple[int, list[str | None]]]:
    package = _Package(_Frugal(file))
    # Without the parts that hold no cells, which `read` would load too.
    reader = ExcelReader(_Frugal(file), read_only=True, keep_links=False)
    reader.archive = package
    reader.read_manifest()
    reader.read_workbook()
    apply_stylesheet(package, reader.wb)
    for _, relation in reader.parser.find_sheets():
        if "worksheet" in relation.Type:
            texts = _texts(package, reader.package)
            return _rows(package.open(relation.target), texts, reader.wb)
    raise LookupError("it has no sheet")


class _Frugal:
    """A file from which no more than 1 MiB is read at once.

    A ZIP's table of contents is, and so never takes more memory than that.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.seek, self.tell, self._file = file.seek, file.tell, file

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(MIB + 1 if size < 0 else min(size, MIB + 1))
        if len(data) > MIB:
            raise UnreadableFileError(TOO_LARGE)
        return data


class _Package(zipfile.ZipFile):
    """A ZIP whose parts are bounded before they are unfolded."""

    def read(self, part: Any, pwd: bytes | None = None) -> bytes:  # noqa: ANN401 as its base
        self.bound(part, PART_MAX)
        return super().read(part, pwd)

    def bound(self, part: str, most: int) -> None:
        if self.getinfo(part).file_size > most:
            raise UnreadableFileError(TOO_LARGE)


class _Metered:
    """A part from which one row's worth is read for one row."""

    def __init__(self, part: IO[bytes]) -> None:
        self.part = part
        self.since = self.total = 0

    def read(self, size: int = MIB, /) -> bytes:
        if self.since > ROW_MAX or self.total > SHEET_MAX:
            raise UnreadableFileError(TOO_LARGE)
        data = self.part.read(size)
        self.since += len(data)
        self.total += len(data)
        return data


class _Texts:
    """The texts that cells share by number, packed: a tenth of a list of them."""

    def __init__(self) -> None:
        self.packed = bytearray()
        self.ends = array("I", [0])

    def append(self, text: str) -> None:
        self.packed += text.encode("utf-8", "replace")
        self.ends.append(len(self.packed))

    def __getitem__(self, number: int) -> str:
        if number < 0:
            raise IndexError(number)
        return self.packed[self.ends[number] : self.ends[number + 1]].decode()


def _texts(package: _Package, manifest: Manifest) -> _Texts:
    texts = _Texts()
    if (part := manifest.find(SHARED_STRINGS)) is None:  # type: ignore[no-untyped-call]  # has no types
        return texts
    path = part.PartName.removeprefix("/")
    package.bound(path, TEXTS_MAX)
    with package.open(path) as source:
        metered = _Metered(source)
        root = None
        for event, element in iterparse(metered, events=("start", "end")):
            if event == "start":
                root = element if root is None else root
            elif element.tag == _ITEM and root is not None:
                # Beside the text, or its runs, may stand how it is pronounced.
                parts = [run.find(_TEXT) for run in element if run.tag == _RUN]
                parts.append(element.find(_TEXT))
                texts.append("".join(t.text or "" for t in parts if t is not None))
                root.clear()
                metered.since = 0
    return texts


def _rows(
    source: IO[bytes],
    texts: _Texts,
    book: Any,  # noqa: ANN401 the formats of dates have no public name
) -> Iterator[tuple[int, list[str | None]]]:
    with source:
        metered = _Metered(source)
        parser = WorkSheetParser(
            metered,
            texts,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,  # noqa: SLF001
            timedelta_formats=book._timedelta_formats,  # noqa: SLF001
        )
        data = None
        for event, element in iterparse(metered, events=("start", "end")):
            if event == "start":
                data = element if element.tag == DATA_TAG else data
            elif element.tag == ROW_TAG and data is not None:
                number, cells = parser.parse_row(element)
                # Neither the tree of what was read nor the heights of its rows.
                data.clear()
                parser.row_dimensions.clear()
                metered.since = 0
                yield number, _line(cells)
            elif element.tag == DATA_TAG:
                return


def _line(cells: list[dict[str, Any]]) -> list[str | None]:
    line: list[str | None] = []
    for cell in cells:
        place = cell["column"] - 1
        if place >= len(line):
            line += [None] * (place + 1 - len(line))
        line[place] = _text(cell["value"])
    return line


def _text(value: object) -> str:
    if isinstance(value, str):
        return _ESCAPED.sub(_unescape, value) if "_x" in value else value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return spell(value)


def _unescape(found: re.Match[str]) -> str:
    """Characters that XML cannot hold, or text that looks like one of these."""
    units = bytes.fromhex(found[0].replace("_x", "").replace("_", ""))
    return units.decode("utf-16-be", "surrogatepass")
