"""A vessel's whole register as a file: streamed, and importable as it is."""

import asyncio
from csv import reader
from functools import partial
from io import TextIOWrapper
from tempfile import TemporaryFile
from typing import IO, Any

import xlsxwriter
from fastapi import Request

from app.cells import defused
from app.database import Sessions, be_patient, driver
from app.downloads import CHUNK, Download, Write

COLUMNS = ("code", "tag", "name", "location", "group", "class", "parent", "status")
FREE = ("name", "location", "group")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

# How long reading a vessel may take; sending it may take far longer.
SECONDS = 2 * 60

_NAMED = ", ".join(f'"{column}"' for column in COLUMNS)
# Codes start with a letter or digit: only free texts can be formulas.
_DEFUSED = ", ".join(
    defused(f'"{column}"') + f' AS "{column}"' if column in FREE else f'"{column}"'
    for column in COLUMNS
)
# COPY writes PostgreSQL's rows as they are to be sent: 77-98 % of the bare COPY's
# speed where rows through the ORM reached 5 % (W6).
# `e.code`: a bare one would be the defused column, which no index sorts.
_CSV = f"SELECT {_DEFUSED} FROM equipment e WHERE vessel = $1 ORDER BY e.code"
_WITH_HEADER = {"format": "csv", "header": True}
_JSON = (
    f"SELECT row_to_json(e) FROM (SELECT {_NAMED} FROM equipment "
    "WHERE vessel = $1 ORDER BY code) e"
)
# COPY's text format would double JSON's backslashes; in CSV with quote and delimiter
# characters that JSON always escapes, each line is the JSON itself.
_VERBATIM = {"format": "csv", "quote": "\x01", "delimiter": "\x02"}


def csv(request: Request, vessel: str) -> Download:
    produce = partial(_copy, request.state.sessions, _CSV, vessel, _WITH_HEADER)
    return Download(produce, f"{vessel}-equipment.csv", "text/csv; charset=utf-8")


def ndjson(request: Request, vessel: str) -> Download:
    produce = partial(_copy, request.state.sessions, _JSON, vessel, _VERBATIM)
    return Download(produce, f"{vessel}-equipment.ndjson", "application/x-ndjson")


def xlsx(request: Request, vessel: str) -> Download:
    produce = partial(_workbook, request.state.sessions, vessel)
    return Download(produce, f"{vessel}-equipment.xlsx", XLSX)


async def _copy(
    sessions: Sessions, query: str, vessel: str, options: dict[str, Any], write: Write
) -> None:
    async with sessions() as session:
        await be_patient(session, SECONDS)
        connection = await driver(session)
        # Along the index the first row comes at once, a sort would read all before.
        await connection.execute("SET LOCAL enable_sort = off")
        await connection.copy_from_query(
            query, vessel, output=write, timeout=SECONDS, **options
        )


async def _workbook(sessions: Sessions, vessel: str, write: Write) -> None:
    """Make the file as a whole, since a ZIP ends with its table of contents."""
    with TemporaryFile() as table, TemporaryFile() as book:

        async def keep(data: bytes) -> None:
            table.write(data)

        await _copy(sessions, _CSV, vessel, _WITH_HEADER, keep)
        table.seek(0)
        making = asyncio.create_task(asyncio.to_thread(_make_workbook, table, book))
        try:
            await asyncio.shield(making)
        except asyncio.CancelledError:
            await making  # it writes in the files, which are to go
            raise
        book.seek(0)
        while chunk := book.read(CHUNK):
            await write(chunk)


def _make_workbook(table: IO[bytes], target: IO[bytes]) -> None:
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
    }
    lines = TextIOWrapper(table, "utf-8", newline="")
    with xlsxwriter.Workbook(target, options) as book:
        sheet = book.add_worksheet("equipment")
        sheet.freeze_panes(1, 0)
        for number, row in enumerate(reader(lines)):
            for column, value in enumerate(row):
                if value:
                    sheet.write_string(number, column, value)
    lines.detach()
