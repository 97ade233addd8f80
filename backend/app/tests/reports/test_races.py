"""A plan of issues beside others who write what it judged."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager

import pytest
from httpx2 import AsyncClient, Response

from app.failures import telling
from app.reports import applying
from app.settings import Settings
from app.tests.conftest import connected, seen
from app.tests.factories import JSON, created, ok, refused, url
from app.tests.imports.factories import apply
from app.tests.orders.factories import fleet
from app.tests.reports.factories import failed, known, plan
from app.tests.test_transactions import WAITING

SHEET = "reference,equipment,title,kind,observed_at,state,resolved_at\n{}"
TWO = SHEET.format(
    "1,NDV-A1,Leaks,failure,2013-02-01,,\n2,NDV-A1,Leaks,failure,2013-02-01,,\n"
)


@asynccontextmanager
async def applying_is_done(
    client: AsyncClient, settings: Settings, planned: JSON
) -> AsyncGenerator[Awaitable[Response]]:
    """In here the plan is applied, but not committed yet."""
    async with connected(settings) as watcher, connected(settings) as holder:
        gate = holder.transaction()
        await gate.start()
        # What an application writes last is that it was.
        await holder.execute("LOCK TABLE imports IN SHARE MODE")
        running = asyncio.ensure_future(apply(client, planned))
        await seen(watcher, WAITING, at_least=1)
        try:
            yield running
        finally:
            await gate.rollback()


async def both_wait(settings: Settings) -> None:
    async with connected(settings) as watcher:
        await seen(watcher, WAITING, at_least=2)


async def ready(client: AsyncClient, rows: str) -> JSON:
    await fleet(client)
    ok(await apply(client, await plan(client, TWO)))
    return await plan(client, SHEET.format(rows))


async def order(client: AsyncClient) -> Response:
    number = str((await known(client, "1"))["number"])
    return await client.post(url("issues", number, "operations"), json={"type": "x"})


async def cancel(client: AsyncClient) -> Response:
    number = str((await known(client, "2"))["number"])
    return await client.post(url("issues", number, "cancel"), json={"reason": "None"})


RESOLVES = "1,NDV-A1,Leaks,failure,2013-02-01,resolved,2013-02-02\n"


async def test_no_work_is_ordered_for_what_is_being_resolved(
    committed: AsyncClient, fresh: Settings
) -> None:
    planned = await ready(committed, RESOLVES)
    async with applying_is_done(committed, fresh, planned) as running:
        ordering = asyncio.ensure_future(order(committed))
        await both_wait(fresh)
    ok(await running)
    refused(await ordering, 409, "move-refused")
    assert (await known(committed, "1"))["open_orders"] == 0


async def test_the_lock_on_the_issues_is_what_prevents_it(
    committed: AsyncClient, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The UPDATE locks its rows too, but later than it was judged."""
    monkeypatch.setattr(applying, "_LOCK", "SELECT $1::uuid, $2::text")
    planned = await ready(committed, RESOLVES)
    async with connected(fresh) as watcher, connected(fresh) as holder:
        gate = holder.transaction()
        await gate.start()
        await holder.execute("LOCK TABLE issues IN SHARE MODE")
        running = asyncio.ensure_future(apply(committed, planned))
        await seen(watcher, WAITING, at_least=1)
        created(await order(committed))
        await gate.rollback()
        ok(await running)
    found = await known(committed, "1")
    assert (found["state"], found["open_orders"]) == ("resolved", 1)


DEFECT = "1,NDV-A1,Leaks,defect,2013-02-01,,\n"


async def test_of_two_that_tell_of_a_failure_the_later_takes_it_back(
    committed: AsyncClient, fresh: Settings
) -> None:
    planned = await ready(committed, DEFECT)
    assert len(await failed(committed, "NDV-A1")) == 1
    async with applying_is_done(committed, fresh, planned) as running:
        cancelling = asyncio.ensure_future(cancel(committed))
        await both_wait(fresh)
    ok(await running)
    ok(await cancelling)
    assert await failed(committed, "NDV-A1") == []


async def test_holding_the_failures_is_what_lets_it(
    committed: AsyncClient, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, each believes that the other still tells of it."""
    planned = await ready(committed, DEFECT)
    monkeypatch.setattr(telling, "_HOLD", "SELECT")
    monkeypatch.setattr(telling, "_TELL", "SELECT $1::text")
    async with applying_is_done(committed, fresh, planned) as running:
        ok(await cancel(committed))
    ok(await running)
    assert len(await failed(committed, "NDV-A1")) == 1
