"""The feed tells every change once, and those of one row in their order."""

import asyncio
import os
import random
import re
import sys
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from httpx2 import AsyncClient, TransportError

from app.changes.cursors import Cursor
from app.changes.queries import difference
from app.database import Driver, create_engine
from app.embedded.process import free_ports
from app.settings import Settings
from app.tests.changes.test_record import this_month
from app.tests.conftest import BACKEND, connected
from app.tests.factories import JSON, change, equipment, ok, refused, url, vessel

WRITERS = 16
ROWS = 8


async def read(client: AsyncClient, **params: str | int) -> JSON:
    return ok(await client.get(url("changes"), params=params))


async def codes(client: AsyncClient, **params: str | int) -> list[str]:
    return [item["code"] for item in (await read(client, **params))["items"]]


# --- one reader, one writer --------------------------------------------------------


async def test_it_tells_each_change_once_in_order(committed: AsyncClient) -> None:
    empty = await read(committed)
    assert empty["items"] == []
    await vessel(committed, name="Baía")
    for number in range(5):
        await equipment(committed, f"A{number}")
    everything = await read(committed)
    assert [item["code"] for item in everything["items"]] == [
        "MV102",
        *(f"A{number}" for number in range(5)),
    ]
    first = everything["items"][0]
    assert first["id"] < everything["items"][1]["id"]
    assert {name: first[name] for name in ("entity", "vessel", "action", "who")} == {
        "entity": "vessel",
        "vessel": "MV102",
        "action": "created",
        "who": "anonymous",
    }
    assert (first["before"], first["after"]) == (
        None,
        {"code": "MV102", "name": "Baía"},
    )
    # From wherever one stands, in pages of any size, the same.
    for limit in (1, 2, 6, 500):
        for start in ({}, {"after": empty["next_cursor"]}):
            seen, params = [], {"limit": limit, **start}
            while page := (answer := await read(committed, **params))["items"]:
                assert len(page) <= limit
                seen += page
                params["after"] = answer["next_cursor"]
            assert seen == everything["items"]
    assert await codes(committed, after=everything["next_cursor"]) == []
    ok(await change(committed, "equipment", "A0", name="valve"))
    [updated] = (await read(committed, after=everything["next_cursor"]))["items"]
    assert updated["before"] == {"name": "compressor"}
    assert updated["version"] == 2


async def test_a_page_inside_a_batch_is_not_disturbed_by_what_comes_meanwhile(
    committed: AsyncClient,
) -> None:
    await vessel(committed)
    start = (await read(committed))["next_cursor"]
    for number in range(4):
        await equipment(committed, f"A{number}")
    half = await read(committed, after=start, limit=2)
    await equipment(committed, "B1")
    rest = await read(committed, after=half["next_cursor"], limit=2)
    assert [item["code"] for item in rest["items"]] == ["A2", "A3"]
    assert await codes(committed, after=rest["next_cursor"]) == ["B1"]


async def test_of_one_vessel_or_some(committed: AsyncClient, fresh: Settings) -> None:
    for code in ("V1", "V2", "V3"):
        await vessel(committed, code)
        await equipment(committed, f"{code}-A", of=code)
    assert await codes(committed, vessel="v2") == ["V2", "V2-A"]
    params = [("vessel", "V1"), ("vessel", "V3")]
    several = ok(await committed.get(f"{url('changes')}?{urlencode(params)}"))
    assert len(several["items"]) == 4
    start = (await read(committed))["next_cursor"]
    async with connected(fresh) as connection:
        await connection.execute(
            "UPDATE equipment SET vessel = 'V3' WHERE code = 'V2-A'"
        )
    for code, heard in (("V1", []), ("V2", ["V2-A"]), ("V3", ["V2-A"])):
        assert await codes(committed, after=start, vessel=code) == heard


async def test_from_now_on(committed: AsyncClient) -> None:
    await vessel(committed)
    answer = await read(committed, after="now")
    assert answer["items"] == []
    await equipment(committed, "A1")
    assert await codes(committed, after=answer["next_cursor"]) == ["A1"]


# --- waiting -----------------------------------------------------------------------


async def test_it_waits_for_the_next_change_with_no_transaction_open(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    start = (await read(committed))["next_cursor"]
    waiting = asyncio.create_task(codes(committed, after=start, wait=10))
    await asyncio.sleep(0.6)
    assert not waiting.done()
    async with connected(fresh) as connection:
        open_ones = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state LIKE 'idle in transaction%' AND application_name = 'fpso'"
        )
        assert open_ones == 0
    async with asyncio.timeout(2):
        await equipment(committed, "A1")
        assert await waiting == ["A1"]


async def test_it_waits_no_longer_than_asked(committed: AsyncClient) -> None:
    start = (await read(committed))["next_cursor"]
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await read(committed, after=start, wait=1)
    assert answer["items"] == []
    # Far less than the 30 seconds for which one may ask.
    assert 0.7 <= loop.time() - began < 20


@pytest.mark.parametrize("wait", ["-1", "31", "x"])
async def test_nobody_waits_longer_than_30_seconds(
    client: AsyncClient, wait: str
) -> None:
    answer = await client.get(url("changes"), params={"wait": wait})
    refused(answer, 422, "invalid")


async def test_who_waits_is_answered_when_the_process_stops(fresh: Settings) -> None:
    port = free_ports(1)[0]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app"),
        cwd=BACKEND,
        env=os.environ
        | {"FPSO_DATABASE_URL": str(fresh.database_url), "FPSO_PORT": str(port)},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await life(client)
            waiting = asyncio.create_task(read(client, wait=30))
            await asyncio.sleep(0.5)
            process.terminate()
            async with asyncio.timeout(5):
                assert (await waiting)["items"] == []
                await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def life(client: AsyncClient) -> None:
    """Wait until the process answers."""
    alive = False
    async with asyncio.timeout(20):
        while not alive:
            await asyncio.sleep(0.05)
            with suppress(TransportError):
                alive = (await client.get("/livez")).status_code == 200


# --- cursors that are none ---------------------------------------------------------


def encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        encoded("null"),
        encoded("{}"),
        *(
            encoded('{"since":"2026-11-21T00:00:00Z",%s}' % said)  # noqa: UP031 braces
            for said in (
                '"seen":"1"',
                '"seen":"0:0:"',
                '"seen":"5:4:"',
                '"seen":"5:9:9"',
                '"seen":"5:9:7,6"',
                '"seen":"5:9:6,6"',
                '"seen":"5:9:\'"',
                '"seen":"5:99999999999999999999:"',
                '"seen":"5:9:","last":-1',
                '"seen":"5:9:","last":1e99',
                '"seen":"5:9:","until":"x"',
                '"seen":5',
                '"seen":null,"more":1',
            )
        ),
        encoded('{"seen":null,"since":"2026-11-21"}'),
        encoded('{"seen":null,"since":"2026-11-21T00:00:00"}'),
    ],
)
async def test_what_is_no_cursor_is_refused(client: AsyncClient, cursor: str) -> None:
    answer = await client.get(url("changes"), params={"after": cursor})
    refused(answer, 400, "bad-cursor")


async def test_a_cursor_of_what_is_no_longer_kept_has_expired(
    committed: AsyncClient, fresh: Settings
) -> None:
    async with connected(fresh) as connection:
        await connection.execute(
            "CREATE TABLE changes_2026_01 PARTITION OF changes "
            "FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z')"
        )
        await vessel(committed)
        beginning = await read(committed, limit=1)
        await vessel(committed, "V2")
        inside = await read(committed, limit=1)
        caught_up = (await read(committed))["next_cursor"]
        await connection.execute("DROP TABLE changes_2026_01")
    # It was before all that there was, part of which is gone now.
    answer = await committed.get(
        url("changes"), params={"after": inside["next_cursor"]}
    )
    refused(answer, 410, "cursor-expired")
    assert beginning["items"]
    # What had seen everything that is gone reads on.
    assert await codes(committed, after=caught_up) == []


async def test_a_cursor_of_a_database_that_went_back_has_expired(
    committed: AsyncClient,
) -> None:
    cursor = encoded('{"seen":"7:9000000000:","since":"2026-11-21T00:00:00Z"}')
    answer = await committed.get(url("changes"), params={"after": cursor})
    refused(answer, 410, "cursor-expired")


# --- its cost ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    [
        {"seen": None},
        {"seen": None, "last": 15_000},
        {"seen": "{start}"},
        {"seen": "{start}", "last": 19_990},
    ],
)
async def test_a_page_is_found_by_an_index(
    fresh: Settings, place: dict[str, Any]
) -> None:
    async with connected(fresh) as connection:
        await connection.execute(
            "INSERT INTO vessels (code) "
            "SELECT 'V' || n FROM generate_series(1, 20000) n"
        )
        start = await connection.fetchval("SELECT pg_current_snapshot()::text")
        await connection.execute(
            "INSERT INTO vessels (code) SELECT 'W' || n FROM generate_series(1, 50) n"
        )
        await connection.execute("ANALYZE changes")
        until = await connection.fetchval("SELECT pg_current_snapshot()::text")
        seen = place["seen"] and start
        cursor = Cursor(**place | {"seen": seen}, since=datetime.now(UTC))
        statement = difference(cursor, until, []).limit(101)
        literal = statement.compile(
            dialect=create_engine(fresh).dialect, compile_kwargs={"literal_binds": True}
        )
        # An old transaction of another database makes more rows worth a look, and then
        # reading the whole of so small a table would be right.
        await connection.execute("SET enable_seqscan = off")
        plan = await connection.fetch(f"EXPLAIN {literal}")
    text = "\n".join(row["QUERY PLAN"] for row in plan)
    assert f"Seq Scan on {this_month()}" not in text
    # Of a batch's later pages both would do.
    by = {(False, True): "xid", (True, False): "pkey", (False, False): "pkey"}.get(
        ("last" in place, bool(seen)), "(xid|pkey)"
    )
    assert re.search(rf"using {this_month()}_\w*{by}\w* on", text), text


# --- many writers ------------------------------------------------------------------

Reader = Callable[[], Awaitable[list[tuple[str, int]]]]


async def _write(settings: Settings, number: int, *, rounds: int) -> None:
    """Change rows in transactions that stay open for a while, some undone."""
    chance = random.Random(number)  # noqa: S311 no secret, and the same every time
    async with connected(settings) as connection:
        for _ in range(rounds):
            transaction = connection.transaction()
            await transaction.start()
            # Early, as a transaction that read or wrote elsewhere first.
            await connection.execute("SELECT pg_current_xact_id()")
            await asyncio.sleep(chance.random() * 0.01)
            for row in sorted(chance.sample(range(ROWS), chance.randint(1, 2))):
                await connection.execute(
                    "UPDATE equipment SET name = (name::int + 1)::text, "
                    "version = version + 1 WHERE code = $1",
                    f"E{row}",
                )
            # And one of its own, which waits for nobody.
            await connection.execute(
                "INSERT INTO equipment (code, vessel, name) VALUES ($1, 'V', '1')",
                f"N{number}-{chance.getrandbits(48)}",
            )
            await asyncio.sleep(chance.random() * 0.03)
            if chance.random() < 0.1:
                await transaction.rollback()
            else:
                await transaction.commit()


async def _watch(
    settings: Settings, reader: Reader, rounds: int
) -> list[tuple[str, int]]:
    """What the reader saw while all were writing, and after they had ended."""
    seen: list[tuple[str, int]] = []
    writing = asyncio.gather(
        *(_write(settings, number, rounds=rounds) for number in range(WRITERS))
    )
    while not writing.done():
        seen += await reader()
        await asyncio.sleep(0.002)
    await writing
    while new := await reader():
        seen += new
    return seen


async def _truth(connection: Driver) -> Counter[tuple[str, int]]:
    rows = await connection.fetch("SELECT code, version FROM changes")
    return Counter((row["code"], row["version"]) for row in rows)


def _out_of_order(seen: list[tuple[str, int]]) -> int:
    """How many changes of a row were told after a later one of it."""
    latest: dict[str, int] = {}
    wrong = 0
    for code, version in seen:
        wrong += version < latest.get(code, 0)
        latest[code] = max(version, latest.get(code, 0))
    return wrong


@pytest.fixture
async def register(fresh: Settings) -> AsyncGenerator[Driver]:
    async with connected(fresh) as connection:
        await connection.execute("INSERT INTO vessels (code) VALUES ('V')")
        await connection.execute(
            "INSERT INTO equipment (code, vessel, name) "
            f"SELECT 'E' || n, 'V', '0' FROM generate_series(0, {ROWS - 1}) n"
        )
        yield connection


async def test_sixteen_writers_and_nothing_is_missed_doubled_or_out_of_order(
    register: Driver, fresh: Settings, committed: AsyncClient
) -> None:
    params: dict[str, str | int] = {}
    chance = random.Random(7)  # noqa: S311 no secret, and the same every time

    async def poll() -> list[tuple[str, int]]:
        params["limit"] = chance.choice([1, 3, 10, 100])
        if chance.random() < 0.2:
            # The answer is lost on its way: whoever was cut off asks again.
            await read(committed, **params)
        answer = await read(committed, **params)
        params["after"] = answer["next_cursor"]
        return [(item["code"], item["version"]) for item in answer["items"]]

    seen = await _watch(fresh, poll, rounds=25)
    truth = await _truth(register)
    assert sum(truth.values()) > 500
    assert Counter(seen) == truth  # none missed, none doubled
    assert _out_of_order(seen) == 0


async def test_control_a_reader_of_ids_misses(
    register: Driver, fresh: Settings
) -> None:
    last = 0

    async def poll() -> list[tuple[str, int]]:
        nonlocal last
        rows = await register.fetch(
            "SELECT id, code, version FROM changes WHERE id > $1 ORDER BY id", last
        )
        last = rows[-1]["id"] if rows else last
        return [(row["code"], row["version"]) for row in rows]

    seen = await _watch(fresh, poll, rounds=10)
    assert (await _truth(register)) - Counter(seen)


async def test_control_a_reader_of_transactions_misorders(
    register: Driver, fresh: Settings
) -> None:
    """Below the oldest running transaction nothing is missed, but told out of order."""
    last = (0, 0)

    async def poll() -> list[tuple[str, int]]:
        nonlocal last
        rows = await register.fetch(
            "SELECT xid::text::bigint AS xid, id, code, version FROM changes "
            "WHERE (xid, id) > ($1::text::xid8, $2) "
            "AND xid < pg_snapshot_xmin(pg_current_snapshot()) "
            "ORDER BY changes.xid, id",
            str(last[0]),
            last[1],
        )
        last = (rows[-1]["xid"], rows[-1]["id"]) if rows else last
        return [(row["code"], row["version"]) for row in rows]

    seen = await _watch(fresh, poll, rounds=10)
    assert Counter(seen) == await _truth(register)
    assert _out_of_order(seen) > 0
