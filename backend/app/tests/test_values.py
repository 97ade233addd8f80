"""Which codes, tags and texts are taken, and that every code works in every path."""

import pytest
from httpx2 import AsyncClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app.tests.factories import (
    REAL_CODES,
    change,
    equipment,
    get,
    listed,
    ok,
    order,
    pointers,
    post_json,
    refused,
    url,
    vessel,
)
from app.values import CODE_PATTERN, check_code, normal_code

EDGES = (*REAL_CODES, "A", "7", "A" * 64, "A.B,C:D_E+F-G*H&I'J(K)L=M", "A..")

WRONG_CODES = (
    "",
    " ",
    "\x00",
    "A\x00B",
    "A\nB",
    "A\tB",
    "A\x7f",
    "A" * 65,
    "-A",
    "(A)",
    ".",
    "..",
    "+55",
    "A/B",
    "A\\B",
    "A%2FB",
    "A?B",
    "A#B",
    "A;B",
    'A"B',
    "A<B>",
    "A|B",
    "A@B",
    "\ud800",
    "A\udfff",
    "Å1",
    "ÇA",
    "\u00df1",  # sharp s, whose upper case is SS
    "\u0131A",  # dotless i, whose upper case is I
    "\u017fA",  # long s, whose upper case is S
    "\ufb01A",  # the ligature fi, whose upper case is FI
    "\uff2d\uff36102",  # full width
    "\u0410\u0412",  # Cyrillic that looks like AB
    "A\u00a0B",
    "A\u200bB",
    "A\u0301",
    "7\u0663",  # an Arabic digit
    "👩‍🔧",
)


@pytest.mark.parametrize("code", EDGES)
async def test_a_real_code_works_everywhere(client: AsyncClient, code: str) -> None:
    await vessel(client, code)
    assert (await get(client, "vessels", code))["code"] == code
    assert ok(await change(client, "vessels", code, name="x"))["name"] == "x"
    made = await equipment(client, code, of=code, tag=code)
    assert (made["code"], made["tag"], made["vessel"]) == (code, code, code)
    await equipment(client, "CHILD", of=code, parent=code)
    assert (await get(client, "equipment", code))["code"] == code
    assert ok(await change(client, "equipment", code, name="x"))["name"] == "x"
    assert await listed(client, "equipment", code, "children") == ["CHILD"]
    assert await listed(client, "equipment", code, "path") == [code]
    await order(client, code, "7")
    assert (await get(client, "equipment", code, "cost"))["total"] == "7.00"
    assert await listed(client, "vessels", code, "equipment", tag=code) == [code]
    assert await listed(client, "equipment", vessel=code, parent=code) == ["CHILD"]
    assert await listed(client, "operations", code=code, vessel=code) == [code]
    batch = await client.post(url("equipment", "deactivate"), json={"codes": code})
    assert ok(batch)["changed"] == [code]
    for existing in (("vessels",), ("vessels", code, "equipment")):
        body = {"code": code}
        if len(existing) > 1:
            body |= {"name": "x", "location": "y"}
        again = await client.post(url(*existing), json=body)
        problem = refused(again, 409, "duplicate-code")
        assert ok(await client.get(problem["existing"]))["code"] == code


@pytest.mark.parametrize("code", EDGES)
async def test_a_next_link_works_whatever_the_code(
    client: AsyncClient, code: str
) -> None:
    await vessel(client, code)
    for child in ("B1", "B2", "B3"):
        await equipment(client, child, of=code, name="å & b")
    seen = []
    query = "limit=1&q=%C3%A5+%26&name=%C3%A5+%26+b"
    next_url = f"{url('vessels', code, 'equipment')}?{query}"
    while next_url:
        answer = await client.get(next_url)
        seen += [item["code"] for item in ok(answer)["items"]]
        link = answer.headers.get("link", "")
        assert link.isascii()
        assert " " not in link.partition(">")[0]
        next_url = link.removesuffix('>; rel="next"').removeprefix("<")
        assert bool(next_url) == (answer.json()["next_cursor"] is not None)
    assert seen == ["B1", "B2", "B3"]


@pytest.mark.parametrize("code", WRONG_CODES)
async def test_what_is_no_code_is_told_the_rule(client: AsyncClient, code: str) -> None:
    await vessel(client)
    bodies = {
        "/code": (url("vessels"), {"code": code}),
        "/tag": (
            url("vessels", "MV102", "equipment"),
            {"code": "A1", "name": "x", "location": "y", "tag": code},
        ),
        "/parent": (
            url("vessels", "MV102", "equipment"),
            {"code": "A1", "name": "x", "location": "y", "parent": code},
        ),
        "/codes/0": (url("equipment", "deactivate"), {"codes": [code]}),
    }
    for where, (path, body) in bodies.items():
        problem = refused(await post_json(client, path, body), 422, "invalid")
        if code.isprintable() or code.isascii():
            assert pointers(problem) == {where: "invalid-code"}
            assert "letters A-Z, digits, spaces and" in problem["detail"]
        else:  # not even a text
            assert pointers(problem).keys() == {where}
    assert await listed(client, "vessels") == ["MV102"]
    assert await listed(client, "equipment") == []


# In a path clients and servers read these as something else.
ELSEWHERE = {"", ".", ".."}


@pytest.mark.parametrize(
    "code",
    [code for code in WRONG_CODES if code.isprintable() and code not in ELSEWHERE],
)
async def test_what_is_no_code_is_not_found(client: AsyncClient, code: str) -> None:
    # Every code that a careless upper() would make of those above is there.
    for there in ("SS1", "IA", "SA", "FIA", "MV102", "AB", "A"):
        await vessel(client, there)
        await equipment(client, there, of=there)
    for path in (
        url("vessels", code),
        url("vessels", code, "equipment"),
        url("equipment", code),
        url("equipment", code, "cost"),
        url("equipment", code, "children"),
        url("equipment", code, "path"),
    ):
        refused(await client.get(path), 404, "not-found")
    assert await listed(client, "equipment", tag=code) == []
    assert await listed(client, "operations", code=code) == []


async def test_bytes_that_no_code_has_are_not_found(client: AsyncClient) -> None:
    for raw in ("%00", "A%00B", "%FF", "%ED%A0%80", "%0A", "A" * 3000):
        for path in (f"/api/v1/vessels/{raw}", f"/api/v1/equipment/{raw}/cost"):
            answer = await client.get(path)
            problem = refused(answer, 404, "not-found")
            assert problem["instance"].isascii()


# Not st.text(): it takes seconds to learn all of Unicode.
LETTERS = [*map(chr, range(128)), *"\u00df\u0131\u017f\ufb01\u0663\u00a0\u200bÅ"]


@given(st.lists(st.sampled_from(LETTERS), max_size=70).map("".join))
@settings(max_examples=200)
def test_the_rule_is_closed_under_its_normal_form(text: str) -> None:
    normal = normal_code(text)
    assert normal_code(normal) == normal
    if CODE_PATTERN.fullmatch(normal):
        assert check_code(text) == normal
        assert text.strip().isascii()
        assert check_code(normal.lower()) == normal


# --- names, locations, notes ------------------------------------------------------

TEXTS = (
    "Módulo de compressão nº 4 \u2013 bombordo",
    "Kjølevannspumpe, østre gjæringsrom, Ålesund",
    "👩‍🔧 compressor 🏴‍☠️ ❤️",
    "Åse\u0301",  # a combining accent stays as it was written
    "压缩机 / компрессор / ضاغط / \u05de\u05d3\u05d7\u05e1",
    "a\u00a0b\u200db\u200cc",
    "'=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "Robert'); DROP TABLE vessels;--",
    "%s {} \\ \" ' ` $1 :name",
    "x" * 200,
    "👩‍🔧" * 66,
)


@pytest.mark.parametrize("text", TEXTS)
async def test_names_keep_their_text(client: AsyncClient, text: str) -> None:
    assert (await vessel(client, name=text))["name"] == text
    fields = {"name": text, "location": text, "group": text}
    made = await equipment(client, "A1", **fields)
    assert made | fields == made
    assert await get(client, "equipment", "A1") == made
    assert await listed(client, "equipment", name=text, location=text) == ["A1"]
    operation = await order(client, "A1", "1", type=text[:64].strip(), note=text)
    assert operation["note"] == text
    assert (await get(client, "costs", "equipment", name=text))["total"] == "1.00"


async def test_space_around_a_name_goes_and_inside_stays(client: AsyncClient) -> None:
    assert (await vessel(client, name="  a  b \n"))["name"] == "a  b"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "blank"),
        (" \n ", "blank"),
        ("a\x00b", "control-character"),
        ("a\nb", "control-character"),
        ("a\tb", "control-character"),
        ("a\x1bb", "control-character"),
        ("a\x7fb", "control-character"),
        ("a\x85b", "control-character"),
        ("a\u2028b", "control-character"),
        ("a\ud800b", "string-unicode"),
        ("x" * 201, "too-long"),
        (7, "string-type"),
        (True, "string-type"),
        ({}, "string-type"),
    ],
)
async def test_what_is_no_name_is_refused(
    client: AsyncClient, text: object, code: str
) -> None:
    body = {"code": "MV102", "name": text}
    problem = refused(await post_json(client, url("vessels"), body), 422, "invalid")
    assert pointers(problem) == {"/name": code}


async def test_a_field_named_in_halves_of_characters_is_refused(
    client: AsyncClient,
) -> None:
    body = {"code": "MV102", "\ud800": 1}
    problem = refused(await post_json(client, url("vessels"), body), 422, "invalid")
    assert list(pointers(problem).values()) == ["string-unicode"]
    assert await listed(client, "vessels") == []
