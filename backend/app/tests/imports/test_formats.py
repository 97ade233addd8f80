"""The same register in every format, encoding and shape that users have it in."""

import json
from datetime import date, datetime

import pytest
from httpx2 import AsyncClient

from app.tests.factories import refused, vessel
from app.tests.imports.factories import (
    ARRAY,
    CSV,
    NDJSON,
    TSV,
    XLSX,
    aboard,
    counts,
    load,
    plan,
    rows,
    send,
    workbook,
    wrong,
)

TABLE = [
    ["code", "name", "location"],
    ["A1", "Bombe de água", "Módulo 1, bombordo"],
    ["A2", "Kjølevannspumpe 🚢", "M2"],
]
OBJECTS = [dict(zip(TABLE[0], row, strict=True)) for row in TABLE[1:]]


def delimited(delimiter: str) -> str:
    cells = [[f'"{cell}"' if "," in cell else cell for cell in row] for row in TABLE]
    return "\n".join(delimiter.join(row) for row in cells) + "\n"


SAME = {
    "comma": (CSV, delimited(",").encode()),
    "semicolon": (CSV, delimited(";").encode()),
    "tab": (CSV, delimited("\t").encode()),
    "tsv": (TSV, delimited("\t").encode()),
    "crlf": (CSV, delimited(",").replace("\n", "\r\n").encode()),
    "cr": (CSV, delimited(",").replace("\n", "\r").encode()),
    "no last line end": (CSV, delimited(",").rstrip().encode()),
    "utf-8 mark": (CSV, delimited(",").encode("utf-8-sig")),
    "declared with its mark": (
        CSV + "; charset=UTF-8",
        delimited(";").encode("utf-8-sig"),
    ),
    "quoted after its mark": (
        CSV + "; charset=utf-8",
        ("\ufeff" + delimited(",").replace("code,", '"code",')).encode(),
    ),
    "array declared with its mark": (
        ARRAY + "; charset=utf-8",
        json.dumps(OBJECTS).encode("utf-8-sig"),
    ),
    "utf-16 mark": (CSV, delimited(",").encode("utf-16")),
    "utf-16 le": (CSV + "; charset=utf-16-le", delimited("\t").encode("utf-16-le")),
    "array": (ARRAY, json.dumps(OBJECTS).encode()),
    "array in utf-16": (
        ARRAY,
        json.dumps(OBJECTS, ensure_ascii=False).encode("utf-16"),
    ),
    "array with a mark": (ARRAY, json.dumps(OBJECTS).encode("utf-8-sig")),
    "items": (ARRAY, json.dumps({"n": 2, "items": OBJECTS}).encode()),
    "ndjson": (NDJSON, "\n".join(json.dumps(o) for o in OBJECTS).encode()),
    "ndjson with a mark": (
        NDJSON,
        "\r\n".join(json.dumps(o, ensure_ascii=False) for o in OBJECTS).encode(
            "utf-8-sig"
        ),
    ),
    "xlsx": (XLSX, workbook(TABLE)),
}


@pytest.mark.parametrize(("kind", "content"), SAME.values(), ids=SAME)
async def test_every_format_says_the_same(
    client: AsyncClient, kind: str, content: bytes
) -> None:
    await vessel(client)
    done = await load(client, content, kind)
    assert counts(done) == (2, 0, 0, 0)
    assert done["columns"] == {"code": "code", "name": "name", "location": "location"}
    first = 1 if "json" in kind else 2
    assert [row["row"] for row in await rows(client, done)] == [first, first + 1]
    found = await aboard(client)
    assert [(o["code"], o["name"], o["location"]) for o in found.values()] == [
        tuple(row) for row in TABLE[1:]
    ]
    assert {o["status"] for o in found.values()} == {"active"}


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("iso-8859-1", "Kjølevann på Åsgard"),
        ("ISO-8859-15", "Preis in €"),
        ("windows-1252", "Água “quente”"),
        ("cp850", "Größe"),
        ("macintosh", "Pompe à eau"),
    ],
)
@pytest.mark.parametrize("kind", [CSV, NDJSON, ARRAY])
async def test_a_declared_encoding_is_read(
    client: AsyncClient, kind: str, charset: str, text: str
) -> None:
    await vessel(client)
    content = {
        CSV: f"code;name\nA1;{text}\n",
        NDJSON: f'{{"code": "A1", "name": "{text}"}}\n',
        ARRAY: f'[{{"code": "A1", "name": "{text}"}}]',
    }[kind].encode(charset)
    planned = await plan(client, content, f'{kind}; charset="{charset}"')
    assert wrong(planned) == []
    [row] = await rows(client, planned)
    assert row["values"]["name"] == text


async def test_wrong_bytes_matter_only_where_they_are_read(client: AsyncClient) -> None:
    await vessel(client)
    table = "code;name;bemerkung\nA1;Pumpe;größer\nA2;Kühler;\nA3;Motor;\n"
    planned = await plan(client, table.encode("latin-1"))
    assert counts(planned) == (2, 0, 0, 1)
    [error] = planned["errors"]
    assert (error["row"], error["column"], error["code"]) == (
        3,
        "name",
        "wrong-encoding",
    )
    assert "charset=windows-1252" in error["message"]
    lines = '{"code":"A1","name":"x","note":"größer"}\n{"code":"A2","name":"Kühler"}\n'
    planned = await plan(client, lines.encode("latin-1"), NDJSON)
    assert wrong(planned) == [(2, "name", "wrong-encoding")]


async def test_a_header_of_wrong_bytes_can_be_left_alone(client: AsyncClient) -> None:
    await vessel(client)
    planned = await plan(
        client, "code,name,gr\xf6\xdfe\x00\nA1,x,1\n".encode("latin-1")
    )
    assert counts(planned) == (1, 0, 0, 0)
    assert planned["ignored_columns"] == ["gr??e\ufffd"]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (
            f"{CSV}; charset=utf-16",
            b"\xff\xfec\x00o\x00d\x00e\x00\n\x00A\x00\n\x00\x00\xd8",
        ),
        (f"{CSV}; charset=utf-32", b"code\nA1\n"),
        (ARRAY, b'[{"code": "A1", "name": "K\xfchler"}]'),
        (ARRAY, b'[{"code": "A1"}'),
        (ARRAY, b'[{"code": "A1"}] trailing'),
        (ARRAY, b'[{"code": A1}]'),
        (ARRAY, b'{"items": [{"code": "A1"}'),
        (ARRAY, b'"code"'),
        (ARRAY, b""),
        (ARRAY, b"[]"),
        (ARRAY, b'{"rows": []}'),
        (NDJSON, b""),
        (CSV, b""),
        (CSV, b"\n\n"),
        (CSV, b",,\nA1,x,y\n"),
        (CSV, b"\xef\xbb\xbf"),
        (CSV, b'"code,name\nA1,x\n'),
        (CSV, b"name,location\nA1,x\n"),
        (XLSX, b"code,name\nA1,x\n"),
        (XLSX, workbook([])),
        (XLSX, workbook([[], ["code"], ["A1"]])),
    ],
)
async def test_a_file_that_is_none_is_refused_whole(
    client: AsyncClient, kind: str, content: bytes
) -> None:
    await vessel(client)
    problem = refused(await send(client, content, kind), 422, "unreadable-file")
    assert "Error" not in problem["detail"]
    assert (await client.get("/api/v1/imports")).json()["items"] == []


@pytest.mark.parametrize(
    ("kind", "content"),
    [(CSV, b"code,name\n"), (CSV, b"code,name"), (XLSX, workbook([["code", "name"]]))],
)
async def test_a_header_alone_is_a_plan_of_nothing(
    client: AsyncClient, kind: str, content: bytes
) -> None:
    await vessel(client)
    assert counts(await load(client, content, kind)) == (0, 0, 0, 0)


async def test_a_delimiter_can_be_declared(client: AsyncClient) -> None:
    await vessel(client)
    content = "code;name,and more\nA1;x,y\n"
    planned = await plan(client, content, delimiter=",", mapping={"code": "code;name"})
    assert wrong(planned) == [(2, "code", "invalid-code")]
    assert planned["ignored_columns"] == ["and more"]
    for given in ("tab", "\t"):
        planned = await plan(client, "code\tname;a,b,c,d\nA1\tx\n", delimiter=given)
        assert planned["ignored_columns"] == ["name;a,b,c,d"]
    refused(await send(client, content, delimiter="|"), 422, "invalid")


async def test_a_quoted_header_does_not_mislead(client: AsyncClient) -> None:
    await vessel(client)
    content = 'code;"name, or\nwhat it is";location\nA1;Pump;M1\n'
    planned = await plan(client, content, mapping={"name": "name, or\nwhat it is"})
    assert counts(planned) == (1, 0, 0, 0)
    [row] = await rows(client, planned)
    assert row["row"] == 2
    assert row["values"]["name"] == "Pump"


async def test_rows_are_counted_as_a_spreadsheet_does(client: AsyncClient) -> None:
    await vessel(client)
    content = (
        'code,name,note\nA1,x,"two\nlines, ""quoted"""\n\nA2,x,\n,,\n   ,\t,\nA3,x,\n'
    )
    planned = await plan(client, content)
    found = await rows(client, planned)
    assert [(row["row"], row["action"]) for row in found] == [
        (2, "create"),
        (4, "create"),
        (5, "error"),
        (6, "error"),
        (7, "create"),
    ]
    assert {e["message"] for e in planned["errors"]} == {
        "This row is empty. Remove it."
    }


async def test_a_broken_quote_costs_its_own_row_alone(client: AsyncClient) -> None:
    await vessel(client)
    content = (
        "code,name\n"
        'A1,"an open quote\n'
        "A2,pump\n"
        'A3,"motor"\n'
        'A4,"a ""good"" one"\n'
        'A5,"a "bad" one"\n'
        "A6,fan\n"
        'A7,"open to the end\n'
        "A8,valve\n"
    )
    planned = await plan(client, content)
    assert wrong(planned) == [(row, None, "unreadable-row") for row in (2, 6, 8)]
    assert "quotes" in planned["errors"][0]["message"]
    found = [row["code"] for row in await rows(client, planned, action="create")]
    assert found == ["A2", "A3", "A4", "A6", "A8"]


async def test_rows_longer_than_the_header_are_told(client: AsyncClient) -> None:
    await vessel(client)
    planned = await plan(client, "code,name\nA1,pump, port side\nA2,pump,,  ,\n")
    assert counts(planned) == (1, 0, 0, 1)
    [error] = planned["errors"]
    assert (error["row"], error["code"]) == (2, "too-many-cells")
    assert error["value"] == " port side"
    assert "3 cells, the header 2 columns" in error["message"]


async def test_characters_that_no_text_holds(client: AsyncClient) -> None:
    await vessel(client)
    content = "code,name,note\nA1,a\x00b,\nA\x002,x,\nA3,x,\x00\x1f\x1e\nA4,a\x07b,\n"
    planned = await plan(client, content)
    assert wrong(planned) == [
        (2, "name", "control-character"),
        (3, "code", "invalid-code"),
        (5, "name", "control-character"),
    ]
    assert planned["errors"][0]["value"] == "a\ufffdb"


async def test_letters_are_not_made_into_others(client: AsyncClient) -> None:
    """Python's upper() would make a sharp or long s and ligatures into good codes."""
    await vessel(client)
    planned = await plan(
        client, "code,name\nSTRAßE,x\n\u0131\u017f,x\n\ufb01-1,x\na-1,x\n"
    )
    assert wrong(planned) == [(row, "code", "invalid-code") for row in (2, 3, 4)]
    [row] = await rows(client, planned, action="create")
    assert row["code"] == "A-1"


async def test_json_cells_say_what_csv_would(client: AsyncClient) -> None:
    await vessel(client)
    mapping = {
        "status": {"column": "live", "values": {"true": "active", "false": "inactive"}}
    }
    objects = [
        '{"code": 17, "name": 1.0, "live": false}',
        '{"code": 18.0, "name": 2.50, "live": true}',
        '{"code": 9007199254740993, "name": 12345678901234567890}',
        '{"code": "A4", "name": 1e400}',
    ]
    for kind, text in ((NDJSON, "\n".join(objects)), (ARRAY, f"[{','.join(objects)}]")):
        planned = await plan(client, text, kind, mapping=mapping)
        assert wrong(planned) == []
        values = [row["values"] for row in await rows(client, planned)]
        assert [(v["code"], v["name"], v["status"]) for v in values] == [
            ("17", "1", "inactive"),
            ("18", "2.50", "active"),
            ("9007199254740993", "12345678901234567890", "active"),
            ("A4", "1E+400", "active"),
        ]


async def test_keys_are_trimmed_like_headers(client: AsyncClient) -> None:
    await vessel(client)
    lines = '{" code ": "A1", "name": "x"}\n{"code": "A2", "name\\n": "x"}'
    planned = await plan(client, lines, NDJSON)
    assert counts(planned) == (2, 0, 0, 0)
    assert planned["columns"] == {"code": "code", "name": "name"}


async def test_what_is_no_object_is_an_error_of_its_row(client: AsyncClient) -> None:
    await vessel(client)
    deep = "[" * 100_000 + "]" * 100_000
    lines = [
        '{"code": "A1", "name": "x"}',
        "code: A2",
        '{"code": "A3", "name": NaN}',
        "",
        '["A5"]',
        "null",
        '{"code": "A7", "name": ["a", {"b": 1.5}]}',
        f'{{"code": "A8", "name": "x", "note": {deep}}}',
        '{"code": "A9", "name": "a\\ud800b"}',
        '{"code": "A10", "name": "x", "note": {"a": 1}, "k\\u0000\\ud800": 1}',
        f'{{"code": {"9" * 5000}}}',
    ]
    planned = await plan(client, "\n".join(lines), NDJSON)
    assert wrong(planned) == [
        (2, None, "unreadable-row"),
        (3, None, "unreadable-row"),
        (5, None, "unreadable-row"),
        (6, None, "unreadable-row"),
        (7, "name", "nested"),
        (8, None, "unreadable-row"),
        (9, "name", "control-character"),
        (11, None, "unreadable-row"),
    ]
    assert counts(planned) == (2, 0, 0, 8)
    assert planned["errors"][4]["value"].startswith('["a", {"b"')


async def test_an_array_holds_objects(client: AsyncClient) -> None:
    await vessel(client)
    deep = "[" * 3000 + "]" * 3000
    text = f'[1, {{"code": "A2", "name": "x", "n": {deep}}}, {deep}, "A4", [], null]'
    planned = await plan(client, text, ARRAY)
    assert counts(planned) == (1, 0, 0, 5)
    assert {code for _, _, code in wrong(planned)} == {"unreadable-row"}


async def test_keys_may_come_late(client: AsyncClient) -> None:
    """JSON names its columns row by row: the mapping holds for all of them."""
    await vessel(client)
    lines = [json.dumps({"no": f"A{i}", "name": "x"}) for i in range(1200)]
    lines.append(json.dumps({"no": "B1", "name": "x", "Anlage": "M2", "tag": "T1"}))
    mapping = {"code": "no", "location": "Anlage"}
    planned = await plan(client, "\n".join(lines), NDJSON, mapping=mapping)
    assert counts(planned) == (1201, 0, 0, 0)
    assert planned["columns"] == {
        "code": "no",
        "location": "Anlage",
        "name": "name",
        "tag": "tag",
    }
    [last] = (await rows(client, planned, limit="500", action="create"))[-1:]
    found = await client.get(planned["links"]["rows"], params={"limit": "1"})
    assert found.json()["items"][0]["values"]["location"] is None
    assert last["row"] == 500
    answer = await send(client, lines[0], NDJSON, mapping=mapping)
    problem = refused(answer, 422, "invalid")
    assert problem["errors"][0]["pointer"] == "?mapping.location"


async def test_typed_cells_of_a_workbook(client: AsyncClient) -> None:
    await vessel(client)
    table: list[list[object]] = [
        ["code", "name", "location", "group", "status", None, "note"],
        [17, "x", date(2026, 1, 31), 2.5, True],
        [18.0, "x", datetime(2026, 1, 31, 8, 30), 1e300, False],  # noqa: DTZ001 sheets know none
        [],
        ["A3", "x", None, "=1+1", "Active"],
        [None, None, " "],
    ]
    mapping = {
        "status": {
            "column": "status",
            "values": {"true": "active", "false": "inactive"},
        }
    }
    planned = await plan(client, workbook(table), XLSX, mapping=mapping)
    assert wrong(planned) == [(6, None, "no-key")]
    found = await rows(client, planned, action="create")
    assert [row["row"] for row in found] == [2, 3, 5]
    assert [tuple(row["values"].values()) for row in found] == [
        ("17", None, "x", "2026-01-31T00:00:00", "2.5", None, None, "active"),
        ("18", None, "x", "2026-01-31T08:30:00", "1e+300", None, None, "inactive"),
        ("A3", None, "x", None, "0", None, None, "active"),
    ]


@pytest.mark.parametrize("constant_memory", [True, False])
async def test_texts_of_a_workbook_shared_or_not(
    client: AsyncClient, *, constant_memory: bool
) -> None:
    await vessel(client)
    table: list[list[object]] = [["code", "name"]]
    table += ([f"A{i}", "Kjøler & <pumpe>"] for i in range(3))
    planned = await plan(client, workbook(table, constant_memory=constant_memory), XLSX)
    found = await rows(client, planned)
    assert [row["values"]["name"] for row in found] == ["Kjøler & <pumpe>"] * 3


async def test_a_cell_that_a_workbook_does_not_store_is_blank(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await load(client, "code,name,location,group\nA1,x,M1,G\n")
    table: list[list[object]]
    table = [["code", "name", "location", "group"], ["A1", "x", "M1", None]]
    planned = await plan(client, workbook(table), XLSX)
    assert planned["updates"][0]["changes"] == {"group": {"before": "G", "after": None}}
