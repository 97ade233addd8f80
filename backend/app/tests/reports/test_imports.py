"""Issues of another system are brought over from its files, once and whole."""

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
    pointers,
    refused,
    url,
)
from app.tests.failures.factories import line
from app.tests.failures.factories import send as log_of
from app.tests.imports.factories import NDJSON, apply, counts, rows, wrong
from app.tests.orders.factories import fleet
from app.tests.reports.factories import failed, known, levels, moves, plan, send

# What such systems export, in small.
EXPORT = """\
NOTIFICATION;TAG;SHORT_TEXT;LONG_TEXT;TYPE;STATUS;PRIO;CREATED;MALF_START;MALF_END;\
COMPLETED;DAMAGE;BY
10001;45-KA-7101;Dry gas seal leaks;"Seen on the round.
Seal gas ΔP low";M2;NOCO;1-HIGH;01/02/2013 08:00;01/02/2013 08:10;;22/02/2013 18:00;\
ELP;J. Silva
10002;45-PA-7102;Vibrates;;M2;OSNO;3-LOW;05/02/2013 09:30;;;;VIB;
10003;;Paint locker is empty;;M3;NOPR;;06/02/2013;;;;;OPS
10004;45-PA-7102;Seen twice;;M2;DLFL;3-LOW;07/02/2013;;;;;
"""
MAPPING: JSON = {
    "kind": {"column": "TYPE", "values": {"M2": "failure", "M3": "request"}},
    "state": {
        "column": "STATUS",
        "values": {
            "NOCO": "closed",
            "OSNO": "open",
            "NOPR": "in_progress",
            "DLFL": "cancelled",
        },
    },
    "priority": {"column": "PRIO", "values": {"1-HIGH": "2", "3-LOW": "4"}},
    "failure_mode": "DAMAGE",
    "down_since": "MALF_START",
    "down_until": "MALF_END",
    "resolved_at": "COMPLETED",
    "reporter": "BY",
    "cancel_reason": {"constant": "Deleted there"},
}
DUE = "2030-02-01T00:00:00Z"


async def export(client: AsyncClient, text: str = EXPORT) -> JSON:
    answer = await send(client, text, mapping=MAPPING, dates="day-first")
    return created(answer)


async def test_an_export_is_brought_over_once_and_whole(aboard: AsyncClient) -> None:
    planned = await export(aboard)
    assert (planned["kind"], counts(planned)) == ("issues", (4, 0, 0, 0))
    assert planned["ignored_columns"] == []
    page = await get(aboard, "issues", vessel="NDV")
    assert page["items"] == []
    ok(await apply(aboard, planned))
    seal = await known(aboard, "10001")
    told = {
        "equipment": "NDV-45-KA-7101",
        "vessel": "NDV",
        "title": "Dry gas seal leaks",
        "description": "Seen on the round.\nSeal gas ΔP low",
        "reporter": "J. Silva",
        "kind": "failure",
        "state": "closed",
        "priority": 2,
        "failure_mode": "ELP",
        "observed_at": "2013-02-01T08:00:00Z",
        "down_since": "2013-02-01T08:10:00Z",
        "down_until": "2013-02-22T18:00:00Z",
    }
    assert seal | told == seal
    over = "2013-02-22T18:00:00Z"
    assert await moves(aboard, seal) == [
        ("open", "resolved", over),
        ("resolved", "closed", over),
    ]
    page = ok(await aboard.get(url("issues", str(seal["number"]), "moves")))
    assert page["items"][0]["comment"] == f"By import {planned['id']}"
    shakes = await known(aboard, "10002")
    assert (shakes["state"], shakes["priority"]) == ("open", 4)
    assert await moves(aboard, shakes) == []
    locker = await known(aboard, "10003")
    assert (locker["equipment"], locker["priority"]) == (None, 3)
    [(before, after, _)] = await moves(aboard, locker)
    assert (before, after) == ("open", "in_progress")
    twice = await known(aboard, "10004")
    assert twice["state"] == "cancelled"
    page = ok(await aboard.get(url("issues", str(twice["number"]), "moves")))
    assert page["items"][0]["comment"].startswith("Deleted there · By import ")
    # Failures tell reliability, those that were none do not.
    assert await failed(aboard, "NDV-45-KA-7101") == ["2013-02-01T08:00:00Z"]
    assert await failed(aboard, "NDV-45-PA-7102") == ["2013-02-05T09:30:00Z"]
    # The same again is known.
    again = await export(aboard)
    assert counts(again) == (0, 0, 4, 0)
    ok(await apply(aboard, again))
    assert (await known(aboard, "10001"))["version"] == 1


async def test_what_changed_there_changes_here_and_nothing_else_does(
    aboard: AsyncClient,
) -> None:
    ok(await apply(aboard, await export(aboard)))
    shakes = await known(aboard, "10002")
    ok(await change(aboard, "issues", str(shakes["number"]), due_at=DUE))
    ok(await aboard.post(url("issues", str(shakes["number"]), "triage"), json={}))
    # It came further here than there: it stays so.
    assert counts(await export(aboard)) == (0, 0, 4, 0)
    later = EXPORT.replace("Vibrates;;M2;OSNO", "Vibrates much;;M2;NOCO").replace(
        "05/02/2013 09:30;;;;VIB", "05/02/2013 07:30;;;09/02/2013;OTH"
    )
    planned = await export(aboard, later)
    assert counts(planned) == (0, 1, 3, 0)
    [update] = planned["updates"]
    assert update["code"] == "NDV-45-PA-7102"
    assert update["changes"] == {
        "title": {"before": "Vibrates", "after": "Vibrates much"},
        "state": {"before": "triaged", "after": "closed"},
        "failure_mode": {"before": "VIB", "after": "OTH"},
        "observed_at": {
            "before": "2013-02-05T09:30:00+00:00",
            "after": "2013-02-05T07:30:00+00:00",
        },
    }
    ok(await apply(aboard, planned))
    shakes = await known(aboard, "10002")
    assert (shakes["state"], shakes["due_at"]) == ("closed", DUE)
    assert (await moves(aboard, shakes))[1:] == [
        ("triaged", "resolved", "2013-02-09T00:00:00Z"),
        ("resolved", "closed", "2013-02-09T00:00:00Z"),
    ]
    # It failed when the file says now, and not when it said before.
    assert await failed(aboard, "NDV-45-PA-7102") == ["2013-02-05T07:30:00Z"]
    none = later.replace("10002;45-PA-7102;Vibrates much;;M2", "10002;;;;M3")
    ok(await apply(aboard, await export(aboard, none)))
    assert await failed(aboard, "NDV-45-PA-7102") == []
    assert (await known(aboard, "10002"))["title"] == "Vibrates much"


async def test_what_a_log_told_stays_and_what_two_issues_tell(
    aboard: AsyncClient,
) -> None:
    sheet = "reference,equipment,title,kind,observed_at\n{}"
    seen = "2013-02-01T08:00:00Z"
    two = "".join(f"{n},NDV-A1,Leaks,{{}},{seen}\n" for n in (1, 2))
    ok(
        await apply(
            aboard, await plan(aboard, sheet.format(two.format(*2 * ["failure"])))
        )
    )
    assert await failed(aboard, "NDV-A1") == [seen]
    one = sheet.format(two.format("defect", "failure"))
    ok(await apply(aboard, await plan(aboard, one)))
    assert await failed(aboard, "NDV-A1") == [seen]
    none = sheet.format(two.format("defect", "defect"))
    ok(await apply(aboard, await plan(aboard, none)))
    assert await failed(aboard, "NDV-A1") == []
    # A log's warning is an error as long as an issue says so.
    ok(await apply(aboard, await plan(aboard, one)))
    sensor = {"code": "S1"}
    created(await aboard.post(url("equipment", "NDV-A1", "sensors"), json=sensor))
    log = line("2013-02-01 08:00:00", "S1", level="WARNING")
    ok(await apply(aboard, created(await log_of(aboard, log, to="NDV"))))
    ok(await apply(aboard, await plan(aboard, none)))
    assert await levels(aboard, "NDV-A1") == ["warning"]
    ok(await apply(aboard, await plan(aboard, one)))
    assert await levels(aboard, "NDV-A1") == ["error"]


async def test_what_was_reported_is_none_of_the_issues(aboard: AsyncClient) -> None:
    sheet = "reference,equipment,title,kind,observed_at\n1,NDV-A1,Leaks,{},{}\n"
    seen = "2013-02-01T08:00:00Z"
    body = {"code": "NDV-A1", "at": seen, "level": "error"}
    created(await aboard.post(url("failures"), json=body))
    for kind in ("failure", "defect"):
        ok(await apply(aboard, await plan(aboard, sheet.format(kind, seen))))
    assert await failed(aboard, "NDV-A1") == [seen]


HEAD = (
    "equipment,reference,title,kind,observed_at,state,resolved_at,closed_at,"
    "down_since,down_until,failure_mode,impact,priority,cancel_reason,cause\n"
)


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("NOPE,1,x,defect,2013-01-01,,,,,,,,,,", "equipment", "unknown-equipment"),
        ("Z1,1,x,defect,2013-01-01,,,,,,,,,,", "equipment", "unknown-equipment"),
        (",1,x,failure,2013-01-01,,,,,,,,,,", "equipment", "missing"),
        ("NDV-A1,,x,defect,2013-01-01,,,,,,,,,,", "reference", "blank"),
        ("NDV-A1,7,x,defect,2013-01-01,,,,,,,,,,", "reference", "duplicate-row"),
        ("NDV-A1,1,,defect,2013-01-01,,,,,,,,,,", "title", "missing"),
        ("NDV-A1,1,x,,2013-01-01,,,,,,,,,,", "kind", "missing"),
        ("NDV-A1,1,x,M2,2013-01-01,,,,,,,,,,", "kind", "invalid-kind"),
        ("NDV-A1,1,x,defect,,,,,,,,,,,", "observed_at", "missing"),
        ("NDV-A1,1,x,defect,01/02/2013,,,,,,,,,,", "observed_at", "ambiguous-date"),
        ("NDV-A1,1,x,defect,2013-01-01,NOCO,,,,,,,,,", "state", "invalid-state"),
        ("NDV-A1,1,x,defect,2013-01-01,closed,,,,,,,,,", "resolved_at", "missing"),
        (
            *("NDV-A1,1,x,defect,2013-01-01,open,2013-01-02,,,,,,,,", "resolved_at"),
            "not-yet",
        ),
        (
            *("NDV-A1,1,x,defect,2013-01-01,open,,2013-01-02,,,,,,,", "closed_at"),
            "not-yet",
        ),
        (
            *("NDV-A1,1,x,defect,2013-01-02,closed,2013-01-01,,,,,,,,", "resolved_at"),
            "begun-later",
        ),
        (
            *("NDV-A1,1,x,defect,2013-01-02,closed,,2013-01-01,,,,,,,", "closed_at"),
            "begun-later",
        ),
        (
            *(
                "NDV-A1,1,x,defect,2013-01-01,,,,2013-01-02,2013-01-01,,,,,",
                "down_until",
            ),
            "before-down-since",
        ),
        (
            *("NDV-A1,1,x,defect,2013-01-01,,,,,2013-01-01,,,,,", "down_until"),
            "before-down-since",
        ),
        ("NDV-A1,1,x,defect,2013-01-01,,,,,,ZZZ,,,,", "failure_mode", "unknown-code"),
        (
            "NDV-A1,1,x,defect,2013-01-01,,,,,,BRD,,,,",
            "failure_mode",
            "not-of-the-class",
        ),
        ("NDV-A1,1,x,defect,2013-01-01,,,,,,,,,,ZZZ", "cause", "unknown-code"),
        ("NDV-A1,1,x,defect,2013-01-01,,,,,,,bad,,,", "impact", "invalid-impact"),
        ("NDV-A1,1,x,defect,2013-01-01,,,,,,,,HIGH,,", "priority", "invalid-priority"),
        ("NDV-A1,1,x,defect,2013-01-01,cancelled,,,,,,,,,", "cancel_reason", "missing"),
        ("NDV-A1,K,x,defect,2013-01-01,,,,,,,,,,", "equipment", "other-equipment"),
        ("NDV-A1,C,x,defect,2013-01-01,open,,,,,,,,,", "state", "issue-over"),
        ("NDV-A1,C,x,defect,2013-01-01,cancelled,,,,,,,,x,", "state", "issue-over"),
        (
            "NDV-A1,O,x,defect,2013-01-01,closed,2013-01-02,,,,,,,,",
            "state",
            "open-orders",
        ),
        (
            "NDV-A1,O,x,defect,2013-01-01,cancelled,,,,,,,,x,",
            "state",
            "open-orders",
        ),
        ("NDV-A1,1,x,defect,2998-01-01,,,,,,,,,,", "observed_at", "invalid-instant"),
        ("NDV-A1,1,x,failure,1969-01-01,,,,,,,,,,", "observed_at", "invalid-instant"),
        (
            *("NDV-A1,1,x,defect,2013-01-01,,,,2998-01-01,,,,,,", "down_since"),
            "invalid-instant",
        ),
        (
            *("NDV-A1,C,x,defect,2013-01-01,resolved,,,2013-01-01,,,,,,", "down_until"),
            "still-down",
        ),
    ],
)
async def test_what_is_wrong_with_a_row_is_said(
    aboard: AsyncClient, row: str, field: str, code: str
) -> None:
    ok(await change(aboard, "equipment", "NDV-A1", **{"class": "VA"}))
    body = {"title": "x", "kind": "defect", "observed_at": "2013-01-01T00:00:00Z"}
    made: dict[str, str] = {}
    for reference in "KCO":
        where = {"vessel": "NDV"} if reference == "K" else {"equipment": "NDV-A1"}
        told = body | where | {"reference": reference}
        issue = created(await aboard.post(url("issues"), json=told))
        made[reference] = str(issue["number"])
    for step in ("triage", "resolve"):
        ok(await aboard.post(url("issues", made["C"], step), json={}))
    here = url("issues", made["O"], "operations")
    created(await aboard.post(here, json={"type": "repair"}))
    sound = "NDV-A1,7,x,defect,2013-01-01,,,,,,,,,,\n"
    planned = await plan(aboard, f"{HEAD}{sound}{row}\n")
    assert wrong(planned) == [(3, field, code)]
    [problem] = planned["errors"]
    assert problem["column"] == field
    assert len(problem["message"]) > 20
    if code in {"issue-over", "open-orders"}:
        assert made[row.split(",")[1]] in problem["message"]
    refused(await apply(aboard, planned), 409, "plan-has-errors")
    ok(await apply(aboard, planned, skip_errors="true"))
    assert (await known(aboard, "7"))["state"] == "open"


async def test_days_without_a_time_are_whole_days(aboard: AsyncClient) -> None:
    row = (
        "NDV-A1,1,x,failure,2013-02-01 08:00,closed,2013-02-01,2013-02-01,"
        "2013-02-01 09:00,2013-02-01,,,,,"
    )
    planned = await plan(aboard, HEAD + row)
    assert planned["errors"] == []
    ok(await apply(aboard, planned))
    made = await known(aboard, "1")
    assert made["down_until"] == made["down_since"] == "2013-02-01T09:00:00Z"
    assert {at for *_, at in await moves(aboard, made)} == {"2013-02-01T08:00:00Z"}
    assert counts(await plan(aboard, HEAD + row)) == (0, 0, 1, 0)


async def test_what_a_row_lacked_stays_when_it_is_mended(aboard: AsyncClient) -> None:
    ok(await apply(aboard, await export(aboard)))
    seal = await known(aboard, "10001")
    lacking = {"reference": "10001", "impact": "bad"}
    whole = dict.fromkeys(HEAD.strip().split(","), "") | {"reference": 2, "title": "x"}
    more = whole | {"kind": "request", "observed_at": "2013-01-01", "due_at": ""}
    more |= {"description": "", "reporter": ""}
    planned = await plan(aboard, f"{json.dumps(lacking)}\n{json.dumps(more)}", NDJSON)
    assert wrong(planned) == [(1, "impact", "invalid-impact")]
    text = (await aboard.get(planned["links"]["errors_csv"])).text
    planned = await plan(aboard, text.replace("bad", "critical", 1))
    [update] = planned["updates"]
    assert update["changes"] == {"impact": {"before": None, "after": "critical"}}
    ok(await apply(aboard, planned))
    told = seal | {"impact": "critical", "version": 2}
    assert await known(aboard, "10001") == told | {
        "updated_at": (await known(aboard, "10001"))["updated_at"]
    }


async def test_what_is_a_duplicate_here_stays_one(aboard: AsyncClient) -> None:
    ok(await apply(aboard, await export(aboard)))
    other = await known(aboard, "10002")
    same = {"equipment": "NDV-45-PA-7102", "title": "Vibrates", "kind": "failure"}
    one = created(await aboard.post(url("issues"), json=same))
    here = url("issues", str(other["number"]), "duplicate")
    ok(await aboard.post(here, json={"of": one["number"]}))
    later = EXPORT.replace("OSNO;3-LOW", "NOCO;1-HIGH").replace(
        ";;;;VIB", ";;;10/02/2013;VIB"
    )
    planned = await export(aboard, later)
    assert planned["updates"][0]["changes"].keys() == {"priority"}
    ok(await apply(aboard, planned))
    assert (await known(aboard, "10002"))["state"] == "duplicate"
    assert len(await moves(aboard, other)) == 1


async def test_what_was_reopened_here_is_ended_by_what_came_later(
    aboard: AsyncClient,
) -> None:
    """An old file does not close it again."""
    ok(await apply(aboard, await export(aboard)))
    for reference in ("10001", "10004"):
        number = str((await known(aboard, reference))["number"])
        at = {"at": "2013-03-01T08:00:00Z"}
        ok(await aboard.post(url("issues", number, "reopen"), json=at))
    ok(await aboard.post(url("issues", number, "triage"), json={}))
    assert counts(await export(aboard)) == (0, 0, 4, 0)
    later = await export(aboard, EXPORT.replace("22/02/2013 18:00", "02/03/2013"))
    assert later["updates"][0]["changes"] == {
        "state": {"before": "reopened", "after": "closed"}
    }
    ok(await apply(aboard, later))
    assert (await known(aboard, "10001"))["state"] == "closed"
    assert (await known(aboard, "10004"))["state"] == "triaged"


async def test_an_old_file_ends_no_down_time_that_goes_on(aboard: AsyncClient) -> None:
    ok(await apply(aboard, await export(aboard)))
    number = str((await known(aboard, "10001"))["number"])
    still = {"at": "2013-03-01T08:00:00Z", "still_down": True}
    ok(await aboard.post(url("issues", number, "reopen"), json=still))
    assert counts(await export(aboard)) == (0, 0, 4, 0)
    up = EXPORT.replace("08:10;;22/02/2013", "08:10;22/02/2013;22/02/2013")
    assert counts(await export(aboard, up)) == (0, 0, 4, 0)
    ok(await aboard.post(url("issues", number, "triage"), json={}))
    ok(await aboard.post(url("issues", number, "resolve"), json={}))
    assert counts(await export(aboard, up)) == (0, 0, 4, 0)


async def test_a_day_ends_down_time_no_sooner_than_it_began(
    aboard: AsyncClient,
) -> None:
    head = "equipment,reference,title,kind,observed_at,state,down_since,{}\n"
    row = "NDV-A1,{},x,defect,2013-02-01 08:00,closed,2013-02-01 09:00,2013-02-01\n"
    for reference, end in (("1", "resolved_at"), ("2", "closed_at")):
        file = head.format(end) + row.format(reference)
        ok(await apply(aboard, await plan(aboard, file)))
        issue = await known(aboard, reference)
        assert issue["down_until"] == issue["down_since"] == "2013-02-01T09:00:00Z"


async def test_an_issue_is_followed_when_its_equipment_went_elsewhere(
    aboard: AsyncClient,
) -> None:
    file = "equipment,reference,title,kind,observed_at\nNDV-A1,{},x,defect,2013-02-01\n"
    ok(await apply(aboard, await plan(aboard, file.format(1))))
    created(await aboard.post(url("vessels"), json={"code": "MV2"}))
    here = url("equipment", "NDV-A1", "move")
    anyhow = {"If-Match": "*"}
    ok(await aboard.post(here, json={"vessel": "MV2"}, headers=anyhow))
    assert counts(await plan(aboard, file.format(1).replace("x", "y"))) == (0, 1, 0, 0)
    assert wrong(await plan(aboard, file.format(2))) == [
        (2, "equipment", "unknown-equipment")
    ]


async def test_a_file_that_names_no_issue_is_refused(aboard: AsyncClient) -> None:
    answer = await send(aboard, "tag\nNDV-A1\n")
    assert "?mapping=" in refused(answer, 422, "unreadable-file")["detail"]
    mapping = {"state": {"constant": "NOCO"}, "title": "NOPE"}
    answer = await send(aboard, "tag,issue\nNDV-A1,1\n", mapping=mapping)
    assert pointers(refused(answer, 422, "invalid")) == {
        "?mapping.title": "unknown-column",
        "?mapping.state.constant": "invalid-state",
    }


async def test_a_plan_that_is_overtaken_is_stale(aboard: AsyncClient) -> None:
    sheet = "reference,title,kind,observed_at\n{},{},request,2013-01-01\n"
    first = await plan(aboard, sheet.format(1, "old"))
    body = {"vessel": "NDV", "title": "x", "kind": "request", "reference": "1"}
    body["observed_at"] = "2013-01-01T00:00:00Z"
    made = created(await aboard.post(url("issues"), json=body))
    refused(await apply(aboard, first), 409, "plan-stale")
    second = await plan(aboard, sheet.format(1, "new"))
    ok(await change(aboard, "issues", str(made["number"]), title="newer"))
    refused(await apply(aboard, second), 409, "plan-stale")
    # Its work was ordered after the plan was made.
    third = await plan(aboard, "reference,state,resolved_at\n1,resolved,2013-02-01\n")
    here = url("issues", str(made["number"]), "operations")
    created(await aboard.post(here, json={"type": "repair", "code": "NDV-A1"}))
    refused(await apply(aboard, third), 409, "plan-stale")


async def test_the_record_knows_the_import(
    committed: AsyncClient, fresh: Settings
) -> None:
    await fleet(committed)
    sheet = "reference,equipment,title,kind,observed_at,state,resolved_at\n" + "".join(
        f"{n},NDV-A1,Leaks,failure,{1_300_000_000 + n},closed,2020-01-01\n"
        for n in range(2000)
    )
    planned = await plan(committed, sheet, reason="From the old system")
    assert counts(planned) == (2000, 0, 0, 0)
    ok(await apply(committed, planned))
    async with connected(fresh) as connection:
        told = await connection.fetch(
            "SELECT reason, count(*), count(DISTINCT xid) FROM changes "
            "WHERE entity = 'issue' AND action = 'created' GROUP BY reason"
        )
        failures = await connection.fetchval("SELECT count(*) FROM failures")
        steps = await connection.fetchval("SELECT count(*) FROM issue_moves")
    assert [tuple(row) for row in told] == [("From the old system", 2000, 1)]
    assert (failures, steps) == (2000, 4000)
    assert len(await rows(committed, planned, limit="5")) == 5
