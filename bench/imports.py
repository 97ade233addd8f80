"""Loading and writing a register, against what PostgreSQL alone takes for it (W5, W6).

Run it as `.venv/bin/python -m bench.imports --rows 50000`. Only the ratios mean
anything: the variants take turns in one run, and each figure is the median of its
visits.
"""

# ruff: noqa: T201 a script that prints

import argparse
import asyncio
import io
import json
import socket
import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from typing import Any

import asyncpg

from bench.product import Product, product

COLUMNS = ("code", "tag", "name", "location", "group", "parent", "status")
# Against which measure, the most that it may take of it (or the least speed), by goal.
GOALS = {
    "plan": ("copy in", 2.5),
    "apply": ("copy in", 3.0),
    "export csv": ("copy out csv", 1 / 0.75),
    "export ndjson": ("copy out ndjson", 1 / 0.75),
}
FIRST_BYTE_MS = 50


def register(rows: int, prefix: str) -> list[tuple[str, ...]]:
    """Rows such as a register has: a tree of some depth, few locations, many tags."""
    return [
        (
            f"{prefix}-{i:06d}",
            f"23-XX-{i:06d}",
            f"Pump number {i} æøå",
            f"Module M{i % 40}",
            f"Group {i % 90}",
            f"{prefix}-{i // 7:06d}" if i else "",
            "inactive" if i % 7 == 0 else "active",
        )
        for i in range(rows)
    ]


def as_csv(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> bytes:
    return "\n".join(",".join(row) for row in [header, *rows]).encode()


class Bench:
    def __init__(self, run: Product, rows: int) -> None:
        self.run, self.rows = run, rows
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.first: list[float] = []

    def note(self, name: str, since: float) -> None:
        self.seconds[name].append(time.perf_counter() - since)

    # --- PostgreSQL alone

    async def copy_in(self, visit: int) -> None:
        vessel = f"COPY{visit}"
        rows = [(vessel, *row) for row in register(self.rows, vessel)]
        source = io.BytesIO(as_csv(("vessel", *COLUMNS), rows))
        db = await asyncpg.connect(self.run.database_url)
        await db.execute("INSERT INTO vessels (code) VALUES ($1)", vessel)
        since = time.perf_counter()
        await db.copy_to_table(
            "equipment",
            source=source,
            columns=("vessel", *COLUMNS),
            format="csv",
            header=True,
        )
        self.note("copy in", since)
        await db.close()

    async def copy_out(self, visit: int) -> None:
        named = ", ".join(f'"{column}"' for column in COLUMNS)
        select = f"SELECT {named} FROM equipment WHERE vessel = $1 ORDER BY code"
        as_json = f"SELECT row_to_json(e) FROM ({select}) e"
        db = await asyncpg.connect(self.run.database_url)

        async def drop(_: bytes) -> None:
            pass

        for name, query in (("csv", select), ("ndjson", as_json)):
            since = time.perf_counter()
            await db.copy_from_query(query, f"LOAD{visit}", output=drop, format="csv")
            self.note(f"copy out {name}", since)
        await db.close()

    # --- the product

    def post(self, path: str, body: bytes, kind: str = "text/csv") -> dict[str, Any]:
        connection = self.run.connect()
        connection.request("POST", f"/api/v1{path}", body, {"Content-Type": kind})
        answer = connection.getresponse()
        said: dict[str, Any] = json.loads(answer.read())
        connection.close()
        if answer.status >= 300:
            raise SystemExit(f"{path}: {answer.status} {said}")
        return said

    def load(self, name: str, vessel: str, content: bytes) -> None:
        since = time.perf_counter()
        plan = self.post(f"/vessels/{vessel}/imports", content)
        self.note(f"plan{name}", since)
        if plan["counts"]["unchanged"] == self.rows:
            return
        since = time.perf_counter()
        self.post(f"/imports/{plan['id']}/apply", b"")
        self.note(f"apply{name}", since)

    async def imports(self, visit: int) -> None:
        vessel = f"LOAD{visit}"
        content = as_csv(COLUMNS, register(self.rows, vessel))
        self.post("/vessels", json.dumps({"code": vessel}).encode(), "application/json")
        self.load("", vessel, content)

    async def imports_again(self, visit: int) -> None:
        vessel = f"LOAD{visit}"
        content = as_csv(COLUMNS, register(self.rows, vessel))
        self.load(" unchanged", vessel, content)
        self.load(" of updates", vessel, content.replace(b"Pump", b"Pompe"))

    async def exports(self, visit: int) -> None:
        for kind in ("csv", "ndjson"):
            path = f"/api/v1/vessels/LOAD{visit}/equipment.{kind}"
            # http.client would cost more than the server: the bare socket counts.
            with socket.create_connection(("127.0.0.1", self.run.port)) as wire:
                wire.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                since = time.perf_counter()
                received = wire.recv(262_144)
                self.first.append(time.perf_counter() - since)
                while not received.endswith(b"0\r\n\r\n"):
                    received = received[-4:] + wire.recv(262_144)
                self.note(f"export {kind}", since)

    # --- the run

    async def visit(self, number: int) -> None:
        loading: list[Callable[[int], Any]] = [self.copy_in, self.imports]
        writing: list[Callable[[int], Any]] = [self.copy_out, self.exports]
        for variants in (loading, writing, [self.imports_again]):
            turn = number % len(variants)
            for variant in variants[turn:] + variants[:turn]:
                await variant(number)

    def tell(self) -> bool:
        middle = {name: median(times) for name, times in self.seconds.items()}
        good = True
        for name, took in middle.items():
            line = f"{name:20} {took:7.3f} s"
            if name in GOALS:
                against, most = GOALS[name]
                ratio = took / middle[against]
                good &= ratio <= most
                said = f"{ratio:5.2f} of {against}, goal ≤ {most:.2f}"
                if "out" in against:
                    said = f"{1 / ratio:5.0%} of the speed of {against}, goal ≥ 75%"
                line += f"   {said}   {'ok' if ratio <= most else 'MISSED'}"
            print(line)
        first = median(self.first) * 1000
        good &= first <= FIRST_BYTE_MS
        print(f"{'first byte':20} {first:7.1f} ms   goal ≤ {FIRST_BYTE_MS} ms")
        print(f"memory of the backend {self.run.rss():.0f} MiB")
        return good


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--visits", type=int, default=3)
    said = parser.parse_args()
    with product() as run:
        bench = Bench(run, said.rows)
        for number in range(said.visits):
            await bench.visit(number)
        if not bench.tell():
            raise SystemExit("A goal was missed.")


if __name__ == "__main__":
    asyncio.run(main())
