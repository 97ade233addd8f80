"""Visits to each server in rotating order, and the medians of what they showed."""

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

from bench import load, servers
from bench.load import Load
from bench.servers import Server
from bench.work import Work

# Requests that open every connection and pass the five after which PostgreSQL may
# keep a plan.
WARM = 100


@dataclass(frozen=True)
class Measure:
    """Medians over the visits."""

    rate: float
    p50_ms: float
    p99_ms: float
    server_us: float
    database_us: float
    visits: int

    def data(self) -> dict[str, Any]:
        return asdict(self)


_numbers = itertools.count(1)


async def measure(
    work: Work,
    backends: Sequence[Server],
    *,
    postgres: int,
    visits: int,
    seconds: float,
    folder: Path,
) -> dict[tuple[str, str], Measure]:
    """Measure one work on all servers: by name of the server and of the size."""
    seen: dict[Server, list[tuple[float, ...]]] = {each: [] for each in backends}
    # Visit 0 warms up: uncounted, and needless where nothing is timed.
    for visit in range(0 if seconds else 1, visits + 1):
        start = visit % len(backends)
        for server in [*backends[start:], *backends[:start]]:
            timed = seconds if visit and not work.count else 0
            # Far apart, so that what one visit creates no other one does.
            ask = Load(
                work.targets(server.name, server.size),
                work.bodies,
                connections=work.connections,
                seconds=timed,
                count=0 if timed else work.count or (WARM if seconds else 12),
                first=next(_numbers) * 1_000_000,
            )
            before = servers.cpu(server.process), servers.cpu_with_children(postgres)
            result = await load.run(server.url, ask, folder)
            after = servers.cpu(server.process), servers.cpu_with_children(postgres)
            if result.failed or not result.requests:
                raise RuntimeError(f"{work.name}, {server.name}: {result}")
            per = 1e6 / result.requests
            if visit:
                seen[server].append(
                    (
                        result.requests / result.seconds,
                        result.p50_ms,
                        result.p99_ms,
                        (after[0] - before[0]) * per,
                        (after[1] - before[1]) * per,
                    )
                )
            await undo(work, server)
    return {
        (server.name, server.size.name): _median(rows) for server, rows in seen.items()
    }


def _median(rows: list[tuple[float, ...]]) -> Measure:
    rate, p50, p99, server, database = map(median, zip(*rows, strict=True))
    return Measure(rate, p50, p99, server, database, visits=len(rows))


async def undo(work: Work, server: Server) -> None:
    """Let every visit find the same rows."""
    if work.undo:
        connection = await asyncpg.connect(server.database)
        for statement in work.undo:
            await connection.execute(statement)
        await connection.close()
