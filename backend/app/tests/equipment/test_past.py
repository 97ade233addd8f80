"""The register as it stood: every page that once was can be had again."""

from datetime import datetime, timedelta
from random import Random

import asyncpg
from httpx2 import AsyncClient, Response

from app.database import Driver
from app.settings import Settings
from app.tests.conftest import connected
from app.tests.equipment.test_moving import move
from app.tests.factories import (
    JSON,
    change,
    equipment,
    get,
    listed,
    ok,
    pointers,
    refused,
    url,
    vessel,
)

VESSELS = ("MV102", "MV103")


async def _now(connection: Driver) -> str:
    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return now.isoformat()


async def _registers(client: AsyncClient, **params: str) -> list[JSON]:
    """All that is aboard the vessels, read in small pages."""
    found = []
    for code in VESSELS:
        query: dict[str, str | int] = {"limit": 3, **params}
        while True:
            page = await get(client, "vessels", code, "equipment", **query)
            found += page["items"]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
    return found


async def _do_something(
    client: AsyncClient, connection: Driver, random: Random, number: int
) -> None:
    """One change of the kinds that there are, by requests or by hand."""
    code = f"E{random.randrange(9)}"
    there = await client.get(url("equipment", code))
    if there.status_code == 404:
        await equipment(
            client, code, of=random.choice(VESSELS), tag=f"T{number}", group="G0"
        )
        return
    match random.randrange(5):
        case 0:
            verb = random.choice(("deactivate", "activate"))
            ok(await client.post(url("equipment", verb), json={"codes": [code]}))
        case 1:
            await connection.execute("DELETE FROM equipment WHERE code = $1", code)
        case 2:
            [to] = {*VESSELS} - {there.json()["vessel"]}
            ok(await move(client, code, vessel=to))
        case _:
            name = f"n{random.randrange(4)}"
            done = change(client, "equipment", code, name=name, tag=None, group="G1")
            ok(await done)


async def test_every_register_that_was_can_be_read_again(
    committed: AsyncClient, fresh: Settings
) -> None:
    random = Random(7)  # noqa: S311 the same moves in every run
    for code in VESSELS:
        await vessel(committed, code)
    was: dict[str, list[JSON]] = {}
    singles: dict[str, JSON] = {}
    async with connected(fresh) as connection:
        for number in range(42):
            await _do_something(committed, connection, random, number)
            if number % 14 == 13:
                rows = await _registers(committed)
                now = await _now(connection)
                was[now], singles[now] = rows, rows[0]
        for instant, rows in was.items():
            assert await _registers(committed, as_of=instant) == rows
            for sort in ("-code", "name", "-updated_at"):
                key = sort.removeprefix("-")
                expected = sorted(
                    rows,
                    key=lambda row: (row[key], row["code"]),
                    reverse=sort.startswith("-"),
                )
                expected.sort(key=lambda row: VESSELS.index(row["vessel"]))
                found = await _registers(committed, as_of=instant, sort=sort)
                assert found == expected
            for name, value in (("status", "inactive"), ("group", "G1"), ("q", "N1")):
                found = await _registers(committed, as_of=instant, **{name: value})
                fits = (value, value.lower())
                wanted = [row for row in rows if {row.get(name), row["name"]} & {*fits}]
                assert found == wanted
            recent = [row for row in rows if row["updated_at"] >= rows[0]["updated_at"]]
            params = {"updated_since": rows[0]["updated_at"], "sort": "-code"}
            for code in VESSELS:
                page = await get(
                    committed,
                    "vessels",
                    code,
                    "equipment",
                    as_of=instant,
                    count=True,
                    limit=1,
                    fields="code",
                    **params,
                )
                expected = [row["code"] for row in recent if row["vessel"] == code]
                assert page["total"] == len(expected)
                last = expected[-1:]
                assert page["items"] == [{"code": each} for each in last]
            tagged = await _registers(committed, as_of=instant, tag_prefix="t1")
            assert tagged == [
                row for row in rows if (row["tag"] or "").startswith("T1")
            ]
        for instant, row in singles.items():
            path = ("equipment", row["code"])
            assert await get(committed, *path, as_of=instant) == row
    assert len({str(rows) for rows in was.values()}) == len(was)


async def test_what_was_not_there_is_not_found(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    async with connected(fresh) as connection:
        before = await _now(connection)
    await equipment(committed, "A1")
    answer = await committed.get(url("equipment", "A1"), params={"as_of": before})
    assert "/equipment/A1/history" in refused(answer, 404, "not-found")["detail"]
    assert await listed(committed, "vessels", "MV102", "equipment", as_of=before) == []
    path = url("vessels", "NOPE", "equipment")
    refused(await committed.get(path, params={"as_of": before}), 404, "not-found")


async def test_an_instant_that_cannot_be_told_is_refused(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    await equipment(committed, "A1")

    async def ask(as_of: str) -> Response:
        path = url("vessels", "MV102", "equipment")
        return await committed.get(path, params={"as_of": as_of})

    for instant in ("2126-01-31T00:00:00Z", "2026-01-31T00:00:00", "yesterday"):
        assert pointers(refused(await ask(instant), 422, "invalid")).keys() == {
            "?as_of"
        }
    problem = refused(await ask("2001-01-31T00:00:00Z"), 410, "not-recorded")
    assert problem["since"] in problem["detail"]
    since = datetime.fromisoformat(problem["since"])
    before = (since - timedelta(microseconds=1)).isoformat()
    refused(await ask(before), 410, "not-recorded")
    assert ok(await ask(problem["since"]))["items"] == []
    writer = await asyncpg.connect(str(fresh.database_url))
    async with connected(fresh) as other:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("UPDATE equipment SET name = 'x', version = version + 1")
        now = await _now(other)
        answer = await ask(now)
        assert answer.headers["retry-after"] == "2"
        assert "still open" in refused(answer, 409, "conflict")["detail"]
        # What it does not touch is told meanwhile.
        assert ok(await ask(problem["since"]))["items"] == []
        await transaction.commit()
        await writer.close()
        # When another role's transaction began is hidden from the service.
        async with other.transaction():
            await other.execute(
                "UPDATE equipment SET name = 'y', version = version + 1"
            )
            refused(await ask(problem["since"]), 409, "conflict")
    [row] = ok(await ask(now))["items"]
    assert row["name"] == "x"


async def test_what_stands_on_a_later_change_is_undone_with_it(
    committed: AsyncClient, fresh: Settings
) -> None:
    """Which transaction began first does not say which wrote first."""
    await vessel(committed)
    before = await equipment(committed, "A1", name="n1")
    async with connected(fresh) as early, connected(fresh) as other:
        transaction = early.transaction()
        await transaction.start()
        await early.execute("SELECT 1")
        now = await _now(other)
        ok(await change(committed, "equipment", "A1", name="n2"))
        await early.execute(
            "UPDATE equipment SET name = 'n3', location = 'M60', version = version + 1"
        )
        await transaction.commit()
    assert await get(committed, "equipment", "A1", as_of=now) == before


async def test_what_the_record_is_too_young_for_is_said_as_far_as_it_goes(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    async with connected(fresh) as connection:
        await connection.execute(
            "ALTER TABLE equipment DISABLE TRIGGER USER; "
            "INSERT INTO equipment (code, vessel, name, version) "
            "VALUES ('OLD', 'MV102', 'n1', 7), ('GONE', 'MV102', 'n1', 4); "
            "ALTER TABLE equipment ENABLE TRIGGER USER"
        )
        now = await _now(connection)
        ok(await change(committed, "equipment", "OLD", name="n2"))
        await connection.execute("DELETE FROM equipment WHERE code = 'GONE'")
    gone, old = (await get(committed, "vessels", "MV102", "equipment", as_of=now))[
        "items"
    ]
    assert (old["name"], old["version"]) == ("n1", 7)
    assert old["updated_at"] == old["created_at"] < now
    assert (gone["name"], gone["version"]) == ("n1", 4)
    assert gone["created_at"] < now
