"""A vessel's register as a file: whole, streamed, and importable as it is."""

import asyncio
import csv
import io
import json
import socket
import time
from collections.abc import Iterator
from typing import IO

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from sqlalchemy import text
from starlette.types import Message

from app.database import Sessions
from app.downloads import CHUNK, Download, Write
from app.equipment import exports
from app.equipment.exports import COLUMNS
from app.settings import Settings
from app.tests.conftest import connected, serving
from app.tests.factories import equipment, ok, refused, url, vessel
from app.tests.imports.factories import KINDS, NDJSON, aboard, counts, load, plan

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
FORMULAS = ("=1+1", "+47 55", "-5", "@SUM(A1)", "'quoted", "'=x", "''", "=", "a=b")


async def export(client: AsyncClient, ending: str, vessel: str = "MV102") -> bytes:
    answer = await client.get(url("vessels", vessel, f"equipment.{ending}"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == TYPES[ending]
    name = f'attachment; filename="{vessel}-equipment.{ending}"'
    assert answer.headers["content-disposition"] == name
    return answer.content


def read(content: bytes, ending: str) -> list[dict[str, str | None]]:
    """The rows as another program reads them."""
    if ending == "ndjson":
        return [json.loads(line) for line in content.splitlines()]
    if ending == "csv":
        # PostgreSQL writes null as nothing, and an empty text in quotes.
        table = csv.DictReader(io.StringIO(content.decode(), newline=""))
        return [{k: v or None for k, v in row.items()} for row in table]
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    header, *rows = sheet.iter_rows()
    assert {cell.data_type for row in rows for cell in row if cell.value} <= {"s"}
    names = [str(cell.value) for cell in header]
    values = [[str(cell.value) if cell.value else None for cell in row] for row in rows]
    return [dict(zip(names, row, strict=True)) for row in values]


@pytest.fixture
async def register(client: AsyncClient) -> list[dict[str, str | None]]:
    """A vessel with all that a register has; its rows in the order of their codes."""
    await vessel(client)
    await vessel(client, "MV103")
    await equipment(client, "ELSEWHERE", of="MV103")
    lines: list[dict[str, str | None]] = [
        {
            "code": "Z-ROOT",
            "tag": "23-KA-9101",
            "name": 'Kjøler "A", 1½"',
            "location": "Módulo; 1\\2",
            "group": "Gas 🚢",
            "class": "CO",
            "parent": None,
            "status": "active",
        },
        {
            "code": "60-EN-9011A+80E2 (2)",
            "tag": None,
            "name": "x",
            "location": None,
            "group": None,
            "class": None,
            "parent": "Z-ROOT",
            "status": "inactive",
        },
    ]
    await load(client, "\n".join(map(json.dumps, lines)), NDJSON)
    return lines[::-1]


@pytest.mark.parametrize("ending", KINDS)
async def test_an_export_holds_the_whole_vessel(
    client: AsyncClient, register: list[dict[str, str | None]], ending: str
) -> None:
    content = await export(client, ending)
    assert read(content, ending) == register
    assert list(read(content, ending)[0]) == list(COLUMNS)


@pytest.mark.parametrize("ending", KINDS)
async def test_an_export_imported_again_changes_nothing(
    client: AsyncClient, register: list[dict[str, str | None]], ending: str
) -> None:
    planned = await plan(client, await export(client, ending), KINDS[ending])
    assert counts(planned) == (0, 0, len(register), 0)
    assert planned["ignored_columns"] == []


@pytest.mark.parametrize("ending", KINDS)
async def test_an_export_fills_another_vessel(
    client: AsyncClient, register: list[dict[str, str | None]], ending: str
) -> None:
    """A sister has the same tags under codes of her own."""
    content = await export(client, ending)
    await vessel(client, "MV104")
    planned = await plan(client, content, KINDS[ending], to="MV104")
    assert counts(planned)[3] == len(register)
    planned = await plan(
        client,
        content,
        KINDS[ending],
        to="MV104",
        mapping={"code": None, "parent": None},
    )
    assert counts(planned) == (1, 0, 0, 1)


@pytest.mark.parametrize("ending", KINDS)
async def test_formulas_are_defused_in_spreadsheets_and_come_back(
    client: AsyncClient, ending: str
) -> None:
    await vessel(client)
    for number, name in enumerate(FORMULAS):
        await equipment(client, f"A{number}", name=name, location=name, group=name)
    content = await export(client, ending)
    names = [row["name"] or "" for row in read(content, ending)]
    if ending == "ndjson":
        assert names == list(FORMULAS)
    else:
        assert not [name for name in names if name[0] in "=+-@"]
        assert names[0] == "'=1+1"
        assert names[-1] == "a=b"
    planned = await plan(client, content, KINDS[ending])
    assert counts(planned) == (0, 0, len(FORMULAS), 0)


LABELS = (
    st.text(
        st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))
        | st.sampled_from("=+-@'\"_x0\\"),
        min_size=1,
        max_size=200,
    )
    .map(str.strip)
    .filter(bool)
)


@given(st.lists(st.tuples(*[LABELS.filter(bool)] * 3), min_size=1, max_size=10))
@example([("_x0041_", "_x005F_", "\ufffe\uffff")])
@example([("\ufeff", "a\u00a0b", "  x  y".strip())])
@example([("\\N", "\\.", "NULL"), ('"', '""', ",")])
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_every_text_survives_the_round_trip(
    client: AsyncClient, sessions: Sessions, texts: list[tuple[str, str, str]]
) -> None:
    async with sessions.begin() as session:
        await session.execute(text("DELETE FROM equipment"))
    if (await client.get(url("vessels", "MV102"))).status_code == 404:
        await vessel(client)
    objects = [
        {"code": f"A{i}", "name": name, "location": location, "group": group}
        for i, (name, location, group) in enumerate(texts)
    ]
    await load(client, "\n".join(map(json.dumps, objects)), NDJSON)
    found = await aboard(client)
    assert [(o["name"], o["location"], o["group"]) for o in found.values()] == texts
    for ending, kind in KINDS.items():
        planned = await plan(client, await export(client, ending), kind)
        assert counts(planned) == (0, 0, len(texts), 0), (ending, planned["updates"])


@pytest.mark.parametrize("ending", KINDS)
async def test_an_empty_vessel_is_an_empty_file(
    client: AsyncClient, ending: str
) -> None:
    await vessel(client)
    content = await export(client, ending)
    assert read(content, ending) == []
    if ending != "ndjson":
        assert counts(await plan(client, content, KINDS[ending])) == (0, 0, 0, 0)


@pytest.mark.parametrize("ending", KINDS)
async def test_an_unknown_vessel_is_404(client: AsyncClient, ending: str) -> None:
    answer = await client.get(url("vessels", "NOPE", f"equipment.{ending}"))
    refused(answer, 404, "not-found")


async def test_an_export_takes_no_parameters(client: AsyncClient) -> None:
    await vessel(client)
    here = url("vessels", "MV102", "equipment.csv")
    refused(await client.get(here, params={"status": "active"}), 422, "invalid")


# --- how it is sent -------------------------------------------------------------------


class Taker:
    """An ASGI client that notes what it is sent, and leaves when it is told to."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.got = asyncio.Event()
        self.leave = asyncio.Event()

    async def receive(self) -> Message:
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.messages.append(message)
        if message.get("body"):
            self.got.set()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def ended(self) -> bool:
        return self.messages[-1].get("more_body") is False

    async def take(self, download: Download) -> None:
        async with asyncio.timeout(10):
            await download({"type": "http"}, self.receive, self.send)


async def test_the_first_bytes_leave_before_the_last_are_made() -> None:
    client = Taker()

    async def produce(write: Write) -> None:
        await write(b"1" * CHUNK)
        await client.got.wait()
        await write(b"2")

    await client.take(Download(produce, "x.csv", "text/csv"))
    assert client.body == b"1" * CHUNK + b"2"
    assert client.ended
    assert client.messages[0]["status"] == 200


async def test_what_is_made_faster_than_sent_arrives_whole() -> None:
    client = Taker()
    parts = [bytes([65 + i % 26]) * (i * 997 % 90_000) for i in range(60)]

    async def produce(write: Write) -> None:
        for part in parts:
            await write(part)

    await client.take(Download(produce, "x.csv", "text/csv"))
    assert client.body == b"".join(parts)
    assert max(len(message.get("body", b"")) for message in client.messages) <= CHUNK


async def test_who_goes_away_stops_the_making() -> None:
    client = Taker()
    stopped = False

    async def produce(write: Write) -> None:
        nonlocal stopped
        await write(b"1" * CHUNK)
        try:
            await asyncio.sleep(60)
        finally:
            stopped = True

    taking = asyncio.create_task(client.take(Download(produce, "x.csv", "text/csv")))
    await client.got.wait()
    client.leave.set()
    await taking
    assert stopped
    assert not client.ended


async def test_who_goes_away_while_a_workbook_is_made_leaves_nothing(
    app: FastAPI,
    client: AsyncClient,
    sessions: Sessions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await vessel(client)
    lines = "".join(f"A{i},x\n" for i in range(4000))
    await load(client, f"code,name\n{lines}")
    taker, loop, made = Taker(), asyncio.get_running_loop(), []
    make = exports._make_workbook  # noqa: SLF001 to leave in the midst of it

    async def leave() -> None:
        taker.leave.set()
        for _ in range(20):  # until who makes it is told
            await asyncio.sleep(0)

    def leave_and_make(table: IO[bytes], book: IO[bytes]) -> None:
        asyncio.run_coroutine_threadsafe(leave(), loop).result()
        make(table, book)
        made.append(not book.closed)

    monkeypatch.setattr(exports, "_make_workbook", leave_and_make)
    scope = {
        "type": "http",
        "method": "GET",
        "path": url("vessels", "MV102", "equipment.xlsx"),
        "query_string": b"",
        "headers": [],
        "state": {"sessions": sessions},
    }
    await app(scope, taker.receive, taker.send)
    assert made == [True]
    assert not taker.messages
    monkeypatch.undo()
    assert len(read(await export(client, "xlsx"), "xlsx")) == 4000


async def test_a_failure_on_the_way_does_not_look_like_an_end() -> None:
    client = Taker()

    async def produce(write: Write) -> None:
        await write(b"1" * CHUNK)
        await client.got.wait()
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await client.take(Download(produce, "x.csv", "text/csv"))
    assert client.body
    assert not client.ended


@pytest.mark.parametrize("ending", KINDS)
async def test_a_failure_before_the_first_byte_is_an_answer(
    committed: AsyncClient, fresh: Settings, ending: str
) -> None:
    await vessel(committed)
    async with connected(fresh) as other, other.transaction():
        await other.execute("LOCK TABLE equipment IN ACCESS EXCLUSIVE MODE")
        answer = await committed.get(url("vessels", "MV102", f"equipment.{ending}"))
        refused(answer, 503, "unavailable")
    await export(committed, ending)


@pytest.fixture
async def large(fresh: Settings) -> Settings:
    """A vessel of some 10 MB: more than sockets buffer; and one connection for all."""
    async with connected(fresh) as connection:
        await connection.execute(
            "INSERT INTO vessels (code) VALUES ('MV102'); "
            "INSERT INTO equipment (vessel, code, name) "
            "SELECT 'MV102', 'A' || n, repeat('x', 190) "
            "FROM generate_series(1, 40000) n"
        )
    return fresh.model_copy(update={"pool_size": 1})


@pytest.fixture
def large_url(large: Settings) -> Iterator[str]:
    with serving(large) as address:
        yield address


def test_a_client_that_takes_nothing_holds_no_connection(large_url: str) -> None:
    port = int(large_url.rpartition(":")[2])
    with socket.socket() as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect(("127.0.0.1", port))
        path = url("vessels", "MV102", "equipment.csv")
        stalled.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert stalled.recv(15) == b"HTTP/1.1 200 OK"
        with Client(base_url=large_url) as other:
            # While COPY runs the one connection is taken; then it is free.
            deadline = time.monotonic() + 20
            while other.get(url("vessels")).status_code != 200:
                assert time.monotonic() < deadline
            for ending in KINDS:
                head = other.head(url("vessels", "MV102", f"equipment.{ending}"))
                assert (head.status_code, head.content) == (200, b"")
                assert head.headers["content-type"] == TYPES[ending]
            whole = other.get(path)
            assert whole.text.count("\n") == 40_001
            assert ok(other.get(url("vessels")))["items"]
