"""An equipment as it was in an earlier version, made anew."""

import asyncio

from httpx2 import AsyncClient, Response

from app.settings import Settings
from app.tests.conftest import connected, seen
from app.tests.equipment.test_batches import WAITING
from app.tests.equipment.test_moving import move
from app.tests.factories import (
    JSON,
    change,
    equipment,
    get,
    ok,
    pointers,
    refused,
    url,
    vessel,
)


async def restore(
    client: AsyncClient, version: object, *, code: str = "A1", match: str = "*"
) -> Response:
    headers = {"If-Match": match}
    path = url("equipment", code, "restore")
    return await client.post(path, json={"version": version}, headers=headers)


def same(row: JSON) -> JSON:
    """All that is restored."""
    others = {"version", "updated_at"}
    return {name: value for name, value in row.items() if name not in others}


async def test_every_version_can_be_had_again(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "P1")
    versions = [await equipment(client, "A1", tag="T1")]
    changes: list[JSON] = [
        {"name": "n2", "tag": None},
        {"location": None, "parent": "P1"},
        {"name": "n4", "parent": None, "tag": "T4"},
    ]
    versions += [
        ok(await change(client, "equipment", "A1", **fields)) for fields in changes
    ]
    await client.post(url("equipment", "deactivate"), json={"codes": "A1"})
    versions.append(await get(client, "equipment", "A1"))
    for version in (1, 3, 2, 5, 4):
        latest = len(versions)
        answer = await restore(client, version, match=f'"{latest}"')
        row = ok(answer)
        assert same(row) == same(versions[version - 1])
        assert row["version"] == latest + 1
        assert answer.headers["etag"] == f'"{latest + 1}"'
        assert row == await get(client, "equipment", "A1")
        versions.append(row)
    history = (await get(client, "equipment", "A1", "history"))["items"]
    assert [row["version"] for row in history] == list(range(10, 0, -1))
    assert history[0]["reason"] == "Back to version 4"
    # What is so already makes no version.
    assert ok(await restore(client, 10))["version"] == 10
    assert ok(await restore(client, 9))["version"] == 11


async def test_what_cannot_be_restored_is_told(client: AsyncClient) -> None:
    await vessel(client)
    await vessel(client, "MV103")
    await equipment(client, "P1")
    await equipment(client, "A1", tag="T1", parent="P1")
    ok(await change(client, "equipment", "A1", tag=None, parent=None))
    ok(await change(client, "equipment", "P1", parent="A1"))
    refused(await restore(client, 1), 409, "parent-cycle")
    ok(await change(client, "equipment", "P1", parent=None))
    await equipment(client, "A2", tag="T1")
    problem = refused(await restore(client, 1), 409, "duplicate-code")
    assert problem["existing"] == "/api/v1/equipment/A2"
    ok(await change(client, "equipment", "A2", tag=None))
    ok(await move(client, "P1"))
    problem = refused(await restore(client, 1), 409, "conflict")
    assert "P1 is not aboard MV102" in problem["detail"]
    ok(await move(client, "A1"))
    problem = refused(await restore(client, 2), 409, "conflict")
    assert "aboard MV102" in problem["detail"]
    assert "/equipment/A1/move" in problem["detail"]
    for wrong, code in ((4, "unknown-version"), (0, "greater-than-equal")):
        problem = refused(await restore(client, wrong), 422, "invalid")
        assert pointers(problem) == {"/version": code}
    refused(await restore(client, 1, match='"1"'), 412, "stale-version")
    refused(await restore(client, 1, code="NOPE"), 404, "not-found")
    assert (await get(client, "equipment", "A1"))["version"] == 3


async def test_what_the_record_does_not_tell_of_is_gone(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    async with connected(fresh) as connection:
        await connection.execute(
            "ALTER TABLE equipment DISABLE TRIGGER USER; "
            "INSERT INTO equipment (code, vessel, name, version) "
            "VALUES ('A1', 'MV102', 'n7', 7); "
            "ALTER TABLE equipment ENABLE TRIGGER USER"
        )
        refused(await restore(committed, 6), 410, "not-recorded")
        ok(await change(committed, "equipment", "A1", name="n8"))
        problem = refused(await restore(committed, 6), 410, "not-recorded")
        assert problem["since"].endswith("Z")
        # The change tells what was before it.
        assert ok(await restore(committed, 7))["name"] == "n7"
        # What had the code before is another.
        await connection.execute("DELETE FROM equipment")
    await equipment(committed, "A1", name="new")
    ok(await change(committed, "equipment", "A1", name="newer"))
    assert ok(await restore(committed, 1))["name"] == "new"


async def test_who_restores_waits_for_who_changes(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    await equipment(committed, "A1", name="n1")
    ok(await change(committed, "equipment", "A1", name="n2"))
    async with connected(fresh) as watcher, connected(fresh) as holder:
        async with holder.transaction():
            await holder.execute(
                "UPDATE equipment SET location = 'Deck', tag = 'T3', version = 3"
            )
            waiting = asyncio.gather(
                restore(committed, 1), restore(committed, 1, match='"2"')
            )
            await seen(watcher, WAITING, at_least=2)
        restored, stale = await waiting
    refused(stale, 412, "stale-version")
    # What came while it waited is undone too.
    row = ok(restored)
    assert (row["name"], row["location"], row["tag"]) == ("n1", "Brazil", None)
    assert row["version"] == 4
