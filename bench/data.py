"""The data that is measured: made once by set-wise SQL, kept in a folder."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import asyncpg

from app.embedded import programs
from app.embedded.errors import CannotStartError
from app.embedded.postgres import SCRATCH, START_SECONDS, Cluster
from app.embedded.process import free_ports, see_end, wait_until
from app.embedded.settings import EmbeddedSettings

BACKEND = Path(__file__).parents[1] / "backend"
VESSELS = 20


@dataclass(frozen=True)
class Size:
    """How much there is; W8 reads `page` of the largest vessels, W5 loads `rows`."""

    name: str
    equipment: int
    operations: int
    page: int
    rows: int


SMALL = Size("small", 12_000, 10_000, 8, 500)
FULL = Size("full", 1_200_000, 1_000_000, 400, 50_000)

# Vessels from a third of the mean to five thirds of it, as fleets are. Codes are eight
# hexadecimal digits in no order (an odd factor makes each once), tags as plants have
# them; two thirds stand below one of the first tenth.
MAKE = (
    # The rows are sound by the way they are made: their references need no check.
    "SET session_replication_role = replica",
    """
    INSERT INTO vessels (code, name)
    SELECT 'MV' || 100 + v, 'FPSO ' || v FROM generate_series(1, {vessels}) v
    """,
    """
    CREATE TEMPORARY TABLE plan AS
    SELECT (row_number() OVER (ORDER BY v, i))::bigint AS n, v, i
    FROM generate_series(1, {vessels}) v,
    generate_series(1, ({mean} / 3.0 + (v - 1) * {mean} * 4 / 3.0 / ({vessels} - 1))
                       ::int) i
    """,
    """
    CREATE FUNCTION pg_temp.code(n bigint) RETURNS text IMMUTABLE LANGUAGE sql
    RETURN lpad(upper(to_hex((n * 2654435761) % 4294967296)), 8, '0')
    """,
    """
    INSERT INTO equipment (code, vessel, tag, name, location, "group", parent, status)
    SELECT pg_temp.code(n), 'MV' || 100 + v,
      lpad((10 + i % 80)::text, 2, '0') || '-'
        || (ARRAY['KA','PA','HA','VA','XV','PT','LT','TT'])[1 + i % 8] || '-' || i,
      (ARRAY['Compressor','Pump','Heat exchanger','Separator','Valve','Transmitter',
             'Generator','Crane','Winch','Filter'])[1 + (n * 7 % 10)::int]
        || ' ' || i % 40,
      'Module M' || 10 + i % 25, 'System ' || 20 + i % 60,
      CASE WHEN i % 3 > 0 AND i > 30 THEN pg_temp.code(n - i + 1 + i / 10) END,
      CASE WHEN n * 13 % 100 < 15 THEN 'inactive' ELSE 'active' END
    FROM plan ORDER BY n
    """,
    """
    INSERT INTO operations (equipment, vessel, type, cost, performed_at)
    SELECT pg_temp.code(p.n), 'MV' || 100 + p.v,
      (ARRAY['replacement','repair','inspection','calibration'])[1 + o % 4],
      (o::bigint * 7919 % 10000000) / 100.0,
      timestamptz '2020-01-01Z' + o * interval '3 min'
    FROM generate_series(1, {operations}) o
    JOIN plan p ON p.n = 1 + o::bigint * 7919 % (SELECT max(n) FROM plan)
    """,
)


@contextmanager
def server(folder: Path) -> Iterator[tuple[Cluster, int, int]]:
    """Run the server that keeps the data: it, its process and its port.

    It stands without fsync, so that the disk of the machine is not what is measured.
    """
    cluster = Cluster(programs.find(EmbeddedSettings().pg_bin), folder / "postgres")
    if not cluster.data.exists():
        folder.mkdir(parents=True, exist_ok=True)
        cluster.create(sync=False)
    cluster.check()
    [port] = free_ports(1)
    with (folder / "postgres.log").open("wb") as log:
        process = _start(cluster, port, log)
        try:
            yield cluster, process.pid, port
        finally:
            # Whole, since the data is used again.
            process.terminate()
            see_end(process, patience=60)


def _start(cluster: Cluster, port: int, log: IO[bytes]) -> "subprocess.Popen[bytes]":
    # What a visit leaves is cleared by its undo, not during the next one.
    process = cluster.start(port, log, settings={**SCRATCH, "autovacuum": "off"})
    up = wait_until(
        lambda: process.poll() is not None or cluster.ready(process.pid), START_SECONDS
    )
    if not up or process.poll() is not None:
        raise CannotStartError(f"PostgreSQL did not start: see {log.name}")
    return process


async def prepare(cluster: Cluster, port: int, size: Size) -> str:
    """Give the URL of a database of this size, made now if it is not there yet."""
    name = f"bench_{size.name}"
    admin = await asyncpg.connect(cluster.url(port))
    known = await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name)
    url = cluster.url(port, name)
    if not known:
        making = f"{name}_new"
        await admin.execute(f"DROP DATABASE IF EXISTS {making} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {making}")
        _migrate(cluster.url(port, making))
        await _fill(cluster.url(port, making), size)
        await admin.execute(f"ALTER DATABASE {making} RENAME TO {name}")
    else:
        _migrate(url)
    await admin.close()
    return url


def _migrate(url: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=BACKEND,
        env={
            **os.environ,
            "FPSO_DATABASE_URL": url,
            "FPSO_MIGRATION_DATABASE_URL": "",  # that of the shell is no matter here
        },
        check=True,
        capture_output=True,
    )


async def _fill(url: str, size: Size) -> None:
    connection = await asyncpg.connect(url)
    mean = size.equipment // VESSELS
    for statement in MAKE:
        # The text is our own; what stands in braces are the numbers above.
        await connection.execute(
            statement.format(vessels=VESSELS, mean=mean, operations=size.operations)
        )
    await connection.execute("RESET session_replication_role")
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("CHECKPOINT")
    await connection.close()
