"""Reading again what has not changed costs 304 and no body."""

from collections.abc import Awaitable, Callable

import pytest
from httpx2 import AsyncClient, Response

from app.tests.factories import (
    JSON,
    change,
    created,
    equipment,
    ok,
    order,
    refused,
    url,
    vessel,
)
from app.tests.stock.factories import part, store

# Where something is read, and what changes it.
Step = tuple[str, Callable[[], Awaitable[None]]]
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


HARDWARE = {"manufacturer": "Maker", "model": "M-40", "serial_number": "S1"}


async def post(client: AsyncClient, *segments: str, **body: object) -> JSON:
    return created(await client.post(url(*segments), json=body))


async def issue_gets_an_order(client: AsyncClient) -> Step:
    words = {"title": "Leaks", "kind": "defect", "equipment": "A1"}
    number = str((await post(client, "issues", **words))["number"])

    async def work() -> None:
        await post(client, "issues", number, "operations", type="repair")

    return url("issues", number), work


async def unit_is_put_somewhere(client: AsyncClient) -> Step:
    unit = await post(client, "units", **HARDWARE)

    async def swap() -> None:
        await post(client, "equipment", "A1", "units", **HARDWARE)

    return url("units", unit["id"]), swap


async def unit_of_an_installation_is_corrected(client: AsyncClient) -> Step:
    sits = (await post(client, "equipment", "A1", "units", **HARDWARE))["installed"]

    async def correct() -> None:
        ok(await change(client, "units", sits["unit"]["id"], serial_number="S2"))

    return url("installations", sits["id"]), correct


async def part_of_a_cart_is_dearer(client: AsyncClient) -> Step:
    await part(client, "P1", price="1")
    await store(client, "S1", vessel="MV102")
    lines = [{"part": "P1", "quantity": "2"}]
    asked = {"vessel": "MV102", "store": "S1", "lines": lines}
    cart = await post(client, "requisitions", **asked)

    async def price() -> None:
        ok(await change(client, "parts", "P1", price="2"))

    return url("requisitions", cart["id"]), price


@pytest.mark.parametrize(
    "prepare",
    [
        issue_gets_an_order,
        unit_is_put_somewhere,
        unit_of_an_installation_is_corrected,
        part_of_a_cart_is_dearer,
    ],
)
async def test_what_a_version_does_not_count_is_sent_too(
    aboard: AsyncClient, prepare: Callable[[AsyncClient], Awaitable[Step]]
) -> None:
    path, step = await prepare(aboard)
    first = await aboard.get(path)
    tag = first.headers["etag"]
    assert (await again(aboard, path, tag)).status_code == 304
    await step()
    answer = await again(aboard, path, tag)
    assert ok(answer) != first.json()
    assert ok(answer)["version"] == first.json()["version"]
    assert answer.headers["etag"] != tag


async def test_a_change_means_the_version_alone(aboard: AsyncClient) -> None:
    path, work = await issue_gets_an_order(aboard)
    number = path.rpartition("/")[2]
    tag = (await aboard.get(path)).headers["etag"]
    assert tag.startswith('"1-')
    await work()
    for match, title in ((tag, "Leaks more"), ('"2"', "Leaks"), ('"3-1f"', "Drips")):
        ok(await change(aboard, "issues", number, match=match, title=title))
    for stale in (tag, '"4-"', '"4-x"', '"4-1f-0"'):
        answer = await change(aboard, "issues", number, match=stale, title="Leaks")
        refused(answer, 412, "stale-version")


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
