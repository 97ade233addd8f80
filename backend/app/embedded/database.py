"""The database behind the backends: made, checked and migrated before they start."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from app.embedded.errors import CannotStartError
from app.embedded.keeper import last_words
from app.embedded.process import Program
from app.embedded.programs import OLDEST

SECONDS = 10.0
NAME = "fpso"
# A ValueError is an option of the URL that makes no sense.
Failure = (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError)


def make(url: str) -> None:
    """Make our database on our own server; the password proves which server it is."""

    async def make_it() -> None:
        # The server has no TLS, whatever the PGSSLMODE of this shell says.
        connection = await asyncpg.connect(url, ssl=False, timeout=SECONDS)
        try:
            known = "SELECT 1 FROM pg_database WHERE datname = $1"
            if await connection.fetchval(known, NAME) is None:
                await connection.execute(f"CREATE DATABASE {NAME}")
        finally:
            await connection.close()

    asyncio.run(make_it())


def place(url: str) -> str:
    """Say where a database is, without its password."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.hostname or 'localhost'}{port}{parts.path}"


def check(url: str, name: str = "FPSO_DATABASE_URL") -> None:
    """Refuse a database of the user's that cannot be reached or is too old."""

    async def version() -> int:
        # Spelt for the driver, not for SQLAlchemy.
        plain = f"postgresql://{url.partition('://')[2]}"
        connection = await asyncpg.connect(plain, timeout=SECONDS)
        try:
            return connection.get_server_version().major
        finally:
            await connection.close()

    try:
        found = asyncio.run(version())
    except Failure as error:
        reason = str(error) or type(error).__name__
        raise CannotStartError(
            f"the database of {name} at {place(url)} cannot be used "
            f"({reason}): mend the URL or start that server, or unset it to use an "
            "embedded one."
        ) from error
    if found < OLDEST:
        raise CannotStartError(
            f"the database of {name} at {place(url)} is PostgreSQL {found}, "
            f"and FPSO needs {OLDEST} or newer: name a newer one, or unset it to use "
            "an embedded one."
        )


def migrate(backend: Path, env: Mapping[str, str], log: Path) -> None:
    done = Program(
        [sys.executable, "-m", "alembic", "upgrade", "head"], env=env, cwd=backend
    ).run()
    said = done.stdout + done.stderr
    log.write_text(said)
    if done.returncode != 0:
        raise CannotStartError(
            f"the database could not be migrated ({last_words(said)}): {log} says more."
        )
