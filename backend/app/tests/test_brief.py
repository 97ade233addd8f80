"""The eight points of the brief, in the words of the brief, and the defects of others.

Eleven public attempts at this brief were read; each defect found there has its test.
"""

from httpx2 import AsyncClient

from app.tests.factories import (
    created,
    equipment,
    get,
    listed,
    ok,
    order,
    pointers,
    refused,
    url,
    vessel,
)


async def test_1_a_vessel_is_registered_once(client: AsyncClient) -> None:
    answer = await client.post(url("vessels"), json={"code": "MV102"})
    assert created(answer)["code"] == "MV102"
    again = await client.post(url("vessels"), json={"code": "MV102"})
    problem = refused(again, 409, "duplicate-code")
    assert "MV102" in problem["detail"]
    assert problem["existing"] == "/api/v1/vessels/MV102"


async def test_2_equipment_is_registered_active_and_once(client: AsyncClient) -> None:
    await vessel(client, "MV102")
    await vessel(client, "MV103")
    body = {"name": "compressor", "code": "5310B9D7", "location": "Brazil"}
    made = created(await client.post(url("vessels", "MV102", "equipment"), json=body))
    assert made["status"] == "active"
    assert made["vessel"] == "MV102"
    assert made | body == made
    for anywhere in ("MV102", "MV103"):
        again = await client.post(url("vessels", anywhere, "equipment"), json=body)
        problem = refused(again, 409, "duplicate-code")
        assert problem["existing"] == "/api/v1/equipment/5310B9D7"


async def test_3_one_code_or_a_list_becomes_inactive(client: AsyncClient) -> None:
    await vessel(client)
    for code in ("A1", "A2", "A3", "A4"):
        await equipment(client, code)
    one = await client.post(url("equipment", "deactivate"), json={"codes": "A1"})
    assert ok(one) == {"changed": ["A1"], "unchanged": []}
    many = {"codes": ["A3", "A1", "A2"]}
    answer = await client.post(url("equipment", "deactivate"), json=many)
    assert ok(answer) == {"changed": ["A3", "A2"], "unchanged": ["A1"]}
    status = {
        item["code"]: item["status"]
        for item in (await get(client, "equipment"))["items"]
    }
    assert status == {
        "A1": "inactive",
        "A2": "inactive",
        "A3": "inactive",
        "A4": "active",
    }


async def test_4_all_active_equipment_of_a_vessel(client: AsyncClient) -> None:
    await vessel(client, "MV102")
    await vessel(client, "MV103")
    await equipment(client, "A1")
    await equipment(client, "A2")
    await equipment(client, "B1", of="MV103")
    await client.post(url("equipment", "deactivate"), json={"codes": ["A1"]})
    aboard = ("vessels", "MV102", "equipment")
    assert await listed(client, *aboard, status="active") == ["A2"]
    assert await listed(client, *aboard, status="inactive") == ["A1"]
    assert await listed(client, *aboard) == ["A1", "A2"]


async def test_5_an_operation_order_has_a_cost(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client)
    body = {"code": "5310B9D7", "type": "replacement", "cost": "10000"}
    made = created(await client.post(url("operations"), json=body))
    assert made["cost"] == "10000.00"
    assert made["currency"] == "USD"
    assert made["vessel"] == "MV102"
    assert (await get(client, "operations"))["items"] == [made]


async def test_6_total_cost_of_an_equipment(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1")
    await equipment(client, "A2")
    for cost in ("10000", "5000.25", "0"):
        await order(client, "A1", cost)
    await order(client, "A2", "77")
    assert await get(client, "equipment", "A1", "cost") == {
        "code": "A1",
        "total": "15000.25",
        "average": "5000.08",
        "operations": 3,
        "currency": "USD",
    }


async def test_7_total_cost_by_name_over_the_fleet(client: AsyncClient) -> None:
    await vessel(client, "MV102")
    await vessel(client, "MV103")
    await equipment(client, "A1")
    await equipment(client, "A2")
    await equipment(client, "A3", name="pump")
    await equipment(client, "B1", of="MV103")
    await order(client, "A1", "100")
    await order(client, "A1", "200")
    await order(client, "B1", "0.10")
    await order(client, "A3", "999")
    assert await get(client, "costs", "equipment", name="compressor") == {
        "name": "compressor",
        "total": "300.10",
        "average": "100.03",
        "operations": 3,
        "equipment": 3,
        "currency": "USD",
    }


async def test_8_average_cost_in_each_vessel(client: AsyncClient) -> None:
    for code in ("MV101", "MV102", "MV103"):
        await vessel(client, code)
    await equipment(client, "A1")
    await equipment(client, "A2")
    await equipment(client, "B1", of="MV103")
    await order(client, "A1", "100")
    await order(client, "A1", "200")
    await order(client, "A2", "0.01")
    page = await get(client, "costs", "vessels")
    assert page["next_cursor"] is None
    assert page["items"] == [
        {
            "vessel": "MV101",
            "average": None,
            "total": "0.00",
            "operations": 0,
            "equipment": 0,
            "average_per_equipment": None,
            "currency": "USD",
        },
        {
            "vessel": "MV102",
            "average": "100.00",
            "total": "300.01",
            "operations": 3,
            "equipment": 2,
            "average_per_equipment": "150.00",
            "currency": "USD",
        },
        {
            "vessel": "MV103",
            "average": None,
            "total": "0.00",
            "operations": 0,
            "equipment": 1,
            "average_per_equipment": "0.00",
            "currency": "USD",
        },
    ]


# --- the defects of others -------------------------------------------------------


async def test_a_total_is_one_amount_and_no_list(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client)
    await order(client)
    for answer in (
        await get(client, "equipment", "5310B9D7", "cost"),
        await get(client, "costs", "equipment", name="compressor"),
    ):
        assert answer["total"] == "10000.00"


async def test_no_orders_divide_by_no_zero(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client)
    for answer in (
        await get(client, "equipment", "5310B9D7", "cost"),
        await get(client, "costs", "equipment", name="compressor"),
        await get(client, "costs", "equipment", name="nobody bears this"),
        (await get(client, "costs", "vessels"))["items"][0],
    ):
        assert answer["total"] == "0.00"
        assert answer["average"] is None
        assert answer["operations"] == 0


async def test_cents_are_taken_and_negative_costs_are_not(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client)
    assert (await order(client, cost="10000.50"))["cost"] == "10000.50"
    body = {"code": "5310B9D7", "type": "replacement", "cost": "-5"}
    problem = refused(await client.post(url("operations"), json=body), 422, "invalid")
    assert pointers(problem) == {"/cost": "invalid-money"}
    cost = await get(client, "equipment", "5310B9D7", "cost")
    assert cost["total"] == "10000.50"


async def test_what_is_unknown_is_404_everywhere(client: AsyncClient) -> None:
    body = {"name": "pump", "code": "A1", "location": "deck"}
    operation = {"code": "NOPE", "type": "repair", "cost": "1"}
    for answer in (
        await client.get(url("vessels", "NOPE")),
        await client.get(url("vessels", "NOPE", "equipment")),
        await client.get(
            url("vessels", "NOPE", "equipment"), params={"status": "active"}
        ),
        await client.post(url("vessels", "NOPE", "equipment"), json=body),
        await client.get(url("equipment", "NOPE")),
        await client.get(url("equipment", "NOPE", "cost")),
        await client.get(url("equipment", "NOPE", "children")),
        await client.get(url("equipment", "NOPE", "path")),
        await client.post(url("operations"), json=operation),
    ):
        assert "NOPE" in refused(answer, 404, "not-found")["detail"]
    unknown = await client.post(url("equipment", "deactivate"), json={"codes": "NOPE"})
    assert refused(unknown, 404, "unknown-codes")["codes"] == ["NOPE"]


async def test_unknown_codes_in_a_list_are_told_and_nothing_changes(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await equipment(client, "A1")
    codes = {"codes": ["NOPE1", "A1", "NOPE2"]}
    answer = await client.post(url("equipment", "deactivate"), json=codes)
    assert refused(answer, 404, "unknown-codes")["codes"] == ["NOPE1", "NOPE2"]
    assert (await get(client, "equipment", "A1"))["status"] == "active"


async def test_an_unknown_vessel_is_no_empty_list(client: AsyncClient) -> None:
    await vessel(client)
    assert (await get(client, "vessels", "MV102", "equipment"))["items"] == []
    refused(await client.get(url("vessels", "MV999", "equipment")), 404, "not-found")


async def test_the_database_filters_and_counts(
    client: AsyncClient, statements: list[str]
) -> None:
    await vessel(client)
    await equipment(client, "A1")
    await order(client, "A1")
    statements.clear()
    await get(client, "vessels", "MV102", "equipment", status="active", limit=1)
    [page] = [statement for statement in statements if "SELECT" in statement]
    assert "equipment.status = 'active'" in page
    assert "LIMIT" in page
    statements.clear()
    await get(client, "costs", "vessels")
    selects = [statement for statement in statements if "SELECT" in statement]
    assert len(selects) == 1
    assert "sum(operations.cost)" in selects[0]


async def test_lists_have_an_order_and_a_limit(client: AsyncClient) -> None:
    await vessel(client)
    for code in ("C", "A", "B"):
        await equipment(client, code)
    page = await get(client, "equipment", limit=2)
    assert [item["code"] for item in page["items"]] == ["A", "B"]
    rest = await get(client, "equipment", limit=2, cursor=page["next_cursor"])
    assert [item["code"] for item in rest["items"]] == ["C"]
