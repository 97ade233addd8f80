"""An issue that says that equipment failed is a failure like all others."""

import asyncio
from datetime import datetime

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.failures import service as failures
from app.issues import queries
from app.tests.factories import JSON, change, created, get, ok, pointers, refused, url
from app.tests.failures.factories import LOG, fleet, load

AT = "2020-01-05T08:00:00Z"
LOGGED = "2020-01-02T06:53:29Z"


async def issue(client: AsyncClient, code: str = "KA-1", at: str = AT) -> str:
    body = {"equipment": code, "title": "Trips", "kind": "failure", "observed_at": at}
    return str(created(await client.post(url("issues"), json=body))["number"])


async def step(client: AsyncClient, number: str, verb: str, **body: object) -> None:
    ok(await client.post(url("issues", number, verb), json=body))


async def told(client: AsyncClient, code: str = "KA-1") -> list[tuple[str, str]]:
    found = await get(client, "failures", code=code)
    return [(item["at"], item["source"]) for item in found["items"]]


async def test_it_is_counted_as_long_as_it_holds(client: AsyncClient) -> None:
    await fleet(client)
    number = await issue(client)
    assert await told(client) == [(AT, "issue")]
    window = {"from": "2020-01-01T00:00:00Z", "to": "2020-02-01T00:00:00Z"}

    async def counted() -> object:
        page = await get(client, "reliability", code="KA-1", **window)
        return page["items"][0]["failures"]

    assert await counted() == 1
    # It happened at another time; it was no failure; it was one after all.
    later = AT.replace("05T", "06T")
    ok(await change(client, "issues", number, observed_at=later))
    assert await told(client) == [(later, "issue")]
    ok(await change(client, "issues", number, kind="defect"))
    assert await told(client) == []
    ok(await change(client, "issues", number, kind="failure", observed_at=AT))
    await step(client, number, "cancel", reason="Wrong tag")
    assert await told(client) == []
    assert await counted() == 0
    await step(client, number, "reopen")
    assert await told(client) == [(AT, "issue")]


FUTURE, PAST = "2999-01-01T00:00:00Z", "1969-12-31T23:59:59Z"


@pytest.mark.parametrize(
    ("before", "body", "where"),
    [
        (None, {"observed_at": FUTURE}, "/observed_at"),
        (None, {"observed_at": PAST}, "/observed_at"),
        (None, {"down_since": FUTURE}, "/down_since"),
        (None, {"down_since": AT, "down_until": FUTURE}, "/down_until"),
        ({"kind": "defect"}, {"observed_at": FUTURE}, "/observed_at"),
        ({}, {"observed_at": PAST}, "/observed_at"),
        ({}, {"observed_at": FUTURE}, "/observed_at"),
        ({"kind": "defect", "observed_at": PAST}, {"kind": "failure"}, "/observed_at"),
    ],
)
async def test_nothing_failed_in_the_future_nor_before_1970(
    client: AsyncClient, before: JSON | None, body: JSON, where: str
) -> None:
    await fleet(client)
    least: JSON = {"equipment": "KA-1", "title": "Trips", "kind": "failure"}
    if before is None:
        answer = await client.post(url("issues"), json=least | body)
    else:
        made = created(await client.post(url("issues"), json=least | before))
        known = await told(client)
        answer = await change(client, "issues", str(made["number"]), **body)
        assert await told(client) == known
        assert await get(client, "issues", str(made["number"])) == made
    problem = refused(answer, 422, "invalid")
    assert pointers(problem) == {where: "invalid-instant"}
    assert "Write when it was" in problem["errors"][0]["message"]


async def test_what_was_cancelled_may_be_reopened(
    client: AsyncClient,
) -> None:
    await fleet(client)
    number = await issue(client)
    await step(client, number, "cancel", reason="A drill")
    answer = await change(client, "issues", number, observed_at=PAST)
    assert pointers(refused(answer, 422, "invalid")) == {
        "/observed_at": "invalid-instant"
    }
    late = await client.post(url("issues", number, "reopen"), json={"at": FUTURE})
    assert pointers(refused(late, 422, "invalid")) == {"/at": "invalid-instant"}
    # What is none may be as old as it is.
    ok(await change(client, "issues", number, observed_at=PAST, kind="defect"))


async def test_of_two_that_say_the_same_one_is_counted(client: AsyncClient) -> None:
    await fleet(client)
    first, second = await issue(client), await issue(client)
    await step(client, second, "duplicate", of=int(first))
    assert await told(client) == [(AT, "issue")]
    await step(client, first, "cancel", reason="A drill")
    assert await told(client) == []


async def test_what_a_log_tells_stays(client: AsyncClient) -> None:
    await fleet(client)
    early = await issue(client, at=LOGGED)
    await load(client, LOG)
    late = await issue(client, at="2019-12-10T10:46:09Z")
    before = await told(client)
    assert len(before) == 4
    for number in (early, late):
        await step(client, number, "cancel", reason="Known from the log")
    assert await told(client) == before


@pytest.mark.parametrize("first", ["log", "issue"])
async def test_what_a_log_warned_of_fails_as_long_as_an_issue_says_so(
    client: AsyncClient, first: str
) -> None:
    """Whichever came first."""
    await fleet(client)
    warned = "2020-01-02T06:53:30Z"
    if first == "log":
        await load(client, LOG)
    number = await issue(client, at=warned)
    if first == "issue":
        await load(client, LOG)
    other = await issue(client, at=warned)

    async def level() -> tuple[str, int]:
        of = {"code": "KA-1", "from": warned, "to": "2020-01-02T06:53:31Z"}
        [failure] = (await get(client, "failures", **of))["items"]
        page = await get(client, "reliability", **of)
        return failure["level"], page["items"][0]["failures"]

    assert await level() == ("error", 1)
    await step(client, other, "cancel", reason="Told twice")
    assert await level() == ("error", 1)
    await step(client, number, "cancel", reason="It ran on")
    assert await level() == ("warning", 0)
    await step(client, number, "reopen")
    assert await level() == ("error", 1)


@pytest.mark.parametrize("level", ["error", "warning"])
async def test_what_was_reported_stays_when_an_issue_is_cancelled(
    client: AsyncClient, level: str
) -> None:
    await fleet(client)
    body = {"code": "KA-1", "at": AT, "level": level}
    created(await client.post(url("failures"), json=body))
    number = await issue(client)
    await step(client, number, "cancel", reason="A drill")
    [failure] = (await get(client, "failures", code="KA-1"))["items"]
    assert (failure["source"], failure["level"]) == ("report", "error")


@pytest.mark.parametrize("held", [True, False])
async def test_of_two_cancelled_at_once_the_later_takes_it_back(
    committed: AsyncClient, monkeypatch: pytest.MonkeyPatch, *, held: bool
) -> None:
    """Who does not wait for the other believes that it still tells of the failure."""
    hold, tells, both = failures.hold, queries.tells, asyncio.Barrier(2)

    async def meet(session: AsyncSession, code: str, at: datetime) -> None:
        await both.wait()
        if held:
            await hold(session, code, at)

    async def believe(session: AsyncSession, code: str, at: datetime) -> bool:
        still = await tells(session, code, at)
        if not held:
            await both.wait()
        return still

    await fleet(committed)
    first, second = await issue(committed), await issue(committed)
    monkeypatch.setattr(failures, "hold", meet)
    monkeypatch.setattr(queries, "tells", believe)
    cancelled = (
        step(committed, number, "cancel", reason="A drill")
        for number in (first, second)
    )
    await asyncio.gather(*cancelled)
    assert await told(committed) == ([] if held else [(AT, "issue")])


async def test_what_is_told_anew_is_not_taken_back_meanwhile(
    committed: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reports it holds the failure, though it is known: who cancels has to wait."""
    tell, hold = failures.tell, failures.hold
    told_again, holding = asyncio.Event(), asyncio.Event()

    async def tell_slowly(
        session: AsyncSession, code: str, vessel: str, at: datetime
    ) -> None:
        await tell(session, code, vessel, at)
        told_again.set()
        await holding.wait()
        await asyncio.sleep(0.2)

    async def hold_then(session: AsyncSession, code: str, at: datetime) -> None:
        await told_again.wait()
        holding.set()
        await hold(session, code, at)

    await fleet(committed)
    first = await issue(committed)
    monkeypatch.setattr(failures, "tell", tell_slowly)
    monkeypatch.setattr(failures, "hold", hold_then)
    await asyncio.gather(
        issue(committed), step(committed, first, "cancel", reason="A drill")
    )
    assert await told(committed) == [(AT, "issue")]
