"""What a row is, and what is wrong with it, among the others and against the fleet."""

import time

import pytest
from httpx2 import AsyncClient

from app.tests.factories import equipment, ok, vessel
from app.tests.imports.factories import (
    NDJSON,
    aboard,
    apply,
    counts,
    load,
    plan,
    rows,
    wrong,
)


async def skip(client: AsyncClient, planned: dict[str, object]) -> None:
    """Apply what is sound: nothing may lean on what is not."""
    ok(await apply(client, planned, skip_errors="true"))


# --- natural keys ---------------------------------------------------------------------


async def test_create_update_unchanged_and_error_mix(client: AsyncClient) -> None:
    await vessel(client)
    await load(client, "code,tag,name,location\nA1,T1,Pump,M1\nA2,T2,Fan,M1\n")
    content = (
        "code,tag,name,location\na1,t1,Pump,M2\nA2,T2,Fan,M1\nA3,,Valve,M1\nA/4,,x,\n"
    )
    planned = await plan(client, content)
    assert counts(planned) == (1, 1, 1, 1)
    assert planned["updates"] == [
        {
            "row": 2,
            "code": "A1",
            "reference": None,
            "changes": {"location": {"before": "M1", "after": "M2"}},
        }
    ]
    [error] = planned["errors"]
    assert (error["row"], error["column"], error["field"], error["value"]) == (
        5,
        "code",
        "code",
        "A/4",
    )
    assert "letters A-Z, digits" in error["message"]
    assert set(await aboard(client)) == {"A1", "A2"}
    await skip(client, planned)
    found = await aboard(client)
    assert [(o["code"], o["location"], o["version"]) for o in found.values()] == [
        ("A1", "M2", 2),
        ("A2", "M1", 1),
        ("A3", "M1", 1),
    ]


async def test_a_row_without_a_code_is_what_has_its_tag(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1", tag="23-KA-1")
    content = "tag,name\n23-ka-1,Compressor\n23-KA-2,Pump\n"
    done = await load(client, content)
    assert counts(done) == (1, 1, 0, 0)
    found = await aboard(client)
    assert found["A1"]["name"] == "Compressor"
    assert found["MV102-23-KA-2"]["tag"] == "23-KA-2"
    assert counts(await plan(client, content)) == (0, 0, 2, 0)


async def test_a_made_code_must_fit_and_be_free(client: AsyncClient) -> None:
    await vessel(client)
    await vessel(client, "MV103")
    await equipment(client, "MV102-T2", of="MV103")
    await equipment(client, "MV102-T3", tag="OTHER")
    await equipment(client, "MV102-T4")
    content = f"tag,name\n{'L' * 58},x\n{'L' * 59},x\nT2,x\nT3,x\nT4,x\n"
    planned = await plan(client, content)
    assert wrong(planned) == [
        (3, "tag", "code-too-long"),
        (4, "code", "code-of-another-vessel"),
        (5, "tag", "code-taken"),
    ]
    assert "MV102-T3" in planned["errors"][2]["message"]
    assert "OTHER" in planned["errors"][2]["message"]
    assert counts(planned) == (1, 1, 0, 3)
    await skip(client, planned)
    assert (await aboard(client))["MV102-T4"]["tag"] == "T4"


async def test_the_code_decides_where_both_are_given(client: AsyncClient) -> None:
    await vessel(client)
    await load(client, "code,tag,name\nA1,T1,x\n")
    planned = await plan(client, "code,tag,name\nA1,T9,x\n")
    assert planned["updates"][0]["changes"] == {"tag": {"before": "T1", "after": "T9"}}


@pytest.mark.parametrize("bad", ["A/1,T1", "A\u00d81,T1"])
async def test_a_broken_code_is_not_mended_by_the_tag(
    client: AsyncClient, bad: str
) -> None:
    await vessel(client)
    await equipment(client, "B1", tag="T1")
    planned = await plan(client, f"code,tag,name\n{bad},x\n")
    assert wrong(planned) == [(2, "code", "invalid-code")]
    [row] = await rows(client, planned)
    assert (row["code"], row["tag"]) == (None, None)


# --- absent, blank --------------------------------------------------------------------


async def test_what_is_absent_stays_and_what_is_blank_goes(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "ROOT")
    full = {"name": "x", "location": "M1", "tag": "T", "group": "G", "parent": "ROOT"}
    for code in ("A1", "A2", "A3"):
        await equipment(client, code, **full | {"tag": f"T-{code}"})
    content = (
        "code,tag,name,location,group,parent,status\nA1\nA2,T-A2,x, ,\nA3,,x,M1,G,,\n"
    )
    planned = await plan(client, content)
    assert planned["updates"] == [
        {
            "row": 3,
            "code": "A2",
            "reference": None,
            "changes": {
                "location": {"before": "M1", "after": None},
                "group": {"before": "G", "after": None},
            },
        },
        {
            "row": 4,
            "code": "A3",
            "reference": None,
            "changes": {
                "tag": {"before": "T-A3", "after": None},
                "parent": {"before": "ROOT", "after": None},
            },
        },
    ]
    assert counts(planned) == (0, 2, 1, 0)


async def test_keys_of_json_are_absent_or_null(client: AsyncClient) -> None:
    await vessel(client)
    await load(client, "code,name,location,group\nA1,x,M1,G\n")
    lines = '{"code":"A1","group":null}\n{"code":"A2","name":"y","location":" "}\n'
    planned = await plan(client, lines, NDJSON)
    assert planned["updates"][0]["changes"] == {"group": {"before": "G", "after": None}}
    assert counts(planned) == (1, 1, 0, 0)


async def test_a_name_cannot_be_blank(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1")
    planned = await plan(client, "code,name\nA1, \nA2,\n")
    assert wrong(planned) == [(2, "name", "blank"), (3, "name", "blank")]
    assert planned["errors"][0]["column"] == "name"
    planned = await plan(client, "code,location\nA1,M1\nA2,M1\n")
    assert wrong(planned) == [(3, "name", "missing-name")]
    assert planned["errors"][0]["column"] is None


async def test_a_blank_status_stays_as_it_is(client: AsyncClient) -> None:
    await vessel(client)
    await load(client, "code,name,status\nA1,x,inactive\n")
    planned = await plan(client, "code,name,status\nA1,x,\nA2,x, \n")
    assert counts(planned) == (1, 0, 1, 0)
    found = await rows(client, planned)
    assert [row["values"]["status"] for row in found] == ["inactive", "active"]


# --- equal rows, taken codes and tags -------------------------------------------------


async def test_the_first_of_equal_rows_stands(client: AsyncClient) -> None:
    await vessel(client)
    content = (
        "code,tag,name\nA1,T1,first\nA2,T2,x\na1,,second\nA3,t2,x\nA1,T1,third\n"
        "A4,T2,x\n"
    )
    planned = await plan(client, content)
    assert [
        (e["row"], e["field"], e["code"], e["value"]) for e in planned["errors"]
    ] == [
        (4, "code", "duplicate-row", "A1"),
        (5, "tag", "duplicate-row", "T2"),
        (6, "tag", "duplicate-row", "T1"),
        (7, "tag", "duplicate-row", "T2"),
    ]
    assert planned["errors"][0]["message"].startswith("Row 2 has this code too.")
    assert planned["errors"][3]["message"].startswith("Row 3 has this tag too.")
    await skip(client, planned)
    found = await aboard(client)
    assert {code: o["name"] for code, o in found.items()} == {"A1": "first", "A2": "x"}


async def test_equal_tags_without_codes_are_told_once(client: AsyncClient) -> None:
    await vessel(client)
    planned = await plan(client, "tag,name\nT1,x\nT1,x\n")
    assert [(e["row"], e["column"], e["code"]) for e in planned["errors"]] == [
        (3, "tag", "duplicate-row")
    ]


async def test_codes_of_another_vessel_are_not_taken(client: AsyncClient) -> None:
    await vessel(client)
    await vessel(client, "MV103")
    await equipment(client, "B1", of="MV103")
    planned = await plan(client, "code,name,parent\nB1,x,\nA1,x,B1\n")
    assert wrong(planned) == [
        (2, "code", "code-of-another-vessel"),
        (3, "parent", "parent-has-error"),
    ]
    message = planned["errors"][0]["message"]
    assert "aboard MV103" in message
    assert "POST /api/v1/equipment/{code}/move" in message


async def test_a_tag_has_one_holder_aboard(client: AsyncClient) -> None:
    await vessel(client)
    await vessel(client, "MV103")
    await load(client, "code,tag,name\nA1,T1,x\nA2,T2,x\n")
    # A sister may have the tag; here its holder must let go of it in the same file.
    await load(client, "code,tag,name\nB1,T1,x\n", to="MV103")
    planned = await plan(client, "code,tag,name\nA3,T1,x\n")
    assert wrong(planned) == [(2, "tag", "duplicate-tag")]
    assert "that of A1" in planned["errors"][0]["message"]
    for letting_go in ("A1,T9", "A1,"):
        planned = await plan(client, f"code,tag,name\nA3,T1,x\n{letting_go},x\n")
        assert wrong(planned) == []
    for keeping in ("A1,T1,x", "A1"):
        planned = await plan(client, f"code,tag,name\nA3,T1,x\n{keeping}\n")
        assert (2, "tag") in {(row, field) for row, field, _ in wrong(planned)} or (
            3,
            "tag",
            "duplicate-row",
        ) in wrong(planned)
    # Only the row that stands counts, not a later one for the same code.
    planned = await plan(client, "code,tag,name\nA3,T1,x\nA1,T9,x\nA1,T8,x\n")
    assert wrong(planned) == [(4, "code", "duplicate-row")]


async def test_two_rows_may_swap_their_tags(client: AsyncClient) -> None:
    await vessel(client)
    await load(client, "code,tag,name\nA1,T1,x\nA2,T2,x\nA3,T3,x\n")
    await load(client, "code,tag,name\nA1,T2,x\nA2,T3,x\nA3,T1,x\nA4,T4,x\n")
    found = await aboard(client)
    assert [o["tag"] for o in found.values()] == ["T2", "T3", "T1", "T4"]


async def test_who_waits_for_a_tag_shares_the_error_of_its_holder(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await load(client, "code,tag,name\nA1,T1,x\nA2,T2,x\nA3,T3,x\nA4,T4,x\n")
    # A1 keeps T1 since its name is blank: then A2 keeps T2, and A3 keeps T3.
    content = "code,tag,name\nA1,T9,\nA2,T1,x\nA3,T2,x\nA4,T5,x\nA5,T3,x\nA6,T4,x\n"
    planned = await plan(client, content)
    assert wrong(planned) == [
        (2, "name", "blank"),
        (3, "tag", "duplicate-tag"),
        (4, "tag", "duplicate-tag"),
        (6, "tag", "duplicate-tag"),
    ]
    assert "A1 as long as" in planned["errors"][1]["message"]
    await skip(client, planned)
    found = await aboard(client)
    assert {c: o["tag"] for c, o in found.items()} == {
        "A1": "T1",
        "A2": "T2",
        "A3": "T3",
        "A4": "T5",
        "A6": "T4",
    }


# --- parents --------------------------------------------------------------------------


async def test_parents_come_later_by_code_by_tag_or_from_aboard(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await equipment(client, "ROOT", tag="T-ROOT")
    content = (
        "code,tag,name,parent\n"
        "A1,T1,x,a2\n"
        "A2,T2,x,A3\n"
        "A3,T3,x,t-root\n"
        "A4,T4,x,T1\n"
        "A5,T5,x,Root\n"
        # A code goes before a tag, and the file before what is aboard.
        "T3,T6,x,\n"
        "A6,T7,x,T3\n"
    )
    await load(client, content)
    found = await aboard(client)
    assert {code: o["parent"] for code, o in found.items()} == {
        "A1": "A2",
        "A2": "A3",
        "A3": "ROOT",
        "A4": "A1",
        "A5": "ROOT",
        "A6": "T3",
        "ROOT": None,
        "T3": None,
    }


async def test_a_tag_that_the_file_gives_away_names_its_new_holder(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await load(client, "code,tag,name\nA1,T1,x\n")
    content = "code,tag,name,parent\nA1,T2,x,\nB1,T1,x,\nB2,,x,T1\n"
    await load(client, content)
    assert (await aboard(client))["B2"]["parent"] == "B1"


async def test_unknown_parents_are_told_with_the_users_own_words(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await vessel(client, "MV103")
    await equipment(client, "B1", of="MV103")
    content = "code,name,Parent tag\nA1,x,nope\nA2,x,B1\nA3,x,a/b\nA4,x,A3\n"
    planned = await plan(client, content)
    assert [
        (e["row"], e["column"], e["code"], e["value"]) for e in planned["errors"]
    ] == [
        (2, "Parent tag", "unknown-parent", "NOPE"),
        (3, "Parent tag", "unknown-parent", "B1"),
        (4, "Parent tag", "invalid-code", "a/b"),
        (5, "Parent tag", "parent-has-error", "A3"),
    ]
    assert "nor MV102" in planned["errors"][0]["message"]


async def test_an_error_takes_all_below_it_along(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "OLD")
    content = (
        "code,tag,name,parent\n"
        "TOP,TT,,\n"  # a blank name
        "MID,TM,x,TT\n"
        "LEAF,TL,x,MID\n"
        "OLD,,x,LEAF\n"  # is aboard, and would move below it
        "NEW,,x,OLD\n"  # stands below OLD, which is aboard whatever becomes of its row
        "SIDE,,x,\n"
    )
    planned = await plan(client, content)
    assert wrong(planned) == [
        (2, "name", "blank"),
        (3, "parent", "parent-has-error"),
        (4, "parent", "parent-has-error"),
        (5, "parent", "parent-has-error"),
    ]
    assert planned["errors"][1]["value"] == "TT"
    await skip(client, planned)
    found = await aboard(client)
    assert {code: o["parent"] for code, o in found.items()} == {
        "NEW": "OLD",
        "OLD": None,
        "SIDE": None,
    }


async def test_a_row_with_a_wrong_tag_is_still_its_childrens_parent(
    client: AsyncClient,
) -> None:
    await vessel(client)
    planned = await plan(client, "code,tag,name,parent\nA1,T/1,x,\nA2,T2,x,A1\n")
    assert wrong(planned) == [
        (2, "tag", "invalid-code"),
        (3, "parent", "parent-has-error"),
    ]


async def test_parents_by_key_share_the_error(client: AsyncClient) -> None:
    await vessel(client)
    mapping = {"parent": {"column": "up", "refers_to": "id"}}
    content = "id,up,code,name\n1,,A1,\n2,1,A2,x\n3,2,A3,x\n"
    planned = await plan(client, content, mapping=mapping)
    assert [(e["row"], e["code"], e["value"]) for e in planned["errors"]] == [
        (2, "blank", ""),
        (3, "parent-has-error", "1"),
        (4, "parent-has-error", "2"),
    ]


# --- circles --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "circle"),
    [
        ("A1,x,A1\n", [2]),
        ("A1,x,A2\nA2,x,A1\n", [2, 3]),
        ("A1,x,A2\nA2,x,A3\nA3,x,A1\nA9,x,\n", [2, 3, 4]),
        ("A9,x,\nA1,x,T2\nA2,x,A1\n", [3, 4]),
    ],
)
async def test_circles_of_new_rows(
    client: AsyncClient, given: str, circle: list[int]
) -> None:
    await vessel(client)
    content = "code,name,parent,tag\n" + given.replace("\n", ",\n").replace(
        "A2,x,A1,", "A2,x,A1,T2"
    )
    planned = await plan(client, content)
    assert wrong(planned) == [(row, "parent", "parent-cycle") for row in circle]
    assert planned["errors"][0]["value"] in {"A1", "A2", "T2"}


async def test_circles_through_what_is_aboard(client: AsyncClient) -> None:
    await vessel(client)
    await load(client, "code,name,parent\nA1,x,\nA2,x,A1\nA3,x,A2\nA4,x,A3\n")
    # Only A1 is in the file; the others stand below it already.
    planned = await plan(client, "code,name,parent\nA1,x,A3\nN1,x,A1\n")
    assert wrong(planned) == [(2, "parent", "parent-cycle")]
    # Through a new row, by way of equipment that the file does not name.
    planned = await plan(client, "code,name,parent\nA1,x,N1\nN1,x,A4\nN2,x,N1\n")
    assert wrong(planned) == [
        (2, "parent", "parent-cycle"),
        (3, "parent", "parent-cycle"),
        (4, "parent", "parent-has-error"),
    ]
    # A row that does not speak of parents is not to blame.
    planned = await plan(client, "code,name,parent\nA1,x,A3\nA2,x,A1\nA3,x\n")
    assert wrong(planned) == [
        (2, "parent", "parent-cycle"),
        (3, "parent", "parent-cycle"),
    ]
    # Turned over, the same equipment is no circle.
    await load(client, "code,name,parent\nA1,x,A2\nA2,x,A3\nA3,x,A4\nA4,x,\n")


async def test_what_breaks_one_circle_may_close_another(client: AsyncClient) -> None:
    await vessel(client)
    await load(client, "code,name,parent\nD,x,\nB,x,\nC,x,D\n")
    # B and C stand below each other. Without their rows C stays below D; and D goes
    # below C, which closes a second circle.
    planned = await plan(client, "code,name,parent\nB,x,C\nC,x,B\nD,x,C\nE,x,D\n")
    assert wrong(planned) == [
        (2, "parent", "parent-cycle"),
        (3, "parent", "parent-cycle"),
        (4, "parent", "parent-cycle"),
    ]
    await skip(client, planned)
    assert (await aboard(client))["E"]["parent"] == "D"


async def test_circles_end_however_many_follow_from_one(client: AsyncClient) -> None:
    await vessel(client)
    size = 40
    # Each round undoes a move, and so brings the next circle to light.
    old = [f"C{i},x,{f'C{i + 1}' if i < size else ''}" for i in range(size + 1)]
    await load(client, "\n".join(["code,name,parent", "B,x,", *old]))
    new = ["B,x,C0", "C0,x,B", *(f"C{i + 1},x,C{i}" for i in range(size))]
    planned = await plan(client, "\n".join(["code,name,parent", *new]))
    assert counts(planned)[3] == size + 2
    planned = await plan(client, "\n".join(["code,name,parent", *new, "Z,x,C3"]))
    assert (size + 4, "parent", "parent-cycle") in wrong(planned)
    await skip(client, planned)


async def test_a_long_chain_takes_no_more_than_as_many_short_ones(
    client: AsyncClient,
) -> None:
    """Each step of a walk finds the next by an index, whatever the planner guesses."""
    await vessel(client)
    chain = [f"C{i},x,{f'C{i - 1}' if i else ''}" for i in range(8000)]
    content = "\n".join(["code,name,parent", *reversed(chain)])
    started = time.perf_counter()
    planned = await plan(client, content.replace("C0,x,", "C0,,"))
    assert counts(planned) == (0, 0, 0, 8000)
    planned = await plan(client, content.replace("C0,x,", "C0,x,C7999"))
    assert counts(planned) == (0, 0, 0, 8000)
    # Linear it is some 2 s on a busy machine, quadratic it was a minute.
    assert time.perf_counter() - started < 20
