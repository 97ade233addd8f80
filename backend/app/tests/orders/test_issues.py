"""Orders of issues: a file opens none again of an issue that is over."""

import asyncio

import pytest
from httpx2 import AsyncClient, Response

from app.orders import queries
from app.settings import Settings
from app.tests.conftest import connected, seen
from app.tests.factories import JSON, created, get, ok, refused, url
from app.tests.imports.factories import apply, counts, wrong
from app.tests.orders.factories import fleet, orders, plan
from app.tests.reports.factories import known
from app.tests.reports.factories import plan as plan_issues
from app.tests.test_transactions import WAITING

SHEET = "equipment,reference,state\nNDV-A1,4600131,{}\n"


async def resolvable(client: AsyncClient) -> JSON:
    """An issue whose only order is done."""
    body = {"equipment": "NDV-A1", "title": "Leaks", "kind": "defect"}
    made = created(await client.post(url("issues"), json=body))
    here = url("issues", str(made["number"]))
    body = {"type": "repair", "state": "done", "reference": "4600131"}
    created(await client.post(f"{here}/operations", json=body))
    return ok(await client.post(f"{here}/triage", json={}))


async def step(client: AsyncClient, issue: JSON, name: str) -> Response:
    return await client.post(url("issues", str(issue["number"]), name), json={})


async def test_work_of_an_issue_that_is_over_is_not_opened(
    aboard: AsyncClient,
) -> None:
    issue = await resolvable(aboard)
    ok(await step(aboard, issue, "resolve"))
    ok(await step(aboard, issue, "close"))
    planned = await plan(aboard, SHEET.format("planned"))
    assert wrong(planned) == [(2, "state", "issue-over")]
    [problem] = planned["errors"]
    number = issue["number"]
    assert f"issue {number}, which is closed" in problem["message"]
    assert f"/issues/{number}/reopen" in problem["message"]
    refused(await apply(aboard, planned), 409, "plan-has-errors")
    assert counts(await plan(aboard, SHEET.format("done"))) == (0, 0, 1, 0)
    ok(await step(aboard, issue, "reopen"))
    ok(await apply(aboard, await plan(aboard, SHEET.format("planned"))))
    assert (await get(aboard, "issues", str(number)))["open_orders"] == 1


async def test_orders_of_a_file_hang_on_issues_by_their_references(
    aboard: AsyncClient,
) -> None:
    issues = "reference,equipment,title,kind,observed_at,state,resolved_at\n" + "".join(
        f"{number},NDV-A1,Leaks,failure,2013-02-01,{state}\n"
        for number, state in (("N1", "open,"), ("N2", "closed,2013-02-22"))
    )
    ok(await apply(aboard, await plan_issues(aboard, issues)))
    leak, over = [await known(aboard, number) for number in ("N1", "N2")]
    head = "equipment,reference,type,state,finished_at,notification\n"
    sheet = head + (
        "NDV-A1,1,repair,planned,,N1\nNDV-A1,2,repair,done,2013-02-22,N2\n"
        "NDV-A1,3,repair,planned,,\n"
    )
    ok(await apply(aboard, await plan(aboard, sheet)))
    found = {each["reference"]: each["issue"] for each in await orders(aboard)}
    assert found == {"1": leak["number"], "2": over["number"], "3": None}
    assert (await known(aboard, "N1"))["open_orders"] == 1
    assert counts(await plan(aboard, sheet)) == (0, 0, 3, 0)
    # What is blank, or not there, lets an order hang where it does.
    blank = sheet.replace(",N1", ",").replace(",N2", ",")
    assert counts(await plan(aboard, blank)) == (0, 0, 3, 0)
    planned = await plan(
        aboard,
        head + "NDV-A1,1,repair,planned,,N2\nNDV-A1,3,repair,planned,,N2\n"
        "NDV-A1,4,repair,planned,,N2\nNDV-A1,5,repair,planned,,N3\n"
        "NDV-A1,6,repair,done,2013-02-23,N2\n",
    )
    assert wrong(planned) == [
        (2, "issue", "other-issue"),
        (3, "state", "issue-over"),
        (4, "state", "issue-over"),
        (5, "issue", "unknown-issue"),
    ]
    late = await plan(aboard, head + "NDV-A1,3,repair,planned,,N1\n")
    assert late["updates"][0]["changes"] == {
        "issue": {"before": None, "after": str(leak["number"])}
    }
    ok(await apply(aboard, planned, skip_errors="true"))
    ok(await apply(aboard, late))
    assert (await known(aboard, "N1"))["orders"] == 2
    # It ends before the plan is applied: nobody works on it any more.
    done = "NDV-A1,{},repair,done,2013-02-23,N1\n"
    sheet = head + done.format(1) + done.format(3)
    ok(await apply(aboard, await plan(aboard, sheet)))
    last = await plan(aboard, head + "NDV-A1,7,repair,planned,,N1\n")
    here = url("issues", str(leak["number"]), "cancel")
    ok(await aboard.post(here, json={"reason": "A false alarm"}))
    refused(await apply(aboard, last), 409, "plan-stale")


# While it is held, an import has judged and locked what it will write, and waits.
HELD = "LOCK TABLE operations IN SHARE MODE"


async def test_an_issue_is_not_resolved_while_its_work_is_opened(
    committed: AsyncClient, fresh: Settings
) -> None:
    await fleet(committed)
    issue = await resolvable(committed)
    planned = await plan(committed, SHEET.format("planned"))
    async with connected(fresh) as watcher, connected(fresh) as holder:
        gate = holder.transaction()
        await gate.start()
        await holder.execute(HELD)
        opening = asyncio.ensure_future(apply(committed, planned))
        await seen(watcher, WAITING, at_least=1)
        resolving = asyncio.ensure_future(step(committed, issue, "resolve"))
        await seen(watcher, WAITING, at_least=2)
        await gate.rollback()
        ok(await opening)
        refused(await resolving, 409, "conflict")
    issue = await get(committed, "issues", str(issue["number"]))
    assert (issue["state"], issue["open_orders"]) == ("triaged", 1)


async def test_the_lock_on_the_issue_is_what_prevents_it(
    committed: AsyncClient, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_LOCK_ISSUES", "SELECT $1::uuid")
    await fleet(committed)
    issue = await resolvable(committed)
    planned = await plan(committed, SHEET.format("planned"))
    async with connected(fresh) as watcher, connected(fresh) as holder:
        gate = holder.transaction()
        await gate.start()
        await holder.execute(HELD)
        opening = asyncio.ensure_future(apply(committed, planned))
        await seen(watcher, WAITING, at_least=1)
        ok(await step(committed, issue, "resolve"))
        await gate.rollback()
        ok(await opening)
    issue = await get(committed, "issues", str(issue["number"]))
    assert (issue["state"], issue["open_orders"]) == ("resolved", 1)


async def test_work_is_not_opened_once_its_issue_was_resolved(
    committed: AsyncClient, fresh: Settings
) -> None:
    await fleet(committed)
    issue = await resolvable(committed)
    planned = await plan(committed, SHEET.format("planned"))
    async with connected(fresh) as watcher, connected(fresh) as holder:
        gate = holder.transaction()
        await gate.start()
        await holder.execute("SELECT FROM issues FOR UPDATE")
        resolving = asyncio.ensure_future(step(committed, issue, "resolve"))
        await seen(watcher, WAITING, at_least=1)
        opening = asyncio.ensure_future(apply(committed, planned))
        await seen(watcher, WAITING, at_least=2)
        await gate.rollback()
        ok(await resolving)
        refused(await opening, 409, "plan-stale")
    issue = await get(committed, "issues", str(issue["number"]))
    assert (issue["state"], issue["open_orders"]) == ("resolved", 0)
