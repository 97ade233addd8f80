"""Many buy at once what there is too little of: nothing is sold twice.

In the suite a few do. As many as the promise says, and the figures:
pytest -s -o faulthandler_timeout=0 app/tests/requisitions/test_rush.py --buyers 64
--carts 200
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from threading import Event
from time import monotonic

import asyncpg
import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import create_engine, create_sessions
from app.main import create_app
from app.requisitions import queries
from app.requisitions.queries import Whole
from app.settings import Settings
from app.tests.conftest import client_for, connected
from app.tests.factories import JSON, Parameter, created, get, ok, url
from app.tests.requisitions.factories import asking, do
from app.tests.stock.factories import stocked

PARTS = ("BEARING", "FILTER", "GASKET", "OIL", "SEAL")

# One statement sees one state: balances, the ledger, and what carts became.
SNAPSHOT = """
WITH moved AS (
    SELECT part, store, sum(on_hand) AS on_hand, sum(reserved) AS reserved
    FROM movements GROUP BY part, store
), held AS (
    SELECT l.part, r.store, sum(l.reserved) AS reserved, sum(l.issued) AS issued
    FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition
    GROUP BY l.part, r.store
)
SELECT b.part, b.on_hand, b.reserved, moved.on_hand AS moved_on_hand,
    moved.reserved AS moved_reserved,
    coalesce(held.reserved, 0) AS held, coalesce(held.issued, 0) AS issued
FROM balances b JOIN moved USING (part, store) LEFT JOIN held USING (part, store)
"""


@dataclass
class Rush:
    """What came of it."""

    opening: Decimal  # of each part
    statuses: Counter[int] = field(default_factory=Counter)
    snapshots: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0
    took: dict[str, list[float]] = field(default_factory=dict)
    sold: dict[str, Decimal] = field(default_factory=dict)
    left: dict[str, Decimal] = field(default_factory=dict)

    def judge(self, rows: Iterable[asyncpg.Record]) -> None:
        self.snapshots += 1
        for row in rows:
            sound = (
                0 <= row["reserved"] <= row["on_hand"]
                and row["on_hand"] == row["moved_on_hand"]
                and row["on_hand"] == self.opening - row["issued"]
                and row["reserved"] == row["moved_reserved"] == row["held"]
            )
            if not sound:
                self.wrong.append(str(dict(row)))
            self.sold[str(row["part"])] = row["held"] + row["issued"]
            self.left[str(row["part"])] = row["on_hand"] - row["reserved"]

    async def send(
        self, verb: str, request: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Do as a 503 says: nothing was changed, try again."""
        while True:
            before = monotonic()
            answer = await request()
            self.took.setdefault(verb, []).append(monotonic() - before)
            self.statuses[answer.status_code] += 1
            if answer.status_code != 503:
                return answer
            await asyncio.sleep(float(answer.headers["retry-after"]) / 4)

    def figures(self) -> str:
        """Of each verb how often, and its median and 99th percentile in ms."""
        told = [f"{sum(map(len, self.took.values())) / self.seconds:.0f} requests/s"]
        for verb, took in self.took.items():
            sorted_ms = [f"{seconds * 1000:.0f}" for seconds in sorted(took)]
            p50, p99 = (sorted_ms[int(len(took) * part)] for part in (0.5, 0.99))
            told.append(f"{verb} {len(took)} x {p50}/{p99} ms")
        return ", ".join(told)


@asynccontextmanager
async def many(settings: Settings, buyers: int) -> AsyncGenerator[AsyncClient]:
    """A client of a backend that has as many connections as a fleet's three would."""
    settings = settings.model_copy(update={"pool_size": min(buyers, 30)})
    engine = create_engine(settings)
    async with client_for(create_app(settings), create_sessions(engine)) as client:
        yield client
    await engine.dispose()


async def _buy(client: AsyncClient, name: str, carts: int, rush: Rush) -> None:
    chance = random.Random(name)  # noqa: S311 the same in every run
    for _ in range(carts):
        wanted = chance.sample(PARTS, chance.randint(1, 3))
        body = asking(
            name, **{part: chance.choice(("1", "2", "0.5")) for part in wanted}
        )
        opening = partial(client.post, url("requisitions"), json=body)
        made = created(await rush.send("add", opening))

        async def move(verb: str, made: JSON = made, **body: object) -> JSON:
            return ok(await rush.send(verb, partial(do, client, made, verb, **body)))

        it = await move("submit")
        fate = chance.random()
        if fate < 0.3:
            await move("cancel")
        elif fate < 0.6:
            await move("approve", by="supervisor")
            if any(line["reserved"] != "0" for line in it["lines"]):
                await move("issue")


async def _watch(settings: Settings, rush: Rush, done: Event) -> None:
    """Every 100 ms, however long it takes to look."""
    async with connected(settings) as connection:
        while not done.is_set():
            next_at = monotonic() + 0.1
            rush.judge(await connection.fetch(SNAPSHOT))
            await asyncio.sleep(next_at - monotonic())
        rush.judge(await connection.fetch(SNAPSHOT))


@asynccontextmanager
async def watched(settings: Settings, rush: Rush) -> AsyncGenerator[None]:
    """In a thread: the loop in which all buy comes to it too rarely."""
    done = Event()
    watching = asyncio.create_task(
        asyncio.to_thread(lambda: asyncio.run(_watch(settings, rush, done)))
    )
    try:
        yield
    finally:
        done.set()
        await watching


async def _serve_who_waits(client: AsyncClient, rush: Rush) -> None:
    """Give what was given back to those who wait, until nothing is left."""
    further: dict[str, Parameter] = {}
    while any(row["available"] != "0" for row in (await get(client, "stock"))["items"]):
        page = await get(client, "requisitions", backordered="true", **further)
        for it in page["items"]:
            ok(await rush.send("reserve", partial(do, client, it, "reserve")))
        if not (further := {"cursor": page["next_cursor"]})["cursor"]:
            return


async def rush_in(settings: Settings, buyers: int, carts: int) -> Rush:
    """Let them buy, a third of them cancelling, until everything is sold."""
    rush = Rush(Decimal(buyers * carts // 8))
    async with many(settings, buyers) as client:
        await stocked(client, **dict.fromkeys(PARTS, str(rush.opening)))
        async with watched(settings, rush):
            before = monotonic()
            names = [f"buyer {number}" for number in range(buyers)]
            await asyncio.gather(*(_buy(client, name, carts, rush) for name in names))
            rush.seconds = monotonic() - before
            await _serve_who_waits(client, rush)
    return rush


async def test_a_rush_sells_all_that_there_is_and_nothing_twice(
    fresh: Settings, pytestconfig: pytest.Config
) -> None:
    buyers, carts = (int(pytestconfig.getoption(it)) for it in ("buyers", "carts"))
    rush = await rush_in(fresh, buyers, carts)
    assert rush.statuses.keys() <= {200, 201, 503}
    assert rush.wrong == []
    assert rush.snapshots >= 2
    assert rush.sold == dict.fromkeys(PARTS, rush.opening)
    assert rush.left == dict.fromkeys(PARTS, Decimal())
    print(  # noqa: T201 with -s, the figures of a run by hand
        f"{buyers} buyers x {carts} carts in {rush.seconds:.0f} s: {rush.statuses}, "
        f"{rush.snapshots} snapshots, all {rush.opening} sold of each of 5 parts; "
        + rush.figures()
    )


async def _read_then_write(session: AsyncSession, whole: Whole) -> None:
    """Reserve as one who reads, thinks and writes."""
    found = "SELECT part, on_hand - reserved AS available FROM balances"
    rows = await session.execute(text(found))
    available = {row.part: row.available for row in rows}
    await asyncio.sleep(0.005)
    for part, line in sorted(whole.lines.items()):
        if taken := min(line.backordered, available[part]):
            line.reserved += taken
            left = available[part] - taken
            await session.execute(
                text(
                    "UPDATE balances SET reserved = on_hand - :left WHERE part = :part"
                ),
                {"left": left, "part": part},
            )
            await session.execute(
                text(
                    "INSERT INTO movements (kind, part, store, on_hand, reserved, "
                    "requisition) VALUES ('reserve', :part, :store, 0, :taken, :it)"
                ),
                {
                    "part": part,
                    "store": whole.requisition.store,
                    "taken": taken,
                    "it": whole.requisition.id,
                },
            )


async def test_control_who_reads_and_then_writes_sells_it_twice(
    fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rush = Rush(Decimal(4))
    async with many(fresh, 8) as client:
        await stocked(client, SEAL=4)
        monkeypatch.setattr(queries, "reserve", _read_then_write)
        async with connected(fresh) as connection:
            carts = [
                created(
                    await client.post(url("requisitions"), json=asking(str(n), SEAL=1))
                )
                for n in range(8)
            ]
            await asyncio.gather(*(do(client, it, "submit") for it in carts))
            rush.judge(await connection.fetch(SNAPSHOT))
    assert rush.wrong
    assert max(rush.sold.values()) > rush.opening
