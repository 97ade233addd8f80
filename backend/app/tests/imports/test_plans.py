"""A plan changes nothing; applied, it does all it said, or nothing of it."""

import csv
import io
import json
import uuid
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import text

from app.database import Sessions, create_engine, create_sessions
from app.imports import views
from app.imports.schemas import Plan
from app.main import create_app
from app.settings import Settings
from app.tests.conftest import client_for
from app.tests.factories import (
    JSON,
    change,
    equipment,
    get,
    ok,
    refused,
    url,
    vessel,
)
from app.tests.imports.factories import (
    CSV,
    NDJSON,
    XLSX,
    aboard,
    apply,
    counts,
    load,
    plan,
    rows,
    send,
    workbook,
    wrong,
)

MIXED = "code,tag,name,location\nA1,T1,Pump,M2\nA2,T2,Fan,M1\nA3,T3,Valve,M1\nA/4,,x,\n"


async def expire(sessions: Sessions, plan: JSON) -> None:
    async with sessions.begin() as session:
        await session.execute(
            text(
                "UPDATE imports SET expires_at = now() - interval '1 s' WHERE id = :id"
            ),
            {"id": plan["id"]},
        )


async def errors_csv(client: AsyncClient, plan: JSON) -> tuple[str, list[list[str]]]:
    answer = await client.get(plan["links"]["errors_csv"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="{plan["vessel"]}-import-errors.csv"'
    )
    assert answer.content.startswith(b"\xef\xbb\xbf")
    said = answer.content.decode("utf-8-sig")
    return said, list(csv.reader(io.StringIO(said, newline="")))


# --- what a plan is -------------------------------------------------------------------


async def test_a_plan_says_what_it_would_do_and_does_nothing(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await load(client, "code,tag,name,location\nA1,T1,Pump,M1\nA2,T2,Fan,M1\n")
    before = await aboard(client)
    answer = await send(client, MIXED, filename=" register.csv ")
    planned: JSON = answer.json()
    assert answer.status_code == 201
    here = f"/api/v1/imports/{planned['id']}"
    assert answer.headers["location"] == here
    assert planned["links"] == {
        "self": here,
        "rows": f"{here}/rows",
        "errors_csv": f"{here}/errors.csv",
        "apply": f"{here}/apply",
    }
    assert (planned["vessel"], planned["filename"]) == ("MV102", "register.csv")
    assert (planned["status"], planned["applied_at"]) == ("planned", None)
    assert (planned["errors_truncated"], planned["updates_truncated"]) == (False, False)
    week = datetime.fromisoformat(planned["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < week <= timedelta(days=7)
    assert counts(planned) == (1, 1, 1, 1)
    assert planned["updates"] == [
        {
            "row": 2,
            "code": "A1",
            "reference": None,
            "changes": {"location": {"before": "M1", "after": "M2"}},
        }
    ]
    assert [set(error) for error in planned["errors"]] == [
        {"row", "column", "field", "code", "value", "message"}
    ]
    assert ok(await client.get(here)) == planned
    assert await aboard(client) == before
    # PostgreSQL makes most of this JSON; it is as documented.
    assert Plan.model_validate(planned).model_dump(mode="json") == planned


async def test_rows_come_by_action_in_pages(client: AsyncClient) -> None:
    await vessel(client)
    await load(client, "code,tag,name,location\nA1,T1,Pump,M1\nA2,T2,Fan,M1\n")
    planned = await plan(client, MIXED)
    found = await rows(client, planned)
    assert [(r["row"], r["action"], r["code"], r["tag"]) for r in found] == [
        (2, "update", "A1", "T1"),
        (3, "unchanged", "A2", "T2"),
        (4, "create", "A3", "T3"),
        (5, "error", None, None),
    ]
    assert found[0]["values"] == {
        "code": "A1",
        "tag": "T1",
        "name": "Pump",
        "location": "M2",
        "group": None,
        "class": None,
        "parent": None,
        "status": "active",
    }
    assert found[0]["changes"] == planned["updates"][0]["changes"]
    assert [r["changes"] for r in found[1:]] == [None] * 3
    assert found[3]["errors"] == planned["errors"]
    assert [r["errors"] for r in found[:3]] == [[]] * 3
    chosen = await client.get(
        planned["links"]["rows"], params={"action": ["error", "create"], "limit": 1}
    )
    assert [r["row"] for r in chosen.json()["items"]] == [4]
    assert 'rel="next"' in chosen.headers["link"]
    following = {"action": ["error", "create"], "cursor": chosen.json()["next_cursor"]}
    last = ok(await client.get(planned["links"]["rows"], params=following))
    assert [r["row"] for r in last["items"]] == [5]
    assert last["next_cursor"] is None
    answer = await client.get(planned["links"]["rows"], params={"action": "delete"})
    refused(answer, 422, "invalid")
    answer = await client.get(planned["links"]["rows"], params={"cursor": "x"})
    refused(answer, 400, "bad-cursor")


async def test_plans_are_listed_the_latest_first(client: AsyncClient) -> None:
    await vessel(client)
    await vessel(client, "MV103")
    first = await plan(client, "code,name\nA1,x\n")
    second = await plan(client, "code,name\nB1,x\n", to="mv103")
    page = await get(client, "imports", limit=1)
    assert page["items"] == [_summary(second)]
    page = await get(client, "imports", cursor=page["next_cursor"])
    assert page["items"] == [_summary(first)]
    page = await get(client, "imports", vessel="mv103")
    assert page["items"] == [_summary(second)]


def _summary(plan: JSON) -> JSON:
    left_out = ("columns", "ignored_columns", "details", "errors", "updates", "links")
    return {
        name: value
        for name, value in plan.items()
        if name not in left_out and not name.endswith("_truncated")
    }


async def test_an_unknown_plan_is_404_everywhere(client: AsyncClient) -> None:
    for identity, status, slug in (
        (uuid.uuid4(), 404, "not-found"),
        ("x", 422, "invalid"),
    ):
        here = f"/api/v1/imports/{identity}"
        for path in ("", "/rows", "/errors.csv"):
            refused(await client.get(here + path), status, slug)
        refused(await client.post(here + "/apply"), status, slug)


async def test_only_the_first_10_000_errors_and_updates_are_shown(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert views.SHOWN == 10_000
    monkeypatch.setattr(views, "SHOWN", 50)
    await vessel(client)
    sound = "\n".join(["code,name", *(f"A{i},x" for i in range(51))])
    await load(client, sound)
    wide = sound.replace(",x", ",y") + "\n" + "\n".join("A/,x" for _ in range(51))
    planned = await plan(client, wide)
    assert counts(planned) == (0, 51, 0, 51)
    assert (planned["errors_truncated"], planned["updates_truncated"]) == (True, True)
    assert [error["row"] for error in planned["errors"]] == list(range(53, 103))
    assert [update["row"] for update in planned["updates"]] == list(range(2, 52))
    _, found = await errors_csv(client, planned)
    assert len(found) == 52


# --- applying -------------------------------------------------------------------------


async def test_applying_does_what_was_said(client: AsyncClient) -> None:
    await vessel(client)
    await load(client, "code,tag,name,location\nA1,T1,Pump,M1\nA2,T2,Fan,M1\n")
    before = await aboard(client)
    planned = await plan(client, MIXED)
    refusal = refused(await apply(client, planned), 409, "plan-has-errors")
    assert "1 of 4 rows" in refusal["detail"]
    assert refusal["errors_csv"] == planned["links"]["errors_csv"]
    assert await aboard(client) == before
    done = ok(await apply(client, planned, skip_errors="true"))
    assert done["status"] == "applied"
    assert done | {"status": "planned", "applied_at": None} == planned
    after = await aboard(client)
    assert after["A2"] == before["A2"]
    assert after["A1"] == before["A1"] | {
        "location": "M2",
        "version": 2,
        "updated_at": after["A1"]["updated_at"],
    }
    assert after["A3"]["status"] == "active"
    assert after["A3"]["version"] == 1
    refusal = refused(
        await apply(client, planned, skip_errors="true"), 409, "plan-already-applied"
    )
    assert "applied at" in refusal["detail"]
    assert counts(await plan(client, MIXED)) == (0, 0, 3, 1)


async def test_a_plan_survives_a_restart(fresh: Settings) -> None:
    engine = create_engine(fresh)
    async with client_for(create_app(fresh), create_sessions(engine)) as client:
        await vessel(client)
        planned = await plan(client, "code,name\nA1,x\n")
    await engine.dispose()
    engine = create_engine(fresh)
    async with client_for(create_app(fresh), create_sessions(engine)) as client:
        assert await get(client, "imports", planned["id"]) == planned
        ok(await apply(client, planned))
        assert set(await aboard(client)) == {"A1"}
    await engine.dispose()


async def test_applying_is_whole_or_not_at_all(client: AsyncClient) -> None:
    """The last row of the plan clashes: nothing of the first ones stays."""
    await vessel(client)
    await equipment(client, "OLD")
    planned = await plan(client, "code,name\nA1,x\nOLD,new name\nZ9,x\n")
    await equipment(client, "Z9")
    before = await aboard(client)
    refused(await apply(client, planned), 409, "plan-stale")
    assert await aboard(client) == before
    # The plan is still one, for what it is worth.
    assert (await get(client, "imports", planned["id"]))["status"] == "planned"


STALE = {
    "patched": ("A1,new,\n", "patch"),
    "deactivated": ("A1,new,\n", "deactivate"),
    "unchanged, then patched": ("A1,compressor,\n", "patch"),
    "code taken": ("A1,compressor,\nN1,x,\n", "take code"),
    "code taken aboard another vessel": ("N1,x,\n", "take code elsewhere"),
    "tag taken": ("N2,x,T9\n", "take tag"),
}


@pytest.mark.parametrize(("given", "meanwhile"), STALE.values(), ids=STALE)
async def test_a_plan_is_stale_when_what_it_touches_changed(
    client: AsyncClient, given: str, meanwhile: str
) -> None:
    await vessel(client)
    await vessel(client, "MV103")
    await equipment(client, "A1")
    planned = await plan(client, f"code,name,tag\n{given}")
    assert wrong(planned) == []
    match meanwhile:
        case "patch":
            ok(await change(client, "equipment", "A1", location="M9"))
        case "deactivate":
            ok(await client.post(url("equipment", "deactivate"), json={"codes": "A1"}))
        case "take code":
            await equipment(client, "N1")
        case "take code elsewhere":
            await equipment(client, "N1", of="MV103")
        case "take tag":
            await equipment(client, "X1", tag="T9")
    before = await aboard(client)
    refusal = refused(await apply(client, planned), 409, "plan-stale")
    assert "nothing was applied" in refusal["detail"]
    assert await aboard(client) == before


async def test_what_a_plan_does_not_touch_may_change(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A1")
    await equipment(client, "A2")
    planned = await plan(client, "code,name\nA1,new\nA/2,x\nN1,x\n")
    ok(await change(client, "equipment", "A2", name="other"))
    ok(await apply(client, planned, skip_errors="true"))


async def test_a_circle_that_would_close_now_makes_a_plan_stale(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await load(client, "code,name,parent\nA1,x,\nA2,x,\nA3,x,A2\n")
    planned = await plan(client, "code,name,parent\nA1,x,A3\n")
    # Not a row of the plan, nor a row it refers to.
    ok(await change(client, "equipment", "A2", parent="A1"))
    before = await aboard(client)
    refusal = refused(await apply(client, planned), 409, "plan-stale")
    assert "below itself" in refusal["detail"]
    assert await aboard(client) == before


# --- expiring -------------------------------------------------------------------------


async def test_a_plan_expires_and_the_next_import_forgets_its_rows(
    client: AsyncClient, sessions: Sessions
) -> None:
    await vessel(client)
    old = await plan(client, "code,name\nA1,x\nA/2,x\n")
    kept = await plan(client, "code,name\nA3,x\n")
    await expire(sessions, old)
    read = await get(client, "imports", old["id"])
    assert read["status"] == "expired"
    assert read["errors"] == old["errors"]
    refusal = refused(await apply(client, old, skip_errors="true"), 410, "plan-expired")
    assert "Import the file again" in refusal["detail"]
    refused(await client.get(old["links"]["rows"]), 410, "plan-expired")
    refused(await client.get(old["links"]["errors_csv"]), 410, "plan-expired")
    assert await aboard(client) == {}

    await plan(client, "code,name\nA4,x\n")
    async with sessions() as session:
        count = text("SELECT count(*) FROM import_rows WHERE import_id = :id")
        assert await session.scalar(count, {"id": old["id"]}) == 0
        assert await session.scalar(count, {"id": kept["id"]}) == 1
    read = await get(client, "imports", old["id"])
    assert (read["counts"], read["errors"]) == (old["counts"], [])
    ok(await apply(client, kept))


async def test_an_applied_plan_stays_applied_when_it_expires(
    client: AsyncClient, sessions: Sessions
) -> None:
    await vessel(client)
    done = await load(client, "code,name\nA1,x\n")
    await expire(sessions, done)
    assert (await get(client, "imports", done["id"]))["status"] == "applied"
    refused(await apply(client, done), 409, "plan-already-applied")


# --- the file of errors ---------------------------------------------------------------


async def test_errors_come_as_a_file_to_mend(client: AsyncClient) -> None:
    await vessel(client)
    content = (
        "No;Wert;code;name;Größe\n"
        '1;"a\nb";A/1;Pump;\u00f8\n'
        "2;;A2;Fan;\n"
        "3;;A3;;=1+1\n"
        "4;;A4;x;;extra\n"
    )
    planned = await plan(client, content)
    said, found = await errors_csv(client, planned)
    assert found[0] == [
        "No",
        "Wert",
        "code",
        "name",
        "Größe",
        "error_row",
        "error_reason",
    ]
    assert [row[:6] for row in found[1:]] == [
        ["1", "a\nb", "A/1", "Pump", "\u00f8", "2"],
        ["3", "", "A3", "", "'=1+1", "4"],
        ["4", "", "A4", "x", "", "5"],
    ]
    assert found[1][6].startswith("code: A code or tag has 1 to 64 characters")
    assert found[3][6].startswith("This row has 6 cells")
    mended = said.replace("A/1", "A1").replace(",A3,,", ",A3,Motor,")
    done = await load(client, mended)
    assert counts(done) == (3, 0, 0, 0)
    assert done["ignored_columns"] == [
        "No",
        "Wert",
        "Größe",
        "error_row",
        "error_reason",
    ]


async def test_errors_of_a_file_of_errors_have_one_reason(client: AsyncClient) -> None:
    await vessel(client)
    said, first = await errors_csv(client, await plan(client, "code,name\nA/1,x\n"))
    _, second = await errors_csv(client, await plan(client, said))
    assert second == first


@pytest.mark.parametrize("kind", ["csv", "xlsx", "ndjson"])
async def test_defused_cells_mean_the_same_after_mending(
    client: AsyncClient, kind: str
) -> None:
    """In JSON an apostrophe is one; in a spreadsheet it defuses."""
    await vessel(client)
    names = ["=1+1", "'=1+1", "''=x", "-5", "'plain", "\ttab", "@cmd", "+47 55 00"]
    if kind == "ndjson":
        objects = [{"code": f"A/{i}", "name": name} for i, name in enumerate(names)]
        planned = await plan(client, "\n".join(map(json.dumps, objects)), NDJSON)
        meant = [name.strip() for name in names]
    else:
        table = [["code", "name"], *([f"A/{i}", name] for i, name in enumerate(names))]
        if kind == "xlsx":
            content = workbook(table, strings_to_formulas=False)
            planned = await plan(client, content, XLSX)
        else:
            planned = await plan(client, "\n".join(",".join(row) for row in table))
        meant = ["=1+1", "=1+1", "'=x", "-5", "'plain", "tab", "@cmd", "+47 55 00"]
    said, found = await errors_csv(client, planned)
    for row in found[1:]:
        assert not row[1].startswith(("=", "+", "-", "@", "\t"))
    await load(client, said.replace("A/", "A"))
    assert [o["name"] for o in (await aboard(client)).values()] == meant


async def test_what_was_absent_is_not_cleared_by_mending(client: AsyncClient) -> None:
    """CSV has no absent cells: the file of errors holds what is stored instead."""
    await vessel(client)
    await equipment(client, "ROOT")
    await equipment(client, "A1", tag="T1", location="M1", group="G", parent="ROOT")
    lines = (
        '{"code": "A1", "name": "", "group": null}\n'
        '{"code": "A2", "name": "x", "location": "M2", "tag": "T2", "parent": "ROOT"}\n'
    )
    planned = await plan(client, lines, NDJSON)
    said, found = await errors_csv(client, planned)
    assert dict(zip(found[0], found[1], strict=True)) | {"error_reason": ""} == {
        "code": "A1",
        "name": "",
        "group": "",
        "location": "M1",
        "tag": "T1",
        "parent": "ROOT",
        "error_row": "1",
        "error_reason": "",
    }
    planned = await plan(client, said.replace("A1,,", "A1,new,"))
    assert planned["updates"][0]["changes"] == {
        "name": {"before": "compressor", "after": "new"},
        "group": {"before": "G", "after": None},
    }


async def test_control_characters_do_not_shift_the_columns(client: AsyncClient) -> None:
    await vessel(client)
    content = "code,name,a,b\nA/1,x\x1fy,\x1e,\x00\x1f\x1f\n"
    _, found = await errors_csv(client, await plan(client, content))
    assert found[1][:5] == ["A/1", "x\ufffdy", "", "\ufffd\ufffd\ufffd", "2"]


async def test_without_errors_the_file_is_its_header(client: AsyncClient) -> None:
    await vessel(client)
    planned = await plan(client, "code,name\nA1,x\n")
    _, found = await errors_csv(client, planned)
    assert found == [["code", "name", "error_row", "error_reason"]]


async def test_a_header_can_be_a_formula_too(client: AsyncClient) -> None:
    await vessel(client)
    planned = await plan(client, "code,name,=cmd\nA/1,x,\n")
    said, found = await errors_csv(client, planned)
    assert found[0][2] == "'=cmd"
    again = await plan(client, said.replace("A/1", "A1"), mapping={"group": "=cmd"})
    assert again["columns"]["group"] == "=cmd"


# --- what is refused before the body is read ------------------------------------------


@pytest.mark.parametrize(
    ("to", "kind", "mapping", "status", "slug"),
    [
        ("NOPE", CSV, "{}", 404, "not-found"),
        ("MV102", "application/pdf", "{}", 415, "unsupported-media-type"),
        ("MV102", CSV, "{", 422, "invalid"),
    ],
)
async def test_nothing_is_read_of_a_body_that_cannot_be_used(
    client: AsyncClient, to: str, kind: str, mapping: str, status: int, slug: str
) -> None:
    await vessel(client)
    read = False

    async def body() -> AsyncGenerator[bytes]:
        nonlocal read
        read = True
        yield b"code\n"

    answer = await client.post(
        url("vessels", to, "imports"),
        content=body(),
        params={"mapping": mapping},
        headers={"Content-Type": kind},
    )
    refused(answer, status, slug)
    assert not read


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("application/pdf", "application/pdf"),
        ("multipart/form-data; boundary=x", "multipart/form-data"),
        ("text/csv; charset=klingon", "charset 'klingon'"),
        ("text/csv; charset=utf-7", "charset 'utf-7'"),
        ("text/csv; charset=base64", "charset 'base64'"),
        ("text/csv; charset=", "charset"),
        ("text", "Content-Type: text/csv"),
    ],
)
async def test_other_kinds_of_files_are_refused(
    client: AsyncClient, kind: str, said: str
) -> None:
    await vessel(client)
    answer = await send(client, "code\n", kind)
    assert said in refused(answer, 415, "unsupported-media-type")["detail"]


async def test_no_kind_at_all_is_refused(client: AsyncClient) -> None:
    await vessel(client)
    answer = await client.post(url("vessels", "MV102", "imports"), content=b"code\n")
    refused(answer, 415, "unsupported-media-type")


async def test_the_schema_names_every_kind_of_file(app: FastAPI) -> None:
    operation = app.openapi()["paths"]["/api/v1/vessels/{code}/imports"]["post"]
    assert set(operation["requestBody"]["content"]) == {
        "text/csv",
        "text/tab-separated-values",
        "application/json",
        "application/x-ndjson",
        XLSX,
    }
    names = {parameter["name"] for parameter in operation["parameters"]}
    assert names == {
        "code",
        "mapping",
        "delimiter",
        "filename",
        "reason",
        "x-change-reason",
    }
