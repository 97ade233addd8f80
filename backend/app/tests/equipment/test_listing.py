import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from app.database import Sessions
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
        ({"q": "ventilator 100"}, "A3"),
        ({"q": "Compress"}, "A1 B1"),
        ({"q": "ressor"}, ""),
        ({"q": "91-ka"}, ""),
        ({"q": "23-9101"}, ""),
        ({"q": "23.ka_9101"}, "A1 B1"),
        ({"q": "ka 23"}, "A1 B1"),
        ({"q": "princ convés"}, "A2"),
        ({"q": "pump compressor"}, ""),
        ({"q": "com", "vessel": "MV103"}, "B1"),
        ({"q": "100% |!:*()&<'"}, "A3"),
        ({"tag_prefix": "23-ka"}, "A1 B1"),
        ({"tag_prefix": "3-KA"}, ""),
        ({"tag_prefix": "%"}, ""),
        ({"tag_prefix": "23-KA-91019"}, ""),
        ({"updated_since": "2020-01-01T00:00:00+02:00", "name": "pump"}, "A2"),
        ({"updated_since": "2999-01-01T00:00:00Z"}, ""),
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
    assert await listed(fleet, *aboard, q="ka-91") == ["A1"]
    assert await listed(fleet, *aboard, tag_prefix="23") == ["A1"]


async def test_updated_since_is_when_it_was_or_later(
    fleet: AsyncClient, sessions: Sessions
) -> None:
    at = "UPDATE equipment SET updated_at = '2026-01-31T08:00Z' WHERE code = 'A1'"
    async with sessions.begin() as session:
        await session.execute(text(at.replace(":00Z", "\\:00Z")))
    since = "2026-01-31T08:00:00.000001Z"
    assert await listed(fleet, "equipment", updated_since=since) == ["A2", "A3", "B1"]
    since = "2026-01-31T08:00:00Z"
    assert len(await listed(fleet, "equipment", updated_since=since)) == 4
    query = {"updated_since": since, "sort": "updated_at", "limit": "1"}
    assert await listed(fleet, "equipment", **query) == ["A1"]


async def test_only_some_fields_are_sent(fleet: AsyncClient) -> None:
    page = await get(fleet, "equipment", fields="name, code", limit=2)
    assert page["items"] == [
        {"code": "A1", "name": "compressor"},
        {"code": "A2", "name": "pump"},
    ]
    rest = await get(fleet, "equipment", fields="code", cursor=page["next_cursor"])
    assert rest == {"items": [{"code": "A3"}, {"code": "B1"}], "next_cursor": None}
    of = ("vessels", "MV102", "equipment")
    [found] = (await get(fleet, *of, q="pump", fields="parent,status"))["items"]
    assert found == {"parent": "A1", "status": "inactive"}
    [below] = (await get(fleet, "equipment", "A1", "children", fields="code"))["items"]
    assert below == {"code": "A2"}


async def test_a_count_is_of_all_pages_and_only_if_asked(
    fleet: AsyncClient, statements: list[str]
) -> None:
    page = await get(fleet, "equipment", count="true", limit=1)
    assert page["total"] == 4
    assert len(page["items"]) == 1
    query = {"cursor": page["next_cursor"], "fields": "code"}
    page = await get(fleet, "equipment", count="true", limit=1, **query)
    assert page["items"] == [{"code": "A2"}]
    assert page["total"] == 4
    of = ("vessels", "MV102", "equipment")
    for params, total in (
        ({"status": "active"}, 2),
        ({"q": "ka-91"}, 1),
        ({"tag_prefix": "99"}, 0),
        ({"name": ["pump", "compressor"]}, 2),
    ):
        assert (await get(fleet, *of, count="true", **params))["total"] == total
    below = await get(fleet, "equipment", "A1", "children", count="true")
    assert below["total"] == 1
    statements.clear()
    assert "total" not in await get(fleet, "equipment", count="false")
    assert not [each for each in statements if "count(" in each]


@pytest.mark.parametrize(
    ("params", "where", "code"),
    [
        ({"status": "broken"}, "?status", "enum"),
        ({"status": ""}, "?status", "enum"),
        ({"sort": "location"}, "?sort", "literal-error"),
        ({"sort": ""}, "?sort", "literal-error"),
        ({"q": ""}, "?q", "blank"),
        ({"q": "-%_/\\'"}, "?q", "blank"),
        ({"q": "a\x00"}, "?q", "control-character"),
        ({"q": "a" * 201}, "?q", "too-long"),
        ({"name": "a\x00b"}, "?name", "control-character"),
        ({"limit": 0}, "?limit", "greater-than-equal"),
        ({"limit": -1}, "?limit", "greater-than-equal"),
        ({"limit": 501}, "?limit", "less-than-equal"),
        ({"limit": "9" * 30}, "?limit", "less-than-equal"),
        ({"limit": "9" * 5000}, "?limit", "int-parsing-size"),
        ({"limit": "ten"}, "?limit", "int-parsing"),
        ({"limit": "1.5"}, "?limit", "int-parsing"),
        ({"limit": ""}, "?limit", "int-parsing"),
        ({"tag_prefix": ""}, "?tag_prefix", "too-short"),
        ({"updated_since": "2026-01-31"}, "?updated_since", "invalid-instant"),
        ({"fields": "code,colour"}, "?fields", "unknown-field"),
        ({"fields": ""}, "?fields", "unknown-field"),
        ({"fields": "Code"}, "?fields", "unknown-field"),
        ({"count": "maybe"}, "?count", "bool-parsing"),
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


async def test_an_unknown_field_is_told_those_that_there_are(
    client: AsyncClient,
) -> None:
    for path, fields in (
        ("equipment", "code, vessel, tag, name, location, group, class, parent,"),
        ("vessels", "code, name, created_at, updated_at, version"),
        (
            "operations",
            "id, code, vessel, type, cost, currency, performed_at, title, note,",
        ),
    ):
        answer = await client.get(url(path), params={"fields": "colour"})
        [problem] = refused(answer, 422, "invalid")["errors"]
        assert (
            f"'colour' is no field here. Write some of {fields}" in problem["message"]
        )


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
