"""The pool below SQLAlchemy: fair, patient for a while, and rid of what is broken."""

import asyncio

import asyncpg
import pytest

from app import drivers
from app.database import create_engine
from app.drivers import Drivers, open_drivers
from app.settings import Settings


async def _pid(lend: Drivers) -> int:
    async with lend() as connection:
        number: int = await connection.fetchval("SELECT pg_backend_pid()")
    return number


async def test_connections_are_kept_and_lent_to_who_asked_first(
    fresh: Settings,
) -> None:
    engine = create_engine(fresh)
    order: list[int] = []
    async with open_drivers(engine, 1) as lend:

        async def ask(number: int) -> int:
            async with lend() as connection:
                order.append(number)
                pid: int = await connection.fetchval("SELECT pg_backend_pid()")
            return pid

        pids = await asyncio.gather(*(ask(number) for number in range(20)))
    await engine.dispose()
    assert order == list(range(20))
    assert len(set(pids)) == 1


async def test_who_waits_too_long_is_told_and_takes_no_turn_along(
    fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "PATIENCE_SECONDS", 0.05)
    engine = create_engine(fresh)
    async with open_drivers(engine, 1) as lend:
        async with lend():
            with pytest.raises(TimeoutError):
                await _pid(lend)
        assert await _pid(lend)
    await engine.dispose()


async def test_a_connection_that_was_cut_or_left_midway_is_not_lent_again(
    fresh: Settings,
) -> None:
    engine = create_engine(fresh)
    async with open_drivers(engine, 1) as lend:
        first = await _pid(lend)
        with pytest.raises(asyncpg.PostgresError):
            async with lend() as connection:
                await connection.execute("SELECT pg_terminate_backend($1)", first)
        second = await _pid(lend)

        async def sleep() -> None:
            async with lend() as connection:
                await connection.execute("SELECT pg_sleep(30)")

        sleeper = asyncio.create_task(sleep())
        await asyncio.sleep(0.1)
        sleeper.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeper
        third = await _pid(lend)
    await engine.dispose()
    assert len({first, second, third}) == 3


async def test_a_refusal_costs_no_connection(fresh: Settings) -> None:
    engine = create_engine(fresh)
    async with open_drivers(engine, 1) as lend:
        first = await _pid(lend)
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with lend() as connection:
                await connection.execute("SELECT 1 / 0")
        assert await _pid(lend) == first
    await engine.dispose()
