"""Many buy at once what there is too little of: nothing is sold twice.

In the suite a few do. As many as the promise says, and the figures:
pytest -s -o faulthandler_timeout=0 app/tests/requisitions/test_rush.py --buyers 64
--carts 200
"""

import asyncio
import random
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from time import monotonic

import asyncpg
import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import create_engine, create_sessions
from app.main import create_app
from app.settings import Settings
from app.stock import queries
from app.stock.queries import Move, Origin, Place
from app.tests.conftest import client_for, connected
from app.tests.factories import JSON, created, get, ok, url
from app.tests.requisitions.factories import asking, do
from app.tests.stock.factories import stocked

PARTS = ("BEARING", "FILTER", "GASKET", "OIL", "SEAL")

# One statement sees one state: balances, the ledger, and what carts became.
SNAPSHOT = """
WITH moved AS (
    SELECT part, store, sum(on_hand) AS on_hand, sum(reserved) AS reserved,
        sum(on_hand) FILTER (WHERE kind = 'receive') AS opening
    FROM movements GROUP BY part, store
), held AS (
    SELECT l.part, r.store, sum(l.reserved) AS reserved, sum(l.issued) AS issued
    FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition
    GROUP BY l.part, r.store
)
SELECT b.part, b.on_hand, b.reserved, moved.on_hand AS moved_on_hand,
    moved.reserved AS moved_reserved, moved.opening,
    coalesce(held.reserved, 0) AS held, coalesce(held.issued, 0) AS issued
FROM balances b JOIN moved USING (part, store) LEFT JOIN held USING (part, store)
"""


@dataclass
class Rush:
    """What came of it."""

    statuses: Counter[int] = field(default_factory=Counter)
    snapshots: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0
    sold: dict[str, Decimal] = field(default_factory=dict)
    left: dict[str, Decimal] = field(default_factory=dict)

    def judge(self, rows: Iterable[asyncpg.Record]) -> None:
        self.snapshots += 1
        for row in rows:
            sound = (
                0 <= row["reserved"] <= row["on_hand"]
                and row["on_hand"] == row["moved_on_hand"]
                and row["on_hand"] == row["opening"] - row["issued"]
                and row["reserved"] == row["moved_reserved"] == row["held"]
            )
            if not sound:
                self.wrong.append(str(dict(row)))
            self.sold[str(row["part"])] = row["held"] + row["issued"]
            self.left[str(row["part"])] = row["on_hand"] - row["reserved"]


@asynccontextmanager
async def many(settings: Settings, buyers: int) -> AsyncGenerator[AsyncClient]:
    """A client of a backend that has as many connections as a fleet's three would."""
    settings = settings.model_copy(update={"pool_size": min(buyers, 30)})
    engine = create_engine(settings)
    async with client_for(create_app(settings), create_sessions(engine)) as client:
        yield client
    await engine.dispose()


async def _patiently(send: Callable[[], Awaitable[Response]], rush: Rush) -> Response:
    """Do as a 503 says: nothing was changed, try again."""
    while True:
        answer = await send()
        rush.statuses[answer.status_code] += 1
        if answer.status_code != 503:
            return answer
        await asyncio.sleep(float(answer.headers["retry-after"]) / 4)


async def _buy(client: AsyncClient, name: str, carts: int, rush: Rush) -> None:
    chance = random.Random(name)  # noqa: S311 the same in every run
    for _ in range(carts):
        wanted = chance.sample(PARTS, chance.randint(1, 3))
        body = asking(
            name, **{part: chance.choice(("1", "2", "0.5")) for part in wanted}
        )
        opening = partial(client.post, url("requisitions"), json=body)
        made = created(await _patiently(opening, rush))

        async def move(verb: str, made: JSON = made, **body: object) -> JSON:
            return ok(await _patiently(partial(do, client, made, verb, **body), rush))

        it = await move("submit")
        fate = chance.random()
        if fate < 0.3:
            await move("cancel")
        elif fate < 0.6:
            await move("approve", by="supervisor")
            if any(line["reserved"] != "0" for line in it["lines"]):
                await move("issue")


async def _watch(settings: Settings, rush: Rush, done: asyncio.Event) -> None:
    async with connected(settings) as connection:
        while not done.is_set():
            rush.judge(await connection.fetch(SNAPSHOT))
            await asyncio.sleep(0.1)
        rush.judge(await connection.fetch(SNAPSHOT))


async def rush_in(settings: Settings, buyers: int, carts: int) -> Rush:
    """Let them buy, a third of them cancelling, until everything is sold."""
    rush = Rush()
    done = asyncio.Event()
    async with many(settings, buyers) as client:
        opening = buyers * carts // 8
        await stocked(client, **dict.fromkeys(PARTS, opening))
        watching = asyncio.create_task(_watch(settings, rush, done))
        before = monotonic()
        names = [f"buyer {number}" for number in range(buyers)]
        await asyncio.gather(*(_buy(client, name, carts, rush) for name in names))
        rush.seconds = monotonic() - before
        # What was given back goes to who waits.
        waiting = []
        page = await get(client, "requisitions", backordered="true", limit=500)
        waiting += page["items"]
        while page["next_cursor"]:
            page = await get(
                client,
                "requisitions",
                backordered="true",
                limit=500,
                cursor=page["next_cursor"],
            )
            waiting += page["items"]
        for it in waiting:
            ok(await _patiently(partial(do, client, it, "reserve"), rush))
        done.set()
        await watching
    return rush


async def test_a_rush_sells_all_that_there_is_and_nothing_twice(
    fresh: Settings, pytestconfig: pytest.Config
) -> None:
    buyers, carts = (int(pytestconfig.getoption(it)) for it in ("buyers", "carts"))
    rush = await rush_in(fresh, buyers, carts)
    assert rush.statuses.keys() <= {200, 201, 503}
    assert rush.wrong == []
    assert rush.snapshots >= 2
    opening = Decimal(buyers * carts // 8)
    assert rush.sold == dict.fromkeys(PARTS, opening)
    assert rush.left == dict.fromkeys(PARTS, Decimal())
    print(  # noqa: T201 with -s, the figures of a run by hand
        f"{buyers} buyers x {carts} carts in {rush.seconds:.0f} s: {rush.statuses}, "
        f"{rush.snapshots} snapshots, {opening} of {opening} sold of each of 5 parts"
    )


async def _read(
    session: AsyncSession, moves: Sequence[Move]
) -> Mapping[Place, Decimal]:
    found = "SELECT part, store, on_hand - reserved AS available FROM balances"
    rows = await session.execute(text(found))
    available = {(row.part, row.store): row.available for row in rows}
    return {(it.part, it.store): available[it.part, it.store] for it in moves}


async def _then_write(
    session: AsyncSession, moves: Sequence[Move], origin: Origin
) -> Mapping[Place, Decimal]:
    """Reserve as one who reads, thinks and writes."""
    available = await _read(session, moves)
    await asyncio.sleep(0.005)
    taken = {}
    for it in sorted(moves):
        place = (it.part, it.store)
        if taken_now := min(it.reserved, available[place]):
            taken[place] = taken_now
            left = available[place] - taken_now
            await session.execute(
                text(
                    "UPDATE balances SET reserved = on_hand - :left "
                    "WHERE part = :part AND store = :store"
                ),
                {"left": left, "part": it.part, "store": it.store},
            )
            await session.execute(
                text(
                    "INSERT INTO movements (kind, part, store, on_hand, reserved, "
                    "requisition) VALUES (:kind, :part, :store, 0, :taken, :it)"
                ),
                {
                    "kind": origin.kind.value,
                    "part": it.part,
                    "store": it.store,
                    "taken": taken_now,
                    "it": origin.requisition,
                },
            )
    return taken


async def test_control_who_reads_and_then_writes_sells_it_twice(
    fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rush = Rush()
    async with many(fresh, 8) as client:
        await stocked(client, SEAL=4)
        monkeypatch.setattr(queries, "lock", _read)
        monkeypatch.setattr(queries, "reserve", _then_write)
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
    assert max(rush.sold.values()) > 4
