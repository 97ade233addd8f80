"""The history of one thing, the latest first."""

from httpx2 import AsyncClient

from app.settings import Settings
from app.tests.conftest import connected
from app.tests.factories import (
    change,
    equipment,
    get,
    ok,
    order,
    refused,
    url,
    vessel,
)


async def test_the_latest_change_comes_first_in_pages(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1")
    await equipment(client, "A2")
    for number in range(5):
        ok(await change(client, "equipment", "A1", name=f"n{number}"))
    history = await get(client, "equipment", "a1", "history")
    assert [item["version"] for item in history["items"]] == [6, 5, 4, 3, 2, 1]
    assert history["next_cursor"] is None
    latest, first = history["items"][0], history["items"][-1]
    assert latest["before"] == {"name": "n3"}
    assert latest["after"] == {"name": "n4"}
    assert first["action"] == "created"
    assert first["after"]["location"] == "Brazil"
    assert {item["code"] for item in history["items"]} == {"A1"}
    page = await get(client, "equipment", "A1", "history", limit=4)
    rest = await get(
        client, "equipment", "A1", "history", limit=4, cursor=page["next_cursor"]
    )
    assert page["items"] + rest["items"] == history["items"]


async def test_vessels_and_operation_orders_have_one_too(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1")
    ok(await change(client, "vessels", "MV102", name="Baía"))
    made = await order(client, "A1")
    history = await get(client, "vessels", "MV102", "history")
    assert [item["action"] for item in history["items"]] == ["updated", "created"]
    [item] = (await get(client, "operations", made["id"], "history"))["items"]
    assert (item["entity"], item["code"]) == ("operation", made["id"])
    assert item["after"]["cost"] == "10000.00"


async def test_what_never_was_has_none(client: AsyncClient) -> None:
    for segments in (
        ("vessels", "V1"),
        ("equipment", "A1"),
        ("operations", "019ab000-0000-7000-8000-000000000000"),
    ):
        answer = await client.get(url(*segments, "history"))
        refused(answer, 404, "not-found")


async def test_what_is_gone_has_one_and_what_is_older_than_the_record_an_empty_one(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    await equipment(committed, "A1")
    async with connected(fresh) as connection:
        await connection.execute("DELETE FROM equipment")
        await connection.execute(
            "ALTER TABLE equipment DISABLE TRIGGER USER; "
            "INSERT INTO equipment (code, vessel, name) VALUES ('OLD', 'MV102', 'x')"
        )
    gone = await get(committed, "equipment", "A1", "history")
    assert [item["action"] for item in gone["items"]] == ["deleted", "created"]
    refused(await committed.get(url("equipment", "A1")), 404, "not-found")
    assert (await get(committed, "equipment", "OLD", "history"))["items"] == []
