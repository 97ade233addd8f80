import pytest
from httpx2 import AsyncClient

from app.tests.factories import (
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

ABOARD = url("vessels", "MV102", "equipment")
LEAST = {"name": "compressor", "code": "5310B9D7", "location": "Brazil"}


async def test_registered_equipment_is_whole_and_can_be_found(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await equipment(client, "ROOT")
    body = LEAST | {"tag": " 23-ka-9101 ", "group": "Gas", "parent": "root"}
    answer = await client.post(ABOARD, json=body)
    made = created(answer)
    assert made | {"created_at": 0, "updated_at": 0} == {
        "code": "5310B9D7",
        "vessel": "MV102",
        "tag": "23-KA-9101",
        "name": "compressor",
        "location": "Brazil",
        "group": "Gas",
        "class": None,
        "parent": "ROOT",
        "status": "active",
        "created_at": 0,
        "updated_at": 0,
        "version": 1,
    }
    assert answer.headers["location"] == "/api/v1/equipment/5310B9D7"
    assert answer.headers["etag"] == '"1"'
    found = await client.get(answer.headers["location"])
    assert ok(found) == made
    assert found.headers["etag"] == '"1"'


@pytest.mark.parametrize("missing", ["name", "code", "location"])
async def test_the_three_fields_of_the_brief_are_needed(
    client: AsyncClient, missing: str
) -> None:
    await vessel(client)
    body = {field: value for field, value in LEAST.items() if field != missing}
    problem = refused(await client.post(ABOARD, json=body), 422, "invalid")
    assert pointers(problem) == {f"/{missing}": "missing"}


@pytest.mark.parametrize("field", ["status", "vessel", "id", "version", "created_at"])
async def test_what_the_server_decides_cannot_be_sent(
    client: AsyncClient, field: str
) -> None:
    await vessel(client)
    problem = refused(
        await client.post(ABOARD, json=LEAST | {field: "active"}), 422, "invalid"
    )
    assert pointers(problem) == {f"/{field}": "extra-forbidden"}
    assert await listed(client, "equipment") == []


async def test_a_tag_is_unique_aboard_and_shared_by_sisters(
    client: AsyncClient,
) -> None:
    await vessel(client, "MV102")
    await vessel(client, "MV103")
    await equipment(client, "A1", tag="23-KA-9101")
    await equipment(client, "B1", of="MV103", tag="23-KA-9101")
    body = LEAST | {"tag": "23-ka-9101"}
    problem = refused(await client.post(ABOARD, json=body), 409, "duplicate-code")
    assert problem["existing"] == "/api/v1/equipment/A1"
    assert problem["field"] == "tag"
    assert pointers(problem) == {"/tag": "duplicate-tag"}
    # Many may go without.
    await equipment(client, "A2")
    await equipment(client, "A3")


async def test_a_duplicate_code_names_its_field(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "60-EN-9011A+80E2 (2)")
    body = LEAST | {"code": "60-en-9011a+80e2 (2)"}
    problem = refused(await client.post(ABOARD, json=body), 409, "duplicate-code")
    assert pointers(problem) == {"/code": "duplicate-code"}
    existing = "/api/v1/equipment/60-EN-9011A%2B80E2%20%282%29"
    assert problem["existing"] == existing
    assert ok(await client.get(existing))["code"] == "60-EN-9011A+80E2 (2)"


async def test_a_duplicate_leaves_the_first_as_it_was(client: AsyncClient) -> None:
    await vessel(client)
    first = await equipment(client)
    refused(
        await client.post(ABOARD, json=LEAST | {"name": "pump"}), 409, "duplicate-code"
    )
    assert await get(client, "equipment", "5310B9D7") == first


async def test_an_unknown_vessel_is_404_whatever_the_body_says(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await equipment(client, "TAKEN", tag="T1")
    for unknown in ("NOPE", "N" * 65, "nø", "a\x00b", "MV 102", "\u017f\u017f"):
        for body in (
            LEAST,
            LEAST | {"code": "TAKEN"},
            LEAST | {"tag": "T1"},
            LEAST | {"parent": "TAKEN"},
        ):
            answer = await client.post(url("vessels", unknown, "equipment"), json=body)
            problem = refused(answer, 404, "not-found")
            assert "GET /api/v1/vessels" in problem["detail"]


async def test_a_parent_stands_aboard_the_same_vessel(client: AsyncClient) -> None:
    await vessel(client, "MV102")
    await vessel(client, "MV103")
    await equipment(client, "B1", of="MV103")
    for parent in ("B1", "NOPE"):
        answer = await client.post(ABOARD, json=LEAST | {"parent": parent})
        problem = refused(answer, 422, "invalid")
        assert pointers(problem) == {"/parent": "unknown-parent"}
        assert parent in problem["detail"]
    answer = await client.post(ABOARD, json=LEAST | {"parent": LEAST["code"]})
    refused(answer, 409, "parent-cycle")


async def test_every_wrong_field_is_told_at_once(client: AsyncClient) -> None:
    await vessel(client)
    body = {"name": " ", "code": "a/b", "location": "x\x00", "tag": "", "group": 1}
    problem = refused(await client.post(ABOARD, json=body), 422, "invalid")
    assert pointers(problem) == {
        "/name": "blank",
        "/code": "invalid-code",
        "/location": "control-character",
        "/tag": "invalid-code",
        "/group": "string-type",
    }
