"""How long writers wait for a migration at 1.2 million rows, and that of four one runs.

Run it as `.venv/bin/python -m bench.migrations`. Six writers go on while the schema
goes back to where it first had all that they write, and forth again, each way twice.
What they wait without a migration, and for one that rewrites a table, stands beside it.
"""

# ruff: noqa: T201 a script that prints

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import asyncpg

from app.embedded.postgres import Cluster
from app.embedded.settings import EmbeddedSettings
from bench import data
from bench.data import BACKEND, FULL, SMALL

NAME = "bench_migrations"
# Vessels, equipment and operations are there, and all rows of the data.
OLDEST = "0003"
MOST_SECONDS = 0.5
MIGRATORS = 4
REWRITE = "ALTER TABLE operations ALTER cost TYPE numeric(15, 3)"

# What a request writes, twice each. Of the columns of the oldest release alone.
WRITES = (
    (
        "INSERT INTO equipment (vessel, code, name, status) "
        "VALUES ('MV101', 'NEW-{writer}-{turn}', 'Pump', 'active')"
    ),
    (
        "UPDATE equipment SET name = 'Pump {turn}', version = version + 1 "
        "WHERE code = '{code}'"
    ),
    (
        "INSERT INTO operations (equipment, vessel, type, cost) "
        "SELECT code, vessel, 'repair', {turn} FROM equipment WHERE code = '{code}'"
    ),
) * 2


@dataclass
class Writers:
    """What their writes took, in seconds, and what went wrong with them."""

    took: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    async def write(self, url: str, writer: int, codes: list[str]) -> None:
        connection = await asyncpg.connect(url)
        try:
            for turn in count():
                statement = WRITES[writer].format(
                    writer=f"{time.time_ns()}-{writer}",
                    turn=turn,
                    code=codes[(turn * len(WRITES) + writer) % len(codes)],
                )
                since = time.perf_counter()
                try:
                    await connection.execute(statement)
                except asyncpg.PostgresError as error:
                    self.failed.append(f"{type(error).__name__}: {error}")
                self.took.append(time.perf_counter() - since)
                await asyncio.sleep(0.005)
        finally:
            await connection.close()

    def tell(self, what: str, seconds: float) -> bool:
        took = sorted(self.took)
        p99, longest = took[int(len(took) * 0.99)], took[-1]
        print(
            f"| {what} | {seconds:.1f} | {len(took):,} | {p99 * 1000:.0f} "
            f"| {longest * 1000:.0f} |",
            flush=True,
        )
        for reason in sorted(set(self.failed)):
            print(f"{self.failed.count(reason)} writes failed: {reason}")
        return longest <= MOST_SECONDS and not self.failed


@asynccontextmanager
async def writing(url: str, codes: list[str]) -> AsyncGenerator[Writers]:
    """Let six write meanwhile, and a second before and after."""
    writers = Writers()
    running = [
        asyncio.create_task(writers.write(url, number, codes))
        for number in range(len(WRITES))
    ]
    try:
        await asyncio.sleep(1)
        yield writers
        await asyncio.sleep(1)
    finally:
        for task in running:
            task.cancel()
        for ended in await asyncio.gather(*running, return_exceptions=True):
            if not isinstance(ended, asyncio.CancelledError):
                raise SystemExit(f"A writer ended: {ended!r}")


async def alembic(url: str, *words: str) -> None:
    settings = {"FPSO_DATABASE_URL": url, "FPSO_MIGRATION_DATABASE_URL": ""}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alembic", *words),
        cwd=BACKEND,
        env={**os.environ, **settings},
    )
    if await process.wait():
        raise SystemExit(f"alembic {' '.join(words)} failed")


async def four(url: str) -> None:
    """What a second run would make is there already: it would fail."""
    await asyncio.gather(*(alembic(url, "upgrade", "head") for _ in range(MIGRATORS)))


async def rewrite(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(REWRITE)
    await connection.close()


@asynccontextmanager
async def copied(cluster: Cluster, port: int, size: data.Size) -> AsyncGenerator[str]:
    """A copy of the data, since what is migrated is not what others measure."""
    await data.prepare(cluster, port, size)
    admin = await asyncpg.connect(cluster.url(port))
    await admin.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    await admin.execute(
        f"CREATE DATABASE {NAME} TEMPLATE bench_{size.name} STRATEGY file_copy"
    )
    try:
        yield cluster.url(port, NAME)
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        await admin.close()


async def measure(url: str) -> bool:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        "SELECT code FROM equipment ORDER BY md5(code) LIMIT 6000"
    )
    await connection.close()
    codes = [row["code"] for row in rows]
    steps: list[tuple[str, Callable[[], Awaitable[None]], bool]] = [
        ("no migration", partial(asyncio.sleep, 3), False),
        ("down", partial(alembic, url, "downgrade", OLDEST), True),
        ("up, four at once", partial(four, url), True),
        ("down again", partial(alembic, url, "downgrade", OLDEST), True),
        ("up again", partial(alembic, url, "upgrade", "head"), True),
        ("control: a rewrite", partial(rewrite, url), False),
    ]
    print("| | seconds | writes | p99 ms | longest ms (goal ≤ 500) |")
    print("|---|---|---|---|---|")
    good = True
    for what, step, promised in steps:
        async with writing(url, codes) as writers:
            since = time.perf_counter()
            await step()
            seconds = time.perf_counter() - since
        kept = writers.tell(what, seconds)
        good &= kept or not promised
    return good


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=("full", "small"), default="full")
    parser.add_argument(
        "--folder", type=Path, default=EmbeddedSettings().folder / "bench"
    )
    given = parser.parse_args()
    size = FULL if given.size == "full" else SMALL
    async with AsyncExitStack() as stack:
        cluster, _, port = stack.enter_context(data.server(given.folder))
        url = await stack.enter_async_context(copied(cluster, port, size))
        good = await measure(url)
    if not good:
        raise SystemExit("A goal was missed.")


if __name__ == "__main__":
    asyncio.run(main())
