"""Orders are planned, begun, done or cancelled, and described in the field's words."""

from datetime import datetime
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

from app.tests.factories import (
    JSON,
    change,
    equipment,
    get,
    ok,
    order,
    pointers,
    refused,
    url,
    vessel,
)

PLANNED: JSON = {"state": "planned", "planned_at": "2026-02-01T00:00:00Z"}


@pytest.fixture
async def aboard(client: AsyncClient) -> AsyncClient:
    await vessel(client)
    await equipment(client, "A1")
    return client


async def do(client: AsyncClient, made: JSON, verb: str, **body: object) -> JSON:
    return ok(await client.post(url("operations", made["id"], verb), json=body))


async def test_what_is_posted_as_in_the_brief_is_done(aboard: AsyncClient) -> None:
    made = await order(aboard, "A1")
    assert made["state"] == "done"
    assert made["finished_at"] == made["performed_at"]
    # Of the field's words, one is told by the type.
    assert made["activity"] == "1"
    assert (await order(aboard, "A1", type="REPAIR"))["activity"] == "2"
    assert (await order(aboard, "A1", type="painting"))["activity"] is None
    assert (await order(aboard, "A1", activity=None))["activity"] is None


async def test_an_activity_follows_the_type_that_named_it(aboard: AsyncClient) -> None:
    async def became(made: JSON, **fields: object) -> str | None:
        said: JSON = fields
        changed = ok(await change(aboard, "operations", made["id"], **said))
        activity: str | None = changed["activity"]
        return activity

    made = await order(aboard, "A1")
    assert await became(made, type="Repair") == "2"
    assert await became(made, type="painting") is None
    assert await became(made, type="replacement") == "1"
    assert await became(made, type="repair", activity="9") == "9"
    # What was said of it is not lost, nor that nothing was.
    assert await became(made, type="replacement") == "9"
    assert await became(made, activity=None) is None
    assert await became(made, type="repair") is None


async def test_an_order_goes_from_planned_to_done(aboard: AsyncClient) -> None:
    made = await order(
        *(aboard, "A1", "10"), **PLANNED, category="corrective", activity="2"
    )
    assert made["performed_at"] == made["planned_at"] == PLANNED["planned_at"]
    assert (made["started_at"], made["finished_at"]) == (None, None)
    # It costs nothing yet.
    nothing = {"total": "0.00", "average": None, "operations": 0}
    cost = await get(aboard, "equipment", "A1", "cost")
    assert {name: cost[name] for name in nothing} == nothing
    [named] = [await get(aboard, "costs", "equipment", name="compressor")]
    assert (named["total"], named["operations"]) == ("0.00", 0)
    [fleet] = (await get(aboard, "costs", "vessels"))["items"]
    assert (fleet["total"], fleet["operations"]) == ("0.00", 0)

    begun = await do(aboard, made, "start", at="2026-02-02T08:00:00+02:00")
    assert begun["state"] == "in_progress"
    assert begun["started_at"] == begun["performed_at"] == "2026-02-02T06:00:00Z"
    early = {"at": "2026-02-02T05:59:59Z"}
    answer = await aboard.post(url("operations", made["id"], "finish"), json=early)
    assert pointers(refused(answer, 422, "invalid")) == {"/at": "begun-later"}
    done = await do(
        *(aboard, made, "finish"),
        at="2026-02-02T18:00:00Z",
        active_maintenance_hours="4.5",
        down_hours=12,
    )
    assert done["finished_at"] == done["performed_at"] == "2026-02-02T18:00:00Z"
    assert (done["active_maintenance_hours"], done["down_hours"]) == ("4.50", "12.00")
    assert done["version"] == 3
    assert (await get(aboard, "equipment", "A1", "cost"))["total"] == "10.00"
    assert (await get(aboard, "costs", "vessels"))["items"][0]["total"] == "10.00"
    assert done.pop("resolve_issue") is None
    assert ok(await aboard.get(url("operations", made["id"]))) == done
    history = (await get(aboard, "operations", made["id"], "history"))["items"]
    states = [item["after"].get("state") for item in history]
    assert states == ["done", "in_progress", "planned"]
    assert history[0]["after"]["down_hours"] == "12.00"


SLIP = "2062-01-05T00:00:00Z"


async def test_nothing_was_done_in_the_future(aboard: AsyncClient) -> None:
    for fields in (
        {"performed_at": SLIP},
        {"finished_at": SLIP},
        {"started_at": SLIP, "state": "in_progress"},
        {"finished_at": SLIP, "state": "cancelled", "cancel_reason": "No spare"},
        {"ordered_at": SLIP, "state": "planned"},
    ):
        body = {"code": "A1", "type": "repair", "cost": "1", **fields}
        answer = await aboard.post(url("operations"), json=body)
        wrong = {f"/{next(iter(fields))}": "invalid-instant"}
        assert pointers(refused(answer, 422, "invalid")) == wrong
    assert (await get(aboard, "operations"))["items"] == []
    made = await order(aboard, "A1", state="planned", planned_at=SLIP, due_at=SLIP)
    assert made["performed_at"] == SLIP
    for verb in ("start", "finish"):
        path = url("operations", made["id"], verb)
        answer = await aboard.post(path, json={"at": SLIP})
        assert pointers(refused(answer, 422, "invalid")) == {"/at": "invalid-instant"}
    await do(aboard, made, "finish")
    for name in ("performed_at", "started_at", "ordered_at"):
        answer = await change(aboard, "operations", made["id"], **{name: SLIP})
        assert pointers(refused(answer, 422, "invalid")) == {
            f"/{name}": "invalid-instant"
        }


async def test_what_does_not_follow_is_refused(aboard: AsyncClient) -> None:
    done = await order(aboard, "A1")
    for verb, possible in (
        ("start", ["planned"]),
        ("finish", ["planned", "in_progress"]),
    ):
        answer = await aboard.post(url("operations", done["id"], verb), json={})
        problem = refused(answer, 409, "move-refused")
        assert (problem["state"], problem["possible"]) == ("done", possible)
        # Nothing leads back there, and what there is to do instead can be done.
        assert problem["detail"].endswith(
            "cancel it with the reason and add another order."
        )
    made = await order(aboard, "A1", state="in_progress")
    assert made["started_at"] == made["performed_at"]
    gone = await do(aboard, made, "cancel", reason="No spare")
    assert (gone["state"], gone["cancel_reason"]) == ("cancelled", "No spare")
    assert gone["finished_at"] is None
    line = {"kind": "parts", "amount": "1"}
    answer = await aboard.post(url("operations", made["id"], "costs"), json=line)
    assert refused(answer, 409, "move-refused")["state"] == "cancelled"
    for verb in ("start", "finish"):
        answer = await aboard.post(url("operations", made["id"], verb), json={})
        problem = refused(answer, 409, "move-refused")
        assert problem["detail"].endswith("add another order.")
    again = {"reason": "No spare"}
    answer = await aboard.post(url("operations", made["id"], "cancel"), json=again)
    assert refused(answer, 409, "move-refused")["state"] == "cancelled"
    # Without being begun it may be finished, now.
    quick = await do(aboard, await order(aboard, "A1", **PLANNED), "finish")
    age = datetime.fromisoformat(quick["updated_at"]) - datetime.fromisoformat(
        quick["finished_at"]
    )
    assert abs(age.total_seconds()) < 60


async def test_what_was_not_done_after_all_is_cancelled(aboard: AsyncClient) -> None:
    """It counts for nothing then, and all that it said is still there."""
    lines = [{"kind": "labour", "amount": "4"}, {"kind": "parts", "amount": "6"}]
    at = "2026-02-02T18:00:00Z"
    hours = {"active_maintenance_hours": "4.5", "category": "corrective"}
    made = await order(aboard, "A1", "10", costs=lines, performed_at=at, **hours)
    await order(aboard, "A1", "7")
    assert (await get(aboard, "equipment", "A1", "cost"))["total"] == "17.00"
    gone = await do(aboard, made, "cancel", reason="Another pump")
    assert (gone["state"], gone["cancel_reason"]) == ("cancelled", "Another pump")
    assert (gone["finished_at"], gone["performed_at"]) == (None, at)
    assert (gone["cost"], gone["active_maintenance_hours"]) == ("10.00", "4.50")
    kept = await get(aboard, "operations", made["id"], "costs")
    assert [line["amount"] for line in kept["items"]] == ["4.00", "6.00"]
    assert (await get(aboard, "equipment", "A1", "cost"))["total"] == "7.00"
    [figures] = (await get(aboard, "reliability"))["items"]
    assert figures["mean_repair_hours"] is None


async def test_what_is_planned_anew_is_found_at_its_time(aboard: AsyncClient) -> None:
    early, later, begun = (f"2026-0{month}-01T00:00:00Z" for month in (1, 3, 4))
    made = await order(aboard, "A1", **PLANNED)
    listed = url("operations", made["id"])

    async def performed(**fields: str | None) -> str:
        answer = await aboard.patch(listed, json=fields, headers={"If-Match": "*"})
        changed = ok(answer)
        assert ok(await aboard.get(listed)) == changed
        return str(changed["performed_at"])

    assert await performed(planned_at=later) == later
    found = await get(aboard, "operations", **{"from": "2026-02-15T00:00:00Z"})
    assert [item["id"] for item in found["items"]] == [made["id"]]
    assert await performed(ordered_at=early) == later
    assert await performed(planned_at=None) == early
    assert await performed(ordered_at=None) == made["created_at"]
    await do(aboard, made, "start", at=later)
    assert await performed(planned_at=early) == later
    assert await performed(started_at=begun) == begun
    assert await performed(type="repair") == begun
    # What is done was done when it was.
    await do(aboard, made, "finish", at="2026-05-01T00:00:00Z")
    assert await performed(planned_at=later) == "2026-05-01T00:00:00Z"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"state": "gone"}, {"/state": "enum"}),
        ({"state": "cancelled"}, {"/cancel_reason": "missing"}),
        ({"cancel_reason": "No spare"}, "/cancel_reason"),
        (
            {
                "state": "cancelled",
                "cancel_reason": "No spare",
                "started_at": "2026-01-02T00:00:00Z",
                "finished_at": "2026-01-01T00:00:00Z",
            },
            {"/started_at": "begun-later"},
        ),
        (PLANNED | {"performed_at": "2026-01-01T00:00:00Z"}, "/performed_at"),
        (PLANNED | {"finished_at": "2026-01-01T00:00:00Z"}, "/finished_at"),
        (PLANNED | {"started_at": "2026-01-01T00:00:00Z"}, "/started_at"),
        (
            {
                "started_at": "2026-01-02T00:00:00Z",
                "finished_at": "2026-01-01T00:00:00Z",
            },
            {"/started_at": "begun-later"},
        ),
        (
            {
                "performed_at": "2026-01-02T00:00:00Z",
                "finished_at": "2026-01-01T00:00:00Z",
            },
            {"/finished_at": "contradiction"},
        ),
        ({"activity": "99"}, {"/activity": "unknown-code"}),
        (
            {"activity": "99", "state": "cancelled"},
            {"/activity": "unknown-code", "/cancel_reason": "missing"},
        ),
        ({"category": "urgent"}, {"/category": "enum"}),
        ({"down_hours": "-1"}, {"/down_hours": "invalid-hours"}),
        ({"down_hours": "1.234"}, {"/down_hours": "invalid-hours"}),
        (
            {"active_maintenance_hours": True},
            {"/active_maintenance_hours": "invalid-hours"},
        ),
        (
            {"costs": [{"kind": "parts", "amount": "9.99"}]},
            {"/cost": "not-the-sum"},
        ),
        (
            {"costs": [{"kind": "fun", "amount": "10"}]},
            {"/costs/0/kind": "enum"},
        ),
    ],
)
async def test_what_cannot_be_is_not_stored(
    aboard: AsyncClient, body: JSON, where: dict[str, str] | str
) -> None:
    expected = {where: "not-yet"} if isinstance(where, str) else where
    given = {"code": "A1", "type": "repair", "cost": "10", **body}
    answer = await aboard.post(url("operations"), json=given)
    assert pointers(refused(answer, 422, "invalid")) == expected
    assert (await get(aboard, "operations"))["items"] == []


async def test_a_change_keeps_to_the_state(aboard: AsyncClient) -> None:
    made = await order(aboard, "A1", **PLANNED)
    for name in ("performed_at", "started_at"):
        fields: JSON = {name: "2026-01-01T00:00:00Z"}
        answer = await change(aboard, "operations", made["id"], **fields)
        assert pointers(refused(answer, 422, "invalid")) == {f"/{name}": "not-yet"}
        fields["activity"] = "99"
        answer = await change(aboard, "operations", made["id"], **fields)
        assert pointers(refused(answer, 422, "invalid")) == {
            f"/{name}": "not-yet",
            "/activity": "unknown-code",
        }
    answer = await change(
        *(aboard, "operations", made["id"]),
        match='"1"',
        type="inspection",
        category="preventive",
        activity="9",
        note="Before class",
    )
    changed = ok(answer)
    assert answer.headers["etag"] == '"2"'
    assert (changed["type"], changed["category"], changed["activity"]) == (
        *("inspection", "preventive"),
        "9",
    )
    again = await change(aboard, "operations", made["id"], activity="NOPE")
    assert pointers(refused(again, 422, "invalid")) == {"/activity": "unknown-code"}
    again = await change(aboard, "operations", made["id"], type=None, cost=None)
    assert pointers(refused(again, 422, "invalid")) == {
        "/type": "blank",
        "/cost": "blank",
    }
    done = await order(aboard, "A1", performed_at="2026-01-02T00:00:00Z")
    later = await change(
        *(aboard, "operations", done["id"]), started_at="2026-01-03T00:00:00Z"
    )
    assert pointers(refused(later, 422, "invalid")) == {"/started_at": "begun-later"}
    found = await get(aboard, "operations", state=["planned", "cancelled"])
    assert [item["id"] for item in found["items"]] == [made["id"]]
    for name, value in (("category", "preventive"), ("activity", "9")):
        found = await get(aboard, "operations", **{name: value})
        assert [item["id"] for item in found["items"]] == [made["id"]]


async def test_a_verb_for_an_order_that_is_not_there_is_404(
    client: AsyncClient,
) -> None:
    for verb, body in (("start", {}), ("finish", {}), ("cancel", {"reason": "x"})):
        answer = await client.post(url("operations", str(uuid4()), verb), json=body)
        refused(answer, 404, "not-found")
