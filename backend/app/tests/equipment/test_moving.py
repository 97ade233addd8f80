"""Equipment that goes to another vessel, with its history and what stands below it."""

import asyncio

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import text

from app.equipment import moving
from app.settings import Settings
from app.tests.conftest import connected, seen
from app.tests.equipment.test_batches import WAITING, aboard, install, patch
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


async def move(
    client: AsyncClient,
    code: str,
    *,
    match: str = "*",
    subtree: bool = False,
    **sent: object,
) -> Response:
    body = {"vessel": "MV103"} | sent
    params = {"subtree": "true"} if subtree else {}
    headers = {"If-Match": match}
    path = url("equipment", code, "move")
    return await client.post(path, json=body, headers=headers, params=params)


async def fleet(client: AsyncClient) -> None:
    """Two vessels: aboard the first a train of A1, A2 and A3, and A4 on its own."""
    await vessel(client, "MV102")
    await vessel(client, "MV103")
    await equipment(client, "A1", tag="T1", group="Gas")
    await equipment(client, "A2", parent="A1", tag="T2")
    await equipment(client, "A3", parent="A2")
    await equipment(client, "A4", tag="T4")


async def test_it_goes_with_its_history_its_orders_and_its_costs(
    client: AsyncClient,
) -> None:
    await fleet(client)
    await equipment(client, "B1", of="MV103")
    await order(client, "A4", cost="100")
    before = await get(client, "equipment", "A4")
    answer = await move(
        client, "a4", match='"1"', parent="b1", tag="T9", location="Deck"
    )
    after = ok(answer)
    assert answer.headers["etag"] == '"2"'
    moved = {"vessel": "MV103", "parent": "B1", "tag": "T9", "location": "Deck"}
    updated = {"updated_at": after["updated_at"], "version": 2}
    assert after == before | moved | updated == await get(client, "equipment", "A4")
    history = (await get(client, "equipment", "A4", "history"))["items"]
    assert [row["action"] for row in history] == ["updated", "created"]
    assert history[0]["before"]["vessel"] == "MV102"
    # What was done stays with the vessel for which it was done; both can be asked for.
    await order(client, "A4", cost="7")
    costs = (await get(client, "costs", "vessels"))["items"]
    assert [row["total"] for row in costs] == ["100.00", "7.00"]
    assert (await get(client, "equipment", "A4", "cost"))["total"] == "107.00"
    # What is not sent stays, but for the parent, who does.
    back = ok(await move(client, "A4", vessel="MV102"))
    assert back == before | {
        "tag": "T9",
        "location": "Deck",
        "version": 3,
        "updated_at": back["updated_at"],
    }


async def test_a_subtree_is_taken_along_or_refused(client: AsyncClient) -> None:
    await fleet(client)
    before = await aboard(client)
    problem = refused(await move(client, "A1"), 409, "conflict")
    assert "2 equipment below A1" in problem["detail"]
    assert "?subtree=true" in problem["detail"]
    assert await aboard(client) == before
    ok(await move(client, "A2", subtree=True))
    there = await aboard(client, "MV103")
    assert {code: row["parent"] for code, row in there.items()} == {
        "A2": None,
        "A3": "A2",
    }
    assert [row["version"] for row in there.values()] == [2, 2]
    assert (await aboard(client)).keys() == {"A1", "A4"}
    history = (await get(client, "equipment", "A3", "history"))["items"]
    assert len(history) == 2
    assert history[0]["after"] == {"vessel": "MV103"}


async def test_what_stands_in_its_way_is_told(client: AsyncClient) -> None:
    await fleet(client)
    await equipment(client, "B1", of="MV103", tag="T1")
    await equipment(client, "B2", of="MV103", tag="T2")
    before = await aboard(client)
    problem = refused(await move(client, "A1", subtree=True), 409, "duplicate-code")
    assert pointers(problem) == {"/tag": "duplicate-tag", "/vessel": "duplicate-tag"}
    assert problem["existing"] == "/api/v1/equipment/B1"
    answer = await move(client, "A1", subtree=True, tag="NEW")
    assert pointers(refused(answer, 409, "duplicate-code")).keys() == {"/vessel"}
    for parent in ("A1", "A3"):
        answer = await move(client, "A1", subtree=True, parent=parent)
        refused(answer, 409, "parent-cycle")
    answer = await move(client, "A4", parent="A1")
    assert pointers(refused(answer, 422, "invalid")) == {"/parent": "unknown-parent"}
    answer = await move(client, "A4", vessel="NOPE")
    assert pointers(refused(answer, 422, "invalid")) == {"/vessel": "unknown-vessel"}
    problem = refused(await move(client, "A4", vessel="MV102"), 409, "conflict")
    assert "PATCH" in problem["detail"]
    refused(await move(client, "NOPE"), 404, "not-found")
    refused(await move(client, "A4", match='"2"'), 412, "stale-version")
    assert await aboard(client) == before


# --- beside others --------------------------------------------------------------------


async def _put_below(
    client: AsyncClient, fresh: Settings, *, subtree: bool = False
) -> Response:
    """Move A4 while somebody puts something below it, and commits first."""
    await fleet(client)
    async with connected(fresh) as watcher, connected(fresh) as holder:
        async with holder.transaction():
            await holder.execute(
                "INSERT INTO equipment (vessel, code, name, parent) "
                "VALUES ('MV102', 'NEW', 'x', 'A4')"
            )
            moving_it = asyncio.create_task(move(client, "A4", subtree=subtree))
            await seen(watcher, WAITING, at_least=1)
        return await moving_it


async def test_what_is_put_below_it_meanwhile_is_found(
    committed: AsyncClient, fresh: Settings
) -> None:
    problem = refused(await _put_below(committed, fresh), 409, "conflict")
    assert "1 equipment below A4" in problem["detail"]
    assert (await get(committed, "equipment", "NEW"))["vessel"] == "MV102"


async def test_what_is_put_below_it_meanwhile_goes_along(
    committed: AsyncClient, fresh: Settings
) -> None:
    ok(await _put_below(committed, fresh, subtree=True))
    there = await aboard(committed, "MV103")
    assert (there["NEW"]["parent"], there["NEW"]["version"]) == ("A4", 2)


async def test_control_without_the_lock_it_is_carried_off_unseen(
    committed: AsyncClient, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "LOCK", text("SELECT CAST(:codes AS varchar[])"))
    ok(await _put_below(committed, fresh))
    taken = await get(committed, "equipment", "NEW")
    # Nobody asked for it, and nothing tells those who read it before.
    assert (taken["vessel"], taken["version"]) == ("MV103", 1)


async def test_moves_changes_and_creations_get_along(
    committed: AsyncClient, fresh: Settings
) -> None:
    await fleet(committed)
    here, there = "MV102", "MV103"
    for turn in range(6):
        versions = {
            code: row["version"]
            for code, row in (await aboard(committed, here)).items()
        }
        items: list[JSON] = [
            {"code": code, "version": versions[code], "name": f"n{turn}"}
            for code in ("A3", "A1", "A2")
        ]
        answers = await asyncio.gather(
            move(committed, "A1", vessel=there, subtree=True),
            move(committed, "A4", vessel=there, parent="A1"),
            change(committed, "equipment", "A4", parent=("A1", "A3")[turn % 2]),
            change(committed, "equipment", "A3", location=f"l{turn}"),
            install(committed, [{"code": f"N{turn}", "parent": "A3"}], here),
            committed.post(
                url("vessels", here, "equipment"),
                json={"code": f"M{turn}", "name": "x", "location": "y", "parent": "A1"},
            ),
            patch(committed, items, here),
            order(committed, "A2"),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, Response):
                assert answer.status_code in {200, 201, 409, 412, 422}, answer.text
            else:
                assert isinstance(answer, dict), answer
        if (await get(committed, "equipment", "A1"))["vessel"] != there:
            ok(await move(committed, "A1", vessel=there, subtree=True))
        if (await get(committed, "equipment", "A4"))["vessel"] != there:
            ok(await move(committed, "A4", vessel=there, subtree=True))
        here, there = there, here
    async with connected(fresh) as connection:
        apart = await connection.fetchval(
            "SELECT count(*) FROM equipment c JOIN equipment p ON p.code = c.parent "
            "WHERE p.vessel <> c.vessel"
        )
        twice = await connection.fetchval(
            "SELECT count(*) FROM (SELECT FROM changes WHERE entity = 'equipment' "
            "GROUP BY code, version HAVING count(*) > 1) x"
        )
    # Nobody's parent is elsewhere, and no change shares its version with another.
    assert (apart, twice) == (0, 0)


async def test_vessels_that_change_places_do_not_wait_for_each_other(
    committed: AsyncClient,
) -> None:
    await fleet(committed)
    await equipment(committed, "B1", of="MV103")
    here, there = "MV102", "MV103"
    for _ in range(4):
        answers = await asyncio.gather(
            move(committed, "A4", vessel=there), move(committed, "B1", vessel=here)
        )
        assert [answer.status_code for answer in answers] == [200, 200]
        here, there = there, here


async def test_a_change_that_waited_for_a_move_is_told(
    committed: AsyncClient, fresh: Settings
) -> None:
    await fleet(committed)
    await equipment(committed, "B1", of="MV103")
    async with connected(fresh) as watcher, connected(fresh) as holder:
        async with holder.transaction():
            await holder.execute(
                "UPDATE equipment SET vessel = 'MV103', version = 2 WHERE code = 'A4'"
            )
            waiting = asyncio.gather(
                change(committed, "equipment", "A4", parent="B1"),
                change(committed, "equipment", "A4", match='"1"', name="x"),
            )
            await seen(watcher, WAITING, at_least=2)
        put, renamed = await waiting
    assert "moved to MV103" in refused(put, 409, "conflict")["detail"]
    refused(renamed, 412, "stale-version")


async def test_a_tag_that_is_taken_there_at_the_last_moment_is_told(
    committed: AsyncClient, fresh: Settings
) -> None:
    await fleet(committed)
    async with connected(fresh) as watcher, connected(fresh) as holder:
        async with holder.transaction():
            await holder.execute(
                "INSERT INTO equipment (vessel, code, tag, name) "
                "VALUES ('MV103', 'B1', 'T4', 'x')"
            )
            moving_it = asyncio.create_task(move(committed, "A4"))
            await seen(watcher, WAITING, at_least=1)
        problem = refused(await moving_it, 409, "conflict")
    assert "again" in problem["detail"]
    refused(await move(committed, "A4"), 409, "duplicate-code")
    assert (await get(committed, "equipment", "A4"))["version"] == 1
