"""`fpso` as its users run it, against a real server or against a broken one."""

import json
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from email.message import Message
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Protocol

import pytest
import structlog
from typer.main import get_command
from typer.testing import CliRunner, Result

from app.cli import app
from app.database import Base
from app.settings import Settings
from app.tests.conftest import Databases, connected, serving


class Fpso(Protocol):
    def __call__(self, *words: str, url: str | None = None) -> Result: ...


@pytest.fixture(scope="package", autouse=True)
def built_once() -> Iterator[None]:
    """Typer's runner builds all commands at each call, which takes 0.2 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(get_command))
        yield


@pytest.fixture
def run() -> Fpso:
    """Run `fpso` without any server."""

    def run(*words: str, url: str | None = None) -> Result:
        env = {"FPSO_URL": url, "COLUMNS": "80", "NO_COLOR": None}
        return CliRunner(env=env).invoke(
            app, words, prog_name="fpso", catch_exceptions=False
        )

    return run


@pytest.fixture(scope="package")
async def one_server(databases: Databases) -> AsyncGenerator[tuple[str, Settings]]:
    settings = await databases.make()
    with serving(settings) as url:
        yield url, settings


@pytest.fixture
async def server_url(one_server: tuple[str, Settings]) -> str:
    """A real server, its database emptied: starting one a test would take too long."""
    url, settings = one_server
    tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
    async with connected(settings) as connection:
        # The record refuses it, and is emptied too.
        await connection.execute(
            f"SET session_replication_role = replica; TRUNCATE {tables}"
        )
    return url


@pytest.fixture(autouse=True)
def apart() -> Iterator[None]:
    """Keep what the server logs, in this very process, out of what `fpso` prints."""
    before = structlog.get_config()
    structlog.configure(
        processors=[
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("error"),
        logger_factory=structlog.PrintLoggerFactory(sys.__stderr__),
    )
    yield
    structlog.configure(**before)


@pytest.fixture
def fpso(run: Fpso, server_url: str) -> Fpso:
    """Run `fpso` at a real server with an empty fleet."""

    def at_server(*words: str, url: str | None = None) -> Result:
        return run(*words, url=url or server_url)

    return at_server


@pytest.fixture
def vessel(fpso: Fpso) -> str:
    """A vessel with a compressor, and a switch below it whose code is hard to say."""
    assert fpso("vessels", "add", "MV102").exit_code == 0
    done = fpso(
        *("equipment", "add", "MV102", "5310B9D7"),
        *("--name", "compressor", "--location", "Brazil"),
    )
    assert done.exit_code == 0, done.stderr
    done = fpso(
        *("equipment", "add", "MV102", "23-LSHH-96138 (2)", "--name", "[red]/switch"),
        *("--location", "Santos", "--parent", "5310B9D7"),
    )
    assert done.exit_code == 0, done.stderr
    return "MV102"


class Canned:
    """Makes servers that give these very bytes to whoever asks, and hang up."""

    def __init__(self) -> None:
        self.servers: list[HTTPServer] = []
        self.seen: list[Message] = []  # the headers of each request

    def __call__(self, answer: bytes) -> str:
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline()
                if self.parse_request():
                    seen.append(self.headers)
                    self.rfile.read(int(self.headers.get("Content-Length", 0)))
                    self.wfile.write(answer)
                self.close_connection = True

        server = HTTPServer(("127.0.0.1", 0), Handler)
        self.servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        return f"http://127.0.0.1:{server.server_port}"

    def json(self, content: object, *headers: str) -> str:
        body = json.dumps(content).encode()
        head = "\r\n".join(
            (
                "HTTP/1.1 200 OK",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
                *headers,
            )
        )
        return self(f"{head}\r\n\r\n".encode() + body)


@pytest.fixture
def answering() -> Iterator[Canned]:
    canned = Canned()
    yield canned
    for server in canned.servers:
        server.shutdown()
        server.server_close()
