import pytest
from httpx2 import AsyncClient

from app.tests.factories import (
    change,
    created,
    equipment,
    get,
    ok,
    pointers,
    refused,
    url,
    vessel,
)
from app.tests.stock.factories import part


async def test_a_part_is_whole_can_be_found_and_changed(client: AsyncClient) -> None:
    body = {
        "number": " seal-2207 ",
        "name": "Mechanical seal, Ø 60",
        "manufacturer": "Sealmaker",
        "unit_of_measure": "EA",
        "price": "1250.5",
        "lead_time_days": 90,
    }
    answer = await client.post(url("parts"), json=body)
    made = created(answer)
    assert {name: made[name] for name in body} == body | {
        "number": "SEAL-2207",
        "price": "1250.50",
    }
    assert made["currency"] == "USD"
    assert ok(await client.get(answer.headers["location"])) == made
    again = await client.post(url("parts"), json=body)
    problem = refused(again, 409, "duplicate-code")
    assert pointers(problem) == {"/number": "duplicate-number"}
    assert ok(await client.get(problem["existing"])) == made

    changed = ok(await change(client, "parts", "SEAL-2207", match='"1"', price=1310))
    assert (changed["price"], changed["version"]) == ("1310.00", 2)
    stale = await change(client, "parts", "SEAL-2207", match='"1"', price=1)
    refused(stale, 412, "stale-version")
    cleared = await change(client, "parts", "SEAL-2207", lead_time_days=None)
    assert ok(cleared)["lead_time_days"] is None


@pytest.mark.parametrize(
    ("change", "where", "code"),
    [
        ({"number": "A/1"}, "/number", "invalid-code"),
        ({"name": ""}, "/name", "blank"),
        ({"unit_of_measure": "x" * 17}, "/unit_of_measure", "too-long"),
        ({"unit_of_measure": None}, "/unit_of_measure", None),
        ({"price": "1.234"}, "/price", "invalid-money"),
        ({"price": None}, "/price", "invalid-money"),
        ({"lead_time_days": -1}, "/lead_time_days", "greater-than-equal"),
        ({"lead_time_days": 1.0}, "/lead_time_days", None),
        ({"lead_time_days": 10**12}, "/lead_time_days", "less-than-equal"),
    ],
)
async def test_a_wrong_part_is_not_stored_nor_made_of_a_good_one(
    client: AsyncClient, change: dict[str, object], where: str, code: str | None
) -> None:
    sound = {"number": "P1", "name": "x", "unit_of_measure": "EA", "price": "1"}
    wrong = await client.post(url("parts"), json=sound | change)
    problem = refused(wrong, 422, "invalid")
    assert pointers(problem).keys() == {where}
    assert code in {None, pointers(problem)[where]}
    assert (await get(client, "parts"))["items"] == []
    made = created(await client.post(url("parts"), json=sound))
    if where != "/number":
        headers = {"If-Match": "*"}
        wrong = await client.patch(url("parts", "P1"), json=change, headers=headers)
        refused(wrong, 422, "invalid")
        assert ok(await client.get(url("parts", "P1"))) == made


async def test_the_catalogue_is_listed_and_searched(client: AsyncClient) -> None:
    await part(client, "P1", name="Ølfilter", manufacturer="Acme")
    await part(client, "P2", name="Bearing", manufacturer="Other")
    await part(client, "P3", name="Anode", manufacturer="Acme")

    async def found(**params: str) -> list[str]:
        page = await get(client, "parts", **params)
        return [item["number"] for item in page["items"]]

    assert await found() == ["P1", "P2", "P3"]
    assert await found(sort="name") == ["P3", "P2", "P1"]
    assert await found(manufacturer="Acme") == ["P1", "P3"]
    assert await found(q="ØL acm") == ["P1"]
    assert await found(q="p2") == ["P2"]
    assert await found(q="filter") == []  # words are found from their beginnings
    problem = refused(await client.get(url("parts"), params={"q": "%"}), 422, "invalid")
    assert pointers(problem) == {"?q": "blank"}
    page = await get(client, "parts", limit=2)
    assert await found(limit="2", cursor=page["next_cursor"]) == ["P3"]
    page = await get(client, "parts", q="ac", fields="price,number", count="true")
    assert page == {
        "items": [
            {"number": "P1", "price": "12.50"},
            {"number": "P3", "price": "12.50"},
        ],
        "next_cursor": None,
        "total": 2,
    }


async def test_where_used_is_told_from_both_sides(client: AsyncClient) -> None:
    await vessel(client)
    for code in ("A1", "A2"):
        await equipment(client, code)
    for number in ("P1", "P2", "P3"):
        await part(client, number)
    fits = [("P1", {"equipment": "a1"}), ("P2", {"equipment": "A1"})]
    fits += [("P1", {"equipment": "A2"}), ("P1", {"model": "LM2500"})]
    fits += [("P3", {"model": "LM2500"})]
    for number, fit in fits:
        address = url("parts", number, "fits")
        made = created(await client.post(address, json=fit))
        assert made["part"] == number
        again = await client.post(address, json=fit)
        assert address in refused(again, 409, "conflict")["detail"]

    items = (await get(client, "parts", "P1", "fits"))["items"]
    assert [(it["equipment"], it["model"]) for it in items] == [
        ("A1", None),
        ("A2", None),
        (None, "LM2500"),
    ]
    for spelt in ("LM2500", "lm2500"):
        of_model = await get(client, "parts", model=spelt)
        assert [it["number"] for it in of_model["items"]] == ["P1", "P3"]
        again = await client.post(url("parts", "P3", "fits"), json={"model": spelt})
        refused(again, 409, "conflict")
    fitting = await get(client, "equipment", "A1", "parts")
    assert [it["number"] for it in fitting["items"]] == ["P1", "P2"]

    address = url("parts", "P1", "fits", items[0]["id"])
    gone = await client.delete(address)
    assert (gone.status_code, gone.content) == (204, b"")
    refused(await client.delete(address), 404, "not-found")
    fitting = await get(client, "equipment", "A1", "parts")
    assert [it["number"] for it in fitting["items"]] == ["P2"]
    other = url("parts", "P2", "fits", items[1]["id"])
    refused(await client.delete(other), 404, "not-found")


@pytest.mark.parametrize(
    "fit",
    [{}, {"equipment": "A1", "model": "LM2500"}, {"model": None}, {"class_": "PU"}],
)
async def test_a_fit_names_one_thing_that_there_is(
    client: AsyncClient, fit: dict[str, object]
) -> None:
    await part(client, "P1")
    address = url("parts", "P1", "fits")
    refused(await client.post(address, json=fit), 422, "invalid")
    unknown = await client.post(address, json={"equipment": "NOPE"})
    assert "NOPE" in refused(unknown, 404, "not-found")["detail"]
    assert (await get(client, "parts", "P1", "fits"))["items"] == []


async def test_what_fits_is_found_by_class_and_by_the_unit_that_sits_there(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await equipment(client, "A1", **{"class": "PU"})
    await equipment(client, "A2")
    for number, fit in (("P1", {"class": "pu"}), ("P2", {"model": "HPX 40"})):
        await part(client, number)
        made = created(await client.post(url("parts", number, "fits"), json=fit))
        assert (made["class"], made["model"]) == (
            {"P1": "PU"}.get(number),
            fit.get("model"),
        )
        again = await client.post(url("parts", number, "fits"), json=fit)
        refused(again, 409, "conflict")
    nothing = await client.post(url("parts", "P1", "fits"), json={"class": "XX"})
    assert pointers(refused(nothing, 422, "invalid")) == {"/class": "unknown-code"}
    by_class = await get(client, "parts", **{"class": "PU"})
    assert [it["number"] for it in by_class["items"]] == ["P1"]

    async def fitting(code: str) -> list[str]:
        page = await get(client, "equipment", code, "parts")
        return [it["number"] for it in page["items"]]

    assert (await fitting("A1"), await fitting("A2")) == (["P1"], [])
    pump = {"manufacturer": "Pumps", "model": "hpx  40", "serial_number": "S1"}
    created(await client.post(url("equipment", "A2", "units"), json=pump))
    assert await fitting("A2") == ["P2"]
    other = pump | {"model": "HPX 50"}
    created(await client.post(url("equipment", "A2", "units"), json=other))
    assert await fitting("A2") == []
