"""Run the migrations on the database that the settings name, politely.

Four migrators at once run them once: each waits for a session-level advisory lock.
A migration that cannot get its table lock in four seconds gives way and tries again,
rather than queue every reader of the table behind it.
"""

import asyncio
import re
import time

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import app.changes.models
import app.equipment.models
import app.imports.models
import app.operations.models
import app.parts.models
import app.requisitions.models
import app.stock.models
import app.vessels.models  # noqa: F401 these register the tables
from app.database import Base
from app.settings import Settings

LOCK = 0x4650_534F  # "FPSO"
LOCK_TIMEOUT = "4s"
ATTEMPTS = 10
PAUSE = 1.0
LOCK_NOT_AVAILABLE = "55P03"
PARTITION = re.compile(r"changes_(default|\d{4}_\d\d)")


def migrate(
    connection: Connection, lock_timeout: str = LOCK_TIMEOUT, pause: float = PAUSE
) -> None:
    connection.execute(text("SET statement_timeout = '10min'"))
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
    connection.execute(text(f"SET lock_timeout = '{lock_timeout}'"))
    connection.commit()
    try:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                run(connection)
                make_partitions(connection)
            except DBAPIError as error:
                connection.rollback()
                state = getattr(error.orig, "sqlstate", None)
                if state != LOCK_NOT_AVAILABLE or attempt == ATTEMPTS:
                    raise
                time.sleep(attempt * pause)
            else:
                break
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
        connection.commit()


def make_partitions(connection: Connection) -> None:
    """Whoever migrates, and every start of a stack does, makes the coming months."""
    known = text("SELECT to_regproc('make_change_partitions')")
    if connection.scalar(known):
        connection.execute(text("SELECT make_change_partitions()"))
    connection.commit()


def is_declared(name: str | None, kind: str, _: object) -> bool:
    """Whether a model speaks of it: of partitions none does."""
    return kind != "table" or not PARTITION.fullmatch(name or "")


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        include_name=is_declared,
        target_metadata=Base.metadata,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def main() -> None:
    engine = create_async_engine(Settings().async_database_url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


def offline() -> None:
    """`alembic upgrade head --sql`: print the statements instead."""
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    offline()
elif "connection" in context.config.attributes:
    # From Python: the connection, and how patient to be.
    migrate(**context.config.attributes)
else:
    asyncio.run(main())
