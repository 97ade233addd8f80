"""Imports beside other writers: each request has one documented end, and none half."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy.engine import make_url

from app.database import create_engine, create_sessions
from app.imports import queries
from app.main import create_app
from app.settings import Settings
from app.tests.conftest import client_for, connected, seen
from app.tests.factories import (
    JSON,
    change,
    equipment,
    get,
    ok,
    order,
    refused,
    url,
    vessel,
)
from app.tests.imports.factories import aboard, apply, counts, load, plan, send
from app.tests.test_transactions import WAITING


async def until_waiting(settings: Settings, what: str) -> int:
    """Wait until some statement like `what` waits for a lock; its process id."""
    # Outside of any transaction, in which statistics would stand still.
    async with connected(settings) as connection:
        for _ in range(500):
            found: int | None = await connection.fetchval(
                "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                "AND datname = current_database() AND query LIKE $1",
                f"%{what}%",
            )
            if found:
                return found
            await asyncio.sleep(0.01)
    raise AssertionError(what)


def statuses(answers: list[Response]) -> Counter[str]:
    return Counter(
        f"{answer.status_code} {answer.json().get('code', '')}".strip()
        if answer.status_code != 200
        else "200"
        for answer in answers
    )


async def test_one_plan_applied_many_times_at_once_is_applied_once(
    committed: AsyncClient,
) -> None:
    await vessel(committed)
    planned = await plan(
        committed, "code,name\n" + "".join(f"A{i},x\n" for i in range(500))
    )
    answers = await asyncio.gather(*(apply(committed, planned) for _ in range(6)))
    found = statuses(answers)
    assert found.pop("200") == 1
    assert set(found) <= {"409 conflict", "409 plan-already-applied"}
    assert sum(found.values()) == 5
    assert len((await get(committed, "equipment", limit=500))["items"]) == 500


async def test_two_imports_into_one_vessel_at_once_follow_each_other(
    committed: AsyncClient,
) -> None:
    await vessel(committed)
    files = ["code,name\n" + "".join(f"{c}{i},x\n" for i in range(300)) for c in "ABCD"]
    plans = await asyncio.gather(*(plan(committed, content) for content in files))
    assert {counts(planned) for planned in plans} == {(300, 0, 0, 0)}
    answers = await asyncio.gather(*(apply(committed, planned) for planned in plans))
    assert statuses(list(answers)) == {"200": 4}
    for content in files:
        assert counts(await plan(committed, content)) == (0, 0, 300, 0)


async def test_the_same_file_loaded_twice_at_once_is_loaded_once(
    committed: AsyncClient,
) -> None:
    await vessel(committed)
    content = "code,tag,name\n" + "".join(f"A{i},T{i},x\n" for i in range(300))
    plans = [await plan(committed, content) for _ in range(4)]
    answers = await asyncio.gather(*(apply(committed, planned) for planned in plans))
    assert statuses(list(answers)) == {"200": 1, "409 plan-stale": 3}


async def test_the_same_codes_for_two_vessels_have_one_owner(
    committed: AsyncClient,
) -> None:
    """No vessel's lock covers both: the order of the codes prevents a deadlock."""
    await vessel(committed, "V1")
    await vessel(committed, "V2")
    names = [f"A{i}" for i in range(400)]
    plans = [
        await plan(committed, "code,name\n" + "".join(f"{n},x\n" for n in some), to=to)
        for some, to in ((names, "V1"), (names[::-1], "V2"))
    ]
    answers = await asyncio.gather(*(apply(committed, planned) for planned in plans))
    assert statuses(list(answers)) == {"200": 1, "409 plan-stale": 1}
    sizes = {len(await aboard(committed, code)) for code in ("V1", "V2")}
    assert sizes == {0, 400}


async def test_an_import_among_other_writers_is_whole(committed: AsyncClient) -> None:
    """Each row ends as the last writer left it; no answer is undocumented."""
    await vessel(committed)
    codes = [f"A{i}" for i in range(60)]
    await load(
        committed, "code,name,location\n" + "".join(f"{c},x,M1\n" for c in codes)
    )
    for attempt in range(2):
        content = "code,name,location\n" + "".join(f"{c},n{attempt},\n" for c in codes)
        planned = await plan(committed, content)
        before = await aboard(committed)
        group = f"g{attempt}"
        writers = [
            *(
                change(committed, "equipment", c, group=f"g{attempt}")
                for c in codes[:5]
            ),
            committed.post(
                url("equipment", ("deactivate", "activate")[attempt % 2]),
                json={"codes": codes[::-7]},
            ),
            order(committed, codes[3]),
            *(
                change(
                    *(committed, "equipment", c),
                    match=f'"{before[c]["version"]}"',
                    group=group,
                )
                for c in codes[5:8]
            ),
        ]
        first, *others = await asyncio.gather(
            apply(committed, planned),
            *(_later(writer, place / 200) for place, writer in enumerate(writers)),
        )
        assert isinstance(first, Response)
        found = [a.status_code for a in others if isinstance(a, Response)]
        assert set(found[:-3]) == {200}
        after = await aboard(committed)
        for code, status in zip(codes[5:8], found[-3:], strict=True):
            # Who was told that he came too late changed nothing, all others something.
            assert status in {200, 412}
            assert (after[code]["group"] == group) == (status == 200)
        if first.status_code == 200:
            assert {o["name"] for o in after.values()} == {f"n{attempt}"}
        else:
            refused(first, 409, "plan-stale")
            assert {c: o["name"] for c, o in after.items()} == {
                c: o["name"] for c, o in before.items()
            }
        assert {after[c]["group"] for c in codes[:5]} == {group}
    planned = await plan(committed, "code,name,location\nA1,last,\n")
    ok(await apply(committed, planned))


Request = Callable[[AsyncClient], Awaitable[Response]]

# What meets an import at the row A0, whose first version both saw; what it does there.
WRITERS: dict[str, tuple[Request, JSON]] = {
    "a batch": (
        lambda client: client.post(
            url("equipment", "deactivate"), json={"codes": ["A1", "A0"]}
        ),
        {"status": "inactive"},
    ),
    "a change": (
        lambda client: change(client, "equipment", "A0", match='"1"', location="M2"),
        {"location": "M2"},
    ),
}


async def meet(
    settings: Settings, *requests: Callable[[], Awaitable[Response]]
) -> list[Response]:
    """Let the requests come in this order while somebody holds A0, who then goes."""
    async with connected(settings) as watcher, connected(settings) as holder:
        gate = holder.transaction()
        await gate.start()
        await holder.execute("SELECT FROM equipment WHERE code = 'A0' FOR UPDATE")
        running = []
        for number, request in enumerate(requests, start=1):
            running.append(asyncio.ensure_future(request()))
            await seen(watcher, WAITING, at_least=number)
        await gate.rollback()
        return await asyncio.gather(*running)


async def prepared(client: AsyncClient) -> JSON:
    await vessel(client)
    await load(client, "code,name,location\nA0,x,M1\nA1,x,M1\n")
    return await plan(client, "code,name\nA0,new\nA1,new\n")


@pytest.mark.parametrize("who", WRITERS)
async def test_an_import_that_comes_after_a_writer_is_stale(
    committed: AsyncClient, fresh: Settings, who: str
) -> None:
    request, done = WRITERS[who]
    planned = await prepared(committed)
    writer, importer = await meet(
        fresh, lambda: request(committed), lambda: apply(committed, planned)
    )
    ok(writer)
    refused(importer, 409, "plan-stale")
    row = (await aboard(committed))["A0"]
    assert row.items() >= ({"name": "x", "version": 2} | done).items()


@pytest.mark.parametrize("who", WRITERS)
async def test_control_without_its_lock_it_undoes_what_the_writer_did(
    committed: AsyncClient, fresh: Settings, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    request, done = WRITERS[who]
    unlocked = queries.LOCK.replace("FOR NO KEY UPDATE", "")
    monkeypatch.setattr(queries, "LOCK", unlocked)
    planned = await prepared(committed)
    answers = await meet(
        fresh, lambda: request(committed), lambda: apply(committed, planned)
    )
    assert statuses(answers) == {"200": 2}
    row = (await aboard(committed))["A0"]
    assert (row["name"], row["version"]) == ("new", 3)
    assert not row.items() >= done.items()


@pytest.mark.parametrize("who", WRITERS)
async def test_a_writer_that_comes_after_an_import_undoes_nothing_of_it(
    committed: AsyncClient, fresh: Settings, who: str
) -> None:
    request, done = WRITERS[who]
    planned = await prepared(committed)
    importer, writer = await meet(
        fresh, lambda: apply(committed, planned), lambda: request(committed)
    )
    ok(importer)
    row = (await aboard(committed))["A0"]
    assert row["name"] == "new"
    if who == "a batch":  # It asks for no version.
        assert ok(writer)["changed"] == ["A1", "A0"]
        assert row.items() >= ({"version": 3} | done).items()
    else:
        refused(writer, 412, "stale-version")
        assert row["version"] == 2


async def _later(writer: object, seconds: float) -> object:
    await asyncio.sleep(seconds)
    return await writer  # type: ignore[misc]  # requests and what makes them


# --- what the driver says below SQLAlchemy --------------------------------------------


async def test_a_row_locked_for_too_long_is_503(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    await equipment(committed, "A1")
    planned = await plan(committed, "code,name\nA1,new\n")
    async with connected(fresh) as other, other.transaction():
        await other.execute("SELECT FROM equipment WHERE code = 'A1' FOR UPDATE")
        problem = refused(await apply(committed, planned), 503, "unavailable")
    assert "Try again" in problem["detail"]
    ok(await apply(committed, planned))


async def test_a_deadlock_is_409(committed: AsyncClient, fresh: Settings) -> None:
    await vessel(committed)
    planned = await plan(committed, "code,tag,name\nA1,T1,x\nA2,T2,x\n")
    async with connected(fresh) as other, other.transaction():
        # We hold A2 and want T1; the import holds T1 and wants A2. Who asks last is
        # told, and the import waits first.
        await other.execute("SET LOCAL deadlock_timeout = '30s'")
        insert = (
            "INSERT INTO equipment (vessel, code, tag, name) VALUES ('MV102', {}, 'x')"
        )
        await other.execute(insert.format("'A2', NULL"))
        applying = asyncio.create_task(apply(committed, planned))
        await until_waiting(fresh, "INSERT INTO equipment")
        ours = asyncio.create_task(other.execute(insert.format("'A3', 'T1'")))
        answer = await applying
        refused(answer, 409, "conflict")
        await ours
    refused(await apply(committed, planned), 409, "plan-stale")


@pytest.mark.parametrize("end", ["pg_terminate_backend", "pg_cancel_backend"])
async def test_a_connection_lost_on_the_way_is_503_and_replaced(
    narrow: AsyncClient, fresh: Settings, end: str
) -> None:
    await vessel(narrow)
    await equipment(narrow, "A1")
    planned = await plan(narrow, "code,name\nA1,new\n")
    async with connected(fresh) as other, other.transaction():
        await other.execute("SELECT FROM equipment WHERE code = 'A1' FOR UPDATE")
        applying = asyncio.create_task(apply(narrow, planned))
        process = await until_waiting(fresh, "FOR NO KEY UPDATE")
        await other.execute(f"SELECT {end}({process})")
        refused(await applying, 503, "unavailable")
    ok(await apply(narrow, planned))


async def test_a_connection_lost_while_rows_arrive_is_503(
    narrow: AsyncClient, fresh: Settings
) -> None:
    """COPY is the driver's own: SQLAlchemy never sees how it ends."""
    await vessel(narrow)
    content = "code,name\n" + "".join(f"A{i},x\n" for i in range(60_000))
    async with connected(fresh) as other:
        planning = asyncio.create_task(send(narrow, content))
        process = None
        while process is None:
            process = await other.fetchval(
                "SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY%staged%' "
                "AND datname = current_database()"
            )
            await asyncio.sleep(0)
        await other.execute("SELECT pg_terminate_backend($1)", process)
        refused(await planning, 503, "unavailable")
        assert await other.fetchval("SELECT count(*) FROM imports") == 0
    assert counts(await plan(narrow, "code,name\nA1,x\n")) == (1, 0, 0, 0)


async def test_a_database_out_of_reach_is_503(fresh: Settings) -> None:
    gone = make_url(str(fresh.database_url)).set(port=1)
    settings = Settings.model_validate(
        {"database_url": gone.render_as_string(hide_password=False)}
    )
    engine = create_engine(settings)
    async with client_for(create_app(settings), create_sessions(engine)) as client:
        refused(await send(client, "code\n"), 503, "unavailable")
    await engine.dispose()
