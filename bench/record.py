"""What the record of changes costs those who write: the same with it and without.

Run it as `.venv/bin/python -m bench.record`, on the rows of `make bench`. Only the
ratios mean anything: both take turns in one run, and each figure is the median of its
visits.
"""

# ruff: noqa: T201 a script that prints

import argparse
import asyncio
import io
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import asyncpg

from app.database import Driver
from app.embedded.settings import EmbeddedSettings
from bench import data
from bench.data import FULL, SMALL

COLUMNS = ("vessel", "code", "tag", "name", "location", "group", "status")
INSERT = """
INSERT INTO equipment (vessel, code, tag, name, location, "group", status)
SELECT 'MV101', 'N' || n, 'T' || n, 'Pump ' || n, 'Module M' || n % 25,
    'System ' || n % 60, 'active' FROM generate_series(1, $1::int) n
"""
UPDATE = """
UPDATE equipment SET location = location || '.', version = version + 1,
    updated_at = now()
WHERE code IN (SELECT code FROM equipment ORDER BY code LIMIT $1)
"""


def lines(rows: int) -> bytes:
    return "".join(
        f"MV101\tN{n}\tT{n}\tPump {n}\tModule M{n % 25}\tSystem {n % 60}\tactive\n"
        for n in range(rows)
    ).encode()


async def measure(url: str, rows: int, visits: int) -> None:
    connection: Driver = await asyncpg.connect(url)
    content = lines(rows)
    works: dict[str, Callable[[], Awaitable[object]]] = {
        "COPY": lambda: connection.copy_to_table(
            "equipment", source=io.BytesIO(content), columns=COLUMNS
        ),
        "INSERT … SELECT": lambda: connection.execute(INSERT, rows),
        "UPDATE": lambda: connection.execute(UPDATE, rows),
    }
    took: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for visit in range(visits):
        for name, work in works.items():
            for recorded in (True, False) if visit % 2 else (False, True):
                undone = connection.transaction()
                await undone.start()
                if not recorded:
                    await connection.execute(
                        "ALTER TABLE equipment DISABLE TRIGGER USER"
                    )
                since = time.perf_counter()
                await work()
                # What waits for the commit, the checks of tags and references, too.
                await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
                took[name, recorded].append(time.perf_counter() - since)
                await undone.rollback()
                await connection.execute("VACUUM equipment, changes")
    await connection.close()
    print(f"| {rows:,} rows | without, s | recorded, s | times |\n|---|---|---|---|")
    for name in works:
        without, recorded_s = (median(took[name, told]) for told in (False, True))
        times = recorded_s / without
        print(f"| {name} | {without:.2f} | {recorded_s:.2f} | {times:.2f} |")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=("full", "small"), default="full")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--visits", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, default=EmbeddedSettings().folder / "bench"
    )
    given = parser.parse_args()
    size = FULL if given.size == "full" else SMALL
    with data.server(given.folder) as (cluster, _, port):
        url = await data.prepare(cluster, port, size)
        await measure(url, given.rows, given.visits)


if __name__ == "__main__":
    asyncio.run(main())
