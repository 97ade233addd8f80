"""Problems are reported, described in the field's words, found and counted."""

from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import AsyncClient

from app.tests.factories import (
    JSON,
    Parameter,
    change,
    created,
    equipment,
    get,
    ok,
    pointers,
    refused,
    url,
    vessel,
)

LEAST = {"equipment": "P1", "title": "Seal leaks", "kind": "failure"}
CODED = {
    "failure_mode": "elp",
    "mechanism": "2.2",
    "cause": "3",
    "detection_method": "8",
    "impact": "degraded",
}


@pytest.fixture
async def aboard(client: AsyncClient) -> AsyncClient:
    """SKID above P1, a pump, above M1; and A1 aboard another vessel."""
    await vessel(client, "MV102")
    await vessel(client, "MV103")
    await equipment(client, "SKID")
    pump = {"parent": "SKID", "class": "PU"}
    await equipment(client, "P1", of="MV102", **pump)
    await equipment(client, "M1", parent="P1")
    await equipment(client, "A1", of="MV103")
    return client


async def issue(client: AsyncClient, **fields: object) -> JSON:
    return created(await client.post(url("issues"), json=LEAST | fields))


async def test_an_issue_is_whole_and_can_be_found(aboard: AsyncClient) -> None:
    body: JSON = LEAST | CODED
    body |= {
        "description": "Oil below the pump.\nTray is full.",
        "reporter": "Ana, outside operator",
        "priority": 1,
        "observed_at": "2026-01-31T08:00:00Z",
        "down_since": "2026-01-31T09:00:00Z",
    }
    answer = await aboard.post(url("issues"), json=body)
    made = created(answer)
    number = made["number"]
    assert answer.headers["location"] == f"/api/v1/issues/{number}"
    assert ok(await aboard.get(answer.headers["location"])) == made
    assert made | body | {"failure_mode": "ELP"} == made
    assert (made["vessel"], made["state"], made["down_until"]) == (
        *("MV102", "open"),
        None,
    )
    assert (made["orders"], made["open_orders"], made["offer"]) == (0, 0, None)
    whole = await issue(aboard, equipment=None, vessel="mv103", kind="request")
    assert (whole["vessel"], whole["equipment"], whole["priority"]) == (
        *("MV103", None),
        3,
    )
    changed = await change(
        *(aboard, "issues", str(number)), match='"1"', priority=2, down_since=None
    )
    assert ok(changed)["priority"] == 2
    history = (await get(aboard, "issues", str(number), "history"))["items"]
    assert history[0]["before"]["priority"] == 1
    assert history[1]["vessel"] == "MV102"
    refused(await aboard.get(url("issues", "999999")), 404, "not-found")
    wrong = await aboard.get(url("issues", "0"))
    assert pointers(refused(wrong, 422, "invalid")).keys() == {"/number"}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"equipment": None}, {"/equipment": "missing"}),
        ({"equipment": None, "vessel": "MV102"}, {"/equipment": "missing"}),
        ({"vessel": "MV103"}, {"/vessel": "not-aboard"}),
        ({"failure_mode": "NOPE"}, {"/failure_mode": "not-of-the-class"}),
        ({"failure_mode": "FTC"}, {"/failure_mode": "not-of-the-class"}),
        ({"equipment": "A1", "failure_mode": "NO"}, {"/failure_mode": "unknown-code"}),
        ({"mechanism": "99"}, {"/mechanism": "unknown-code"}),
        ({"cause": "99"}, {"/cause": "unknown-code"}),
        ({"detection_method": "99"}, {"/detection_method": "unknown-code"}),
        ({"impact": "bad"}, {"/impact": "enum"}),
        ({"kind": "wish"}, {"/kind": "enum"}),
        ({"priority": 0}, {"/priority": "greater-than-equal"}),
        ({"down_until": "2026-01-01T00:00:00Z"}, {"/down_until": "before-down-since"}),
        (
            {
                "down_since": "2026-01-02T00:00:00Z",
                "down_until": "2026-01-01T00:00:00Z",
            },
            {"/down_until": "before-down-since"},
        ),
        ({"title": " "}, {"/title": "blank"}),
        ({"state": "closed"}, {"/state": "extra-forbidden"}),
    ],
)
async def test_a_wrong_issue_is_not_stored(
    aboard: AsyncClient, body: JSON, where: dict[str, str]
) -> None:
    answer = await aboard.post(url("issues"), json=LEAST | body)
    assert pointers(refused(answer, 422, "invalid")) == where
    assert (await get(aboard, "issues"))["items"] == []
    if "/failure_mode" in where:
        made = await issue(aboard, equipment=body.get("equipment", "P1"))
        mode = {"failure_mode": body["failure_mode"]}
        answer = await change(aboard, "issues", str(made["number"]), **mode)
        assert pointers(refused(answer, 422, "invalid")) == where


async def test_all_codes_that_there_are_not_are_named_at_once(
    aboard: AsyncClient,
) -> None:
    wrong = {"failure_mode": "X1", "mechanism": "X2", "cause": "X3"}
    unknown = {f"/{name}": "unknown-code" for name in wrong}
    body = LEAST | wrong | {"detection_method": "8", "equipment": "A1"}
    problem = refused(await aboard.post(url("issues"), json=body), 422, "invalid")
    assert pointers(problem) == unknown
    assert problem["detail"].endswith("(and 2 more)")
    early = body | {"down_until": "2026-01-01T00:00:00Z"}
    problem = refused(await aboard.post(url("issues"), json=early), 422, "invalid")
    assert pointers(problem) == unknown | {"/down_until": "before-down-since"}
    number = str((await issue(aboard))["number"])
    answer = await change(aboard, "issues", number, **wrong)
    assert pointers(refused(answer, 422, "invalid")) == unknown | {
        "/failure_mode": "not-of-the-class"
    }


async def test_below_is_below_something(aboard: AsyncClient) -> None:
    for path in (url("issues"), url("counts", "issues")):
        answer = await aboard.get(path, params={"below": "true"})
        problem = refused(answer, 422, "invalid")
        assert pointers(problem) == {"?below": "of-nothing"}
        assert "send equipment too" in problem["detail"]
        ok(await aboard.get(path, params={"below": "false"}))


async def test_a_field_of_issues_that_is_none_is_refused(aboard: AsyncClient) -> None:
    answer = await aboard.get(url("issues"), params={"fields": "title,tag"})
    problem = refused(answer, 422, "invalid")
    assert pointers(problem) == {"?fields": "unknown-field"}
    assert "failure_mode" in problem["detail"]


async def test_what_it_is_about_must_be_there(aboard: AsyncClient) -> None:
    for body in ({"equipment": "NOPE"}, {"equipment": None, "vessel": "NOPE"}):
        answer = await aboard.post(url("issues"), json=LEAST | body)
        refused(answer, 404, "not-found")


@pytest.mark.parametrize(
    ("params", "titles"),
    [
        ({}, "moon pump motor skid"),
        ({"sort": "priority"}, "skid motor pump moon"),
        ({"sort": "observed_at"}, "moon skid motor pump"),
        ({"vessel": "mv102"}, "pump motor skid"),
        ({"equipment": "p1"}, "pump"),
        ({"equipment": "p1", "below": "true"}, "pump motor"),
        ({"equipment": ["SKID", "A1"], "below": "true"}, "moon pump motor skid"),
        ({"equipment": "NOPE", "below": "true"}, ""),
        ({"priority": ["1", "2"]}, "motor skid"),
        ({"kind": "defect"}, "moon"),
        ({"failure_mode": "vib"}, "motor"),
        ({"state": ["triaged", "closed"]}, "skid"),
        ({"older_than": "10"}, "moon"),
        ({"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:01Z"}, "moon"),
    ],
)
async def test_issues_are_found_and_counted(
    aboard: AsyncClient, params: dict[str, Parameter], titles: str
) -> None:
    now = datetime.now(UTC)
    reported: list[tuple[str, str, JSON]] = [
        ("skid", "SKID", {"priority": 1}),
        ("motor", "M1", {"priority": 2, "failure_mode": "VIB"}),
        ("pump", "P1", {}),
        ("moon", "A1", {"kind": "defect", "priority": 4}),
    ]
    for number, (title, code, fields) in enumerate(reported):
        at = (now - timedelta(days=5 - number)).isoformat()
        if title == "moon":
            at = "2020-01-02T00:00:00Z"
        made = await issue(
            aboard, equipment=code, title=title, observed_at=at, **fields
        )
        if title == "skid":
            await aboard.post(url("issues", str(made["number"]), "triage"), json={})
    page = await get(aboard, "issues", **params)
    assert [item["title"] for item in page["items"]] == titles.split()
    shown = await get(
        aboard, "issues", **params, fields="title,orders", count="true", limit=1
    )
    assert shown["total"] == len(titles.split())
    assert shown["items"] == [{"orders": 0, "title": it} for it in titles.split()[:1]]
    only = {name: params[name] for name in params if name not in {"sort", "state"}}
    counts = await get(aboard, "counts", "issues", **only)
    if "state" not in params:
        expected = titles.split()
        assert counts["total"] == len(expected)
        assert counts["triaged"] == ("skid" in expected)
        assert counts["open"] == len(expected) - ("skid" in expected)
        assert counts["duplicate"] == 0
