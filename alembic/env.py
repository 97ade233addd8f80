"""Run the migrations on the database that the settings name, politely.

Four migrators at once run them once: each waits for a session-level advisory lock.
A migration that cannot get its table lock soon gives way and tries again: everybody
else queues behind it, for as long as the lock timeout (P16: half a second).
"""

import asyncio
import re
import time

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import app.changes.models
import app.equipment.models
import app.failures.models
import app.imports.models
import app.issues.models
import app.operations.models
import app.parts.models
import app.requisitions.models
import app.stock.models
import app.taxonomy.models
import app.units.models
import app.vessels.models  # noqa: F401 these register the tables
from app import rights
from app.database import Base
from app.settings import Settings

LOCK = 0x4650_534F  # "FPSO"
LOCK_TIMEOUT = "300ms"
STATEMENT_TIMEOUT = "10min"
ATTEMPTS = 60
PAUSE = 1.0
TURN = 0.1
LOCK_NOT_AVAILABLE = "55P03"
PARTITION = re.compile(r"changes_default|(changes|readings)_\d{4}_\d\d")


def migrate(
    connection: Connection,
    service: URL | None = None,
    attempts: int = ATTEMPTS,
    pause: float = PAUSE,
) -> None:
    """Migrate, and let the service's role in if that is another than ours."""
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    take_turns(connection)
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    try:
        for attempt in range(1, attempts + 1):
            try:
                run(connection)
                make_partitions(connection)
                let_in(connection, service)
            except DBAPIError as error:
                connection.rollback()
                state = getattr(error.orig, "sqlstate", None)
                if state != LOCK_NOT_AVAILABLE or attempt == attempts:
                    raise
                time.sleep(pause)
            else:
                break
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
        connection.commit()


def take_turns(connection: Connection) -> None:
    """Wait for the lock without a statement that waits.

    Its snapshot would hold up a CREATE INDEX CONCURRENTLY of whoever has the lock.
    """
    mine = text("SELECT pg_try_advisory_lock(:lock)")
    while not connection.scalar(mine, {"lock": LOCK}):
        connection.rollback()
        time.sleep(TURN)
    connection.commit()


def make_partitions(connection: Connection) -> None:
    """Whoever migrates, and every start of a stack does, makes the coming months."""
    ours = text(
        "SELECT has_function_privilege(to_regproc('make_change_partitions'), 'EXECUTE')"
    )
    # It is not there yet; or who finds the schema as it should be is the service.
    if connection.scalar(ours):
        connection.execute(text("SELECT make_change_partitions()"))
    connection.commit()


def let_in(connection: Connection, service: URL | None) -> None:
    """Give the service's role its password and its rights, if it is not ours."""
    ours = connection.scalar(text("SELECT current_user"))
    if service and service.username and service.username != ours:
        rights.let_in(connection, service.username, service.password)
        rights.grant(connection, service.username)
    connection.commit()


def is_declared(name: str | None, kind: str, _: object) -> bool:
    """Whether a model speaks of it: of partitions none does."""
    return kind != "table" or not PARTITION.fullmatch(name or "")


def be_short_again(ctx: MigrationContext, *_: object, **__: object) -> None:
    """A step may have been patient with those for whom nobody waits."""
    ctx.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        on_version_apply=be_short_again,
        include_name=is_declared,
        target_metadata=Base.metadata,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def main() -> None:
    settings = Settings()
    url = settings.async_migration_database_url
    # Of one role for all the name may differ: proxies want `name@server` in a URL.
    two = settings.migration_database_url is not None
    service = make_url(settings.async_database_url) if two else None
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate, service)
    await engine.dispose()


def offline() -> None:
    """`alembic upgrade head --sql`: print the statements instead, as polite as ours."""
    context.configure(
        dialect_name="postgresql",
        on_version_apply=be_short_again,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
    )
    context.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
    context.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    offline()
elif "connection" in context.config.attributes:
    # From Python: the connection, as whom to serve, and how patient to be.
    migrate(**context.config.attributes)
else:
    asyncio.run(main())
