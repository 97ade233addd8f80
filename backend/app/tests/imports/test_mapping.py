"""Which column feeds which field: by its name, or by what the mapping says."""

import json

import pytest
from httpx2 import AsyncClient

from app.tests.factories import equipment, pointers, refused, vessel
from app.tests.imports.factories import (
    ARRAY,
    CSV,
    NDJSON,
    REGISTER,
    REGISTER_MAPPING,
    aboard,
    counts,
    load,
    plan,
    rows,
    send,
    wrong,
)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (
            "CODE,Tag,nAME,Location,GROUP,Parent,Status",
            "code tag name location group parent status",
        ),
        (
            "Equipment Code,TAG_NO,Description,Area,Group name,Parent tag,State",
            "code tag name location group parent status",
        ),
        (
            "asset-code,Functional location,DESC,Module,equipment_group,PARENT CODE,x",
            "code tag name location group parent",
        ),
        ("Tag Name,Equipment name,place", "tag name location"),
        ("tag id,tag description", "tag name"),
        # A field's own name goes before its synonyms.
        ("Description,name,code,area,location", "code:2 name:1 location:4"),
    ],
)
async def test_common_headers_need_no_mapping(
    client: AsyncClient, header: str, columns: str
) -> None:
    await vessel(client)
    planned = await plan(client, f"{header}\n")
    names = header.split(",")
    expected = {}
    for place, said in enumerate(columns.split()):
        field, _, index = said.partition(":")
        expected[field] = names[int(index or place)]
    assert planned["columns"] == expected
    used = expected.values()
    assert planned["ignored_columns"] == [name for name in names if name not in used]


async def test_a_field_that_a_mapping_has_not_is_told_those_it_has(
    client: AsyncClient,
) -> None:
    await vessel(client)
    for mapping, fields in (
        ({"tga": "x"}, "code, tag, name, location, group, class, parent, status"),
        ({"tag": {"colour": "x"}}, "column, constant, values, refers_to"),
    ):
        answer = await send(client, "code,x\nA1,x\n", mapping=mapping)
        problem = refused(answer, 422, "invalid")
        assert (
            f"There is no such field here. Remove it. It has {fields}."
            in (problem["detail"])
        )


async def test_two_columns_for_one_field_must_be_told_apart(
    client: AsyncClient,
) -> None:
    await vessel(client)
    content = "code,description,Tag description\nA1,x,y\n"
    problem = refused(await send(client, content), 422, "unreadable-file")
    assert "'description' and 'Tag description'" in problem["detail"]
    assert '{"name": "description"}' in problem["detail"]
    planned = await plan(client, content, mapping={"name": "Tag description"})
    assert planned["columns"]["name"] == "Tag description"
    # The mapping tells names apart by case where it has to.
    planned = await plan(client, "code,NAME,name\nA1,x,y\n", mapping={"name": "name"})
    assert [row["values"]["name"] for row in await rows(client, planned)] == ["y"]
    answer = await send(client, "code,x,X\n", mapping={"name": "x", "location": "Y"})
    assert pointers(refused(answer, 422, "invalid")) == {
        "?mapping.location": "unknown-column"
    }
    answer = await send(client, "code,x,x\n", mapping={"name": "x"})
    assert pointers(refused(answer, 422, "invalid")) == {
        "?mapping.name": "ambiguous-column"
    }


async def test_a_real_register_is_read_whole(client: AsyncClient) -> None:
    await vessel(client, "NDV")
    planned = await plan(
        client, REGISTER, to="NDV", mapping=REGISTER_MAPPING, filename="tags.csv"
    )
    assert counts(planned) == (4, 0, 0, 3)
    assert wrong(planned) == [(row, None, "no-key") for row in (4, 6, 8)]
    assert planned["columns"] == REGISTER_MAPPING | {"name": "MNT_TAG_DESC"}
    assert planned["filename"] == "tags.csv"
    assert "MNT_TAG_COMMENT" in planned["ignored_columns"]
    assert "MNT_TAG_ID" not in planned["ignored_columns"]
    answer = await client.post(
        planned["links"]["apply"], params={"skip_errors": "true"}
    )
    assert answer.json()["status"] == "applied"
    found = await aboard(client, "NDV")
    root, compressor = "NDV-45-1ST STAGE COMP LUBE OIL SYS-PD", "NDV-45-KA-7101"
    assert {code: (o["parent"], o["status"]) for code, o in found.items()} == {
        root: (None, "active"),
        compressor: (root, "active"),
        "NDV-45-TE-71016-04": (compressor, "active"),
        "NDV-45-LSHH-71038 (2)": (compressor, "inactive"),
    }
    assert {o["location"] for o in found.values()} == {"Nordavind"}
    again = await plan(client, REGISTER, to="NDV", mapping=REGISTER_MAPPING)
    assert counts(again) == (0, 0, 4, 3)


async def test_one_column_may_feed_two_fields(client: AsyncClient) -> None:
    await vessel(client)
    done = await load(client, "code\nA1\n", mapping={"name": "code", "tag": "Code"})
    assert done["columns"] == {"code": "code", "tag": "code", "name": "code"}
    found = (await aboard(client))["A1"]
    assert (found["tag"], found["name"]) == ("A1", "A1")


async def test_values_are_translated_where_they_are_named(client: AsyncClient) -> None:
    await vessel(client)
    mapping = {
        "status": {"column": "s", "values": {"in use": "active", "": "inactive"}},
        "group": {"column": "g", "values": {"G": "Gas", "none": ""}},
    }
    content = (
        "code,name,s,g\nA1,x, in use ,G\nA2,x,,none\nA3,x,INACTIVE,W\nA4,x,gone,\n"
    )
    planned = await plan(client, content, mapping=mapping)
    assert [
        (e["row"], e["column"], e["field"], e["code"], e["value"])
        for e in planned["errors"]
    ] == [(5, "s", "status", "invalid-status", "gone")]
    assert '"values": {"gone": "active"}.' in planned["errors"][0]["message"]
    found = await rows(client, planned, action="create")
    assert [(r["values"]["status"], r["values"]["group"]) for r in found] == [
        ("active", "Gas"),
        ("inactive", None),
        ("inactive", "W"),
    ]
    assert planned["columns"]["status"] == mapping["status"]


async def test_null_leaves_a_field_alone(client: AsyncClient) -> None:
    await vessel(client)
    await load(client, "code,name,location\nA1,x,M1\n")
    content = "code,name,location\nA1,y,M2\n"
    planned = await plan(client, content, mapping={"location": None})
    assert planned["updates"] == [
        {
            "row": 2,
            "code": "A1",
            "reference": None,
            "changes": {"name": {"before": "x", "after": "y"}},
        }
    ]
    assert planned["ignored_columns"] == ["location"]


async def test_a_constant_fills_every_row(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "ROOT")
    mapping = {
        "name": {"constant": " Pump "},
        "parent": {"constant": "root"},
        "status": {"constant": "Inactive"},
    }
    await load(client, "code,name\nA1,ignored\nA2,\n", mapping=mapping)
    found = await aboard(client)
    assert [
        (found[code]["name"], found[code]["parent"], found[code]["status"])
        for code in ("A1", "A2")
    ] == [("Pump", "ROOT", "inactive")] * 2


@pytest.mark.parametrize(
    ("mapping", "wrong_places"),
    [
        (
            {"tag": "NOPE", "name": {"column": "NADA"}},
            {".tag": "unknown-column", ".name": "unknown-column"},
        ),
        (
            {"parent": {"column": "name", "refers_to": "ID"}},
            {".parent.refers_to": "unknown-column"},
        ),
        ({"tga": "code"}, {".tga": "extra-forbidden"}),
        ({"tag": 5}, {".tag": "invalid-source"}),
        ({"tag": {}}, {".tag": "invalid-source"}),
        ({"tag": ""}, {".tag.column": "string-too-short"}),
        ({"name": {"column": "a", "constant": "b"}}, {".name": "invalid-source"}),
        (
            {"name": {"constant": "b", "values": {"a": "b"}}},
            {".name": "invalid-source"},
        ),
        ({"name": {"column": "a", "refers_to": "b"}}, {"": "invalid-source"}),
        ({"name": {"column": "a", "colour": "b"}}, {".name.colour": "extra-forbidden"}),
        ({"name": {"constant": "a\nb"}}, {".name.constant": "control-character"}),
        ({"name": {"constant": "a\0b"}}, {".name.constant": "control-character"}),
        ({"name": {"constant": "x" * 201}}, {".name.constant": "too-long"}),
        (
            {"code": {"column": "code", "values": {"a": "A/1", "b": "B1"}}},
            {".code.values": "invalid-code"},
        ),
        (
            {"status": {"column": "code", "values": {"1": "aktiv"}}},
            {".status.values": "invalid-status"},
        ),
        (
            {"status": {"column": "code", "values": {"1": 1}}},
            {".status.values.1": "string-type"},
        ),
        (["code"], {"": "model-type"}),
        ("{", {"": "json-invalid"}),
        ("", {"": "json-invalid"}),
        ('{"tag": "\\ud800"}', {"": "json-invalid"}),
    ],
)
@pytest.mark.parametrize("kind", [CSV, NDJSON])
async def test_a_mapping_that_does_not_fit_is_told_where(
    client: AsyncClient, kind: str, mapping: object, wrong_places: dict[str, str]
) -> None:
    await vessel(client)
    content = "code,name\nA1,x\n" if kind == CSV else '{"code": "A1", "name": "x"}\n'
    answer = await send(client, content, kind, mapping=mapping)
    problem = refused(answer, 422, "invalid")
    told = {f"?mapping{place}": code for place, code in wrong_places.items()}
    assert pointers(problem) == told
    assert "?mapping" in problem["detail"]
    assert "body" not in problem["detail"]


async def test_an_unknown_column_lists_those_there_are(client: AsyncClient) -> None:
    await vessel(client)
    answer = await send(client, "code,Wert,\nA1,x,\n", mapping={"name": "Wertt"})
    assert "It has: code, Wert." in refused(answer, 422, "invalid")["detail"]
    many = ",".join(["code", *(f"c{i}" for i in range(99))])
    answer = await send(client, many, mapping={"name": "nope"})
    assert answer.json()["detail"].endswith("c58, ….")


@pytest.mark.parametrize("kind", [CSV, ARRAY])
async def test_parents_by_another_column(client: AsyncClient, kind: str) -> None:
    await vessel(client)
    table = [
        {"code": "A3", "name": "x", "id": "7", "up": "8"},
        {"code": "A1", "name": "x", "id": " 8 ", "up": ""},
        {"code": "A2", "name": "x", "id": "9", "up": "7"},
        {"code": "B1", "name": "x", "id": "twice", "up": "A1"},
        {"code": "B2", "name": "x", "id": "twice", "up": "10"},
        {"code": "B3", "name": "x", "id": "", "up": "twice"},
        {"code": "C/1", "name": "x", "id": "11", "up": ""},
        {"code": "C2", "name": "x", "id": "12", "up": "11"},
        {"code": "", "name": "x", "id": "13", "up": ""},
        {"code": "C3", "name": "x", "id": "14", "up": "13"},
    ]  # fmt: skip
    if kind == CSV:
        lines = ["code,name,id,up", *(",".join(row.values()) for row in table)]
        content, first = "\n".join(lines), 2
    else:
        content, first = json.dumps(table), 1
    mapping = {"parent": {"column": "up", "refers_to": "ID"}}
    planned = await plan(client, content, kind, mapping=mapping)
    assert [
        (e["row"] - first, e["field"], e["code"], e["value"]) for e in planned["errors"]
    ] == [
        (3, "parent", "unknown-parent", "A1"),
        (4, "parent", "unknown-parent", "10"),
        (5, "parent", "ambiguous-parent", "twice"),
        (6, "code", "invalid-code", "C/1"),
        (7, "parent", "parent-has-error", "11"),
        (8, None, "no-key", None),
        (9, "parent", "parent-has-error", "13"),
    ]
    assert planned["columns"]["parent"] == {"column": "up", "refers_to": "id"}
    found = await rows(client, planned, action="create")
    assert {r["code"]: r["values"]["parent"] for r in found} == {
        "A3": "A1",
        "A1": None,
        "A2": "A3",
    }


async def test_a_key_that_is_a_tag_compares_like_one(client: AsyncClient) -> None:
    await vessel(client)
    content = "mark,name,up\n23-ka-1,x,\n23-TE-1,x, 23-KA-1\n"
    mapping = {"tag": "mark", "parent": {"column": "up", "refers_to": "mark"}}
    await load(client, content, mapping=mapping)
    assert (await aboard(client))["MV102-23-TE-1"]["parent"] == "MV102-23-KA-1"
    # Another key may tell by case: some systems do.
    content = "tag,name,id,up\nT1,x,aB,\nT2,x,Ab,aB\n"
    mapping = {"parent": {"column": "up", "refers_to": "id"}}
    await load(client, content, mapping=mapping)
    assert (await aboard(client))["MV102-T2"]["parent"] == "MV102-T1"


async def test_the_key_column_is_no_tag_by_its_name(client: AsyncClient) -> None:
    """`TAG_ID` would be a tag, but the mapping says what it is."""
    await vessel(client)
    content = "no,TAG_ID,name,up\nA1,1,x,\nA2,2,x,1\n"
    mapping = {"code": "no", "parent": {"column": "up", "refers_to": "TAG_ID"}}
    done = await load(client, content, mapping=mapping)
    assert "tag" not in done["columns"]
    assert (await aboard(client))["A2"]["tag"] is None


async def test_an_unknown_parameter_is_refused(client: AsyncClient) -> None:
    await vessel(client)
    answer = await send(client, "code\n", maping="{}")
    assert pointers(refused(answer, 422, "invalid")) == {"?maping": "unknown-parameter"}
