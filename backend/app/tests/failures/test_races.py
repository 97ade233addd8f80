"""Logs that are loaded while others are, and while failures are reported."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from httpx2 import AsyncClient, Response

from app.failures import loads
from app.settings import Settings
from app.tests.conftest import BACKEND, connected, seen
from app.tests.factories import JSON, created, equipment, ok, refused, url, vessel
from app.tests.failures.factories import LOG, failures, fleet, line, plan, send
from app.tests.imports.factories import apply, counts

# The earliest of LOG's.
AT, READ = "2019-12-10T10:46:09Z", 2
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@asynccontextmanager
async def stopped(
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    asked: Callable[[], Awaitable[Response]],
    *,
    after: bool = False,
) -> AsyncGenerator[asyncio.Task[Response]]:
    """The request, stopped before (or after) this step of it until the block ends."""
    real, there, on = getattr(loads, step), asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        monkeypatch.setattr(loads, step, real)  # others go through
        there.set()
        await on.wait()

    async def slow(*said: Any) -> Any:  # noqa: ANN401 the step's own
        if not after:
            await wait()
        done = await real(*said)
        if after:
            await wait()
        return done

    monkeypatch.setattr(loads, step, slow)
    request = asyncio.ensure_future(asked())
    async with asyncio.timeout(30):
        await there.wait()
    try:
        yield request
    finally:
        on.set()
        await asyncio.wait([request])


async def report(client: AsyncClient, at: str = AT, code: str = "KA-1") -> Response:
    readings = [{"sensor": "1", "temperature": 26.5, "vibration": -3438.67}]
    body = {"code": code, "at": at, "readings": readings}
    return await client.post(url("failures"), json=body)


# --- a plan that is overtaken ---------------------------------------------------------


async def overtaken(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> JSON:
    """A plan that was judged before another one of the same log was applied."""
    await fleet(client)
    first = await plan(client, LOG)
    later = stopped(
        *(monkeypatch, "leave_out_known", lambda: send(client, LOG)), after=True
    )
    async with later as request:
        ok(await apply(client, first))
    planned = created(request.result())
    assert counts(planned) == (9, 0, 0, 0)
    return planned


async def test_a_log_that_is_planned_while_it_is_applied_is_added_once(
    committed: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = await overtaken(committed, monkeypatch)
    refused(await apply(committed, planned), 409, "plan-stale")
    assert (await failures(committed))[0] == ("KA-1", AT, READ)


async def test_control_what_is_judged_first_is_added_twice(
    committed: AsyncClient, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = await overtaken(committed, monkeypatch)
    async with connected(fresh) as connection:
        query = "SELECT basis FROM imports WHERE id = $1"
        words = (await connection.fetchval(query, planned["id"])).split()
        basis = await loads._basis(connection, "MV102", *words[:2])  # noqa: SLF001 taken last
        query = "UPDATE imports SET basis = $2 WHERE id = $1"
        await connection.execute(query, planned["id"], basis)
    ok(await apply(committed, planned))
    assert (await failures(committed))[0] == ("KA-1", AT, 2 * READ)


async def test_a_report_makes_a_plan_of_its_time_stale(client: AsyncClient) -> None:
    await fleet(client)
    planned = await plan(client, LOG)
    other = await plan(client, line("2020-05-01", 1))
    created(await report(client))
    refused(await apply(client, planned), 409, "plan-stale")
    ok(await apply(client, other))
    again = await plan(client, LOG)
    assert counts(again) == (8, 0, 1, 0)
    ok(await apply(client, again))
    assert (await failures(client))[0] == ("KA-1", AT, READ)


async def reported_meanwhile(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> Response:
    """What applying answers where a report of its line comes after it has begun."""
    await fleet(client)
    planned = await plan(client, LOG)
    applying = stopped(monkeypatch, "build_months", lambda: apply(client, planned))
    async with applying as request:
        created(await report(client))
    return request.result()


async def test_a_report_while_a_log_is_applied_is_counted_once(
    committed: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await reported_meanwhile(committed, monkeypatch)
    refused(answer, 409, "plan-stale")
    assert await failures(committed) == [("KA-1", AT, 1)]


async def test_control_a_report_that_nobody_looks_for_again_is_counted_twice(
    committed: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> bool:
        return False

    monkeypatch.setattr(loads, "is_stale", never)
    ok(await reported_meanwhile(committed, monkeypatch))
    assert (await failures(committed))[0] == ("KA-1", AT, READ + 1)


# --- months ---------------------------------------------------------------------------


async def two_vessels(client: AsyncClient) -> JSON:
    """A month that is there, and the plan of a log that brings others."""
    await fleet(client)
    await vessel(client, "MV103")
    await equipment(client, "KA-9", of="MV103")
    created(await client.post(url("equipment", "KA-9", "sensors"), json={"code": "1"}))
    created(await report(client, "2019-05-01T00:00:00Z", "KA-9"))
    return await plan(client, LOG)


async def test_a_load_holds_up_nobody_else(
    committed: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = await two_vessels(committed)
    other = await plan(committed, line("2019-05-02 00:00:00", 1), to="MV103")
    history = await plan(committed, line("2018-05-02 00:00:00", 1), to="MV103")
    loading = stopped(monkeypatch, "attach_months", lambda: apply(committed, planned))
    async with loading as request:
        ok(await apply(committed, other))
        created(await report(committed, "2019-05-03T00:00:00Z", "KA-9"))
        # Of new months, which are none of those of the load.
        ok(await apply(committed, history))
        created(await report(committed, "2019-06-01T00:00:00Z", "KA-9"))
        assert not request.done()
    ok(request.result())
    assert len(await failures(committed, vessel="MV102")) == 6
    assert len(await failures(committed, vessel="MV103")) == 5


async def test_control_one_lock_for_all_months_holds_others_up(
    committed: AsyncClient, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = await two_vessels(committed)
    other = await plan(committed, line("2019-05-02 00:00:00", 1), to="MV103")
    script = ScriptDirectory.from_config(Config(toml_file=BACKEND / "pyproject.toml"))
    before = script.get_revisions("0018")[0]
    name = ("FUNCTION add_", "OR REPLACE FUNCTION build_")
    async with connected(fresh) as connection:
        await connection.execute(before.module.ADD.replace(*name))
    loading = stopped(monkeypatch, "attach_months", lambda: apply(committed, planned))
    async with loading:
        refused(await apply(committed, other), 503, "unavailable")
        new = await report(committed, "2019-06-01T00:00:00Z", "KA-9")
        refused(new, 503, "unavailable")


async def test_who_waited_for_a_month_finds_it_there(
    committed: AsyncClient, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = await two_vessels(committed)
    other = await plan(committed, line("2020-01-03 00:00:00", 1), to="MV103")
    loading = stopped(monkeypatch, "attach_months", lambda: apply(committed, planned))
    async with connected(fresh) as connection:
        async with loading as request:
            waiting = (
                asyncio.ensure_future(apply(committed, other)),
                asyncio.ensure_future(
                    report(committed, "2020-02-03T00:00:00Z", "KA-9")
                ),
            )
            await seen(connection, WAITING, at_least=2)
        ok(request.result())
    ok(await waiting[0])
    created(await waiting[1])
    assert len(await failures(committed, vessel="MV103")) == 3
