"""Dates are read as other systems spell them, or refused."""

import json

from httpx2 import AsyncClient

from app.tests.factories import ok
from app.tests.imports.factories import ARRAY, apply, counts, wrong
from app.tests.orders.factories import orders, plan

SPELT = {
    "2013-02-21": "2013-02-21T00:00:00Z",
    "2013-02-21 06:00": "2013-02-21T06:00:00Z",
    "2013-02-21t06:00:30.5+01:00": "2013-02-21T05:00:30.500000Z",
    "2013-02-21 06:00:00 UTC": "2013-02-21T06:00:00Z",
    "20130221": "2013-02-21T00:00:00Z",
    "21.2.2013 6:00": "2013-02-21T06:00:00Z",
    "2/21/2013 12:05 AM": "2013-02-21T00:05:00Z",
    "02/21/2013 6:05:09 pm": "2013-02-21T18:05:09Z",
    "2-21-2013": "2013-02-21T00:00:00Z",
    "2013/02/21 06:00": "2013-02-21T06:00:00Z",
    "2013-2-1": "2013-02-01T00:00:00Z",
    "2013-02-21 06:00 GMT": "2013-02-21T06:00:00Z",
    "2013-02-21T06:00:00+01": "2013-02-21T05:00:00Z",
    "21-Feb-2013": "2013-02-21T00:00:00Z",
    "21 February 2013 06:00": "2013-02-21T06:00:00Z",
    "Feb 21, 2013 6:00:00 PM": "2013-02-21T18:00:00Z",
    "Thu, 21 Feb 2013 06:00:00 GMT": "2013-02-21T06:00:00Z",
    "20130221T060000Z": "2013-02-21T06:00:00Z",
    "20130221060000": "2013-02-21T06:00:00Z",
    "201302210600": "2013-02-21T06:00:00Z",
    "1361426400000": "2013-02-21T06:00:00Z",
    "1361426400000.0": "2013-02-21T06:00:00Z",
    "1361426400": "2013-02-21T06:00:00Z",
    "1361426400.0": "2013-02-21T06:00:00Z",
}
NO_DATES = (
    *("21/02/2013", "2/21/2013 13:00 PM", "21.02.13", "2013022106", "41000"),
    *("201302219900", "20130230060000", "2013-02/21", "21-Fev-2013", "21-FEB-13"),
)


async def test_dates_are_read_as_they_are_spelt(aboard: AsyncClient) -> None:
    items = [
        {"tag": "NDV-A1", "order": str(n), "state": "new", "type": "x", "due": spelt}
        for n, spelt in enumerate((*SPELT, *NO_DATES))
    ]
    planned = await plan(aboard, json.dumps(items), ARRAY, dates="month-first")
    found = [(error["value"], error["code"]) for error in planned["errors"]]
    assert found == [(spelt, "invalid-instant") for spelt in NO_DATES]
    assert "milliseconds" in planned["errors"][0]["message"]
    ok(await apply(aboard, planned, skip_errors="true"))
    read = {int(made["reference"]): made["due_at"] for made in await orders(aboard)}
    assert [read[n] for n in range(len(SPELT))] == list(SPELT.values())


HEAD = "equipment,reference,type,state,planned_at,started_at,finished_at,cancel_reason"


async def test_what_was_cancelled_ended_when_its_file_says_so(
    aboard: AsyncClient,
) -> None:
    """When it was planned for tells nothing of when it ended."""
    ordered = f"{HEAD}\nNDV-A1,1,x,planned,2013-02-01,,,\n"
    ok(await apply(aboard, await plan(aboard, ordered)))
    begun = f"{HEAD}\nNDV-A1,1,x,cancelled,2013-02-01,2013-02-05 08:00,,No spare\n"
    planned = await plan(aboard, begun)
    assert counts(planned) == (0, 1, 0, 0)
    ok(await apply(aboard, planned))
    [known] = await orders(aboard)
    assert known["performed_at"] == "2013-02-05T08:00:00Z"
    assert counts(await plan(aboard, begun)) == (0, 0, 1, 0)
    # It was begun later still: nothing says that it ended before that.
    later = begun.replace("-05 08:00", "-07 08:00")
    ok(await apply(aboard, await plan(aboard, later)))
    [known] = await orders(aboard)
    assert known["performed_at"] == known["started_at"] == "2013-02-07T08:00:00Z"
    ended = later.replace(",,No", ",2013-02-06,No")
    assert wrong(await plan(aboard, ended)) == [(2, "started_at", "begun-later")]


async def test_a_day_without_a_time_is_the_whole_day(aboard: AsyncClient) -> None:
    sheet = f"{HEAD}\nNDV-A1,1,x,done,,2013-02-21 06:00,2013-02-21,\n"
    planned = await plan(aboard, sheet)
    assert planned["errors"] == []
    ok(await apply(aboard, planned))
    [known] = await orders(aboard)
    assert known["finished_at"] == known["started_at"] == "2013-02-21T06:00:00Z"
    assert counts(await plan(aboard, sheet)) == (0, 0, 1, 0)
    # The day before is over, and so is a time of the same day.
    for end in ("2013-02-20", "2013-02-21 05:59"):
        sooner = sheet.replace(",2013-02-21,", f",{end},")
        assert wrong(await plan(aboard, sooner)) == [(2, "started_at", "begun-later")]
