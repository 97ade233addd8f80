"""A vessel's whole register as a file: streamed, and importable as it is."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import xlsxwriter
from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import select
from starlette.types import Receive, Scope, Send

from app.cells import defuse, defused
from app.database import Sessions, be_patient, driver
from app.equipment.models import Equipment

COLUMNS = ("code", "tag", "name", "location", "group", "parent", "status")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

# A satellite link takes its time; a client that reads nothing for ever does not.
SECONDS = 30 * 60
CHUNK = 64 * 1024

_NAMED = ", ".join(f'"{column}"' for column in COLUMNS)
_DEFUSED = ", ".join(defused(f'"{column}"') + f' AS "{column}"' for column in COLUMNS)
# COPY writes from PostgreSQL's rows straight to the socket: 77-98 % of the bare
# COPY's speed where rows through the ORM reached 5 % (W6).
_CSV = f"SELECT {_DEFUSED} FROM equipment WHERE vessel = $1 ORDER BY code"
_JSON = (
    f"SELECT row_to_json(e) FROM (SELECT {_NAMED} FROM equipment "
    "WHERE vessel = $1 ORDER BY code) e"
)
# COPY's text format would double JSON's backslashes; in CSV with quote and delimiter
# characters that JSON always escapes, each line is the JSON itself.
_VERBATIM = {"format": "csv", "quote": "\x01", "delimiter": "\x02"}

Write = Callable[[bytes], Awaitable[None]]


class CopyResponse(Response):
    """Sends what a COPY writes, as fast as the client takes it."""

    def __init__(
        self, sessions: Sessions, query: str, vessel: str, options: dict[str, Any]
    ) -> None:
        super().__init__()
        self.sessions, self.query, self.vessel = sessions, query, vessel
        self.options = options

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        waiting = bytearray()
        started = False

        async def flush(*, more: bool) -> None:
            nonlocal started
            if not started:
                # Not before there is something: until then a failure has its 503.
                started = True
                await send(
                    {
                        "type": "http.response.start",
                        "status": 200,
                        "headers": self.raw_headers,
                    }
                )
            body = bytes(waiting)
            waiting.clear()
            await send({"type": "http.response.body", "body": body, "more_body": more})

        async def write(data: bytes) -> None:
            waiting.extend(data)
            if len(waiting) >= CHUNK:
                await flush(more=True)

        async with asyncio.timeout(SECONDS), self.sessions() as session:
            await be_patient(session, SECONDS)
            connection = await driver(session)
            await connection.copy_from_query(
                self.query, self.vessel, output=write, timeout=SECONDS, **self.options
            )
        await flush(more=False)


def csv(request: Request, vessel: str) -> Response:
    response = CopyResponse(
        request.state.sessions, _CSV, vessel, {"format": "csv", "header": True}
    )
    return _named(response, vessel, "csv", "text/csv; charset=utf-8")


def ndjson(request: Request, vessel: str) -> Response:
    response = CopyResponse(request.state.sessions, _JSON, vessel, _VERBATIM)
    return _named(response, vessel, "ndjson", "application/x-ndjson")


def xlsx(request: Request, vessel: str) -> Response:
    response = StreamingResponse(_workbook(request.state.sessions, vessel))
    return _named(response, vessel, "xlsx", XLSX)


def _named(response: Response, vessel: str, ending: str, media_type: str) -> Response:
    response.headers["Content-Type"] = media_type
    # The characters of a code need no escape between quotes.
    name = f"{vessel}-equipment.{ending}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    # A constructor without a body declared that none would come.
    if "content-length" in response.headers:
        del response.headers["Content-Length"]
    return response


async def _workbook(sessions: Sessions, vessel: str) -> AsyncGenerator[bytes]:
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
                yield chunk
