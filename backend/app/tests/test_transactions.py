"""A status code is a promise, also when many write at once.

These tests commit, on connections of their own. Each race has a control: the same
race without what protects it must go wrong, or the test would see nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from itertools import count

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import event
from sqlalchemy.orm import Session
from starlette.types import Message, Receive, Scope, Send

from app.database import Sessions, create_engine, create_sessions
from app.equipment import queries
from app.main import create_app
from app.settings import Settings
from app.tests.conftest import client_for, connected, seen, state
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


# Requests that wait for a lock.
WAITING = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)

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


async def test_of_32_writers_of_one_version_one_wins(fresh: Settings) -> None:
    """All at once, each on a connection of its own."""
    settings = fresh.model_copy(update={"pool_size": 32})
    engine = create_engine(settings)
    won = []
    async with client_for(create_app(settings), create_sessions(engine)) as client:
        await vessel(client)
        for version in (1, 2):
            names = [f"{version}.{number}" for number in range(32)]
            answers = await asyncio.gather(
                *(
                    change(client, "vessels", "MV102", match=f'"{version}"', name=name)
                    for name in names
                )
            )
            found = Counter(answer.status_code for answer in answers)
            assert found == {200: 1, 412: 31}
            [winner] = [answer for answer in answers if answer.is_success]
            row = await get(client, "vessels", "MV102")
            assert row == ok(winner)
            won.append((row["version"], row["name"]))
    await engine.dispose()
    async with connected(fresh) as connection:
        recorded = await connection.fetch(
            "SELECT version, after ->> 'name' FROM changes "
            "WHERE version > 1 ORDER BY id"
        )
    assert [tuple(row) for row in recorded] == won
    assert [version for version, _ in won] == [2, 3]


@pytest.mark.parametrize("segments", [("vessels", "MV102"), ("equipment", "A1")])
async def test_who_overwrites_waits_and_is_not_stale(
    committed: AsyncClient, fresh: Settings, segments: tuple[str, ...]
) -> None:
    await vessel(committed, name="0")
    await equipment(committed, "A1", name="0")
    async with connected(fresh) as watcher, connected(fresh) as holder:
        gate = holder.transaction()
        await gate.start()
        await holder.execute(f"SELECT FROM {segments[0]} FOR UPDATE")
        changes = race(*(change(committed, *segments, name=str(n)) for n in (1, 2, 3)))
        running = asyncio.create_task(changes)
        await seen(watcher, WAITING, at_least=3)  # all have read version 1
        await gate.rollback()
    assert await running == {200: 3}
    assert (await get(committed, *segments))["version"] == 4


async def test_movers_of_one_row_do_not_lock_each_other_out(
    committed: AsyncClient,
) -> None:
    await vessel(committed)
    for parent in ("P1", "P2"):
        await equipment(committed, parent)
    for number in range(5):
        code = f"A{number}"
        await equipment(committed, code)
        statuses = await race(
            change(committed, "equipment", code, match="*", parent="P1"),
            change(committed, "equipment", code, match='"1"', parent="P2"),
        )
        # The second mover may come too late, but none is a deadlock's victim.
        assert statuses in ({200: 2}, {200: 1, 412: 1})


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


async def _wait_and_judge(client: AsyncClient, fresh: Settings) -> list[Response]:
    """Let two batches wait for who changes A1 and deletes A2; then read A1."""
    await vessel(client)
    for code in ("A1", "A2", "A3"):
        await equipment(client, code)
    async with connected(fresh) as watcher, connected(fresh) as holder:
        async with holder.transaction():
            await holder.execute(
                "UPDATE equipment SET status = 'inactive' WHERE code = 'A1'"
            )
            await holder.execute("DELETE FROM equipment WHERE code = 'A2'")
            batches = asyncio.gather(
                *(
                    client.post(
                        url("equipment", "deactivate"),
                        json={"codes": ["A1", "A2", "A3"]},
                        params={"mode": mode},
                    )
                    for mode in ("atomic", "partial")
                )
            )
            await seen(watcher, WAITING, at_least=2)
        answers = await batches
    return [*answers, await client.get(url("equipment", "A1"))]


async def test_a_batch_that_waited_judges_what_it_finds_then(
    committed: AsyncClient, fresh: Settings
) -> None:
    atomic, partial, row = await _wait_and_judge(committed, fresh)
    assert refused(atomic, 404, "unknown-codes")["codes"] == ["A2"]
    assert ok(partial) == {"changed": ["A3"], "unchanged": ["A1"], "missing": ["A2"]}
    assert ok(row)["version"] == 1
    assert (await get(committed, "equipment", "A3"))["version"] == 2


async def test_control_without_the_lock_it_judges_what_was(
    committed: AsyncClient, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    locking = queries.SET_STATUS
    unlocked = locking.text.replace("FOR NO KEY UPDATE", "")
    monkeypatch.setattr(locking, "text", unlocked)
    atomic, partial, row = await _wait_and_judge(committed, fresh)
    assert {atomic.status_code, partial.status_code} == {200}
    assert ok(row)["version"] > 1


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
    async with (
        connected(fresh) as watcher,
        connected(fresh) as holder,
        holder.transaction(),
    ):
        await holder.execute("SELECT FROM vessels FOR UPDATE")
        blocked = asyncio.create_task(change(committed, "vessels", "MV102", name="x"))
        await seen(watcher, WAITING, at_least=1)
        await watcher.execute(WAITING.replace("count(*)", "pg_terminate_backend(pid)"))
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
