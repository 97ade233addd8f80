"""Loading and writing a register: the product, the typical, and COPY alone (W5, W6)."""

import csv
import http.client
import io
import json
import os
import socket
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from app.database import Driver
from bench import servers
from bench.measure import Measure
from bench.report import Measures
from bench.servers import Server

JSON = dict[str, Any]
COLUMNS = ("code", "tag", "name", "location", "group", "class", "parent", "status")
TITLES = {
    "W5": "import of {rows} rows",
    "W5 plan": "its plan",
    "W5 apply": "its application",
    "W6 csv": "export of {rows} rows as CSV",
    "W6 ndjson": "the same as NDJSON",
}
# Their record would outlive the rows, and each visit is to find the same.
FORGET = """
SET session_replication_role = replica;
DELETE FROM import_rows WHERE import_id IN
    (SELECT id FROM imports WHERE vessel LIKE 'LOAD-%');
DELETE FROM imports WHERE vessel LIKE 'LOAD-%';
DELETE FROM equipment WHERE vessel LIKE 'LOAD-%';
DELETE FROM vessels WHERE code LIKE 'LOAD-%';
"""


def register(rows: int, prefix: str) -> list[tuple[str, ...]]:
    """Rows such as a register has: a tree of some depth, few locations, many tags."""
    return [
        (
            f"{prefix}-{i:06d}",
            f"23-XX-{i:06d}",
            f"Pump number {i} æøå",
            f"Module M{i % 40}",
            f"Group {i % 90}",
            "PU",
            f"{prefix}-{i // 7:06d}" if i else "",
            "inactive" if i % 7 == 0 else "active",
        )
        for i in range(rows)
    ]


def as_csv(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> bytes:
    return "\n".join(",".join(row) for row in [header, *rows]).encode()


class Files:
    """The visits; `first_byte_ms` and `memory_mib` are the product's."""

    def __init__(
        self, product: Server, typical: Server, postgres: int, rows: int
    ) -> None:
        self.product, self.typical = product, typical
        self.postgres, self.rows = postgres, rows
        self.seen: dict[tuple[str, str], list[tuple[float, ...]]] = defaultdict(list)
        self.first_byte: list[float] = []
        self.memory = 0.0

    async def measure(self, visits: int) -> Measures:
        loads = [self.load_by_copy, self.load_product, self.load_typical]
        for number in range(visits):
            turn = number % len(loads)
            connection = await asyncpg.connect(self.product.database)
            await connection.execute(FORGET)
            await connection.execute("RESET session_replication_role")
            with self.growth():
                for load in [*loads[turn:], *loads[:turn]]:
                    await load(connection, f"LOAD-{load.__name__[5].upper()}")
                await self.exports(connection, turn)
            await connection.execute(FORGET)
            await connection.close()
        return self.medians()

    @contextmanager
    def noting(self, name: str, who: str, process: int) -> Iterator[None]:
        before = servers.cpu(process), servers.cpu_with_children(self.postgres)
        since = time.perf_counter()
        yield
        took = time.perf_counter() - since
        after = servers.cpu(process), servers.cpu_with_children(self.postgres)
        spent = ((after[n] - before[n]) * 1e6 for n in range(2))
        self.seen[name, who].append((took, *spent))

    @contextmanager
    def growth(self) -> Iterator[None]:
        """Note how much memory the product takes at most beyond what it had."""
        process = Path("/proc") / str(self.product.process)
        (process / "clear_refs").write_text("5")  # the peak starts anew
        before = _mib(process, "VmRSS")
        yield
        self.memory = max(self.memory, _mib(process, "VmHWM") - before)

    # --- loading

    async def load_by_copy(self, db: Driver, vessel: str) -> None:
        rows = [(vessel, *row) for row in register(self.rows, vessel)]
        source = io.BytesIO(as_csv(("vessel", *COLUMNS), rows))
        await db.execute("INSERT INTO vessels (code) VALUES ($1)", vessel)
        with self.noting("W5", "floor", os.getpid()):
            await db.copy_to_table(
                "equipment",
                source=source,
                columns=("vessel", *COLUMNS),
                format="csv",
                header=True,
            )

    async def load_product(self, db: Driver, vessel: str) -> None:
        content = as_csv(COLUMNS, register(self.rows, vessel))
        await db.execute("INSERT INTO vessels (code) VALUES ($1)", vessel)
        process = self.product.process
        with self.noting("W5", "product", process):
            with self.noting("W5 plan", "product", process):
                plan = _post(self.product, f"/vessels/{vessel}/imports", content)
            with self.noting("W5 apply", "product", process):
                done = _post(self.product, f"/imports/{plan['id']}/apply", b"")
        _agree("import", done["counts"]["create"], self.rows)

    async def load_typical(self, db: Driver, vessel: str) -> None:
        content = as_csv(COLUMNS, register(self.rows, vessel))
        await db.execute("INSERT INTO vessels (code) VALUES ($1)", vessel)
        with self.noting("W5", "typical", self.typical.process):
            done = _post(self.typical, f"/vessels/{vessel}/imports", content)
        _agree("import", done["created"], self.rows)

    # --- writing

    async def exports(self, db: Driver, turn: int) -> None:
        for kind in ("csv", "ndjson"):
            answers: dict[str, bytes] = {}

            async def by_copy(kind: str = kind) -> bytes:
                return await self.copy(db, kind)

            async def by_product(kind: str = kind) -> bytes:
                return self.fetch(self.product, kind)

            async def by_typical(kind: str = kind) -> bytes:
                return self.fetch(self.typical, kind)

            variants: list[tuple[str, Callable[[], Awaitable[bytes]]]] = [
                ("floor", by_copy),
                ("product", by_product),
                ("typical", by_typical),
            ]
            for who, export in [*variants[turn:], *variants[:turn]]:
                answers[who] = await export()
            for who in ("product", "typical"):
                _agree(kind, _read(kind, answers[who]), _read(kind, answers["floor"]))

    async def copy(self, db: Driver, kind: str) -> bytes:
        named = ", ".join(f'"{column}"' for column in COLUMNS)
        query = f"SELECT {named} FROM equipment WHERE vessel = 'LOAD-P' ORDER BY code"
        options: JSON = {"format": "csv", "header": True}
        if kind == "ndjson":
            query = f"SELECT row_to_json(e) FROM ({query}) e"
            options = {"format": "csv", "quote": "\x01", "delimiter": "\x02"}
        parts: list[bytes] = []

        async def keep(data: bytes) -> None:
            parts.append(data)

        with self.noting(f"W6 {kind}", "floor", os.getpid()):
            await db.copy_from_query(query, output=keep, **options)
        return b"".join(parts)

    def fetch(self, server: Server, kind: str) -> bytes:
        path = f"/api/v1/vessels/LOAD-P/equipment.{kind}"
        at = urlsplit(server.url)
        # http.client would cost more than the server: the bare socket counts.
        with socket.create_connection((at.hostname, at.port), timeout=600) as wire:
            parts: list[bytes] = []
            with self.noting(f"W6 {kind}", server.name, server.process):
                since = time.perf_counter()
                wire.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                while not b"".join(parts[-2:]).endswith(b"\r\n0\r\n\r\n"):
                    parts.append(wire.recv(262_144))
                    if server is self.product and len(parts) == 1:
                        self.first_byte.append((time.perf_counter() - since) * 1000)
        return _unchunked(b"".join(parts))

    # --- the result

    def medians(self) -> Measures:
        found: Measures = defaultdict(dict)
        size = self.product.size.name
        for (name, who), rows in self.seen.items():
            took = [row[0] for row in rows]
            found[name][who, size] = Measure(
                rate=1 / median(took),
                p50_ms=median(took) * 1000,
                p99_ms=max(took) * 1000,
                server_us=median(row[1] for row in rows),
                database_us=median(row[2] for row in rows),
                visits=len(rows),
            )
        for part in ("W5 plan", "W5 apply"):
            found[part]["floor", size] = found["W5"]["floor", size]
        return {name: found[name] for name in TITLES}

    def titles(self) -> dict[str, str]:
        return {k: title.format(rows=f"{self.rows:,}") for k, title in TITLES.items()}

    def extras(self) -> dict[str, float]:
        return {
            "first_byte_ms": median(self.first_byte),
            "memory_mib": self.memory,
        }


def _mib(process: Path, name: str) -> float:
    status = (process / "status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def _post(server: Server, path: str, body: bytes) -> JSON:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=900)
    connection.request("POST", f"/api/v1{path}", body, {"Content-Type": "text/csv"})
    answer = connection.getresponse()
    said: JSON = json.loads(answer.read())
    connection.close()
    if answer.status >= 300:
        raise RuntimeError(f"{path}: {answer.status} {said}")
    return said


def _unchunked(answer: bytes) -> bytes:
    _, _, rest = answer.partition(b"\r\n\r\n")
    parts: list[bytes] = []
    start = 0
    while size := int(rest[start : (end := rest.index(b"\r\n", start))], 16):
        parts.append(rest[end + 2 : end + 2 + size])
        start = end + 2 + size + 2
    return b"".join(parts)


def _read(kind: str, content: bytes) -> list[object]:
    text = content.decode()
    if kind == "csv":
        return list(csv.reader(io.StringIO(text)))
    return [json.loads(line) for line in text.splitlines()]


def _agree(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise RuntimeError(f"{what}: {str(found)[:500]} is not {str(expected)[:500]}")
