"""The engine, the base model and the one transaction a request."""

import uuid
from collections.abc import AsyncGenerator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import DateTime, Enum, MetaData, String, Text, event, func, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.settings import Settings

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# Byte order: the same on every server, whatever its locale, and the fastest.
CODE = String(64, collation="C")
LABEL = String(200, collation="C")

Sessions: TypeAlias = async_sessionmaker[AsyncSession]
Driver: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 SQLAlchemy reads it from the class
        str: Text(),
        datetime: DateTime(timezone=True),
        # Store "active", not ACTIVE, and check it without a PostgreSQL enum type.
        StrEnum: Enum(
            StrEnum,
            native_enum=False,
            length=32,
            create_constraint=True,
            values_callable=lambda members: [member.value for member in members],
        ),
    }


class Record(Base):
    """A row with an identity, two instants and a version."""

    __abstract__ = True

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, server_default=func.uuidv7()
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now()
    )
    version: Mapped[int] = mapped_column(server_default=text("1"))

    __mapper_args__ = {  # noqa: RUF012 SQLAlchemy reads it from the class
        "version_id_col": version,
        # Fetch what the server computed with RETURNING, never lazily.
        "eager_defaults": True,
    }


CONNECT: dict[str, Any] = {
    "timeout": 3,
    "command_timeout": 6,
    "server_settings": {
        "application_name": "fpso",
        "timezone": "UTC",
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "10s",
        "jit": "off",
    },
}


def lost(exc: BaseException) -> bool:
    """Whether to drop the connection instead of pooling it."""
    # The server shuts down (57P01 to 57P03), was demoted (25006) or answers no more.
    state = getattr(exc, "sqlstate", None) or ""
    return state == "25006" or state.startswith(("08", "57P0"))


def create_engine(settings: Settings) -> AsyncEngine:
    """An engine on which nothing waits for ever, whatever PostgreSQL does."""
    engine = create_async_engine(
        settings.async_database_url,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=2,
        pool_pre_ping=True,
        hide_parameters=True,  # no values in logs
        connect_args=CONNECT,
    )

    @event.listens_for(engine.sync_engine, "handle_error")
    def notice_a_lost_server(context: ExceptionContext) -> None:
        if lost(context.original_exception):
            context.is_disconnect = True

    return engine


def create_sessions(engine: AsyncEngine) -> Sessions:
    return async_sessionmaker(engine, expire_on_commit=False)


async def get_session(request: Request) -> AsyncGenerator[AsyncSession]:
    sessions: Sessions = request.state.sessions
    async with sessions.begin() as session:
        yield session


# "function" commits before the response leaves. The default scope commits after
# it, so that a client could be told 201 about a row that was never stored.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]


async def get_sessions(request: Request) -> Sessions:
    sessions: Sessions = request.state.sessions
    return sessions


# For what rarely needs a transaction, and then opens it.
SessionsDep = Annotated[Sessions, Depends(get_sessions)]


async def be_patient(session: AsyncSession, seconds: int) -> None:
    """Let this transaction's statements take longer than a request's usual ones."""
    for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
        await session.execute(text(f"SET LOCAL {setting} = '{seconds}s'"))


async def driver(session: AsyncSession) -> Driver:
    """The asyncpg connection below the session's transaction: for COPY."""
    connection = await session.connection()
    raw = (await connection.get_raw_connection()).driver_connection
    assert isinstance(raw, asyncpg.Connection)
    return raw
