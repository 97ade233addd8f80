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
from app.tests.stock.factories import MAIN, YARD, on_hand, part, stocked, store


async def test_stores_are_aboard_ashore_or_on_their_way(client: AsyncClient) -> None:
    await vessel(client, "MV102")
    await vessel(client, "MV103")
    made = await store(client, "mv102-main", name="Main store, deck 2")
    assert (made["code"], made["vessel"]) == ("MV102-MAIN", "MV102")
    await store(client, "MV103-MAIN", vessel="MV103")
    await store(client, "YARD", "ashore")
    await store(client, "BOAT", "in_transit")
    everything = ["BOAT", "MV102-MAIN", "MV103-MAIN", "YARD"]
    assert await listed(client, "stores") == everything
    assert await listed(client, "stores", vessel="MV103") == ["MV103-MAIN"]
    assert await listed(client, "stores", place=["ashore", "in_transit"]) == [
        "BOAT",
        "YARD",
    ]
    taken = await client.post(url("stores"), json={"code": "YARD", "place": "ashore"})
    problem = refused(taken, 409, "duplicate-code")
    assert ok(await client.get(problem["existing"]))["place"] == "ashore"
    named = ok(await change(client, "stores", "YARD", match='"1"', name="The yard"))
    assert (named["name"], named["version"]) == ("The yard", 2)
    refused(await change(client, "stores", "YARD", match='"1"'), 412, "stale-version")


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ({"place": "aboard"}, 422, "invalid"),
        ({"place": "aboard", "vessel": "NOPE"}, 404, "not-found"),
        ({"place": "ashore", "vessel": "MV102"}, 422, "invalid"),
        ({"place": "afloat"}, 422, "invalid"),
        ({}, 422, "invalid"),
    ],
)
async def test_a_store_is_somewhere(
    client: AsyncClient, body: dict[str, object], status: int, slug: str
) -> None:
    await vessel(client, "MV102")
    answer = await client.post(url("stores"), json={"code": "S1", **body})
    refused(answer, status, slug)
    assert await listed(client, "stores") == []


async def test_a_level_says_how_much_there_should_be(client: AsyncClient) -> None:
    await stocked(client)
    await part(client, "SEAL")
    levels = url("stores", MAIN, "levels")
    body = {"part": "seal", "minimum": "0.5", "maximum": 4}
    answer = await client.post(levels, json=body)
    made = created(answer)
    assert (made["minimum"], made["maximum"]) == ("0.5", "4")
    assert ok(await client.get(answer.headers["location"])) == made
    # It is known what should be there, though nothing ever was.
    assert await on_hand(client, "SEAL") == ("0", "0", "0")
    problem = refused(await client.post(levels, json=body), 409, "duplicate-code")
    assert f"PATCH changes them: {problem['existing']}" in problem["detail"]
    assert ok(await client.get(problem["existing"])) == made

    where = ("stores", MAIN, "levels", "SEAL")
    assert ok(await change(client, *where, match='"1"', maximum="6"))["maximum"] == "6"
    refused(
        await change(client, *where, match='"1"', maximum="7"), 412, "stale-version"
    )
    for wrong in ({"minimum": "7"}, {"maximum": "0.4"}, {"minimum": None}):
        answer = await change(client, *where, **wrong)
        assert pointers(refused(answer, 422, "invalid")).keys() <= {
            "/maximum",
            *(f"/{name}" for name in wrong),
        }
    assert (await get(client, *where))["version"] == 2
    [row] = (await get(client, "stock", part="SEAL"))["items"]
    assert (row["minimum"], row["maximum"]) == ("0.5", "6")

    await part(client, "P2")
    crossed = {"part": "P2", "minimum": 2, "maximum": 1}
    refused(await client.post(levels, json=crossed), 422, "invalid")
    wrongs: list[dict[str, object]] = [{"part": "X"}, {"minimum": -1}, {"maximum": "x"}]
    for it in wrongs:
        answer = await client.post(levels, json={**crossed, "maximum": 3, **it})
        assert answer.status_code in {404, 422}
    refused(await client.get(f"{levels}/P2"), 404, "not-found")
    refused(await client.get(url("stores", "X", "levels", "P2")), 404, "not-found")


async def test_the_record_tells_of_them_to_whom_they_concern(
    committed: AsyncClient,
) -> None:
    await stocked(committed, SEAL=4)
    levels = url("stores", MAIN, "levels")
    body = {"part": "SEAL", "minimum": "0.5", "maximum": 4}
    created(await committed.post(levels, json=body))
    fit = {"equipment": "A1"}
    made = created(await committed.post(url("parts", "SEAL", "fits"), json=fit))
    ok(await change(committed, "parts", "SEAL", price="13.5"))
    address = url("parts", "SEAL", "fits", made["id"])
    assert (await committed.delete(address)).status_code == 204
    everything = (await get(committed, "changes"))["items"]
    told = [(it["entity"], it["code"], it["action"], it["vessel"]) for it in everything]
    # Movements are a record themselves.
    assert sorted(told) == sorted(
        [
            ("equipment", "A1", "created", "MV102"),
            ("part", "SEAL", "created", ""),
            ("part", "SEAL", "updated", ""),
            ("part_fit", made["id"], "created", ""),
            ("part_fit", made["id"], "deleted", ""),
            ("stock_level", told[-4][1], "created", "MV102"),
            ("store", MAIN, "created", "MV102"),
            ("store", YARD, "created", ""),
            ("vessel", "MV102", "created", "MV102"),
        ]
    )
    [price] = [it for it in everything if it["action"] == "updated"]
    assert (price["before"], price["after"]) == ({"price": "12.50"}, {"price": "13.50"})
    aboard = (await get(committed, "changes", vessel="MV102"))["items"]
    assert {it["entity"] for it in aboard} == {
        *("vessel", "equipment", "store", "stock_level")
    }
    [level] = [it for it in aboard if it["entity"] == "stock_level"]
    assert level["after"] == {
        "part": "SEAL",
        "store": MAIN,
        "minimum": "0.500",
        "maximum": "4.000",
    }
