"""What a large upload does to a backend: to its memory, and to the others it serves.

Run it as `.venv/bin/python -m bench.memory --mib 100`. Each format is sent twice, since
the first one also warms up: the goal, at most 64 MiB more, holds for all of them.
"""

# ruff: noqa: T201 a script that prints

import argparse
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

from bench.product import Product, product

MIB = 1024 * 1024
MOST_MIB = 64
MOST_MS = 200
NOTE = "Lorem ipsum dolor sit amet, consectetur adipisici elit, " * 17


def lines(mib: int, row: Callable[[int], str]) -> Iterator[bytes]:
    """Rows of about 1 KiB, as registers with 48 columns have them."""
    sent, number, piece = 0, 0, bytearray()
    while sent < mib * MIB:
        piece += row(number).encode()
        number += 1
        if len(piece) > MIB:
            sent += len(piece)
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def above(number: int) -> str:
    return f"23-XX-{number // 7:06d}" if number else ""


def as_csv(mib: int) -> Iterator[bytes]:
    yield b"tag,name,location,parent,note\n"
    yield from lines(
        mib,
        lambda n: f'23-XX-{n:06d},Pump {n} \u00e6,M{n % 40},{above(n)},"{NOTE}"\n',
    )


def thing(number: int) -> str:
    return json.dumps(
        {
            "tag": f"23-XX-{number:06d}",
            "name": f"Pump {number} \u00e6",
            "location": f"M{number % 40}",
            "parent": above(number),
            "note": NOTE,
        }
    )


def as_ndjson(mib: int) -> Iterator[bytes]:
    return lines(mib, lambda n: f"{thing(n)}\n")


def as_array(mib: int) -> Iterator[bytes]:
    yield b"["
    yield from lines(mib, lambda n: f"{',' if n else ''}{thing(n)}\n")
    yield b"]"


KINDS: dict[str, Callable[[int], Iterator[bytes]]] = {
    "text/csv": as_csv,
    "application/x-ndjson": as_ndjson,
    "application/json": as_array,
}


class Watch:
    """Notes the most memory that the backend takes, and how soon it says it lives."""

    def __init__(self, run: Product) -> None:
        self.run = run
        self.most = 0.0
        self.waits: list[float] = []
        self.ended = threading.Event()
        self.threads = [
            threading.Thread(target=look) for look in (self.memory, self.livez)
        ]

    def memory(self) -> None:
        while not self.ended.wait(0.02):
            self.most = max(self.most, self.run.rss())

    def livez(self) -> None:
        connection = self.run.connect()
        while not self.ended.wait(0.05):
            since = time.perf_counter()
            connection.request("GET", "/livez")
            connection.getresponse().read()
            self.waits.append((time.perf_counter() - since) * 1000)

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()


def upload(run: Product, kind: str, body: Iterator[bytes]) -> str:
    connection = run.connect()
    connection.request(
        "POST",
        "/api/v1/vessels/MV102/imports?filename=big",
        body,
        {"Content-Type": kind},
    )
    answer = connection.getresponse()
    said = json.loads(answer.read())
    return str(said.get("counts") or said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=100)
    # The end of the last row may pass the limit of 100 MiB.
    mib = parser.parse_args().mib - 1
    good = True
    with product() as run:
        connection = run.connect()
        connection.request(
            "POST",
            "/api/v1/vessels",
            '{"code": "MV102"}',
            {"Content-Type": "application/json"},
        )
        connection.getresponse().read()
        start = run.rss()
        for kind in [*KINDS, *KINDS]:
            since = time.perf_counter()
            with Watch(run) as watch:
                said = upload(run, kind, KINDS[kind](mib))
            took = time.perf_counter() - since
            waits = sorted(watch.waits)
            p99, longest = waits[int(len(waits) * 0.99)], waits[-1]
            grown = watch.most - start
            good &= grown <= MOST_MIB and p99 <= MOST_MS
            print(
                f"{kind:22} {took:6.1f} s  {start:.0f} + {grown:3.0f} MiB  "
                f"/livez p99 {p99:.0f} ms, longest {longest:.0f} ms  {said}"
            )
    if not good:
        raise SystemExit("A goal was missed.")


if __name__ == "__main__":
    main()
