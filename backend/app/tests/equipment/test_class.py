"""An equipment may name its class: alone, in lists, in files and back."""

from typing import Any

from httpx2 import AsyncClient

from app.tests.factories import (
    change,
    created,
    equipment,
    get,
    listed,
    ok,
    pointers,
    refused,
    url,
    vessel,
)


async def test_a_class_is_one_of_the_taxonomy(client: AsyncClient) -> None:
    await vessel(client)
    made = await equipment(client, "A1", **{"class": "pu"})
    assert made["class"] == "PU"
    assert (await equipment(client, "A2"))["class"] is None
    assert await listed(client, "equipment", **{"class": ["pu", "VA"]}) == ["A1"]
    assert (
        await listed(client, "vessels", "MV102", "equipment", **{"class": "VA"}) == []
    )
    body = {"code": "A3", "name": "pump", "location": "M60", "class": "QQ"}
    answer = await client.post(url("vessels", "MV102", "equipment"), json=body)
    problem = refused(answer, 422, "invalid")
    assert pointers(problem) == {"/class": "unknown-code"}
    assert "/api/v1/taxonomy/equipment-classes" in problem["detail"]
    answer = await change(client, "equipment", "A1", **{"class": "QQ"})
    assert pointers(refused(answer, 422, "invalid")) == {"/class": "unknown-code"}
    nothing: dict[str, Any] = {"class": None}
    answer = await change(client, "equipment", "A1", **nothing)
    assert ok(answer)["class"] is None
    answer = await change(client, "equipment", "A2", **{"class": "VA"})
    assert ok(answer)["class"] == "VA"
    history = (await get(client, "equipment", "A2", "history"))["items"]
    assert history[0]["before"] == {"class": None}
    assert history[0]["after"] == {"class": "VA"}


async def test_a_class_is_imported_and_exported(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1", **{"class": "CO"})
    file = (
        "code,name,Equipment class\nA1,pump,PU\nA2,valve,va\nA3,hose,HOSE\nA4,hose,\n"
    )
    headers = {"Content-Type": "text/csv"}
    address = url("vessels", "MV102", "imports")
    plan = created(await client.post(address, content=file, headers=headers))
    assert plan["counts"] == {"create": 2, "update": 1, "unchanged": 0, "error": 1}
    [error] = plan["errors"]
    assert (error["row"], error["column"], error["code"], error["value"]) == (
        *(4, "Equipment class"),
        *("unknown-class", "HOSE"),
    )
    [update] = plan["updates"]
    assert update["changes"]["class"] == {"before": "CO", "after": "PU"}
    wrong = await client.get(plan["links"]["errors_csv"])
    assert "HOSE" in wrong.text
    rows = await get(client, "imports", plan["id"], "rows", action="create")
    assert [row["values"]["class"] for row in rows["items"]] == ["VA", None]
    apply = plan["links"]["apply"]
    ok(await client.post(apply, params={"skip_errors": "true"}))
    assert (await get(client, "equipment", "A2"))["class"] == "VA"
    params = {"mapping": '{"class": null}'}
    plan = created(
        await client.post(address, content=file, headers=headers, params=params)
    )
    assert plan["counts"] == {"create": 1, "update": 0, "unchanged": 3, "error": 0}
    params = {
        "mapping": '{"class": {"column": "equipment class", "values": {"X": "?"}}}'
    }
    answer = await client.post(address, content=file, headers=headers, params=params)
    assert pointers(refused(answer, 422, "invalid")) == {
        "?mapping.class.values": "invalid-code"
    }


async def test_a_class_is_batched_shown_alone_and_restored(
    client: AsyncClient,
) -> None:
    await vessel(client)
    address = url("vessels", "MV102", "equipment", "batch")
    items = [
        {"code": code, "name": "pump", "location": "M60", "class": class_}
        for code, class_ in (("A1", "pu"), ("A2", "QQ"))
    ]
    answer = await client.post(address, json={"items": items})
    problem = refused(answer, 409, "batch-refused")
    assert pointers(problem) == {"/items/1/class": "unknown-code"}
    created(await client.post(address, json={"items": items[:1]}))
    page = await get(client, "equipment", fields="code,class")
    assert page["items"] == [{"code": "A1", "class": "PU"}]
    ok(await change(client, "equipment", "A1", **{"class": "VA"}))
    restored = await client.post(
        url("equipment", "A1", "restore"),
        json={"version": 1},
        headers={"If-Match": "*"},
    )
    assert ok(restored)["class"] == "PU"
