"""One real PostgreSQL, migrated once; one rolled-back transaction a test.

The server is the one that FPSO_DATABASE_URL names, if it names a superuser, or else a
throw-away one of our own. Either way the tests make databases and a role of their own
there and drop them: the database that the URL names is never touched.
"""

import asyncio
import os
import re
import secrets
import signal
import socket
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import pytest
import uvicorn
from alembic import command
from alembic.config import Config
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import NullPool
from starlette.types import Receive, Scope, Send

from app.database import Driver, Sessions, create_engine, create_sessions, driver
from app.drivers import Drivers, open_drivers
from app.embedded.postgres import scratch_server
from app.log import configure
from app.main import create_app
from app.settings import Settings

BACKEND = Path(__file__).parents[2]

# A shell that starts the tests in the background lets them ignore Ctrl-C, and so would
# every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--buyers", default=8, help="of the rush for stock")
    parser.addoption("--carts", default=3, help="of each buyer")


class Databases:
    """Makes databases with our schema on one server, each in some 50 ms.

    The superuser owns them. The application connects as a role of its own, as it does
    in both front doors: what that may not do, no test can rely on.
    """

    def __init__(self, server: URL) -> None:
        self.server = server.set(drivername="postgresql+asyncpg")
        self.template = f"fpso_test_{secrets.token_hex(6)}"
        self.service = server.set(
            username=f"{self.template}_app", password=secrets.token_hex(12)
        )
        self.made: list[str] = []

    async def run(self, statement: str) -> None:
        engine = create_async_engine(
            self.server, isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        async with engine.connect() as connection:
            await connection.execute(text(statement))
        await engine.dispose()

    async def prepare(self) -> None:
        await self.run(f"CREATE DATABASE {self.template} TEMPLATE template0")
        self.made.append(self.template)

        def migrate(connection: Connection) -> None:
            config = Config(toml_file=str(BACKEND / "pyproject.toml"))
            config.attributes.update(connection=connection, service=self.service)
            command.upgrade(config, "head")

        url = self.server.set(database=self.template)
        engine = create_async_engine(url, poolclass=NullPool)
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
            # Tests want the statistics of rows that nobody but the service sees.
            service = f'"{self.service.username}"'
            await connection.execute(
                text(
                    "GRANT MAINTAIN ON equipment, operations, issues, parts, "
                    f"requisitions, requisition_lines, balances TO {service}"
                )
            )
            await connection.commit()
        await engine.dispose()

    async def make(self, template: str | None = None) -> Settings:
        """Settings for a new database; with our schema and no rows, if not told."""
        name = f"fpso_test_{secrets.token_hex(6)}"
        await self.run(f"CREATE DATABASE {name} TEMPLATE {template or self.template}")
        self.made.append(name)
        urls = {"database_url": self.service, "migration_database_url": self.server}
        return Settings.model_validate(
            {
                key: url.set(drivername="postgresql", database=name).render_as_string(
                    hide_password=False
                )
                for key, url in urls.items()
            }
        )

    async def drop(self, name: str) -> None:
        await self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.made.remove(name)

    async def clean_up(self) -> None:
        for name in list(self.made):
            await self.drop(name)
        await self.run(f"DROP ROLE IF EXISTS {self.service.username}")


@pytest.fixture(scope="session", autouse=True)
def logs() -> None:
    """As in a backend: structlog's own way of telling a failure takes seconds."""
    configure("warning")


async def _is_superuser(url: URL) -> bool:
    """Whether it may do all that tests do; in compose, a backend's role may not."""
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    said: str = await connection.fetchval("SHOW is_superuser")
    await connection.close()
    return said == "on"


@pytest.fixture(scope="session")
async def server(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[URL]:
    """A PostgreSQL server on which databases and roles may be made."""
    given = os.environ.get("FPSO_DATABASE_URL")
    if given and await _is_superuser(url := make_url(given)):
        yield url
        return
    with scratch_server(tmp_path_factory.mktemp("postgres")) as own:
        yield make_url(own)


@pytest.fixture(scope="session")
async def databases(server: URL) -> AsyncGenerator[Databases]:
    databases = Databases(server)
    await databases.prepare()
    yield databases
    await databases.clean_up()


@pytest.fixture(scope="session")
async def settings(databases: Databases) -> Settings:
    """Those of the database whose tests are all rolled back."""
    return await databases.make()


@pytest.fixture(scope="session")
async def engine(settings: Settings) -> AsyncGenerator[AsyncEngine]:
    engine = create_engine(settings)
    yield engine
    await engine.dispose()


@asynccontextmanager
async def rolled_back(engine: AsyncEngine) -> AsyncGenerator[Sessions]:
    """Sessions whose commits are savepoints inside a transaction we roll back."""
    async with engine.connect() as connection:
        transaction = await connection.begin()
        yield async_sessionmaker(
            connection,
            expire_on_commit=False,
            join_transaction_mode="create_savepoint",
        )
        await transaction.rollback()


@pytest.fixture
async def sessions(engine: AsyncEngine) -> AsyncGenerator[Sessions]:
    async with rolled_back(engine) as sessions:
        yield sessions


def state(sessions: Sessions) -> dict[str, object]:
    """What a backend has at hand; both kinds share one transaction."""

    @asynccontextmanager
    async def drivers() -> AsyncGenerator[Driver]:
        async with sessions.begin() as session:
            yield await driver(session)

    return {"sessions": sessions, "drivers": drivers}


def client_for(
    app: FastAPI, sessions: Sessions, drivers: Drivers | None = None
) -> AsyncClient:
    own = {"drivers": drivers} if drivers else {}

    async def with_sessions(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {**state(sessions), **own}}, receive, send)

    # Let the application answer its own failures, as the real server does.
    transport = ASGITransport(with_sessions, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url="http://fpso")


@pytest.fixture(scope="session")
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
async def client(app: FastAPI, sessions: Sessions) -> AsyncGenerator[AsyncClient]:
    async with client_for(app, sessions) as client:
        yield client


@pytest.fixture
async def fresh(databases: Databases) -> AsyncGenerator[Settings]:
    """Settings of a database of its own: for rows that are really committed."""
    settings = await databases.make()
    yield settings
    await databases.drop(str(make_url(str(settings.database_url)).database))


@pytest.fixture
async def committed(app: FastAPI, fresh: Settings) -> AsyncGenerator[AsyncClient]:
    """A client whose requests commit, each on a connection of its own."""
    engine = create_engine(fresh)
    async with (
        open_drivers(engine, fresh.pool_size) as drivers,
        client_for(app, create_sessions(engine), drivers) as client,
    ):
        yield client
    await engine.dispose()


@asynccontextmanager
async def connected(settings: Settings) -> AsyncGenerator[Driver]:
    """A connection beside the application's, as whoever owns the tables."""
    connection = await asyncpg.connect(str(settings.migration_database_url))
    try:
        yield connection
    finally:
        await connection.close()


async def seen(
    connection: Driver, query: str, *, at_least: int, seconds: float = 30
) -> None:
    """Wait until the query's number is large enough; outside of a transaction."""
    async with asyncio.timeout(seconds):
        while await connection.fetchval(query) < at_least:  # noqa: ASYNC110 in PostgreSQL
            await asyncio.sleep(0.01)


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Run the application on a real server, on loopback; give its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            create_app(settings), log_config=None, timeout_graceful_shutdown=2
        )
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not running.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join()


@pytest.fixture
def server_url(fresh: Settings) -> Iterator[str]:
    """The address of a real server over a database of its own."""
    with serving(fresh) as url:
        yield url


@pytest.fixture
async def statements(
    engine: AsyncEngine, sessions: Sessions
) -> AsyncGenerator[list[str]]:
    """Every statement that the test causes, so that a listing can promise its cost."""
    seen: list[str] = []

    def record(_c: object, _x: object, statement: str, *_: object) -> None:
        seen.append(statement)

    def record_below(query: asyncpg.connection.LoggedQuery) -> None:
        seen.append(query.query)

    async with sessions() as session:
        connection = await driver(session)
    event.listen(engine.sync_engine, "before_cursor_execute", record)
    with connection.query_logger(record_below):
        yield seen
    event.remove(engine.sync_engine, "before_cursor_execute", record)


async def generic_plan(connection: Driver, statement: str) -> str:
    """The plan that PostgreSQL keeps for all values, as text."""
    count = len(set(re.findall(r"\$\d+", statement)))
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    await connection.execute(f"PREPARE asked AS {statement}")
    rows = await connection.fetch(f"EXPLAIN EXECUTE asked {values}")
    await connection.execute("DEALLOCATE asked")
    return "\n".join(row[0] for row in rows)
