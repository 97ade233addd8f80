"""A vessel's whole register as a file: streamed, and importable as it is."""

import asyncio
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import xlsxwriter
from fastapi import Request
from sqlalchemy import select

from app.cells import defuse, defused
from app.database import Sessions, be_patient, driver
from app.downloads import CHUNK, Download, Write
from app.equipment.models import Equipment

COLUMNS = ("code", "tag", "name", "location", "group", "parent", "status")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

# How long reading a vessel may take; sending it may take far longer.
SECONDS = 2 * 60

_NAMED = ", ".join(f'"{column}"' for column in COLUMNS)
_DEFUSED = ", ".join(defused(f'"{column}"') + f' AS "{column}"' for column in COLUMNS)
# COPY writes PostgreSQL's rows as they are to be sent: 77-98 % of the bare COPY's
# speed where rows through the ORM reached 5 % (W6).
_CSV = f"SELECT {_DEFUSED} FROM equipment WHERE vessel = $1 ORDER BY code"
_JSON = (
    f"SELECT row_to_json(e) FROM (SELECT {_NAMED} FROM equipment "
    "WHERE vessel = $1 ORDER BY code) e"
)
# COPY's text format would double JSON's backslashes; in CSV with quote and delimiter
# characters that JSON always escapes, each line is the JSON itself.
_VERBATIM = {"format": "csv", "quote": "\x01", "delimiter": "\x02"}


def csv(request: Request, vessel: str) -> Download:
    options = {"format": "csv", "header": True}
    produce = partial(_copy, request.state.sessions, _CSV, vessel, options)
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
        await connection.copy_from_query(
            query, vessel, output=write, timeout=SECONDS, **options
        )


async def _workbook(sessions: Sessions, vessel: str, write: Write) -> None:
    """Write row by row to a file, since a ZIP ends with its table of contents."""
    rows = (
        select(*(getattr(Equipment, column) for column in COLUMNS))
        .where(Equipment.vessel == vessel)
        .order_by(Equipment.code)
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "equipment.xlsx"
        book = xlsxwriter.Workbook(
            path,
            {
                "constant_memory": True,
                "tmpdir": folder,
                "strings_to_formulas": False,
                "strings_to_urls": False,
            },
        )
        sheet = book.add_worksheet("equipment")
        sheet.write_row(0, 0, COLUMNS)
        sheet.freeze_panes(1, 0)

        def add(start: int, part: list[tuple[str | None, ...]]) -> None:
            for number, row in enumerate(part, start):
                for column, value in enumerate(row):
                    if value is not None:
                        sheet.write_string(number, column, defuse(value))

        async with sessions() as session:
            await be_patient(session, SECONDS)
            written = 1
            result = await session.stream(rows)
            async for part in result.partitions(1000):
                await asyncio.to_thread(add, written, [tuple(row) for row in part])
                written += len(part)
        await asyncio.to_thread(book.close)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                await write(chunk)
