"""A log is read whole, whatever its lines look like, and adds each of them once."""

import gzip
from datetime import UTC, datetime

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from app.database import Sessions
from app.failures import lines, loading
from app.tests.factories import created, ok, refused, vessel
from app.tests.failures.factories import (
    LOG,
    failures,
    fleet,
    line,
    load,
    plan,
    plan_map,
    send,
)
from app.tests.imports.factories import apply, counts, rows, wrong

READINGS = """
SELECT r.tableoid::regclass::text, (r.at AT TIME ZONE 'UTC')::text, s.code, r.nth,
    r.level, r.temperature, r.vibration
FROM readings r JOIN sensors s ON s.number = r.sensor ORDER BY r.at
"""
TABLE = """
SELECT relispartition, relpersistence, relowner,
    (SELECT array_agg((attname, atttypid, attnotnull)::text ORDER BY attnum)
     FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0),
    (SELECT array_agg((contype, conkey, conislocal)::text ORDER BY contype, conkey)
     FROM pg_constraint WHERE conrelid = c.oid),
    (SELECT array_agg((indkey, indisunique, indisprimary)::text)
     FROM pg_index WHERE indrelid = c.oid),
    (SELECT count(*) FROM pg_inherits WHERE inhrelid = c.oid)
FROM pg_class c WHERE oid = to_regclass(:name)
"""
GOOD = ("2019-12-10 10:46:09", 1)


async def test_a_log_is_planned_then_applied(client: AsyncClient) -> None:
    await fleet(client)
    planned = await plan(client, LOG, filename="failures.log", reason="History")
    assert planned["kind"] == "failures"
    assert counts(planned) == (9, 0, 0, 0)
    assert planned["details"] == {
        "readings": 9,
        "failures": 6,
        "errors": 7,
        "warnings": 2,
        "equipment": 3,
        "first": "2019-12-10T10:46:09+00:00",
        "last": "2020-02-29T12:00:00+00:00",
    }
    assert await failures(client) == []
    done = ok(await apply(client, planned))
    assert (done["status"], done["reason"]) == ("applied", "History")
    assert await failures(client) == [
        ("KA-1", "2019-12-10T10:46:09Z", 2),
        ("KA-1", "2020-01-02T06:53:29Z", 2),
        ("KA-1", "2020-01-02T06:53:30Z", 1),
        ("KA-1", "2020-01-31T23:59:59Z", 2),
        ("KA-2", "2020-02-29T00:00:00Z", 1),
        ("PA-1", "2020-02-29T12:00:00Z", 1),
    ]
    refused(await apply(client, planned), 409, "plan-already-applied")


async def test_the_same_log_again_adds_nothing(client: AsyncClient) -> None:
    await fleet(client)
    await load(client, LOG)
    before = await failures(client)
    again = await load(client, LOG)
    assert counts(again) == (0, 0, 9, 0)
    assert await failures(client) == before
    # A longer one adds what is new; a sensor that tells later joins its failure.
    longer = LOG + line("2020-03-01 00:00:00", 4) + line("2019-12-10 10:46:09", 3)
    longer += line("2020-01-02 06:53:30", 2)
    assert counts(await load(client, longer)) == (3, 0, 9, 0)
    grown = ("KA-1", "2020-01-02T06:53:30Z", 2)
    assert grown not in before
    assert grown in await failures(client, level="error")
    assert len(await failures(client)) == len(before) + 2


async def test_a_log_brings_months_like_those_that_are_there(
    client: AsyncClient, sessions: Sessions
) -> None:
    """What a log makes a table of is what a report makes one for."""
    await fleet(client)
    reported = {"code": "KA-1", "at": "2021-05-01T00:00:00Z"}
    created(await client.post("/api/v1/failures", json=reported))
    across = line("2021-05-31 23:59:59.9", 1) + line("2021-06-01", 2, values="1 nan")
    assert counts(await load(client, across)) == (2, 0, 0, 0)
    async with sessions.begin() as session:
        found = await session.execute(text(READINGS))
        assert [tuple(row) for row in found] == [
            ("readings_2021_05", "2021-05-31 23:59:59.9", "1", 1, 2, 26.5, -3438.67),
            ("readings_2021_06", "2021-06-01 00:00:00", "2", 1, 2, 1.0, None),
        ]
        may, june = [
            (await session.execute(text(TABLE), {"name": f"readings_2021_0{n}"})).one()
            for n in (5, 6)
        ]
        assert may == june


async def test_logs_without_a_time_keep_every_line(client: AsyncClient) -> None:
    """Lines of one sensor and day are as many readings, of one failure."""
    await fleet(client)
    day = line("2020/1/2", 1) * 2 + line("2020/1/2", 1, values="30 err")
    assert counts(await load(client, day)) == (3, 0, 0, 0)
    assert counts(await load(client, day)) == (0, 0, 3, 0)
    assert counts(await load(client, day + line("2020/01/02", 1))) == (1, 0, 3, 0)
    assert await failures(client) == [("KA-1", "2020-01-02T00:00:00Z", 4)]


WRITTEN = (
    line(*GOOD),
    line(*GOOD).rstrip("\n"),
    line(*GOOD).replace("\n", "\r\n"),
    line(*GOOD).replace("\t", " "),
    line(*GOOD).replace("\t", "    "),
    "  " + line(*GOOD).replace(":\t(", ":("),
    line(*GOOD).replace("-12-", "/12/"),
    line(*GOOD).replace("ERROR", "error"),
    line(*GOOD).replace(" 10:", "T10:").replace("]", "Z]", 1),
    line(*GOOD).replace("09]", "09.000000]"),
    "\ufeff" + line(*GOOD),
    f"\n \n{line(*GOOD)}\n",
)


async def test_a_line_is_read_however_it_is_written(client: AsyncClient) -> None:
    await fleet(client)
    await load(client, line(*GOOD))
    for written in WRITTEN:
        assert counts(await plan(client, written)) == (0, 0, 1, 0), written
        # Beside others, which are written in the usual form.
        beside = LOG + written.removeprefix("\ufeff")
        assert counts(await plan(client, beside)) == (9, 0, 1, 0), written


async def test_a_log_of_another_encoding_is_read(client: AsyncClient) -> None:
    await fleet(client)
    await load(client, LOG.encode("utf-16"))
    assert len(await failures(client)) == 6


BAD = {
    "pump broke": (None, "unreadable-line"),
    line("10/12/2019", 1): ("at", "invalid-instant"),
    line("2019-02-30 10:00:00", 1): ("at", "invalid-instant"),
    line("2019-12-10 24:00:00", 1): ("at", "invalid-instant"),
    line("2019-12-10 10:00:60", 1): ("at", "invalid-instant"),
    line("2999-01-01 00:00:00", 1): ("at", "invalid-instant"),
    line("infinity", 1): ("at", "invalid-instant"),
    line("2019-12-10 10:00:00", 1, level="FATAL"): ("level", "unknown-level"),
    line("2019-12-10 10:00:00", "1/2"): ("sensor", "invalid-code"),
    line("2019-12-10 10:00:00", 99): ("sensor", "unknown-sensor"),
    line("2019-12-10 10:00:00", 1, values="1 1.2.3"): ("vibration", "invalid-number"),
    line("2019-12-10 10:00:00", 1, values="hot 1"): ("temperature", "invalid-number"),
    "[2019-12-10 10:00:00]\tERROR\tsensor[1]:\t(temperature\t1": (
        None,
        "unreadable-line",
    ),
    "\x00\t\udcff": (None, "unreadable-line"),
}


async def test_bad_lines_are_reported_with_number_and_reason(
    client: AsyncClient,
) -> None:
    await fleet(client)
    texts = [text.rstrip("\n") + "\n" for text in BAD]
    log = "".join(line(*GOOD) + text for text in texts)
    body = log.encode("utf-8", "surrogateescape")
    planned = await plan(client, body)
    assert wrong(planned) == [
        (2 * place, *said) for place, said in enumerate(BAD.values(), 1)
    ]
    assert counts(planned) == (len(BAD), 0, 0, len(BAD))
    assert all(error["message"] for error in planned["errors"])
    assert planned["errors"][9]["value"] == "99"
    assert [row["row"] for row in await rows(client, planned, action="error")] == [
        2 * place for place in range(1, len(BAD) + 1)
    ]
    refused(await apply(client, planned), 409, "plan-has-errors")
    mended = await client.get(planned["links"]["errors_csv"])
    assert 'pump broke,2,"This is no line of a failure log.' in mended.text
    ok(await apply(client, planned, skip_errors="true"))
    assert await failures(client) == [("KA-1", "2019-12-10T10:46:09Z", len(BAD))]


@pytest.mark.parametrize("text", BAD)
def test_one_bad_line_among_many_that_are_alike_is_found(text: str) -> None:
    """The fast way refuses what the careful one does, or else PostgreSQL does."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    context = lines.Context(7, "MV102", frozenset("1234"), now)
    raw = text.rstrip("\n").encode("utf-8", "surrogateescape") + b"\n"
    alike = lines.read_alike(LOG.encode() + raw + LOG.encode(), context)
    assert alike is None or b"1.2.3" in raw or b"2019-02-30" in raw
    assert lines.read_alike(LOG.encode(), context) is not None


async def test_what_is_no_log_is_refused(client: AsyncClient) -> None:
    await fleet(client)
    other = "code,name\nA1,pump\n"
    for content in ("", "\n\n", other, gzip.compress(LOG.encode())):
        problem = refused(await send(client, content), 422, "unreadable-file")
        assert "sensor[5]" in problem["detail"]
        assert ("unpacked" in problem["detail"]) == (content[:2] == b"\x1f\x8b")


async def test_utf_16_is_read_by_its_mark_and_no_archive(client: AsyncClient) -> None:
    await fleet(client)
    wide = LOG.encode("utf-16")
    assert counts(await plan(client, wide)) == (9, 0, 0, 0)
    for content, kind in (
        (wide, "text/plain; charset=utf-8"),
        (LOG.encode("utf-16-le"), "text/plain"),
    ):
        answer = await send(client, content, kind=kind)
        detail = refused(answer, 422, "unreadable-file")["detail"]
        assert "charset=utf-16" in detail
        assert "archive" not in detail


async def test_what_stands_before_the_first_line_refuses_no_log(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it is; an archive is refused before all of it is read."""
    await fleet(client)
    monkeypatch.setattr(loading, "BLOCK", 1000)
    before = "INFO started\n" * 2000
    planned = await plan(client, before + line(*GOOD))
    assert counts(planned) == (1, 0, 0, 2000)
    answer = await send(client, "\0\n" * 20_000)
    problem = refused(answer, 422, "unreadable-file")
    assert problem["detail"].startswith("None of 3000 lines")


async def test_a_log_needs_sensors_and_a_vessel_and_text(client: AsyncClient) -> None:
    await vessel(client)
    problem = refused(await send(client, LOG), 409, "conflict")
    assert "POST /api/v1/vessels/MV102/sensors/imports" in problem["detail"]
    refused(await send(client, LOG, to="MV999"), 404, "not-found")
    answer = await send(client, LOG, kind="application/json")
    assert "text/plain" in refused(answer, 415, "unsupported-media-type")["detail"]


async def test_a_plan_that_was_overtaken_is_stale(
    client: AsyncClient, sessions: Sessions
) -> None:
    await fleet(client)
    first, second = await plan(client, LOG), await plan(client, LOG)
    other = await plan(client, line("2021-01-01 00:00:00", 1))
    ok(await apply(client, first))
    refused(await apply(client, second), 409, "plan-stale")
    ok(await apply(client, other))  # of another time
    later = await plan(client, line("2021-01-02 00:00:00", 1))
    ok(await apply(client, await plan_map(client, "sensor;equipment\n9;KA-1\n")))
    refused(await apply(client, later), 409, "plan-stale")
    lost = await plan(client, line("2021-01-02 00:00:00", 1))
    async with sessions.begin() as session:
        await session.execute(text("DELETE FROM planned_readings"))
    problem = refused(await apply(client, lost), 409, "plan-stale")
    assert "cut off" in problem["detail"]


async def test_expired_plans_leave_nothing_behind(
    client: AsyncClient, sessions: Sessions
) -> None:
    await fleet(client)
    planned = await plan(client, LOG)
    async with sessions.begin() as session:
        await session.execute(
            text("UPDATE imports SET expires_at = now() - '1 s'::interval")
        )
    refused(await apply(client, planned), 410, "plan-expired")
    ok(await apply(client, await plan(client, line(*GOOD))))
    async with sessions.begin() as session:
        assert not await session.scalar(text("SELECT count(*) FROM planned_readings"))


async def test_blocks_end_with_their_lines(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fleet(client)
    monkeypatch.setattr(loading, "BLOCK", 50)
    planned = await plan(client, LOG + "x" * 500 + "\n" + line("2021-01-01", 1))
    assert counts(planned) == (10, 0, 0, 1)
    assert wrong(planned) == [(10, None, "unreadable-line")]
