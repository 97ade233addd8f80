"""Orders of another system are brought over from its files, once and whole."""

import json

import pytest
from httpx2 import AsyncClient

from app.settings import Settings
from app.tests.conftest import connected
from app.tests.factories import (
    JSON,
    change,
    created,
    get,
    ok,
    order,
    pointers,
    refused,
    url,
)
from app.tests.imports.factories import (
    ARRAY,
    NDJSON,
    XLSX,
    apply,
    counts,
    rows,
    workbook,
    wrong,
)
from app.tests.orders.factories import fleet, orders, plan, send

# What such systems export, in small: states and priorities in their own words, days
# first, long texts, one order of two equipment, and what has no place here.
EXPORT = """\
workOrderNumber;tag;title;description;status;priorityDescription;createdDate;dueDate;\
plannedStart;startTime;endTime;actualHours;workPackageNumber;isSafetyCritical
4600131;45-KA-7101;Replace dry gas seal;"Leaks at DE side.
\tSeal gas ΔP ""low"" now";CLSD;Urgent;01/02/2013 08:00;01/03/2013;20/02/2013 06:00;\
21/02/2013 06:00;22/02/2013 18:00;35.3333333;TA-2013;true
4600131;45-PA-7102;Replace dry gas seal;;CLSD;Urgent;01/02/2013 08:00;;;;\
22/02/2013 18:00;;TA-2013;true
4600140;45-PA-7102;Paint the skid;;CNCL;Low;05/02/2013 09:30;;;;;;;false
4600152;NDV-A1;Check oil;;REL;Low;06/02/2013 09:30;01/02/2030;07/02/2030 06:00;;;;;
"""
MAPPING: JSON = {
    "type": {"constant": "repair"},
    "state": {
        "column": "status",
        "values": {"CLSD": "done", "CNCL": "cancelled", "REL": "planned"},
    },
    "priority": {
        "column": "priorityDescription",
        "values": {"Urgent": "1", "Low": "4"},
    },
    "active_maintenance_hours": "actualHours",
    "cancel_reason": {"constant": "Cancelled there"},
}


async def export(client: AsyncClient, text: str = EXPORT) -> JSON:
    answer = await send(client, text, mapping=MAPPING, dates="day-first")
    return created(answer)


async def test_an_export_is_brought_over_once_and_whole(
    aboard: AsyncClient,
) -> None:
    planned = await export(aboard)
    assert (planned["kind"], counts(planned)) == ("operations", (4, 0, 0, 0))
    assert planned["ignored_columns"] == ["isSafetyCritical"]
    assert await orders(aboard) == []
    [first, *_] = await rows(aboard, planned)
    assert first["code"] == first["values"]["equipment"] == "NDV-45-KA-7101"
    assert first["values"]["started_at"] == "2013-02-21T06:00:00+00:00"
    ok(await apply(aboard, planned))
    seal, other, paint, check = await orders(aboard)
    told = {
        "code": "NDV-45-KA-7101",
        "vessel": "NDV",
        "reference": "4600131",
        "type": "repair",
        "activity": "2",
        "title": "Replace dry gas seal",
        "note": 'Leaks at DE side.\n\tSeal gas ΔP "low" now',
        "state": "done",
        "priority": 1,
        "package": "TA-2013",
        "cost": "0.00",
        "ordered_at": "2013-02-01T08:00:00Z",
        "due_at": "2013-03-01T00:00:00Z",
        "planned_at": "2013-02-20T06:00:00Z",
        "started_at": "2013-02-21T06:00:00Z",
        "finished_at": "2013-02-22T18:00:00Z",
        "active_maintenance_hours": "35.33",
        "cancel_reason": None,
    }
    assert seal | told == seal
    assert (other["code"], other["reference"]) == ("NDV-45-PA-7102", "4600131")
    assert (paint["state"], paint["cancel_reason"]) == ("cancelled", "Cancelled there")
    assert paint["performed_at"] == paint["ordered_at"] == "2013-02-05T09:30:00Z"
    assert (check["state"], check["performed_at"]) == (
        *("planned",),
        "2030-02-07T06:00:00Z",
    )
    # The same again is known; what changed there changes here, and nothing else does.
    again = await export(aboard)
    assert counts(again) == (0, 0, 4, 0)
    ok(await apply(aboard, again))
    assert [item["version"] for item in await orders(aboard)] == [1, 1, 1, 1]
    ok(await change(aboard, "operations", check["id"], cost="12.50"))
    later = EXPORT.replace("REL;Low;06/02/2013 09:30;01/02/2030", "REL;Low;;03/02/2030")
    third = await export(aboard, later)
    assert counts(third) == (0, 1, 3, 0)
    assert third["updates"] == [
        {
            "row": 5,
            "code": "NDV-A1",
            "reference": "4600152",
            "changes": {
                "ordered_at": {"before": "2013-02-06T09:30:00+00:00", "after": None},
                "due_at": {
                    "before": "2030-02-01T00:00:00+00:00",
                    "after": "2030-02-03T00:00:00+00:00",
                },
            },
        }
    ]
    ok(await apply(aboard, third))
    [known] = await orders(aboard, reference="4600152")
    assert (known["cost"], known["due_at"], known["version"]) == (
        *("12.50", "2030-02-03T00:00:00Z"),
        3,
    )
    # It was done meanwhile: the state follows.
    done = EXPORT.replace(
        "REL;Low;06/02/2013 09:30;01/02/2030;07/02/2030 06:00;;",
        ("CLSD;Low;;;07/02/2030 06:00;08/02/2014 06:00;08/02/2014 09:00"),
    )
    fourth = await export(aboard, done)
    ok(await apply(aboard, fourth))
    [known] = await orders(aboard, reference="4600152")
    assert (known["state"], known["finished_at"]) == ("done", "2014-02-08T09:00:00Z")


async def test_an_activity_follows_the_type_that_named_it(aboard: AsyncClient) -> None:
    async def became(type_: str, **said: str) -> list[str | None]:
        columns = ("equipment", "reference", "type", "finished_at", *said)
        rows = [
            ",".join(("NDV-A1", number, type_, "2013-01-01", *said.values()))
            for number in ("1", "2")
        ]
        planned = await plan(aboard, "\n".join((",".join(columns), *rows)))
        ok(await apply(aboard, planned))
        return [it["activity"] for it in await orders(aboard)]

    assert await became("replacement") == ["1", "1"]
    said, _ = await orders(aboard)
    ok(await change(aboard, "operations", said["id"], activity="9"))
    assert await became("repair") == ["9", "2"]
    assert await became("") == ["9", "2"]
    assert await became("painting") == ["9", None]
    assert await became("repair", activity="3") == ["3", "3"]
    assert await became("replacement") == ["3", "3"]


@pytest.mark.parametrize("kind", [ARRAY, NDJSON, XLSX])
async def test_other_files_say_the_same(aboard: AsyncClient, kind: str) -> None:
    item: JSON = {
        "equipment": "ndv-a1",
        "reference": 4600131,
        "type": "inspection",
        "note": "First,\nthen",
        "category": "Preventive",
        "status": "In progress",
        "cost": "1250.5",
        "start_time": "2013-02-21 06:00",
        "created": "20130201",
        "due_at": 1362096000000,
        "down_hours": 4.25,
    }
    if kind == XLSX:
        content: str | bytes = workbook([item.keys(), item.values()])
    else:
        content = json.dumps([item] if kind == ARRAY else item)
    planned = await plan(aboard, content, kind)
    assert planned["errors"] == []
    ok(await apply(aboard, planned))
    [made] = await orders(aboard)
    assert (
        made
        | {
            "code": "NDV-A1",
            "reference": "4600131",
            "note": "First,\nthen",
            "category": "preventive",
            "state": "in_progress",
            "cost": "1250.50",
            "started_at": "2013-02-21T06:00:00Z",
            "performed_at": "2013-02-21T06:00:00Z",
            "ordered_at": "2013-02-01T00:00:00Z",
            "due_at": "2013-03-01T00:00:00Z",
            "down_hours": "4.25",
        }
        == made
    )
    assert counts(await plan(aboard, content, kind)) == (0, 0, 1, 0)


HEAD = (
    "equipment,reference,type,state,finished_at,started_at,cost,priority,category,"
    "activity,cancel_reason,down_hours,title\n"
)


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("NOPE,1,x,done,2013-01-01,,,,,,,,", "equipment", "unknown-equipment"),
        ("Z1,1,x,done,2013-01-01,,,,,,,,", "equipment", "unknown-equipment"),
        (",1,x,done,2013-01-01,,,,,,,,", "equipment", "blank"),
        ("a/1,1,x,done,2013-01-01,,,,,,,,", "equipment", "invalid-code"),
        ("NDV-A1,,x,done,2013-01-01,,,,,,,,", "reference", "blank"),
        ("NDV-A1,7,x,done,2013-01-01,,,,,,,,", "reference", "duplicate-row"),
        ("NDV-A1,1,,done,2013-01-01,,,,,,,,", "type", "missing"),
        (f"NDV-A1,1,{'x' * 65},done,2013-01-01,,,,,,,,", "type", "too-long"),
        ("NDV-A1,1,x,TECO,2013-01-01,,,,,,,,", "state", "invalid-state"),
        ("NDV-A1,1,x,done,,,,,,,,,", "finished_at", "missing"),
        ("NDV-A1,1,x,done,01/02/2013,,,,,,,,", "finished_at", "ambiguous-date"),
        ("NDV-A1,1,x,done,2013-02-30,,,,,,,,", "finished_at", "invalid-instant"),
        ("NDV-A1,1,x,done,1013-02-03,,,,,,,,", "finished_at", "invalid-instant"),
        ("NDV-A1,1,x,done,2062-02-03,,,,,,,,", "finished_at", "invalid-instant"),
        ("NDV-A1,1,x,in_progress,,2062-02-03,,,,,,,", "started_at", "invalid-instant"),
        ("NDV-A1,1,x,done,soon,,,,,,,,", "finished_at", "invalid-instant"),
        ("NDV-A1,1,x,planned,2013-01-01,,,,,,,,", "finished_at", "not-yet"),
        ("NDV-A1,1,x,planned,,2013-01-01,,,,,,,", "started_at", "not-yet"),
        ("NDV-A1,1,x,done,2013-01-01,2013-01-02,,,,,,,", "started_at", "begun-later"),
        ("NDV-A1,1,x,done,2013-01-01,,1.234,,,,,,", "cost", "invalid-money"),
        ("NDV-A1,1,x,done,2013-01-01,,,5,,,,,", "priority", "invalid-priority"),
        ("NDV-A1,1,x,done,2013-01-01,,,,urgent,,,,", "category", "invalid-category"),
        ("NDV-A1,1,x,done,2013-01-01,,,,,99,,,", "activity", "unknown-code"),
        ("NDV-A1,1,x,cancelled,,,,,,,,,", "cancel_reason", "missing"),
        ("NDV-A1,1,x,done,2013-01-01,,,,,,,NaN,", "down_hours", "invalid-hours"),
        (f"NDV-A1,1,x,done,2013-01-01,,,,,,,,{'x' * 201}", "title", "too-long"),
        ("NDV-A1,1,x,done,2013-01-01,,,,,,,,,surplus", None, "too-many-cells"),
    ],
)
async def test_what_is_wrong_with_a_row_is_said(
    aboard: AsyncClient, row: str, field: str | None, code: str
) -> None:
    sound = "NDV-A1,7,repair,done,2013-01-01,,,,,,,,\n"
    planned = await plan(aboard, f"{HEAD}{sound}{row}\n")
    assert wrong(planned) == [(3, field, code)]
    [problem] = planned["errors"]
    assert problem["column"] == field
    assert len(problem["message"]) > 20
    mended = await aboard.get(planned["links"]["errors_csv"])
    assert mended.text.splitlines()[1].startswith(row.removesuffix(",surplus")[:20])
    refused(await apply(aboard, planned), 409, "plan-has-errors")
    ok(await apply(aboard, planned, skip_errors="true"))
    assert [item["reference"] for item in await orders(aboard)] == ["7"]


async def test_a_word_that_is_not_known_says_how_to_translate_it(
    aboard: AsyncClient,
) -> None:
    sheet = "equipment,reference,type,state\nNDV-A1,1,x,TECO\n"
    [problem] = (await plan(aboard, sheet))["errors"]
    assert problem["message"] == (
        "Write planned, in_progress, done or cancelled, or translate it in the "
        'mapping: "values": {"TECO": "…"}.'
    )


async def test_breaks_of_pages_and_lines_in_a_note_are_lines(
    aboard: AsyncClient,
) -> None:
    told = "One\x0btwo\x0cthree\u2028four\u0085five\r\nsix"
    item = {"equipment": "NDV-A1", "reference": "1", "type": "x", "state": "open"}
    file = json.dumps([item | {"note": told}, item | {"reference": 2, "note": "\a"}])
    planned = await plan(aboard, file, ARRAY)
    assert wrong(planned) == [(2, "note", "control-character")]
    ok(await apply(aboard, planned, skip_errors="true"))
    [made] = await orders(aboard)
    assert made["note"] == "One\ntwo\nthree\nfour\nfive\r\nsix"


async def test_rows_with_errors_come_back_to_be_mended(aboard: AsyncClient) -> None:
    text = (
        "equipment,reference,type,state,note,due\n"
        'NDV-A1,1,x,TECO,"\'- seal\nleaks",00000000\n'
    )
    none = {"due_at": {"column": "due", "values": {"00000000": ""}}}
    # Each time a spreadsheet would read what it reads as a text.
    for _ in range(2):
        planned = created(await send(aboard, text, mapping=none))
        assert wrong(planned) == [(2, "state", "invalid-state")]
        text = (await aboard.get(planned["links"]["errors_csv"])).text
    planned = created(await send(aboard, text.replace("TECO", "open"), mapping=none))
    assert planned["ignored_columns"] == ["error_row", "error_reason"]
    ok(await apply(aboard, planned))
    [made] = await orders(aboard)
    assert (made["state"], made["note"], made["due_at"]) == (
        *("planned", "- seal\nleaks"),
        None,
    )


async def test_what_a_row_lacked_stays_when_it_is_mended(aboard: AsyncClient) -> None:
    """CSV has no absent cells: the file of errors has what is stored."""
    urgent = {"priority": {"column": "prio", "values": {"1": "2", "2": "3"}}}
    known = {
        "type": "repair",
        "due_at": "2030-02-01T00:00:00Z",
        "priority": 2,
        "note": "First,\nthen",
        "started_at": "2013-02-21T06:00:00Z",
        "finished_at": "2013-02-22T18:00:00Z",
        "active_maintenance_hours": "4.50",
    }
    made = await order(aboard, "NDV-A1", "12.50", reference="1", **known)
    lacking = {"equipment": "NDV-A1", "reference": 1, "category": "urgent"}
    more = dict.fromkeys(("cost", "prio", *known), "") | {"category": "corrective"}
    file = "\n".join(
        json.dumps(item)
        for item in (
            lacking,
            lacking | more | {"reference": 2, "type": "x", "finished_at": "2013-01-01"},
        )
    )
    planned = created(await send(aboard, file, NDJSON, mapping=urgent))
    assert wrong(planned) == [(1, "category", "invalid-category")]
    text = (await aboard.get(planned["links"]["errors_csv"])).text
    mended = text.replace("urgent", "preventive", 1)
    planned = created(await send(aboard, mended, mapping=urgent))
    assert planned["updates"][0]["changes"] == {
        "category": {"before": None, "after": "preventive"}
    }
    ok(await apply(aboard, planned))
    [same] = await orders(aboard, reference="1")
    assert same | known | {"cost": "12.50", "category": "preventive"} == same
    assert same["id"] == made["id"]


async def test_a_file_that_names_no_order_is_refused(aboard: AsyncClient) -> None:
    for sheet in ("reference\n1\n", "tag\nNDV-A1\n"):
        answer = await send(aboard, sheet)
        assert "?mapping=" in refused(answer, 422, "unreadable-file")["detail"]
    mapping = {"state": {"constant": "TECO"}, "title": "NOPE"}
    answer = await send(aboard, "tag,order\nNDV-A1,1\n", mapping=mapping)
    assert pointers(refused(answer, 422, "invalid")) == {
        "?mapping.title": "unknown-column",
        "?mapping.state.constant": "invalid-state",
    }
    mapping = {"note": {"column": "tag", "refers_to": "order"}}
    answer = await send(aboard, "tag,order\nNDV-A1,1\n", mapping=mapping)
    refused(answer, 422, "invalid")
    answer = await send(aboard, "tag,order\nNDV-A1,1\n", dates="year-first")
    assert pointers(refused(answer, 422, "invalid")) == {"?dates": "enum"}


async def test_a_plan_that_is_overtaken_is_stale(aboard: AsyncClient) -> None:
    sheet = "equipment,reference,type,state,title\nNDV-A1,{},check,planned,{}\n"
    first = await plan(aboard, sheet.format(1, "old"))
    await order(aboard, "NDV-A1", reference="1")
    refused(await apply(aboard, first), 409, "plan-stale")
    second = await plan(aboard, sheet.format(2, "old"))
    ok(await apply(aboard, second))
    refused(await apply(aboard, second), 409, "plan-already-applied")
    third = await plan(aboard, sheet.format(2, "new"))
    [known] = await orders(aboard, reference="2")
    ok(await change(aboard, "operations", known["id"], title="newer"))
    refused(await apply(aboard, third), 409, "plan-stale")
    # An order with lines of cost costs what they sum up to.
    line = {"kind": "parts", "amount": "7"}
    costs = url("operations", known["id"], "costs")
    created(await aboard.post(costs, json=line))
    head = "equipment,reference,cost\nNDV-A1,2,"
    assert wrong(await plan(aboard, head + "8")) == [(2, "cost", "not-the-sum")]
    for same in ("7.00", ""):
        assert counts(await plan(aboard, head + same)) == (0, 0, 1, 0)


async def test_the_record_knows_the_import(
    committed: AsyncClient, fresh: Settings
) -> None:
    await fleet(committed)
    sheet = "equipment,reference,type,state\n" + "".join(
        f"NDV-A1,{number},check,planned\n" for number in range(3000)
    )
    planned = await plan(committed, sheet, reason="From the old system")
    assert counts(planned) == (3000, 0, 0, 0)
    ok(await apply(committed, planned))
    async with connected(fresh) as connection:
        told = await connection.fetch(
            "SELECT reason, count(*), count(DISTINCT xid) FROM changes "
            "WHERE entity = 'operation' AND action = 'created' GROUP BY reason"
        )
    assert [tuple(row) for row in told] == [("From the old system", 3000, 1)]
    page = await get(committed, "operations", vessel="NDV", count="true", limit=1)
    assert page["total"] == 3000


async def test_a_problem_of_long_ago_keeps_its_order_and_its_dates(
    aboard: AsyncClient,
) -> None:
    said = {"reference": "4600131", "observed_at": "2013-02-01T08:00:00Z"}
    body = said | {"equipment": "NDV-A1", "title": "Leaks", "kind": "failure"}
    made = created(await aboard.post(url("issues"), json=body))
    here = url("issues", str(made["number"]))
    ordered = {
        "type": "replacement",
        "state": "done",
        "reference": "4600131",
        "finished_at": "2013-02-22T18:00:00Z",
    }
    created(await aboard.post(f"{here}/operations", json=ordered))
    days = ("2013-02-01", "2013-02-22", "2013-02-25")
    for step, day in zip(("triage", "resolve", "close"), days, strict=True):
        ok(await aboard.post(f"{here}/{step}", json={"at": f"{day}T18:00:00Z"}))
    assert ok(await aboard.get(here))["state"] == "closed"
    moves = ok(await aboard.get(f"{here}/moves"))["items"]
    assert [move["at"][:10] for move in moves] == [*days]
    # A file means the same order, which stays that of its issue.
    planned = await plan(aboard, "tag,order,cost\nNDV-A1,4600131,12.5\n")
    assert counts(planned) == (0, 1, 0, 0)
    ok(await apply(aboard, planned))
    [known] = await orders(aboard)
    assert (known["issue"], known["cost"]) == (made["number"], "12.50")
    assert known["finished_at"] == ordered["finished_at"]
