"""A status code is a promise, also when many write at once.

These tests commit, on connections of their own. Each race has a control: the same
race without what protects it must go wrong, or the test would see nothing.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from itertools import count

import asyncpg
import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import event
from sqlalchemy.orm import Session
from starlette.types import Message, Receive, Scope, Send

from app.database import Driver, Sessions, create_engine, create_sessions
from app.main import create_app
from app.settings import Settings
from app.tests.conftest import client_for, state
from app.tests.factories import (
    JSON,
    change,
    equipment,
    get,
    ok,
    refused,
    url,
    vessel,
)
from app.vessels import service as vessels

TRIES = 15


@asynccontextmanager
async def connected(settings: Settings) -> AsyncGenerator[Driver]:
    """A connection beside the application's."""
    connection = await asyncpg.connect(str(settings.database_url))
    try:
        yield connection
    finally:
        await connection.close()


async def race(*requests: Awaitable[Response]) -> Counter[int]:
    """How often each status was answered to requests of the same moment."""
    return Counter(answer.status_code for answer in await asyncio.gather(*requests))


async def test_the_commit_precedes_the_response(
    app: FastAPI, sessions: Sessions
) -> None:
    order: list[str] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                order.append("response")
            await send(message)

        await app({**scope, "state": state(sessions)}, receive, note)

    def committed(session: Session) -> None:
        if not session.in_nested_transaction():
            order.append("commit")

    event.listen(Session, "after_commit", committed)
    try:
        transport = ASGITransport(watched)
        async with AsyncClient(transport=transport, base_url="http://fpso") as client:
            await client.post("/api/v1/vessels", json={"code": "MV102"})
    finally:
        event.remove(Session, "after_commit", committed)

    assert order == ["commit", "response"]


# --- the same thing twice at one moment --------------------------------------------

serial = count()


def _vessel(number: int) -> JSON:
    return {"code": f"V{number}"}


def _equipment(number: int) -> JSON:
    return {"code": f"E{number}", "name": "pump", "location": "deck"}


def _tag(number: int) -> JSON:
    return _equipment(next(serial)) | {"tag": f"T{number}"}


# Of each uniqueness: where to post, what of a number, and what it rests on.
UNIQUE = {
    "a vessel's code": (url("vessels"), _vessel, ("vessels", "uq_vessels_code")),
    "an equipment's code": (
        url("vessels", "MV102", "equipment"),
        _equipment,
        ("equipment", "uq_equipment_code", "uq_equipment_vessel_code"),
    ),
    "a tag aboard": (
        url("vessels", "MV102", "equipment"),
        _tag,
        ("equipment", "uq_equipment_tag_vessel"),
    ),
}


async def _doubles(client: AsyncClient, what: str) -> Counter[int]:
    path, body, _ = UNIQUE[what]
    found: Counter[int] = Counter()
    for number in range(TRIES):
        twins = (client.post(path, json=body(number)) for _ in range(2))
        found += await race(*twins)
    return found


@pytest.mark.parametrize("what", UNIQUE)
async def test_of_two_equal_posts_one_is_made_and_one_refused(
    committed: AsyncClient, what: str
) -> None:
    await vessel(committed)
    assert await _doubles(committed, what) == {201: TRIES, 409: TRIES}


@pytest.mark.parametrize("what", UNIQUE)
async def test_control_without_the_constraint_both_are_made(
    committed: AsyncClient, fresh: Settings, what: str
) -> None:
    await vessel(committed)
    async with connected(fresh) as connection:
        table, *constraints = UNIQUE[what][2]
        for name in constraints:
            drop = f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE"
            await connection.execute(drop)
    assert (await _doubles(committed, what))[201] > TRIES


async def test_a_refused_twin_is_told_what_has_it(committed: AsyncClient) -> None:
    await vessel(committed)
    path, body, _ = UNIQUE["an equipment's code"]
    answers = await asyncio.gather(
        *(committed.post(path, json=body(7)) for _ in range(8))
    )
    lost = [answer for answer in answers if answer.status_code != 201]
    assert len(lost) == 7
    for answer in lost:
        problem = refused(answer, 409, "duplicate-code")
        assert ok(await committed.get(problem["existing"]))["code"] == "E7"


# --- two moves that are each sound -------------------------------------------------


async def _cross(client: AsyncClient) -> list[list[int]]:
    """Move A under B and B under A at once, often; give each try's two statuses."""
    found: list[list[int]] = []
    for number in range(TRIES):
        one, two = f"A{number}", f"B{number}"
        await equipment(client, one)
        await equipment(client, two)
        # Every kind of precondition: they take their locks differently.
        first, second = (('"1"', "*")[number >> bit & 1] for bit in (0, 1))
        statuses = await race(
            change(client, "equipment", one, match=first, parent=two),
            change(client, "equipment", two, match=second, parent=one),
        )
        found.append(sorted(statuses.elements()))
    return found


async def test_two_moves_never_close_a_circle(committed: AsyncClient) -> None:
    await vessel(committed)
    assert await _cross(committed) == [[200, 409]] * TRIES
    for number in range(TRIES):
        for code in (f"A{number}", f"B{number}"):
            path = await get(committed, "equipment", code, "path")
            assert len(path["items"]) in {1, 2}


async def test_control_without_the_lock_they_do(
    committed: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await vessel(committed)

    async def no_lock(*_: object) -> None:
        await asyncio.sleep(0.005)

    monkeypatch.setattr(vessels, "lock", no_lock)
    assert [200, 200] in await _cross(committed)


# --- many writers of one row -------------------------------------------------------

# How many write to which row. The work grows with the square of them.
ROWS = [(8, ("vessels", "MV102")), (32, ("equipment", "A1"))]


async def _count_up(
    client: AsyncClient, writers: int, *segments: str, any_version: bool
) -> JSON:
    """Let each writer add one to the number that is the name, once; give the row."""
    # As many at once as there are connections: the others would be told to wait.
    gate = asyncio.Semaphore(8)

    async def add_one() -> None:
        while True:
            async with gate:
                before = await client.get(url(*segments))
                number = int(ok(before)["name"]) + 1
                match = "*" if any_version else before.headers["etag"]
                answer = await change(client, *segments, match=match, name=str(number))
            if answer.status_code == 200:
                return
            assert not any_version
            refused(answer, 412, "stale-version")

    await asyncio.gather(*(add_one() for _ in range(writers)))
    return await get(client, *segments)


@pytest.mark.parametrize(("writers", "segments"), ROWS)
async def test_writers_that_send_their_version_lose_no_update(
    committed: AsyncClient, writers: int, segments: tuple[str, ...]
) -> None:
    await vessel(committed, name="0")
    await equipment(committed, "A1", name="0")
    row = await _count_up(committed, writers, *segments, any_version=False)
    assert (row["name"], row["version"]) == (str(writers), writers + 1)


@pytest.mark.parametrize(("writers", "segments"), ROWS)
async def test_control_writers_that_overwrite_do_and_are_never_stale(
    committed: AsyncClient, writers: int, segments: tuple[str, ...]
) -> None:
    await vessel(committed, name="0")
    await equipment(committed, "A1", name="0")
    row = await _count_up(committed, writers, *segments, any_version=True)
    assert int(row["name"]) < writers
    # A write of what is there already makes no version.
    assert 2 <= row["version"] <= writers + 1


# --- many rows of many writers -----------------------------------------------------


async def test_batches_in_opposite_orders_do_not_wait_for_each_other(
    committed: AsyncClient,
) -> None:
    await vessel(committed)
    codes = [f"E{number:02}" for number in range(20)]
    for code in codes:
        await equipment(committed, code)
    for _ in range(4):
        statuses = await race(
            *(
                committed.post(url("equipment", verb), json={"codes": order})
                for verb in ("deactivate", "activate")
                for order in (codes, codes[::-1], codes[10:] + codes[:10])
            )
        )
        assert statuses == {200: 6}
    # Each row changed as often as it says, and the versions were counted.
    rows = (await get(committed, "equipment"))["items"]
    for row in rows:
        assert (row["version"] % 2 == 1) == (row["status"] == "active")


async def test_batches_moves_and_changes_get_along(committed: AsyncClient) -> None:
    await vessel(committed)
    codes = [f"E{number}" for number in range(4)]
    for code in codes:
        await equipment(committed, code)
    statuses: Counter[int] = Counter()
    for shift in range(1, 8):
        statuses += await race(
            *(
                change(committed, "equipment", code, parent=codes[(n + shift) % 4])
                for n, code in enumerate(codes)
            ),
            *(
                committed.post(url("equipment", verb), json={"codes": order})
                for verb in ("deactivate", "activate")
                for order in (codes, codes[::-1])
            ),
            change(committed, "vessels", "MV102", name=str(shift)),
        )
    # 409 is a move that would have closed a circle. Nothing waited in vain.
    assert statuses.keys() <= {200, 409}
    for code in codes:
        await get(committed, "equipment", code, "path")


# --- a database that stalls, breaks or is away --------------------------------------


async def test_a_lost_connection_is_replaced(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    async with connected(fresh) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert (await get(committed, "vessels", "MV102"))["code"] == "MV102"


async def test_a_connection_lost_in_use_is_503_and_the_next_works(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    async with connected(fresh) as connection, connection.transaction():
        await connection.execute("SELECT FROM vessels FOR UPDATE")
        blocked = asyncio.create_task(change(committed, "vessels", "MV102", name="x"))
        while not await connection.fetchval(  # noqa: ASYNC110 it waits in PostgreSQL
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.01)  # until it waits
        answer = await blocked
    refused(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "2"
    assert (await get(committed, "vessels", "MV102"))["name"] is None


async def test_nobody_waits_for_ever(committed: AsyncClient, fresh: Settings) -> None:
    """One is refused the lock, the other a connection: both soon, and in words."""
    await vessel(committed)
    settings = fresh.model_copy(update={"pool_size": 1})
    engine = create_engine(settings)
    async with (
        client_for(create_app(settings), create_sessions(engine)) as client,
        engine.connect(),  # the only connection of its pool
        connected(fresh) as holder,
        holder.transaction(),
        asyncio.timeout(5),
    ):
        await holder.execute("SELECT FROM vessels FOR UPDATE")
        answers = await asyncio.gather(
            change(committed, "vessels", "MV102", name="x"),
            client.get(url("vessels")),
        )
    await engine.dispose()
    for answer in answers:
        refused(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "2"
    assert (await get(committed, "vessels", "MV102"))["name"] is None


async def test_a_refusal_that_nobody_foresaw_is_a_fault_of_ours(
    committed: AsyncClient, fresh: Settings
) -> None:
    """Not a duplicate, nor a wrong parent: the caller could mend nothing."""
    await vessel(committed)
    async with connected(fresh) as connection:
        for table in ("vessels", "equipment"):
            await connection.execute(f"ALTER TABLE {table} ADD CHECK (code <> 'BAD')")
    for path in (url("vessels"), url("vessels", "MV102", "equipment")):
        body = {"code": "BAD"}
        if path.endswith("equipment"):
            body |= {"name": "pump", "location": "deck"}
        refused(await committed.post(path, json=body), 500, "internal-error")


async def test_a_failure_after_a_write_leaves_nothing(fresh: Settings) -> None:
    """The last thing before the answer fails: all before it is undone."""
    engine = create_engine(fresh)

    def fail(_: Session) -> None:
        raise RuntimeError("the disk of the test is full")

    async with client_for(create_app(fresh), create_sessions(engine)) as client:
        event.listen(Session, "before_commit", fail)
        try:
            answer = await client.post(url("vessels"), json={"code": "MV102"})
        finally:
            event.remove(Session, "before_commit", fail)
        refused(answer, 500, "internal-error")
        assert (await get(client, "vessels"))["items"] == []
    await engine.dispose()
