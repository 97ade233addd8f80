"""Connections below SQLAlchemy, for the few paths where its share is the cost."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any, TypeAlias

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.database import CONNECT, Driver, be_patient, driver, lost

PATIENCE_SECONDS = 2

# Lends a connection on which each statement is a transaction of its own.
Drivers: TypeAlias = Callable[[], AbstractAsyncContextManager[Driver]]


_DIALECT = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's


class Statement:
    """A Core statement as asyncpg takes it, compiled once.

    Running it through SQLAlchemy would cost 350 µs a request, of which PostgreSQL's
    answer takes a fifth (W2).
    """

    def __init__(self, query: ClauseElement) -> None:
        compiled = query.compile(dialect=_DIALECT)
        self.text = str(compiled)
        self.names: tuple[str, ...] = tuple(getattr(compiled, "positiontup", ()))

    def values(self, given: dict[str, Any]) -> list[Any]:
        return [given[name] for name in self.names]


async def patiently(
    session: AsyncSession, query: ClauseElement, seconds: int
) -> list[asyncpg.Record]:
    """The rows of what may take longer than a request's statements do otherwise.

    PostgreSQL can be told so; below SQLAlchemy, asyncpg has a limit of its own.
    """
    await be_patient(session, seconds)
    in_full = {"render_postcompile": True}
    compiled = query.compile(dialect=_DIALECT, compile_kwargs=in_full)
    values = (compiled.params[name] for name in getattr(compiled, "positiontup", ()))
    db = await driver(session)
    return await db.fetch(str(compiled), *values, timeout=seconds)


class Pool:
    """Connections, lent to who asked first.

    SQLAlchemy's own pool serves in no order, so that a few wait for a second under
    load; asyncpg's costs a task and a round trip for each return.
    """

    def __init__(self, engine: AsyncEngine, size: int) -> None:
        _, options = engine.dialect.create_connect_args(engine.url)
        self.options: dict[str, Any] = {**options, **CONNECT}
        self.free: deque[Driver] = deque()
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.left = size  # how many more may be lent

    @asynccontextmanager
    async def lend(self) -> AsyncGenerator[Driver]:
        await self._turn()
        try:
            connection = await self._open()
            sound = False
            try:
                yield connection
                sound = True
            except asyncpg.PostgresError as refusal:
                sound = not lost(refusal)
                raise
            finally:
                # Who was cancelled or lost patience leaves a statement that still runs.
                if sound and not connection.is_closed():
                    self.free.append(connection)
                else:
                    connection.terminate()
        finally:
            self._pass_on()

    async def _turn(self) -> None:
        if self.left and not self.waiting:
            self.left -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        come = False
        try:
            await asyncio.wait_for(turn, PATIENCE_SECONDS)
            come = True
        finally:
            # It may have come in the moment in which it was given up.
            if not come and turn.done() and not turn.cancelled():
                self._pass_on()

    def _pass_on(self) -> None:
        """Let the next one have the turn that has ended."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.left += 1

    async def _open(self) -> Driver:
        while self.free:
            # The latest used: it is the warmest.
            connection = self.free.pop()
            if not connection.is_closed():
                return connection
        return await asyncpg.connect(**self.options)

    async def close(self) -> None:
        while self.free:
            await self.free.pop().close(timeout=PATIENCE_SECONDS)


@asynccontextmanager
async def open_drivers(engine: AsyncEngine, size: int) -> AsyncGenerator[Drivers]:
    pool = Pool(engine, size)
    yield pool.lend
    await pool.close()


async def get_drivers(request: Request) -> Drivers:
    drivers: Drivers = request.state.drivers
    return drivers


DriversDep = Annotated[Drivers, Depends(get_drivers)]
