import pytest
from httpx2 import AsyncClient

from app.tests.factories import (
    change,
    created,
    get,
    listed,
    ok,
    pointers,
    refused,
    url,
    vessel,
)


async def test_a_registered_vessel_is_whole_and_can_be_found(
    client: AsyncClient,
) -> None:
    answer = await client.post(url("vessels"), json={"code": " mv102 ", "name": None})
    made = created(answer)
    assert made.keys() == {"code", "name", "created_at", "updated_at", "version"}
    assert made["code"] == "MV102"
    assert made["name"] is None
    assert made["version"] == 1
    assert made["created_at"].endswith("Z")
    assert answer.headers["location"] == "/api/v1/vessels/MV102"
    assert answer.headers["etag"] == '"1"'
    found = await client.get(answer.headers["location"])
    assert ok(found) == made
    assert found.headers["etag"] == '"1"'


async def test_a_code_is_the_same_in_any_case(client: AsyncClient) -> None:
    await vessel(client, "MV102")
    again = await client.post(url("vessels"), json={"code": "mV102  "})
    refused(again, 409, "duplicate-code")
    assert (await get(client, "vessels", " mv102 "))["code"] == "MV102"
    assert await listed(client, "vessels") == ["MV102"]


@pytest.mark.parametrize(
    ("body", "where", "code"),
    [
        ({}, "/code", "missing"),
        ({"code": None}, "/code", "string-type"),
        ({"code": 7}, "/code", "string-type"),
        ({"code": ["MV102"]}, "/code", "string-type"),
        ({"code": "MV102", "nome": "x"}, "/nome", "extra-forbidden"),
        ({"code": "MV102", "a/b~c": 1}, "/a~1b~0c", "extra-forbidden"),
        ({"code": "MV102", "name": ""}, "/name", "blank"),
        ({"code": "MV102", "name": 7}, "/name", "string-type"),
        ({"code": "MV102", "version": 9}, "/version", "extra-forbidden"),
        ([], "", "model-attributes-type"),
        ("MV102", "", "model-attributes-type"),
        (None, "", "missing"),
    ],
)
async def test_a_wrong_body_is_told_field_by_field(
    client: AsyncClient, body: object, where: str, code: str
) -> None:
    problem = refused(await client.post(url("vessels"), json=body), 422, "invalid")
    assert pointers(problem) == {where: code}
    assert await listed(client, "vessels") == []


async def test_all_that_is_wrong_is_told_at_once(client: AsyncClient) -> None:
    body = {"code": "-", "name": "a\nb", "flag": "BR"}
    problem = refused(await client.post(url("vessels"), json=body), 422, "invalid")
    assert pointers(problem) == {
        "/code": "invalid-code",
        "/name": "control-character",
        "/flag": "extra-forbidden",
    }
    assert "(and 2 more)" in problem["detail"]


async def test_a_name_changes_and_the_version_counts(client: AsyncClient) -> None:
    before = await vessel(client)
    answer = await change(client, "vessels", "mv102", match='"1"', name="Baía")
    assert ok(answer)["name"] == "Baía"
    assert answer.headers["etag"] == '"2"'
    after = await get(client, "vessels", "MV102")
    assert after["version"] == 2
    assert after["created_at"] == before["created_at"]
    cleared = await change(client, "vessels", "MV102", match='"2"', name=None)
    assert ok(cleared)["name"] is None


async def test_a_patch_of_nothing_changes_nothing(client: AsyncClient) -> None:
    await vessel(client, name="Baía")
    answer = await change(client, "vessels", "MV102")
    assert ok(answer)["name"] == "Baía"
    assert answer.headers["etag"] == '"1"'


async def test_a_code_is_for_life(client: AsyncClient) -> None:
    await vessel(client)
    answer = await change(client, "vessels", "MV102", code="MV103")
    assert pointers(refused(answer, 422, "invalid")) == {"/code": "extra-forbidden"}


async def test_a_change_says_which_version_it_means(client: AsyncClient) -> None:
    await vessel(client)
    path = url("vessels", "MV102")
    missing = await client.patch(path, json={"name": "x"})
    assert 'If-Match: "3"' in refused(missing, 428, "version-required")["detail"]
    for match in ('"2"', '"0"', "1", 'W/"1"', "abc", '"1", "2"', "", '"' + "9" * 40):
        stale = await client.patch(
            path, json={"name": "x"}, headers={"If-Match": match}
        )
        refused(stale, 412, "stale-version")
    assert (await get(client, "vessels", "MV102"))["name"] is None
    refused(await change(client, "vessels", "NOPE", name="x"), 404, "not-found")


async def test_the_fleet_is_listed_in_each_order(client: AsyncClient) -> None:
    for code in ("B", "A", "C"):
        await vessel(client, code)
    await change(client, "vessels", "A", name="touched")
    assert await listed(client, "vessels") == ["A", "B", "C"]
    assert await listed(client, "vessels", sort="-code") == ["C", "B", "A"]
    # One transaction is one instant, so that these three tie: the code settles it.
    assert await listed(client, "vessels", sort="updated_at") == ["A", "B", "C"]
    wrong = await client.get(url("vessels"), params={"sort": "name"})
    assert pointers(refused(wrong, 422, "invalid")) == {"?sort": "literal-error"}


async def test_vessels_are_searched_counted_and_trimmed(client: AsyncClient) -> None:
    for code, name in (("MV1", "Baía-Norte"), ("MV2", None), ("XX3", "Norte")):
        await vessel(client, code, name=name)
    assert await listed(client, "vessels", q="mv") == ["MV1", "MV2"]
    assert await listed(client, "vessels", q="baia-nor") == ["MV1"]
    assert await listed(client, "vessels", q="norte-baia") == []
    assert await listed(client, "vessels", updated_since="2020-01-01T00:00:00Z", q="x")
    assert await listed(client, "vessels", updated_since="2999-01-01T00:00:00Z") == []
    page = await get(
        client, "vessels", q="norte", fields="name,code", count="true", limit=1
    )
    assert page["items"] == [{"code": "MV1", "name": "Baía-Norte"}]
    assert page["total"] == 2
    assert "total" not in await get(client, "vessels")
    cursor = page["next_cursor"]
    rest = await get(client, "vessels", q="norte", fields="code", cursor=cursor)
    assert rest == {"items": [{"code": "XX3"}], "next_cursor": None}
