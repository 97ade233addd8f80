"""An issue's way from open to closed, and what hangs on it."""

import asyncio

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.operations import service as operations
from app.operations.models import Operation
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
from app.tests.issues.test_issues import issue


@pytest.fixture
async def aboard(client: AsyncClient) -> AsyncClient:
    await vessel(client)
    await equipment(client, "P1")
    return client


async def do(client: AsyncClient, made: JSON, verb: str, **body: object) -> JSON:
    return ok(await client.post(url("issues", str(made["number"]), verb), json=body))


DOWN: JSON = {
    "down_since": "2026-01-01T00:00:00Z",
    "down_until": "2026-01-02T00:00:00Z",
}
BODIES: dict[str, JSON] = {"cancel": {"reason": "A false alarm"}}
VERBS = ("triage", "start", "resolve", "close", "reopen", "cancel", "duplicate")
# The verbs by which each state is reached, and those that it allows.
WAYS = {
    "open": ("", "triage cancel duplicate"),
    "triaged": ("triage", "start resolve cancel duplicate"),
    "in_progress": ("triage start", "resolve cancel duplicate"),
    "resolved": ("triage start resolve", "close reopen"),
    "closed": ("triage start resolve close", "reopen"),
    "reopened": ("cancel reopen", "triage start cancel duplicate"),
    "cancelled": ("cancel", "reopen"),
    "duplicate": ("duplicate", "reopen"),
}


@pytest.mark.parametrize("state", WAYS)
async def test_each_state_allows_its_moves_and_no_other(
    aboard: AsyncClient, state: str
) -> None:
    way, possible = (words.split() for words in WAYS[state])
    other = await issue(aboard)
    bodies = BODIES | {"duplicate": {"of": other["number"]}}
    for verb in VERBS:
        made = await issue(aboard)
        for step in way:
            made = await do(aboard, made, step, **bodies.get(step, {}))
        assert made["state"] == state
        assert (made["duplicate_of"] is None) == (state != "duplicate")
        answer = await aboard.post(
            url("issues", str(made["number"]), verb), json=bodies.get(verb, {})
        )
        if verb in possible:
            assert ok(answer)["version"] == made["version"] + 1
            continue
        problem = refused(answer, 409, "move-refused")
        assert problem["state"] == state
        assert state not in problem["possible"]
        again = await get(aboard, "issues", str(made["number"]))
        assert again == made


async def test_every_move_is_kept_with_its_comment(aboard: AsyncClient) -> None:
    made = await issue(aboard, observed_at="2026-02-01T07:00:00Z")
    await do(aboard, made, "triage", comment="Seen", at="2026-02-01T08:00:00Z")
    await do(aboard, made, "cancel", reason="A false alarm")
    number = str(made["number"])
    moves = (await get(aboard, "issues", number, "moves"))["items"]
    assert [(move["before"], move["after"], move["comment"]) for move in moves] == [
        ("open", "triaged", "Seen"),
        ("triaged", "cancelled", "A false alarm"),
    ]
    assert moves[0]["at"] == "2026-02-01T08:00:00Z"
    history = (await get(aboard, "issues", number, "history"))["items"]
    assert [item["reason"] for item in history] == ["A false alarm", "Seen", None]
    for reason in ("", None):
        answer = await aboard.post(
            url("issues", number, "cancel"), json={"reason": reason}
        )
        assert pointers(refused(answer, 422, "invalid")).keys() == {"/reason"}


async def test_what_is_down_is_up_when_it_is_resolved(aboard: AsyncClient) -> None:
    since = {"down_since": "2026-01-01T00:00:00Z"}
    seen = "2025-12-30T00:00:00Z"
    for body, until in (
        ({"at": "2026-01-03T00:00:00Z"}, "2026-01-03T00:00:00Z"),
        ({"down_until": "2026-01-02T00:00:00Z"}, "2026-01-02T00:00:00Z"),
    ):
        made = await issue(aboard, observed_at=seen, **since)
        await do(aboard, made, "triage", at=seen)
        resolve = url("issues", str(made["number"]), "resolve")
        for name in ("down_until", "at"):
            early = {name: "2025-12-31T00:00:00Z"}
            problem = refused(await aboard.post(resolve, json=early), 422, "invalid")
            assert pointers(problem) == {f"/{name}": "before-down-since"}
        assert (await do(aboard, made, "resolve", **body))["down_until"] == until
    never = await issue(aboard)
    await do(aboard, never, "triage")
    resolve = url("issues", str(never["number"]), "resolve")
    ended = {"down_until": "2026-01-02T00:00:00Z"}
    problem = refused(await aboard.post(resolve, json=ended), 422, "invalid")
    assert pointers(problem) == {"/down_until": "before-down-since"}
    assert "leave this out" in problem["detail"]
    assert (await do(aboard, never, "resolve"))["down_until"] is None


async def test_steps_do_not_run_backwards(aboard: AsyncClient) -> None:
    days = [f"2026-01-0{day}T00:00:00Z" for day in range(1, 9)]
    made = await issue(aboard, observed_at=days[1])
    number, code = str(made["number"]), "before-observed"
    # What is brought over is of then; two steps may be of one instant.
    for verb, last, at in (
        *(("triage", 1, 1), ("start", 1, 2), ("resolve", 2, 4)),
        *(("close", 4, 5), ("reopen", 5, 6)),
    ):
        path = url("issues", number, verb)
        early = await aboard.post(path, json={"at": days[last - 1]})
        problem = refused(early, 422, "invalid")
        assert pointers(problem) == {"/at": code}
        assert days[last] in problem["detail"]
        await do(aboard, made, verb, at=days[at])
        code = "before-last-step"
    await do(aboard, made, "cancel", reason="Now, without an instant")
    answer = await aboard.post(url("issues", number, "reopen"), json={"at": days[7]})
    assert pointers(refused(answer, 422, "invalid")) == {"/at": code}


async def test_it_is_not_resolved_before_it_is_up(aboard: AsyncClient) -> None:
    since, resolved, up = (f"2026-01-0{day}T00:00:00Z" for day in (1, 2, 3))
    made = await issue(aboard, observed_at=since, down_since=since)
    await do(aboard, made, "triage", at=since)
    body = {"at": resolved, "down_until": up}
    path = url("issues", str(made["number"]), "resolve")
    problem = refused(await aboard.post(path, json=body), 422, "invalid")
    assert pointers(problem) == {"/down_until": "still-down"}
    assert resolved in problem["detail"]
    assert (await do(aboard, made, "resolve", down_until=up))["down_until"] == up


async def test_what_was_not_mended_is_still_down(aboard: AsyncClient) -> None:
    """Until it is resolved again; unless that is said, the end stays as it was."""
    days = [f"2026-01-0{day}T00:00:00Z" for day in range(1, 10)]
    made = await issue(aboard, observed_at=days[0], down_since=days[0])
    await do(aboard, made, "triage", at=days[0])
    await do(aboard, made, "resolve", at=days[1])
    assert (await do(aboard, made, "reopen", at=days[1]))["down_until"] == days[1]
    await do(aboard, made, "triage", at=days[1])
    again = await do(aboard, made, "resolve", at=days[2])
    assert again["down_until"] == days[1]
    again = await do(aboard, made, "reopen", still_down=True, at=days[2])
    assert (again["down_since"], again["down_until"]) == (days[0], None)
    await do(aboard, made, "triage", at=days[2])
    assert (await do(aboard, made, "resolve", at=days[8]))["down_until"] == days[8]

    never = await issue(aboard)
    await do(aboard, never, "cancel", reason="A false alarm")
    reopen = url("issues", str(never["number"]), "reopen")
    problem = refused(
        await aboard.post(reopen, json={"still_down": True}), 422, "invalid"
    )
    assert pointers(problem) == {"/still_down": "before-down-since"}
    assert (await get(aboard, "issues", str(never["number"])))["state"] == "cancelled"


async def test_what_is_mended_is_not_down(aboard: AsyncClient) -> None:
    made = await issue(aboard, observed_at=DOWN["down_since"], **DOWN)
    number = str(made["number"])
    ok(await change(aboard, "issues", number, down_until=None))
    await do(aboard, made, "triage", at=DOWN["down_since"])
    mended = await do(aboard, made, "resolve", at=DOWN["down_until"])
    for verb in (None, "close"):
        if verb:
            mended = await do(aboard, made, verb)
        answer = await change(aboard, "issues", number, down_until=None)
        problem = refused(answer, 422, "invalid")
        assert pointers(problem) == {"/down_until": "still-down"}
        assert mended["state"] in problem["detail"]
        assert await get(aboard, "issues", number) == mended
    later = "2026-01-03T00:00:00Z"
    answer = await change(aboard, "issues", number, down_since=later)
    assert pointers(refused(answer, 422, "invalid")) == {
        "/down_since": "before-down-since"
    }
    ok(await change(aboard, "issues", number, down_until=later))
    ok(await change(aboard, "issues", number, down_since=None, down_until=None))


async def test_a_duplicate_names_one_that_is_none(aboard: AsyncClient) -> None:
    first, second, third = [await issue(aboard) for _ in range(3)]
    told = await do(aboard, second, "duplicate", of=first["number"])
    assert told["duplicate_of"] == first["number"]
    for of, status, slug in (
        (third["number"], 422, "invalid"),
        (second["number"], 409, "move-refused"),
        (999999, 404, "not-found"),
    ):
        answer = await aboard.post(
            url("issues", str(third["number"]), "duplicate"), json={"of": of}
        )
        refused(answer, status, slug)
    assert (await do(aboard, second, "reopen"))["duplicate_of"] is None


async def test_a_duplicate_of_what_becomes_one_follows_it(aboard: AsyncClient) -> None:
    first, second, third = [await issue(aboard) for _ in range(3)]
    await do(aboard, first, "duplicate", of=second["number"])
    await do(aboard, second, "duplicate", of=third["number"], comment="All the same")
    number = str(first["number"])
    now = await get(aboard, "issues", number)
    assert (now["duplicate_of"], now["version"]) == (third["number"], 3)
    [last, *_] = (await get(aboard, "issues", number, "history"))["items"]
    assert last["reason"] == "All the same"
    assert last["after"]["duplicate_of"] == third["number"]
    # Nor can it become one of its own duplicates.
    body = {"of": first["number"]}
    answer = await aboard.post(
        url("issues", str(third["number"]), "duplicate"), json=body
    )
    assert refused(answer, 409, "move-refused")["state"] == "duplicate"


@pytest.mark.parametrize(
    ("fields", "other", "field"),
    [
        ({}, {"kind": "defect"}, "kind"),
        ({}, {"equipment": "P2"}, "kind"),
        ({}, {"equipment": None, "vessel": "MV102", "kind": "request"}, "kind"),
        (DOWN, {}, "down_since"),
        ({"kind": "defect"} | DOWN, {"equipment": "P2"} | DOWN, "down_since"),
        ({}, DOWN, None),
        (DOWN, DOWN, None),
        ({"kind": "defect"}, {"equipment": "P2"}, None),
    ],
)
async def test_a_duplicate_takes_nothing_along_that_counts(
    aboard: AsyncClient, fields: JSON, other: JSON, field: str | None
) -> None:
    await equipment(aboard, "P2")
    made, same = await issue(aboard, **fields), await issue(aboard, **other)
    number = str(made["number"])
    before = (await get(aboard, "failures"))["items"]
    answer = await aboard.post(
        url("issues", number, "duplicate"), json={"of": same["number"]}
    )
    if field is None:
        assert ok(answer)["state"] == "duplicate"
        return
    problem = refused(answer, 422, "invalid")
    assert pointers(problem) == {"/of": "not-the-same"}
    assert f"correct {field}" in problem["errors"][0]["message"]
    assert await get(aboard, "issues", number) == made
    assert (await get(aboard, "failures"))["items"] == before


async def test_what_did_not_happen_has_no_duplicates(aboard: AsyncClient) -> None:
    made, other = await issue(aboard), await issue(aboard)
    await do(aboard, other, "cancel", reason="A false alarm")
    answer = await aboard.post(
        url("issues", str(made["number"]), "duplicate"), json={"of": other["number"]}
    )
    problem = refused(answer, 409, "move-refused")
    assert problem["state"] == "cancelled"
    assert not {"cancelled", "duplicate"} & set(problem["possible"])
    assert (await get(aboard, "failures"))["items"] != []


async def test_an_issue_becomes_work_and_neither_loses_the_other(
    aboard: AsyncClient,
) -> None:
    said = {"title": "Seal leaks", "priority": 1, "due_at": "2026-03-01T00:00:00Z"}
    made = await issue(aboard, description="Oil below.\nTray is full.", **said)
    number = str(made["number"])
    await do(aboard, made, "triage")
    orders = url("issues", number, "operations")
    answer = await aboard.post(orders, json={"type": "repair"})
    first = created(answer)
    assert ok(await aboard.get(answer.headers["location"])) == first
    assert (first["code"], first["state"], first["cost"], first["issue"]) == (
        *("P1", "planned", "0.00"),
        made["number"],
    )
    assert (first["category"], first["activity"], first["note"]) == (
        *("corrective", "2"),
        made["description"],
    )
    assert first | said == first
    own: JSON = {
        "type": "test",
        "cost": "7.00",
        "category": "preventive",
        "title": "Test run",
        "note": "After the repair",
        "priority": 4,
        "due_at": None,
    }
    second = created(await aboard.post(orders, json=own))
    assert second | own == second
    await order(aboard, "P1")
    found = await get(aboard, "operations", issue=number, sort="created_at")
    assert [item["id"] for item in found["items"]] == [first["id"], second["id"]]
    now = await get(aboard, "issues", number)
    assert (now["orders"], now["open_orders"], now["offer"]) == (2, 2, None)
    resolve = url("issues", number, "resolve")
    problem = refused(await aboard.post(resolve, json={}), 409, "conflict")
    assert f"issue={number}" in problem["detail"]
    # Closing the last order offers to resolve the issue.
    finish = url("operations", first["id"], "finish")
    assert ok(await aboard.post(finish, json={}))["resolve_issue"] is None
    cancel = url("operations", second["id"], "cancel")
    closed = ok(await aboard.post(cancel, json={"reason": "Not needed"}))
    assert closed["resolve_issue"] == resolve
    assert (await get(aboard, "issues", number))["offer"] == "resolve"
    assert (await get(aboard, "issues"))["items"][0]["open_orders"] == 0
    ok(await aboard.post(closed["resolve_issue"], json={}))
    assert (await get(aboard, "issues", number))["offer"] is None
    late = await aboard.post(orders, json={"type": "repair"})
    assert refused(late, 409, "move-refused")["state"] == "resolved"
    whole = await issue(aboard, equipment=None, vessel="MV102", kind="request")
    orders = url("issues", str(whole["number"]), "operations")
    answer = await aboard.post(orders, json={"type": "check"})
    assert pointers(refused(answer, 422, "invalid")) == {"/code": "missing"}
    other = created(await aboard.post(orders, json={"type": "check", "code": "p1"}))
    assert (other["code"], other["category"]) == ("P1", None)


async def test_an_order_of_an_issue_costs_the_sum_of_its_lines(
    aboard: AsyncClient,
) -> None:
    orders = url("issues", str((await issue(aboard))["number"]), "operations")
    lines = [{"kind": "labour", "amount": "4"}, {"kind": "parts", "amount": "6.5"}]
    body: JSON = {"type": "repair", "costs": lines}
    assert created(await aboard.post(orders, json=body))["cost"] == "10.50"
    answer = await aboard.post(orders, json=body | {"cost": "0"})
    assert pointers(refused(answer, 422, "invalid")) == {"/cost": "not-the-sum"}


async def test_work_for_an_issue_is_aboard_its_vessel(aboard: AsyncClient) -> None:
    await equipment(aboard, "P2")
    await vessel(aboard, "MV103")
    await equipment(aboard, "A1", of="MV103")
    made = await issue(aboard)
    whole = await issue(aboard, equipment=None, vessel="MV102", kind="request")
    for each in (made, whole):
        orders = url("issues", str(each["number"]), "operations")
        answer = await aboard.post(orders, json={"type": "check", "code": "A1"})
        problem = refused(answer, 422, "invalid")
        assert pointers(problem) == {"/code": "other-vessel"}
        assert "aboard MV102" in problem["detail"]
        created(await aboard.post(orders, json={"type": "check", "code": "P2"}))
        answer = await aboard.post(orders, json={"type": "check", "code": "NOPE"})
        refused(answer, 404, "not-found")
    assert (await get(aboard, "operations", code="A1"))["items"] == []
    # It went to the other vessel, and the work on it is there.
    move = url("equipment", "P1", "move")
    ok(await aboard.post(move, json={"vessel": "MV103"}, headers={"If-Match": "*"}))
    orders = url("issues", str(made["number"]), "operations")
    for code in (None, "A1"):
        created(await aboard.post(orders, json={"type": "check", "code": code}))
    answer = await aboard.post(orders, json={"type": "check", "code": "P2"})
    assert pointers(refused(answer, 422, "invalid")) == {"/code": "other-vessel"}


@pytest.mark.parametrize("verb", ["resolve", "cancel", "duplicate"])
async def test_it_does_not_end_while_its_work_goes_on(
    aboard: AsyncClient, verb: str
) -> None:
    made, other = await issue(aboard), await issue(aboard)
    await do(aboard, made, "triage")
    number = str(made["number"])
    body = {"type": "repair", "state": "in_progress"}
    work = created(await aboard.post(url("issues", number, "operations"), json=body))
    before = await get(aboard, "issues", number)
    ending = BODIES | {"duplicate": {"of": other["number"]}}
    answer = await aboard.post(url("issues", number, verb), json=ending.get(verb, {}))
    problem = refused(answer, 409, "conflict")
    where = problem["detail"].split("GET /api/v1/")[1].split()[0]
    [found] = ok(await aboard.get(f"/api/v1/{where}"))["items"]
    assert found["id"] == work["id"]
    assert await get(aboard, "issues", number) == before
    ok(await aboard.post(url("operations", work["id"], "finish"), json={}))
    await do(aboard, made, verb, **ending.get(verb, {}))


@pytest.mark.parametrize("state", ["open", "triaged", "in_progress", "reopened"])
async def test_what_is_offered_can_be_taken(aboard: AsyncClient, state: str) -> None:
    made = await issue(aboard)
    for step in WAYS[state][0].split():
        await do(aboard, made, step, **BODIES.get(step, {}))
    number = str(made["number"])
    orders, resolve = (
        url("issues", number, "operations"),
        url("issues", number, "resolve"),
    )
    work = created(await aboard.post(orders, json={"type": "repair"}))
    closed = ok(await aboard.post(url("operations", work["id"], "finish"), json={}))
    possible = "resolve" in WAYS[state][1].split()
    assert closed["resolve_issue"] == (resolve if possible else None)
    now = await get(aboard, "issues", number)
    assert now["offer"] == ("resolve" if possible else None)
    answer = await aboard.post(resolve, json={})
    assert answer.status_code == (200 if possible else 409)


async def test_comments_and_attachments_hang_on_it(aboard: AsyncClient) -> None:
    number = str((await issue(aboard))["number"])
    for text in ("The spare is ashore", "It comes on Friday"):
        comment = {"text": text, "author": "Ola"}
        created(await aboard.post(url("issues", number, "comments"), json=comment))
    page = await get(aboard, "issues", number, "comments")
    assert [(item["text"], item["author"]) for item in page["items"]] == [
        ("The spare is ashore", "Ola"),
        ("It comes on Friday", "Ola"),
    ]
    picture = {
        "url": "https://files.example.com/seal.jpg?size=1",
        "title": "The seal",
        "media_type": "image/jpeg",
    }
    address = url("issues", number, "attachments")
    made = created(await aboard.post(address, json=picture))
    assert (await get(aboard, "issues", number, "attachments"))["items"] == [made]
    assert made | picture == made
    for wrong, where in (
        ({"url": "javascript:alert(1)"}, "/url"),
        ({"url": "https://a b"}, "/url"),
        ({"media_type": "jpeg"}, "/media_type"),
        ({"title": ""}, "/title"),
    ):
        answer = await aboard.post(address, json=picture | wrong)
        assert pointers(refused(answer, 422, "invalid")).keys() == {where}
    for part in ("comments", "attachments", "moves"):
        answer = await aboard.get(url("issues", "999999", part))
        refused(answer, 404, "not-found")
    nobody = await aboard.post(url("issues", "999999", "comments"), json={"text": "x"})
    refused(nobody, 404, "not-found")


@pytest.mark.parametrize("held", [True, False])
async def test_of_two_orders_that_close_at_once_the_later_is_the_last(
    committed: AsyncClient, monkeypatch: pytest.MonkeyPatch, *, held: bool
) -> None:
    """Who does not wait for the other believes that it is still to be done."""
    is_last, both = operations.is_last, asyncio.Barrier(2)

    async def meet(session: AsyncSession, operation: Operation) -> bool:
        await both.wait()  # both are done, neither is seen to be
        last = await is_last(session, operation)
        if not held:
            await both.wait()
        return last

    async def pass_by(_: AsyncSession, __: int) -> None:
        """Wait for nobody."""

    await vessel(committed)
    await equipment(committed, "P1")
    made = await issue(committed)
    await do(committed, made, "triage")
    orders = url("issues", str(made["number"]), "operations")
    work = [
        created(await committed.post(orders, json={"type": "repair"})) for _ in "12"
    ]
    monkeypatch.setattr(operations, "is_last", meet)
    if not held:
        monkeypatch.setattr(operations, "hold", pass_by)
    bodies: dict[str, JSON] = {"finish": {}, "cancel": {"reason": "Not needed"}}
    answers = await asyncio.gather(
        *(
            committed.post(url("operations", each["id"], verb), json=body)
            for each, (verb, body) in zip(work, bodies.items(), strict=True)
        )
    )
    offers = [ok(answer)["resolve_issue"] for answer in answers]
    assert len([offer for offer in offers if offer]) == held


async def test_of_an_order_and_a_resolution_at_once_one_comes_first(
    committed: AsyncClient,
) -> None:
    """An issue is never resolved while an order of it is still to be done."""
    await vessel(committed)
    await equipment(committed, "P1")
    for _ in range(4):
        made = await issue(committed)
        await do(committed, made, "triage")
        number = str(made["number"])
        answers = await asyncio.gather(
            committed.post(url("issues", number, "operations"), json={"type": "x"}),
            committed.post(url("issues", number, "resolve"), json={}),
        )
        statuses = sorted(int(answer.status_code) for answer in answers)
        assert statuses in ([200, 409], [201, 409])
