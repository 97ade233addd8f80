"""Reading again what has not changed costs 304 and no body."""

import pytest
from httpx2 import AsyncClient, Response

from app.tests.factories import change, equipment, ok, order, refused, url, vessel

READ = {
    "a vessel": url("vessels", "MV102"),
    "vessels": url("vessels"),
    "an equipment": url("equipment", "A1"),
    "a vessel's list": url("vessels", "MV102", "equipment") + "?status=active",
    "a list": url("equipment") + "?limit=1",
    "children": url("equipment", "A1", "children"),
    "orders": url("operations"),
    "costs": url("equipment", "A1", "cost"),
}


@pytest.fixture
async def aboard(client: AsyncClient) -> AsyncClient:
    await vessel(client)
    await equipment(client, "A1")
    await equipment(client, "A2", parent="A1")
    await order(client, "A1")
    return client


async def again(client: AsyncClient, path: str, known: str) -> Response:
    return await client.get(path, headers={"If-None-Match": known})


@pytest.mark.parametrize("what", READ)
async def test_what_one_has_already_is_not_sent_again(
    aboard: AsyncClient, what: str
) -> None:
    first = await aboard.get(READ[what])
    tag = first.headers["etag"]
    one = what in {"a vessel", "an equipment"}
    assert tag == '"1"' if one else tag.startswith('W/"')
    for known in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        answer = await again(aboard, READ[what], known)
        assert answer.status_code == 304
        assert answer.content == b""
        assert answer.headers["etag"] == tag
        assert "content-type" not in answer.headers
        assert "content-length" not in answer.headers
        assert answer.headers.get("link") == first.headers.get("link")
    for known in ('"x"', 'W/"2"', tag.strip('W/"'), ""):
        answer = await again(aboard, READ[what], known)
        assert ok(answer) == first.json()
        assert answer.headers["etag"] == tag


async def test_what_changed_is_sent(aboard: AsyncClient) -> None:
    changing = ("an equipment", "a vessel's list", "a list")
    tags = {what: (await aboard.get(READ[what])).headers["etag"] for what in changing}
    ok(await change(aboard, "equipment", "A1", location="Norway"))
    for what, tag in tags.items():
        answer = await again(aboard, READ[what], tag)
        assert "Norway" in answer.text
        assert answer.headers["etag"] != tag


async def test_head_answers_the_same(aboard: AsyncClient) -> None:
    path = READ["a list"]
    tag = (await aboard.get(path)).headers["etag"]
    head = await aboard.head(path, headers={"If-None-Match": tag})
    assert head.status_code == 304
    assert head.headers["etag"] == tag


async def test_a_refusal_and_a_file_have_no_tag(aboard: AsyncClient) -> None:
    answer = await again(aboard, url("equipment", "NOPE"), "*")
    refused(answer, 404, "not-found")
    assert "etag" not in answer.headers
    file = await again(aboard, url("vessels", "MV102", "equipment.csv"), "*")
    assert file.status_code == 200
    assert "etag" not in file.headers


async def test_a_weak_tag_is_no_version(aboard: AsyncClient) -> None:
    tag = (await aboard.get(READ["a list"])).headers["etag"]
    answer = await change(aboard, "equipment", "A1", match=tag, name="pump")
    refused(answer, 412, "stale-version")
