"""Files made to hurt, or merely huge: refused in words, soon, in little memory."""

import asyncio
import io
import json
import socket
import time
import zipfile
from collections.abc import AsyncGenerator

import pytest
import xlsxwriter
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import text
from starlette.types import Message

from app.database import Sessions, create_engine, create_sessions
from app.imports import workbooks
from app.main import create_app
from app.settings import Settings
from app.tests.conftest import client_for, connected
from app.tests.factories import equipment, get, refused, url, vessel
from app.tests.imports.factories import (
    ARRAY,
    CSV,
    NDJSON,
    XLSX,
    counts,
    load,
    plan,
    rows,
    send,
    workbook,
    wrong,
)

MIB = 1024 * 1024


# --- rows and columns -----------------------------------------------------------------


async def test_a_row_of_more_than_1_mib_costs_itself_alone(client: AsyncClient) -> None:
    await vessel(client)
    fields = ",".join(f'"{"x" * 100_000}"' for _ in range(12))
    content = (
        "code,name,note\n"
        f"A1,{'x' * 3 * MIB},\n"
        f"A2,x,{'x' * 140_000}\n"
        f"A3,x,{',' * 500_000}\n"
        f"A4,{fields}\n"
        f"A5,x,{'y' * 100_000}\n"
        "A6,x,\n" + "".join(f"B{i},x,{'z' * 120_000}\n" for i in range(10))
    )
    planned = await plan(client, content)
    assert wrong(planned) == [(row, None, "unreadable-row") for row in (2, 3, 5)]
    said = [error["message"] for error in planned["errors"]]
    assert "1,048,576" in said[0]
    assert "131,072" in said[1]
    found = [r["code"] for r in await rows(client, planned, action="create")]
    assert found == ["A3", "A5", "A6", *(f"B{i}" for i in range(10))]
    answer = await client.get(planned["links"]["errors_csv"])
    assert len(answer.content) < 10_000


async def test_a_line_of_more_than_1_mib_costs_itself_alone(
    client: AsyncClient,
) -> None:
    await vessel(client)
    lines = [
        json.dumps({"code": "A1", "name": "x"}),
        json.dumps({"code": "A2", "name": "x" * 3 * MIB}),
        json.dumps({"code": "A3", "name": "x"}),
    ]
    planned = await plan(client, "\n".join(lines), NDJSON)
    assert wrong(planned) == [(2, None, "unreadable-row")]
    assert counts(planned) == (2, 0, 0, 1)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([{"code": "A1"}, {"code": "A2", "note": "x" * 3 * MIB}]),
        json.dumps([{"code": "A1"}, {"note": [[i] for i in range(400_000)]}]),
        json.dumps({"note": "x" * 3 * MIB, "items": [{"code": "A1"}]}),
    ],
)
async def test_an_object_of_more_than_1_mib_is_refused(
    client: AsyncClient, content: str
) -> None:
    await vessel(client)
    problem = refused(await send(client, content, ARRAY), 422, "unreadable-file")
    assert "larger than 1 MiB" in problem["detail"]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (CSV, ",".join(["code", *(f"c{i}" for i in range(1000))]).encode()),
        (XLSX, workbook([["code", *(f"c{i}" for i in range(1000))]])),
        (NDJSON, "\n".join(f'{{"a": "A", "k{i}": 1}}' for i in range(1000)).encode()),
        (ARRAY, json.dumps([{f"k{i}": 1 for i in range(1001)}]).encode()),
    ],
)
async def test_more_than_1000_columns_are_refused(
    client: AsyncClient, kind: str, content: bytes
) -> None:
    await vessel(client)
    problem = refused(await send(client, content, kind), 422, "unreadable-file")
    assert "1,000 columns" in problem["detail"]


async def test_quotes_made_to_be_read_again_end(client: AsyncClient) -> None:
    # Each line opens a quote afresh, and goes on inside of one: read again and again,
    # each would cost as much as all that follow it.
    await vessel(client)
    started = time.perf_counter()
    planned = await plan(client, "code,name\n" + 'x","x\n' * 60_000)
    assert time.perf_counter() - started < 30
    assert counts(planned)[:3] == (0, 0, 0)


# --- workbooks ------------------------------------------------------------------------


def package(content: bytes, **parts: bytes | None) -> bytes:
    """The workbook with some of its parts replaced, or none of them (None)."""
    places = {
        "sheet": "xl/worksheets/sheet1.xml",
        "texts": "xl/sharedStrings.xml",
        "styles": "xl/styles.xml",
        "types": "[Content_Types].xml",
        "book": "xl/workbook.xml",
    }
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        replaced = {places[name]: part for name, part in parts.items()}
        for name in dict.fromkeys([*old.namelist(), *replaced]):
            data = replaced.get(name, b"") if name in replaced else old.read(name)
            if data is not None:
                new.writestr(name, data)
    return file.getvalue()


BOOK = workbook([["code", "name"], ["A1", "x"]])
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    "<sheetData>{}</sheetData></worksheet>"
)
HEADER = '<row r="1"><c r="A1" t="str"><v>code</v></c></row>'
TEXTS = (
    '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{}</sst>'
)


def sheet(rows: str) -> bytes:
    return package(BOOK, sheet=SHEET.format(HEADER + rows).encode())


def crowded() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for number in range(5000):
            made.writestr(f"xl/{number:0250}", b"")
    return file.getvalue()


BOMBS = {
    "styles": lambda: package(BOOK, styles=b" " * 5 * MIB),
    "texts": lambda: package(BOOK, texts=b" " * 33 * MIB),
    "one text": lambda: package(
        BOOK, texts=TEXTS.format(f"<si><t>{'x' * 3 * MIB}</t></si>").encode()
    ),
    "one row": lambda: sheet(
        f'<row r="2"><c t="str"><v>{"x" * 3 * MIB}</v></c></row><row r="3"/>'
    ),
    "contents": crowded,
}


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS)
async def test_a_zip_bomb_is_refused(client: AsyncClient, make: object) -> None:
    assert callable(make)
    content = make()
    await vessel(client)
    problem = refused(await send(client, content, XLSX), 422, "unreadable-file")
    assert "as CSV" in problem["detail"]


async def test_a_sheet_that_unfolds_without_end_is_refused(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbooks, "SHEET_MAX", MIB // 16)
    await vessel(client)
    row = '<row r="{}"><c t="b"><v>1</v></c></row>'
    content = sheet("".join(row.format(number) for number in range(2, 3_000)))
    problem = refused(await send(client, content, XLSX), 422, "unreadable-file")
    assert "unfolds" in problem["detail"]


BROKEN = {
    "a zip of something else": package(BOOK, types=None),
    "no workbook in it": package(
        BOOK,
        types=b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        b'content-types"/>',
    ),
    "styles that are none": package(BOOK, styles=b"<styleSheet"),
    "no sheet": package(
        BOOK,
        book=b'<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/'
        b'main"><sheets/></workbook>',
    ),
    "its sheet is not there": package(BOOK, sheet=None),
    "cut off": BOOK[:-200],
    "damaged": BOOK[:1500] + bytes(100) + BOOK[1600:],
    "broken XML": sheet('<row r="2"><c r="A2"><v>1</v></row>'),
    "an entity": package(
        BOOK,
        sheet=b'<!DOCTYPE x [<!ENTITY a "aaaa">]>'
        + SHEET.format(HEADER + '<row r="2"><c t="str"><v>&a;</v></c></row>').encode(),
    ),
    "a text that is not there": sheet('<row r="2"><c r="A2" t="s"><v>99</v></c></row>'),
    "a text before the first": sheet('<row r="2"><c r="A2" t="s"><v>-1</v></c></row>'),
    "rows out of order": sheet('<row r="3"/><row r="2"><c t="b"><v>1</v></c></row>'),
    "a row beyond all": sheet('<row r="99999999999"><c t="b"><v>1</v></c></row>'),
    "a column beyond all": sheet('<row r="2"><c r="AAAA2"><v>1</v></c></row>'),
    "no number": sheet('<row r="2"><c r="A2"><v>one</v></c></row>'),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
async def test_a_workbook_that_is_broken_is_refused(
    client: AsyncClient, content: bytes
) -> None:
    await vessel(client)
    problem = refused(await send(client, content, XLSX), 422, "unreadable-file")
    assert "\n" not in problem["detail"]


async def test_gaps_and_far_cells_of_a_workbook_cost_nothing(
    client: AsyncClient,
) -> None:
    await vessel(client)
    content = sheet(
        '<row r="2"><c r="A2" t="str"><v>A1</v></c><c r="XFD2"><v>1</v></c></row>'
        '<row r="7"><c r="B7"><v/></c><c r="A7" t="str"><v>A7</v></c></row>'
        '<row r="1048576"><c r="A9" t="str"><v>A9</v></c></row>'
    )
    planned = await plan(client, content, XLSX, mapping={"name": {"constant": "x"}})
    assert wrong(planned) == [(2, None, "too-many-cells")]
    found = await rows(client, planned)
    assert [(r["row"], r["code"]) for r in found] == [
        (2, None),
        (7, "A7"),
        (1048576, "A9"),
    ]


async def test_titles_end_with_the_last_that_says_something(
    client: AsyncClient,
) -> None:
    await vessel(client)
    blank = '<c r="B1" s="0"/><c r="C1" t="str"><v> </v></c>'
    body = HEADER.replace("</row>", f"{blank}</row>") + (
        '<row r="2"><c r="A2" t="str"><v>A1</v></c><c r="B2" t="str"><v>x</v></c></row>'
    )
    content = package(BOOK, sheet=SHEET.format(body).encode())
    planned = await plan(client, content, XLSX, mapping={"name": {"constant": "x"}})
    assert wrong(planned) == [(2, None, "too-many-cells")]


async def test_the_first_sheet_is_the_first_with_cells(client: AsyncClient) -> None:
    await vessel(client)
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        chart = book.add_chartsheet("chart")
        sheet = book.add_worksheet("tags")
        book.add_worksheet("other")
        sheet.write_row(0, 0, ["code", "name"])
        sheet.write_row(1, 0, ["A1", "x"])
        line = book.add_chart({"type": "line"})
        line.add_series({"values": "=tags!$A$1:$A$2"})
        chart.set_chart(line)
    planned = await plan(client, file.getvalue(), XLSX)
    assert counts(planned) == (1, 0, 0, 0)


async def test_rich_texts_and_escapes_of_a_workbook(client: AsyncClient) -> None:
    await vessel(client)
    texts = TEXTS.format(
        "<si><t>code</t></si><si><t>name</t></si><si><t>A1</t></si><si>"
        "<r><t>Kj</t></r><r><rPr/><t>øler _x005F_x0041__xD83D__xDEA2_</t></r>"
        "<rPh><t>no</t></rPh></si><si/>"
    )
    cells = "".join(f'<c t="s"><v>{i}</v></c>' for i in (2, 3, 4))
    body = f'<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row><row>{cells}</row>'
    content = package(BOOK, sheet=SHEET.format(body).encode(), texts=texts.encode())
    [row] = await rows(client, await plan(client, content, XLSX))
    assert row["values"]["name"] == "Kjøler _x0041_\U0001f6a2"


# --- bodies ---------------------------------------------------------------------------


async def test_a_body_of_more_than_100_mib_is_413(client: AsyncClient) -> None:
    await vessel(client)
    piece = b"A,x\n" * (MIB // 4)

    async def body() -> AsyncGenerator[bytes]:
        for _ in range(101):
            yield piece

    answer = await client.post(
        url("vessels", "MV102", "imports"),
        content=body(),
        headers={"Content-Type": CSV},
    )
    refused(answer, 413, "too-large")
    assert (await get(client, "imports"))["items"] == []


async def test_a_length_of_more_than_100_mib_is_413_at_once(server_url: str) -> None:
    def ask(path: str, kind: str, length: int, body: str) -> bytes:
        port = int(server_url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
            sent = f"{head}Content-Length: {length}\r\n\r\n{body}"
            connection.sendall(sent.encode())
            return connection.recv(65536)

    made = await asyncio.to_thread(ask, url("vessels"), ARRAY, 16, '{"code":"MV102"}')
    assert b" 201 " in made
    here = url("vessels", "MV102", "imports")
    answer = await asyncio.to_thread(ask, here, CSV, 104_857_601, "code\n")
    assert b" 413 " in answer
    assert b"application/problem+json" in answer


async def test_an_upload_that_breaks_off_leaves_nothing(
    app: FastAPI,
    client: AsyncClient,
    sessions: Sessions,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await vessel(client)
    sent: list[Message] = []
    messages: list[Message] = [
        {"type": "http.request", "body": b"code,name\nA1,x\n", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send_back(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/vessels/MV102/imports",
        "query_string": b"",
        "headers": [(b"content-type", b"text/csv")],
        "state": {"sessions": sessions},
    }
    await app(scope, receive, send_back)
    assert sent[0]["status"] == 400
    assert "unforeseen" not in capsys.readouterr().out
    assert (await get(client, "imports"))["items"] == []


# --- plans of the database ------------------------------------------------------------


async def test_references_are_checked_by_index_on_a_used_connection(
    fresh: Settings,
) -> None:
    # A connection keeps plans that it made when reading the whole of a tiny table was
    # best: 2,500 rows would each read all of a grown one.
    settings = fresh.model_copy(update={"pool_size": 1})
    engine = create_engine(settings)
    async with client_for(create_app(settings), create_sessions(engine)) as client:
        await vessel(client)
        # The first temporary table of a connection lets all its plans be made anew.
        await load(client, "code,name\nC0,x\n")
        async with engine.connect() as connection:
            # Of a table that it never looked at, the planner expects the worst.
            alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await alone.execute(text("VACUUM ANALYZE equipment"))
        for number in range(12):
            await equipment(client, f"C{number + 1}", parent=f"C{number}")
        for number in range(8):
            await load(client, f"code,name\nC0,x{number}\n")
        lines = [f"B{i},x,{f'B{i // 2}' if i else 'C0'}" for i in range(2500)]
        content = "\n".join(["code,name,parent", *lines])
        await load(client, content)
        await load(client, content.replace(",x,", ",y,"))
    await engine.dispose()
    # A server process reports what it did when it ends.
    for _ in range(400):
        if (read := await tuples_read(fresh)) is not None:
            break
        await asyncio.sleep(0.05)
    assert read is not None
    assert read < 100_000


async def tuples_read(settings: Settings) -> int | None:
    """How many rows of the equipment were read without an index, once that is known."""
    async with connected(settings) as connection:
        read: int | None = await connection.fetchval(
            "SELECT seq_tup_read FROM pg_stat_user_tables "
            "WHERE relname = 'equipment' AND n_tup_ins > 2500"
        )
    return read
