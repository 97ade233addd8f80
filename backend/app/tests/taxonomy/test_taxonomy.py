import pytest
from httpx2 import AsyncClient

from app.taxonomy.models import Kind
from app.tests.factories import (
    change,
    get,
    listed,
    ok,
    pointers,
    refused,
    term,
    url,
)

PUMPS = "AIR BRD ELP ELU ERO FTS HIO INL LOO NOI OHE PDE PLU SER STD UST VIB OTH UNK"


async def test_the_codes_of_the_field_are_there_and_say_where_they_are_from(
    client: AsyncClient,
) -> None:
    counts = {}
    for kind in Kind:
        page = await get(client, "taxonomy", kind, limit=500)
        counts[kind.value] = len(page["items"])
        for item in page["items"]:
            assert item["name"]
            assert item["source"].startswith("ISO 14224-aligned")
            assert item["verified"] == (not item["source"].endswith("one source"))
    assert counts == {
        "equipment-classes": 12 + 25,
        "failure-modes": 45,
        "failure-mechanisms": 6 + 14,
        "failure-causes": 5,
        "detection-methods": 11,
        "maintenance-activities": 12,
    }
    pumps = await get(client, "taxonomy", "equipment-classes", "pu")
    assert pumps["failure_modes"] == sorted(PUMPS.split())
    compressors = await get(client, "taxonomy", "equipment-classes", "CO")
    assert compressors["failure_modes"] == []
    assert compressors["verified"] is False
    leak = await get(client, "taxonomy", "failure-modes", "ELP")
    assert leak["failure_modes"] is None
    unsure = await listed(client, "taxonomy", "failure-mechanisms", verified="false")
    assert unsure[0] == "1.1"
    assert len(unsure) == 14


async def test_users_add_codes_of_their_own(client: AsyncClient) -> None:
    made = await term(client, "crk")
    assert made["code"] == "CRK"
    assert made["source"] == "added here"
    assert made["verified"] is False
    modes = ["CRK", "OTH"]
    own = await term(client, "WH", "equipment-classes", failure_modes=modes)
    assert own["failure_modes"] == modes
    address = ("taxonomy", "equipment-classes", "WH")
    assert await get(client, *address) == own
    answer = await change(client, *address, match='"1"', failure_modes=["OTH", "UNK"])
    assert ok(answer)["failure_modes"] == ["OTH", "UNK"]
    assert answer.headers["etag"] == '"2"'
    answer = await change(client, *address, match='"2"', failure_modes=["UNK", "OTH"])
    assert answer.headers["etag"] == '"2"'
    answer = await change(client, *address, failure_modes=[], source="Own", name="Hot")
    assert ok(answer) | {"failure_modes": [], "source": "Own", "name": "Hot"} == ok(
        await client.get(url(*address))
    )
    again = await client.post(url("taxonomy", "failure-modes"), json=made_again())
    problem = refused(again, 409, "duplicate-code")
    assert problem["existing"] == "/api/v1/taxonomy/failure-modes/CRK"


def made_again() -> dict[str, str]:
    return {"code": "CRK", "name": "Creaks"}


@pytest.mark.parametrize(
    ("kind", "body", "where"),
    [
        (
            "equipment-classes",
            {"failure_modes": ["OTH", "NOPE"]},
            {"/failure_modes/1": "unknown-code"},
        ),
        (
            "failure-causes",
            {"failure_modes": ["OTH"]},
            {"/failure_modes": "extra-forbidden"},
        ),
        ("failure-causes", {"name": ""}, {"/name": "blank"}),
        ("failure-causes", {"code": "a/b"}, {"/code": "invalid-code"}),
    ],
)
async def test_a_wrong_code_is_not_stored(
    client: AsyncClient, kind: str, body: dict[str, object], where: dict[str, str]
) -> None:
    given = {"code": "A1", "name": "Creaks", **body}
    answer = await client.post(url("taxonomy", kind), json=given)
    assert pointers(refused(answer, 422, "invalid")) == where
    refused(await client.get(url("taxonomy", kind, "A1")), 404, "not-found")


async def test_what_a_code_must_keep_and_which_tables_there_are(
    client: AsyncClient,
) -> None:
    answer = await change(client, "taxonomy", "failure-modes", "OTH", name=None)
    assert pointers(refused(answer, 422, "invalid")) == {"/name": "blank"}
    answer = await client.get(url("taxonomy", "colours"))
    assert pointers(refused(answer, 422, "invalid")) == {"/kind": "enum"}
