"""Loading a failure log, against what PostgreSQL's COPY takes for the same lines.

Run it as `.venv/bin/python -m bench.failures --lines 5000000`. The lines are made: 14
pieces of equipment, 100 sensors, 40 months, which are interleaved as in a log of life:
any 15,000 lines tell of all of them. COPY fills a partitioned table with the same
columns and key out of values that are parsed already; the service reads the log.
"""

# ruff: noqa: T201 a script that prints

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from typing import IO, Any

import asyncpg

from bench.memory import Watch
from bench.product import Product, product

EQUIPMENT, SENSORS = 14, 100
COLUMNS = ("at", "sensor", "nth", "level", "temperature", "vibration")
SUMMARY, LEVEL = "/failures/summary", "by=sensor&level=error"
SPEED = 1 / 3
MOST_MIB = 64
START = datetime(2020, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=40 * 30)
# So many failures in a row go through all of the months.
RUN = 2000
# Of the same columns as readings, and with the same key and partitions.
TABLE = """
CREATE TABLE copied (LIKE readings INCLUDING ALL) PARTITION BY RANGE (at);
DO $$ BEGIN
    FOR n IN 0..60 LOOP
        EXECUTE format('CREATE TABLE copied_%s PARTITION OF copied '
            'FOR VALUES FROM (%L) TO (%L)', n,
            timestamptz '2020-01-01Z' + make_interval(months => n),
            timestamptz '2020-01-01Z' + make_interval(months => n + 1));
    END LOOP;
END $$
"""


def write(lines: int, log: IO[bytes], values: IO[bytes]) -> None:
    """An equipment fails, its sensors tell: as lines, and as what COPY takes."""
    failures = lines * EQUIPMENT // SENSORS + EQUIPMENT
    turns = max(1, failures // RUN)
    for n in chain.from_iterable(range(turn, failures, turns) for turn in range(turns)):
        at = f"{START + n * SPAN / failures:%Y-%m-%d %H:%M:%S}"
        told, copied = [], []
        for sensor in range(1 + n % EQUIPMENT, SENSORS + 1, EQUIPMENT):
            turn = n * 7919 + sensor
            temperature, vibration = turn % 50_000 / 100, turn % 1_999_999 / 100 - 9999
            told.append(
                f"[{at}]\tERROR\tsensor[{sensor}]:\t"
                f"(temperature\t{temperature:.2f}, vibration\t{vibration:.2f})\n"
            )
            copied.append(f"{at}\t{sensor}\t1\t2\t{temperature:.2f}\t{vibration:.2f}\n")
        log.write("".join(told[:lines]).encode())
        values.write("".join(copied[:lines]).encode())
        lines -= len(told)
        if lines <= 0:
            return


async def pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := file.read(512 * 1024):
        yield piece


class Bench:
    def __init__(self, run: Product, lines: int) -> None:
        self.run, self.lines = run, lines
        self.took: dict[str, float] = {}

    def post(self, path: str, body: Any = b"", kind: str = "text/plain") -> Any:  # noqa: ANN401 http.client's, and JSON
        connection = self.run.connect()
        connection.request("POST", f"/api/v1{path}", body, {"Content-Type": kind})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        if answer.status >= 300:
            raise SystemExit(f"{path}: {answer.status} {said}")
        return said

    def timed(self, name: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401 whatever it gives
        since = time.perf_counter()
        done = do()
        self.took[name] = time.perf_counter() - since
        print(f"{name:28} {self.took[name]:7.1f} s", flush=True)
        return done

    async def copy(self, file: IO[bytes], *, parsed: bool) -> None:
        db = await asyncpg.connect(self.run.database_url)
        await db.execute(TABLE if parsed else "CREATE TABLE copied (line text)")
        file.seek(0)
        since = time.perf_counter()
        if parsed:
            await db.copy_to_table("copied", source=pieces(file), columns=COLUMNS)
        else:
            # No line holds a backspace: each is one column.
            await db.copy_to_table(
                "copied", source=pieces(file), format="csv", delimiter="\b", quote="\a"
            )
        name = "COPY of values" if parsed else "COPY of lines as texts"
        self.took[name] = time.perf_counter() - since
        print(f"{name:28} {self.took[name]:7.1f} s", flush=True)
        await db.execute("DROP TABLE copied")
        await db.close()

    def register(self) -> None:
        kind = "application/json"
        self.post("/vessels", json.dumps({"code": "MV1"}), kind)
        for n in range(EQUIPMENT):
            body = {"code": f"E{n}", "name": f"E{n}", "location": "M1"}
            self.post("/vessels/MV1/equipment", json.dumps(body), kind)
        sheet = "sensor,equipment\n" + "".join(
            f"{n},E{(n - 1) % EQUIPMENT}\n" for n in range(1, SENSORS + 1)
        )
        plan = self.post("/vessels/MV1/sensors/imports", sheet, "text/csv")
        self.post(f"/imports/{plan['id']}/apply")

    def load(self, log: IO[bytes]) -> None:
        log.seek(0)
        where = "/vessels/MV1/failures/imports"
        plan = self.timed("plan", lambda: self.post(where, log))
        assert plan["counts"]["create"] == self.lines, plan
        self.timed("apply", lambda: self.post(f"/imports/{plan['id']}/apply"))

    def read(self, path: str) -> None:
        connection = self.run.connect()
        connection.request("GET", f"/api/v1{path}")
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {answer.read().decode()}")
        answer.read()

    def count(self) -> None:
        for by in ("equipment", "group", "sensor", "month", "vessel"):
            self.timed(f"summary by {by}", partial(self.read, f"{SUMMARY}?by={by}"))
        self.timed("summary of a level", partial(self.read, f"{SUMMARY}?{LEVEL}"))
        self.timed("ranking of sensors", partial(self.read, "/failures/sensors"))

    def load_again(self, log: IO[bytes]) -> None:
        log.seek(0)
        where = "/vessels/MV1/failures/imports"
        plan = self.timed("plan of the same again", lambda: self.post(where, log))
        assert plan["counts"]["unchanged"] == self.lines, plan


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=5_000_000)
    said = parser.parse_args()
    with (
        tempfile.TemporaryFile() as values,
        tempfile.TemporaryFile() as log,
        product() as run,
    ):
        write(said.lines, log, values)
        bench = Bench(run, said.lines)
        await bench.copy(values, parsed=True)
        await bench.copy(log, parsed=False)
        bench.register()
        before = run.rss()
        with Watch(run) as watch:
            bench.load(log)
            bench.count()
            bench.load_again(log)
    took = bench.took["plan"] + bench.took["apply"]
    speed, more = bench.took["COPY of values"] / took, watch.most - before
    print(f"speed of COPY {speed:.0%}, goal ≥ {SPEED:.0%}")
    print(f"memory of the backend {more:+.0f} MiB, goal ≤ {MOST_MIB} MiB")
    print(f"slowest /livez meanwhile {max(watch.waits):.0f} ms")
    if speed < SPEED or more > MOST_MIB:
        raise SystemExit("A goal was missed.")


if __name__ == "__main__":
    asyncio.run(main())
