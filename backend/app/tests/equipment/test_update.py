import pytest
from httpx2 import AsyncClient

from app.tests.factories import (
    change,
    equipment,
    get,
    ok,
    pointers,
    refused,
    url,
    vessel,
)


async def test_what_is_sent_changes_and_the_rest_stays(client: AsyncClient) -> None:
    await vessel(client)
    before = await equipment(client, "A1", tag="T1", group="Gas")
    sent = {"name": "pump", "location": None, "tag": "t2", "group": None}
    answer = await change(client, "equipment", "a1", match='"1"', **sent)
    assert answer.headers["etag"] == '"2"'
    after = ok(answer)
    assert after == await get(client, "equipment", "A1")
    expected = before | sent | {"tag": "T2", "version": 2}
    assert after == expected | {"updated_at": after["updated_at"]}
    one = await change(client, "equipment", "A1", match='"2"', location="Deck")
    assert ok(one)["name"] == "pump"


async def test_a_patch_that_says_what_is_there_makes_no_version(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await equipment(client, "A1", tag="T1")
    for sent in ({}, {"tag": "T1"}, {"name": "compressor", "tag": "t1"}):
        answer = await change(client, "equipment", "A1", match='"1"', **sent)
        assert answer.headers["etag"] == '"1"'


@pytest.mark.parametrize(
    ("body", "where", "code"),
    [
        ({"name": None}, "/name", "blank"),
        ({"name": ""}, "/name", "blank"),
        ({"code": "B1"}, "/code", "extra-forbidden"),
        ({"vessel": "MV103"}, "/vessel", "extra-forbidden"),
        ({"status": "inactive"}, "/status", "extra-forbidden"),
        ({"version": 1}, "/version", "extra-forbidden"),
        ({"tag": "a/b"}, "/tag", "invalid-code"),
        ({"parent": 7}, "/parent", "string-type"),
        ({"parent": "NOPE"}, "/parent", "unknown-parent"),
        ({"parent": "B1"}, "/parent", "unknown-parent"),
    ],
)
async def test_a_wrong_change_is_refused(
    client: AsyncClient, body: dict[str, object], where: str, code: str
) -> None:
    await vessel(client, "MV102")
    await vessel(client, "MV103")
    before = await equipment(client, "A1")
    await equipment(client, "B1", of="MV103")
    answer = await change(client, "equipment", "A1", match='"1"', **body)
    assert pointers(refused(answer, 422, "invalid")) == {where: code}
    assert await get(client, "equipment", "A1") == before


async def test_a_tag_that_another_has_is_refused(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1", tag="T1")
    before = await equipment(client, "A2", tag="T2")
    for match in ("*", '"1"'):
        answer = await change(client, "equipment", "A2", match=match, tag="T1")
        problem = refused(answer, 409, "duplicate-code")
        assert problem["existing"] == "/api/v1/equipment/A1"
        assert problem["field"] == "tag"
    assert await get(client, "equipment", "A2") == before


async def test_refusals_are_told_in_words_over_committed_rows_too(
    committed: AsyncClient,
) -> None:
    # Here the session has no transaction of the test's around its savepoints.
    await vessel(committed)
    await equipment(committed, "A1", tag="T1")
    await equipment(committed, "A2", tag="T2", parent="A1")
    tag = await change(committed, "equipment", "A2", tag="T1")
    refused(tag, 409, "duplicate-code")
    parent = await change(committed, "equipment", "A2", match='"1"', parent="NOPE")
    assert pointers(refused(parent, 422, "invalid")) == {"/parent": "unknown-parent"}
    cycle = await change(committed, "equipment", "A1", parent="A2")
    refused(cycle, 409, "parent-cycle")
    assert (await get(committed, "equipment", "A2"))["version"] == 1


async def test_a_change_says_which_version_it_means(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1")
    path = url("equipment", "A1")
    missing = await client.patch(path, json={"name": "x"})
    assert "If-Match: *" in refused(missing, 428, "version-required")["detail"]
    for match in ('"2"', "1", 'W/"1"', ""):
        stale = await client.patch(
            path, json={"name": "x"}, headers={"If-Match": match}
        )
        refused(stale, 412, "stale-version")
    assert (await get(client, "equipment", "A1"))["name"] == "compressor"
    refused(await change(client, "equipment", "NOPE", name="x"), 404, "not-found")
