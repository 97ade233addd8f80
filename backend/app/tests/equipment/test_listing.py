import pytest
from httpx2 import AsyncClient

from app.tests.factories import Parameter, equipment, get, listed, refused, url, vessel
from app.tests.factories import pointers as wrong


@pytest.fixture
async def fleet(client: AsyncClient) -> AsyncClient:
    await vessel(client, "MV102")
    await vessel(client, "MV103")
    await equipment(client, "A1", name="compressor", tag="23-KA-9101", group="Gas")
    await equipment(client, "A2", name="pump", location="Convés principal", parent="A1")
    await equipment(client, "A3", name="Ventilåtor 100%", location="Ålesund_x")
    await equipment(client, "B1", of="MV103", name="compressor", tag="23-KA-9101")
    await client.post(url("equipment", "deactivate"), json={"codes": ["A2"]})
    return client


@pytest.mark.parametrize(
    ("params", "codes"),
    [
        ({}, "A1 A2 A3 B1"),
        ({"status": "active"}, "A1 A3 B1"),
        ({"status": "inactive"}, "A2"),
        ({"status": ["active", "inactive"]}, "A1 A2 A3 B1"),
        ({"name": "compressor"}, "A1 B1"),
        ({"name": "Compressor"}, ""),
        ({"name": "compress"}, ""),
        ({"name": ["pump", "compressor"]}, "A1 A2 B1"),
        ({"location": "Convés principal"}, "A2"),
        ({"group": "Gas"}, "A1"),
        ({"tag": " 23-ka-9101"}, "A1 B1"),
        ({"tag": "23-KA-9101", "vessel": "mv103"}, "B1"),
        ({"vessel": ["MV102", "MV103"], "status": "active"}, "A1 A3 B1"),
        ({"vessel": "NOPE"}, ""),
        ({"parent": "a1"}, "A2"),
        ({"parent": "a\x00b"}, ""),
        ({"tag": "\u017f"}, ""),
        ({"q": "ka-91"}, "A1 B1"),
        ({"q": "PUMP"}, "A2"),
        ({"q": "a3"}, "A3"),
        ({"q": "CONVÉS"}, "A2"),
        ({"q": "ålesund"}, "A3"),
        ({"q": "VENTILÅTOR"}, "A3"),
        ({"q": "%"}, "A3"),
        ({"q": "_"}, "A3"),
        ({"q": "\\"}, ""),
        ({"q": "/"}, ""),
        ({"q": "com", "vessel": "MV103"}, "B1"),
        ({"sort": "-code"}, "B1 A3 A2 A1"),
        ({"sort": "name"}, "A3 A1 B1 A2"),
        ({"sort": "-name"}, "A2 B1 A1 A3"),
    ],
)
async def test_filters_and_orders(
    fleet: AsyncClient, params: dict[str, Parameter], codes: str
) -> None:
    assert await listed(fleet, "equipment", **params) == codes.split()


async def test_a_vessel_lists_its_own(fleet: AsyncClient) -> None:
    aboard = ("vessels", "mv102", "equipment")
    assert await listed(fleet, *aboard) == ["A1", "A2", "A3"]
    assert await listed(fleet, *aboard, name="compressor") == ["A1"]
    assert await listed(fleet, *aboard, q="pump", status="inactive") == ["A2"]


@pytest.mark.parametrize(
    ("params", "where", "code"),
    [
        ({"status": "broken"}, "?status.0", "enum"),
        ({"status": ""}, "?status.0", "enum"),
        ({"sort": "location"}, "?sort", "literal-error"),
        ({"sort": ""}, "?sort", "literal-error"),
        ({"q": ""}, "?q", "blank"),
        ({"q": "a\x00"}, "?q", "control-character"),
        ({"q": "a" * 201}, "?q", "too-long"),
        ({"name": "a\x00b"}, "?name.0", "control-character"),
        ({"limit": 0}, "?limit", "greater-than-equal"),
        ({"limit": -1}, "?limit", "greater-than-equal"),
        ({"limit": 501}, "?limit", "less-than-equal"),
        ({"limit": "9" * 30}, "?limit", "less-than-equal"),
        ({"limit": "9" * 5000}, "?limit", "int-parsing-size"),
        ({"limit": "ten"}, "?limit", "int-parsing"),
        ({"limit": "1.5"}, "?limit", "int-parsing"),
        ({"limit": ""}, "?limit", "int-parsing"),
        ({"colour": "red"}, "?colour", "unknown-parameter"),
        ({"Status": "active"}, "?Status", "unknown-parameter"),
        ({"limit": ["1", "2"]}, "?limit", "repeated-parameter"),
    ],
)
async def test_a_parameter_that_makes_no_sense_is_refused(
    client: AsyncClient, params: dict[str, Parameter], where: str, code: str
) -> None:
    answer = await client.get(url("equipment"), params=params)
    assert wrong(refused(answer, 422, "invalid")) == {where: code}


async def test_a_vessels_list_has_no_vessel_filter(client: AsyncClient) -> None:
    await vessel(client)
    answer = await client.get(
        url("vessels", "MV102", "equipment"), params={"vessel": "MV102"}
    )
    assert wrong(refused(answer, 422, "invalid")) == {"?vessel": "unknown-parameter"}


async def test_limits_reach_from_1_to_500(fleet: AsyncClient) -> None:
    assert await listed(fleet, "equipment", limit=1) == ["A1"]
    page = await get(fleet, "equipment", limit=500)
    assert len(page["items"]) == 4
    assert page["next_cursor"] is None
