"""The kinds of files that a register is read from."""

from collections.abc import Callable
from typing import IO

from app.imports.delimited import read_csv, read_tsv
from app.imports.objects import read_json, read_ndjson
from app.imports.tables import Table
from app.imports.workbooks import read_xlsx

# A file, its declared encoding and its declared delimiter → its table.
Reader = Callable[[IO[bytes], str | None, str | None], Table]

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
READERS: dict[str, Reader] = {
    "text/csv": read_csv,
    "text/tab-separated-values": read_tsv,
    "application/json": read_json,
    "application/x-ndjson": read_ndjson,
    XLSX: read_xlsx,
}
