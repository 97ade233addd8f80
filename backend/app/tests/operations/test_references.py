"""Orders and issues of other systems: their references, their history, what is due."""

import asyncio

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from app.database import Sessions, driver
from app.tests.conftest import generic_plan
from app.tests.factories import (
    JSON,
    change,
    created,
    equipment,
    get,
    ok,
    order,
    pointers,
    refused,
    url,
    vessel,
)

LONG = "Found leaking.\r\n\tTorque: 40 Nm\n\n" + "Ventil åpnet. " * 900 + "End"
FOREIGN: JSON = {
    "reference": "4600131/10",
    "title": "Replace dry gas seal, 1st stage",
    "note": LONG,
    "priority": 2,
    "package": "TA-2013",
    "ordered_at": "2013-02-01T08:00:00Z",
    "due_at": "2013-03-01T00:00:00Z",
    "planned_at": "2013-02-20T06:00:00Z",
    "started_at": "2013-02-21T06:00:00Z",
}


@pytest.fixture
async def aboard(client: AsyncClient) -> AsyncClient:
    await vessel(client)
    await equipment(client, "A1")
    await equipment(client, "A2")
    return client


async def test_history_of_another_system_is_kept_whole(aboard: AsyncClient) -> None:
    done = await order(aboard, "A1", finished_at="2013-02-22T18:00:00Z", **FOREIGN)
    assert done | FOREIGN == done
    assert ok(await aboard.get(url("operations", done["id"]))) == done
    # There it is one order of several equipment, here one of each.
    given_up: JSON = {"state": "cancelled", "cancel_reason": "No spare"}
    ended = FOREIGN | given_up | {"performed_at": "2013-02-23T00:00:00Z"}
    gone = await order(aboard, "A2", **ended)
    assert gone | FOREIGN | given_up == gone
    assert (gone["performed_at"], gone["finished_at"]) == ("2013-02-23T00:00:00Z", None)
    begun = await order(aboard, "A2", **given_up, started_at="2013-02-21T06:00:00Z")
    assert begun["performed_at"] == begun["started_at"]
    planned = await order(
        *(aboard, "A2"), state="planned", ordered_at="2013-02-01T08:00:00Z"
    )
    assert planned["performed_at"] == planned["ordered_at"]
    assert (await get(aboard, "equipment", "A2", "cost"))["operations"] == 0
    found = await get(aboard, "operations", reference=FOREIGN["reference"])
    assert {item["code"] for item in found["items"]} == {"A1", "A2"}
    [one] = (await get(aboard, "operations", package="TA-2013", code="A2"))["items"]
    assert one == gone
    changed = await change(
        *(aboard, "operations", done["id"]), title=None, reference="7", due_at=None
    )
    assert ok(changed)["reference"] == "7"
    history = (await get(aboard, "operations", done["id"], "history"))["items"]
    assert history[0]["before"] == {
        name: FOREIGN[name] for name in ("title", "reference")
    } | {"due_at": "2013-03-01T00:00:00+00:00"}


async def test_a_reference_is_taken_once(aboard: AsyncClient) -> None:
    first = await order(aboard, "A1", reference="WO 7")
    body = {"code": "A1", "type": "repair", "cost": "1", "reference": "WO 7"}
    again = await aboard.post(url("operations"), json=body)
    other = await order(aboard, "A1", reference="WO 8")
    patched = await change(aboard, "operations", other["id"], reference="WO 7", cost=2)
    here = url("operations", first["id"])
    for answer in (again, patched):
        problem = refused(answer, 409, "duplicate-code")
        assert problem["existing"] == here
        assert pointers(problem) == {"/reference": "duplicate-reference"}
    assert ok(await aboard.get(url("operations", other["id"]))) == other
    # Its own, and none at all, are no others.
    ok(await change(aboard, "operations", first["id"], reference="WO 7", cost="3"))
    for _ in range(2):
        await order(aboard, "A1")
    # Of issues there is one aboard a vessel.
    told = {"equipment": "A1", "title": "Leaks", "kind": "defect", "reference": "WO 7"}
    made = created(await aboard.post(url("issues"), json=told))
    assert made["reference"] == "WO 7"
    again = await aboard.post(url("issues"), json=told | {"equipment": "A2"})
    other = created(await aboard.post(url("issues"), json=told | {"reference": None}))
    number = str(other["number"])
    patched = await change(aboard, "issues", number, reference="WO 7", title="Drips")
    for answer in (again, patched):
        problem = refused(answer, 409, "duplicate-code")
        assert problem["existing"] == url("issues", str(made["number"]))
    assert (await get(aboard, "issues", number))["title"] == "Leaks"
    await vessel(aboard, "MV9")
    await equipment(aboard, "B1", of="MV9")
    created(await aboard.post(url("issues"), json=told | {"equipment": "B1"}))
    found = await get(aboard, "issues", reference="WO 7", vessel="MV102")
    assert [item["number"] for item in found["items"]] == [made["number"]]
    # An order for an issue has its own.
    where = url("issues", str(made["number"]), "operations")
    body = {"type": "repair", "reference": "WO 9", "due_at": "2026-01-01T00:00:00Z"}
    ordered = created(await aboard.post(where, json=body))
    assert ordered | body == ordered
    refused(await aboard.post(where, json=body), 409, "duplicate-code")


async def test_of_two_with_a_reference_at_once_one_is_stored(
    committed: AsyncClient,
) -> None:
    await vessel(committed)
    await equipment(committed, "A1")
    order = {"code": "A1", "type": "repair", "cost": "1", "reference": "WO 7"}
    issue = {"equipment": "A1", "title": "x", "kind": "defect", "reference": "WO 7"}
    for where, body in (("operations", order), ("issues", issue)):
        answers = await asyncio.gather(
            *(committed.post(url(where), json=body) for _ in range(4))
        )
        created(next(answer for answer in answers if answer.status_code == 201))
        lost = [answer for answer in answers if answer.status_code != 201]
        assert len(lost) == 3
        for answer in lost:
            existing = refused(answer, 409, "duplicate-code")["existing"]
            assert ok(await committed.get(existing))["reference"] == "WO 7"


async def test_what_is_due_is_found(aboard: AsyncClient) -> None:
    past, future = "2020-01-01T00:00:00Z", "2990-01-01T00:00:00Z"
    for kind, state, due in (
        ("late", "planned", "2020-01-02T00:00:00Z"),
        ("later", "in_progress", "2020-01-03T00:00:00Z"),
        ("done", "done", past),
        ("soon", "planned", future),
        ("never", "planned", None),
    ):
        await order(aboard, "A1", type=kind, state=state, due_at=due)

    async def found(**params: str) -> str:
        page = await get(aboard, "operations", **params)
        return " ".join(item["type"] for item in page["items"])

    assert await found(overdue="true", sort="created_at") == "late later"
    assert await found(overdue="true", sort="-due_at") == "later late"
    assert await found(due_before="2020-01-03T00:00:00Z", sort="due_at") == "done late"
    assert await found(sort="due_at") == "done late later soon"
    page = await get(aboard, "operations", sort="due_at", limit=2, count="true")
    assert page["total"] == 4
    rest = await found(sort="due_at", cursor=page["next_cursor"])
    assert rest == "later soon"
    for title, due in (("late", past), ("soon", future), ("never", None)):
        body = {"equipment": "A1", "title": title, "kind": "request", "due_at": due}
        created(await aboard.post(url("issues"), json=body))
    ended = {"equipment": "A1", "title": "x", "kind": "request", "due_at": past}
    made = created(await aboard.post(url("issues"), json=ended))
    cancel = url("issues", str(made["number"]), "cancel")
    ok(await aboard.post(cancel, json={"reason": "A drill"}))
    counts = await get(aboard, "counts", "issues", overdue="true")
    assert (counts["open"], counts["total"]) == (1, 1)
    for params, titles in (
        ({"overdue": "true"}, "late"),
        ({"due_before": future}, "x late"),
        ({"sort": "due_at"}, "late x soon"),
    ):
        page = await get(aboard, "issues", **params)
        assert " ".join(item["title"] for item in page["items"]) == titles


async def test_each_of_these_lists_has_its_index(
    aboard: AsyncClient, sessions: Sessions, statements: list[str]
) -> None:
    async with sessions() as session:
        for table, columns, values in (
            (
                "operations",
                "type, cost, state",
                "'x', 1, CASE n % 50 WHEN 0 THEN 'planned' ELSE 'done' END",
            ),
            (
                "issues",
                "title, kind, priority, state",
                "'x', 'request', 3, CASE n % 50 WHEN 0 THEN 'open' ELSE 'closed' END",
            ),
        ):
            rows = f"""INSERT INTO {table}
                (equipment, vessel, reference, due_at, {columns})
                SELECT 'A1', 'MV102', n, now() - n * interval '1 hour', {values}
                FROM generate_series(1, 4000) n"""
            await session.execute(text(rows))
            await session.execute(text(f"ANALYZE {table}"))
        connection = await driver(session)
        asked: tuple[tuple[str, JSON, str], ...] = (
            ("operations", {"reference": "7"}, "uq_operations_reference_equipment"),
            ("operations", {"sort": "due_at"}, "ix_operations_due_at_id"),
            (
                "operations",
                {"overdue": "true", "sort": "due_at"},
                "ix_operations_open_due_at_id",
            ),
            ("issues", {"reference": "7"}, "uq_issues_reference_vessel"),
            ("issues", {"sort": "due_at"}, "ix_issues_due_at_number"),
        )
        for where, params, index in asked:
            statements.clear()
            assert (await get(aboard, where, limit=5, **params))["items"]
            [statement] = [s for s in statements if f"FROM {where}" in s]
            assert index in await generic_plan(connection, statement), params
        # Where a state is known to be none of what is done, by its value.
        statements.clear()
        await get(aboard, "operations", state="planned", limit=5)
        [statement] = [s for s in statements if "FROM operations" in s]
        await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        await connection.execute(f"PREPARE asked AS {statement}")
        plan = await connection.fetch("EXPLAIN EXECUTE asked (6, 'planned')")
        assert "ix_operations_state_performed_at_id" in str(plan)
