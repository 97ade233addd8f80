"""The record holds exactly one row for each change, whoever made it and however."""

import asyncio
import re
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import pytest
from asyncpg.exceptions import InsufficientPrivilegeError
from httpx2 import AsyncClient

from app.database import Base, Driver, create_engine, create_sessions
from app.drivers import open_drivers
from app.equipment import queries, service
from app.equipment.models import Equipment, Status
from app.equipment.schemas import EquipmentCreate
from app.issues.models import Issue, IssueAttachment, IssueComment, IssueMove
from app.operations.models import CostLine, Operation
from app.parts.models import Fit, Part
from app.recording import Cause
from app.requisitions.models import Line, Requisition
from app.settings import Settings
from app.stock.models import Level, Store
from app.taxonomy.models import TABLES, AllowedMode
from app.tests.conftest import connected
from app.tests.factories import (
    JSON,
    change,
    created,
    equipment,
    ok,
    order,
    pointers,
    refused,
    url,
    vessel,
)
from app.tests.test_contract import SCHEMA
from app.units.models import Installation, Unit
from app.vessels.models import Vessel

RECORDED: list[type[Base]] = [
    Vessel,
    Equipment,
    Operation,
    CostLine,
    Unit,
    Installation,
    Issue,
    IssueMove,
    IssueComment,
    IssueAttachment,
    *TABLES.values(),
    AllowedMode,
    *(Part, Fit, Store, Level, Requisition, Line),
]
WHY = {"X-Change-Reason": "Turnaround 2026"}


async def recorded(connection: Driver, **where: str) -> list[dict[str, Any]]:
    """The record, the oldest first, as plain values."""
    conditions = "".join(f" AND {name} = '{value}'" for name, value in where.items())
    rows = await connection.fetch(
        "SELECT entity, vessel, code, action, version, who, request_id, reason, "
        "before::text, after::text, xid, at FROM changes "
        f"WHERE true{conditions} ORDER BY id"
    )
    return [dict(row) for row in rows]


async def actions(connection: Driver) -> list[tuple[str, str, str]]:
    rows = await recorded(connection)
    return [(row["entity"], row["code"], row["action"]) for row in rows]


# --- what requests leave -----------------------------------------------------------


async def test_each_kind_of_request_leaves_its_rows(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed, name="Baía")
    await equipment(committed, "A1", tag="T1")
    await equipment(committed, "A2")
    ok(await change(committed, "equipment", "A1", location="M60", tag=None))
    body = {"codes": ["A1", "A2"]}
    ok(await committed.post(url("equipment", "deactivate"), json=body, headers=WHY))
    made = await order(committed, "A1", cost="12.5", performed_at="2026-01-31T08:00Z")
    async with connected(fresh) as connection:
        rows = await recorded(connection)
    # One statement changes its rows in no order.
    rows[4:6] = sorted(rows[4:6], key=itemgetter("code"))
    assert [(row["entity"], row["code"], row["action"]) for row in rows] == [
        ("vessel", "MV102", "created"),
        ("equipment", "A1", "created"),
        ("equipment", "A2", "created"),
        ("equipment", "A1", "updated"),
        ("equipment", "A1", "updated"),
        ("equipment", "A2", "updated"),
        ("operation", made["id"], "created"),
    ]
    assert {row["vessel"] for row in rows} == {"MV102"}
    assert rows[0]["after"] == '{"code": "MV102", "name": "Baía"}'
    assert rows[3]["before"] == '{"tag": "T1", "location": "Brazil"}'
    assert rows[3]["after"] == '{"tag": null, "location": "M60"}'
    assert [row["version"] for row in rows] == [1, 1, 1, 2, 3, 2, 1]
    assert [row["reason"] for row in rows[3:6]] == [None, *WHY.values(), *WHY.values()]
    # One statement, one transaction, one instant.
    assert rows[4]["xid"] == rows[5]["xid"] != rows[3]["xid"]
    assert rows[4]["at"] == rows[5]["at"]
    assert '"cost": "12.50"' in rows[6]["after"]
    assert '"performed_at": "2026-01-31T08:00:00+00:00"' in rows[6]["after"]


async def test_it_says_who_with_which_request_and_why(
    committed: AsyncClient, fresh: Settings
) -> None:
    headers = {"X-Request-ID": "req-7", "X-Change-Reason": "  Så ble det byttet "}
    encoded = {name.encode(): value.encode() for name, value in headers.items()}
    created(await committed.post(url("vessels"), json={"code": "MV1"}, headers=encoded))
    latin = {b"X-Change-Reason": "Så".encode("latin-1")}
    created(await committed.post(url("vessels"), json={"code": "MV2"}, headers=latin))
    # The same pooled connection tells nothing of the request before.
    answer = await committed.post(url("vessels"), json={"code": "MV3"})
    async with connected(fresh) as connection:
        await connection.execute("INSERT INTO vessels (code) VALUES ('MV4')")
        rows = await recorded(connection)
    assert {row["who"] for row in rows} == {"anonymous"}
    assert rows[0]["request_id"] == "req-7"
    assert rows[2]["request_id"] == answer.headers["x-request-id"]
    assert rows[3]["request_id"] is None
    reasons = [row["reason"] for row in rows]
    assert reasons == ["Så ble det byttet", "Så", None, None]


async def test_a_hot_write_says_it_too_in_its_one_statement(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    where = url("vessels", "MV102", "equipment")
    body = {"code": "A1", "name": "pump", "location": "Brazil"}
    expected: list[tuple[str, str | None, str]] = [
        ("req-0", WHY["X-Change-Reason"], "created")
    ]
    headers = {"X-Request-ID": "req-0", **WHY}
    created(await committed.post(where, json=body, headers=headers))
    for number, verb in enumerate(("deactivate", "activate"), 1):
        headers = {"X-Request-ID": f"req-{number}", "X-Change-Reason": verb}
        answer = await committed.post(
            url("equipment", verb), json={"codes": "A1"}, headers=headers
        )
        assert ok(answer)["changed"] == ["A1"]
        expected.append((f"req-{number}", verb, "updated"))
        # The same pooled connection, and no reason.
        code = f"B{number}"
        made = await committed.post(where, json={**body, "code": code})
        created(made)
        expected.append((made.headers["x-request-id"], None, "created"))
    async with connected(fresh) as connection:
        rows = await recorded(connection, entity="equipment")
    told = [(row["request_id"], row["reason"], row["action"]) for row in rows]
    assert told == expected


async def test_what_was_said_ends_with_the_statement(fresh: Settings) -> None:
    data = EquipmentCreate(code="A1", name="pump", location="Brazil")
    cause = Cause("req-1", "Turnaround")
    engine = create_engine(fresh)
    async with open_drivers(engine, 1) as lend:
        async with lend() as connection:
            await connection.execute("INSERT INTO vessels (code) VALUES ('MV102')")
        assert await queries.create(lend, cause, "MV102", data)
        assert await queries.set_status(
            lend, cause, ["A1"], Status.INACTIVE, partial=False
        )
        async with lend() as connection:
            await connection.execute("UPDATE equipment SET name = 'valve'")
            rows = await recorded(connection, entity="equipment")
    await engine.dispose()
    told = [(row["request_id"], row["reason"]) for row in rows]
    assert told == [cause, cause, (None, None)]


async def test_what_succeeds_only_the_second_time_is_told_as_well(
    fresh: Settings, settings: Settings
) -> None:
    """The vessel comes between the two: another database does not have it yet."""
    data = EquipmentCreate(code="A1", name="pump", location="Brazil")
    cause = Cause("req-1", "Turnaround")
    before = create_engine(settings)
    engine = create_engine(fresh)
    async with open_drivers(before, 1) as drivers, connected(fresh) as connection:
        await connection.execute("INSERT INTO vessels (code) VALUES ('MV102')")
        await service.install(drivers, create_sessions(engine), cause, "MV102", data)
        [row] = await recorded(connection, entity="equipment")
    await engine.dispose()
    await before.dispose()
    assert (row["request_id"], row["reason"]) == cause


@pytest.mark.parametrize("reason", ["", " ", "x" * 201, "a\tb", "a\x7fb"])
async def test_a_reason_is_one_line_of_200_characters(
    client: AsyncClient, reason: str
) -> None:
    answer = await client.post(
        url("vessels"), json={"code": "MV1"}, headers={"X-Change-Reason": reason}
    )
    problem = refused(answer, 422, "invalid")
    assert pointers(problem).keys() == {"x-change-reason"}
    refused(await client.get(url("vessels", "MV1")), 404, "not-found")
    longest = {"X-Change-Reason": "x" * 200}
    created(await client.post(url("vessels"), json={"code": "MV1"}, headers=longest))


def test_every_write_takes_a_reason_and_no_reading_does() -> None:
    for operations in SCHEMA["paths"].values():
        for method, document in operations.items():
            names = {it["name"] for it in document.get("parameters", [])}
            assert ("x-change-reason" in names) == (method != "get"), document


async def test_what_is_refused_or_changes_nothing_leaves_nothing(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed, name="Baía")
    await equipment(committed, "A1")
    async with connected(fresh) as connection:
        before = await actions(connection)
        refused(
            await committed.post(url("vessels"), json={"code": "MV102"}),
            409,
            "duplicate-code",
        )
        ok(await change(committed, "equipment", "A1", location="Brazil"))
        ok(await committed.post(url("equipment", "activate"), json={"codes": "A1"}))
        body = {"codes": ["A1", "NOPE"]}
        answer = await committed.post(url("equipment", "deactivate"), json=body)
        refused(answer, 404, "unknown-codes")
        # A version that nobody asked for is no change of what the row says.
        await connection.execute(
            "UPDATE equipment SET version = version + 1, updated_at = now()"
        )
        assert await actions(connection) == before


async def _import(client: AsyncClient, file: str, **params: str) -> JSON:
    answer = await client.post(
        url("vessels", "MV102", "imports"),
        content=file,
        params=params,
        headers={"Content-Type": "text/csv"},
    )
    return created(answer)


async def test_an_import_leaves_a_row_for_each_that_it_changes_with_its_reason(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    for code in ("A1", "A2"):
        await equipment(committed, code, name="pump")
    plan = await _import(
        committed,
        "code,name,location\nA1,pump,Brazil\nA2,valve,Brazil\nA3,hose,M60\n",
        reason="As-built 7",
    )
    assert plan["reason"] == "As-built 7"
    applied = await committed.post(url("imports", plan["id"], "apply"))
    assert ok(applied)["counts"]["update"] == 1
    async with connected(fresh) as connection:
        rows = (await recorded(connection))[3:]
    changes = {(row["code"], row["action"]): row["before"] for row in rows}
    assert changes == {("A3", "created"): None, ("A2", "updated"): '{"name": "pump"}'}
    assert len(rows) == 2
    assert {row["reason"] for row in rows} == {"As-built 7"}
    ids = {row["request_id"] for row in rows}
    assert ids == {applied.headers["x-request-id"]}


@pytest.mark.parametrize(
    ("params", "headers", "reason"),
    [
        ({}, {}, "of the plan"),
        ({"reason": "of applying"}, {}, "of applying"),
        ({"reason": "of applying"}, WHY, "Turnaround 2026"),
    ],
)
async def test_who_applies_an_import_may_say_another_reason(
    committed: AsyncClient,
    fresh: Settings,
    params: dict[str, str],
    headers: dict[str, str],
    reason: str,
) -> None:
    await vessel(committed)
    plan = await _import(committed, "code,name\nA1,pump\n", reason="of the plan")
    address = url("imports", plan["id"], "apply")
    ok(await committed.post(address, params=params, headers=headers))
    async with connected(fresh) as connection:
        [row] = await recorded(connection, entity="equipment")
    assert row["reason"] == reason


# --- what no request does ----------------------------------------------------------


async def test_no_way_of_writing_escapes(fresh: Settings) -> None:
    async with connected(fresh) as connection:
        await connection.execute("INSERT INTO vessels (code) VALUES ('V1'), ('V2')")
        await connection.copy_records_to_table(
            "equipment",
            records=[(f"E{number}", "V1", "pump") for number in range(100)],
            columns=["code", "vessel", "name"],
        )
        await connection.execute(
            "UPDATE equipment SET name = 'valve' WHERE code < 'E2'"
        )
        await connection.execute(
            "INSERT INTO equipment (code, vessel, name) VALUES ('E5', 'V1', 'hose'), "
            "('F1', 'V1', 'hose') ON CONFLICT (code) DO UPDATE SET name = 'hose'"
        )
        await connection.execute(
            "MERGE INTO equipment USING (VALUES ('E6'), ('F2')) AS given (code) "
            "ON equipment.code = given.code WHEN MATCHED THEN DELETE WHEN NOT MATCHED "
            "THEN INSERT (code, vessel, name) VALUES (given.code, 'V1', 'hose')"
        )
        # A reference that follows: the vessel, and all that is aboard.
        await connection.execute("UPDATE vessels SET code = 'V9' WHERE code = 'V1'")
        await connection.execute("DELETE FROM equipment WHERE code >= 'E9'")
        found = await connection.fetch(
            "SELECT entity, action, count(*) FROM changes GROUP BY 1, 2"
        )
        left = await connection.fetchval("SELECT count(*) FROM equipment")
    counts = {(row["entity"], row["action"]): row["count"] for row in found}
    # E0, E1, E10 to E19; E5; all that are there when the vessel's code changes.
    assert counts == {
        ("vessel", "created"): 2,
        ("vessel", "updated"): 1,
        ("equipment", "created"): 102,
        ("equipment", "updated"): 12 + 1 + 101,
        ("equipment", "deleted"): 1 + 13,
    }
    assert left == 102 - 14


async def test_what_is_rolled_back_leaves_nothing_not_even_to_a_savepoint(
    fresh: Settings,
) -> None:
    async with connected(fresh) as connection:
        async with connection.transaction():
            await connection.execute("INSERT INTO vessels (code) VALUES ('V1')")
            savepoint = connection.transaction()
            await savepoint.start()
            await connection.execute("INSERT INTO vessels (code) VALUES ('V2')")
            await savepoint.rollback()
        assert await actions(connection) == [("vessel", "V1", "created")]


async def test_who_is_what_the_transaction_says(fresh: Settings) -> None:
    async with connected(fresh) as connection:
        async with connection.transaction():
            await connection.execute("SELECT set_config('fpso.who', 'ana', true)")
            await connection.execute("INSERT INTO vessels (code) VALUES ('V1')")
        await connection.execute("INSERT INTO vessels (code) VALUES ('V2')")
        rows = await recorded(connection)
    assert [row["who"] for row in rows] == ["ana", "anonymous"]


# --- the record itself -------------------------------------------------------------

REWRITES = [
    "UPDATE changes SET who = 'nobody'",
    "UPDATE {partition} SET who = 'nobody'",
    "DELETE FROM changes",
    "DELETE FROM {partition}",
    "TRUNCATE changes",
    "TRUNCATE {partition}",
    "TRUNCATE changes_default",
    "TRUNCATE equipment, operations CASCADE",
    "TRUNCATE vessels CASCADE",
    "UPDATE vessels SET id = uuidv7()",
]


def this_month() -> str:
    return f"changes_{datetime.now(UTC):%Y_%m}"


@pytest.mark.parametrize("statement", REWRITES)
async def test_nobody_rewrites_it_not_even_a_superuser(
    fresh: Settings, statement: str
) -> None:
    async with connected(fresh) as connection:
        await connection.execute("INSERT INTO vessels (code) VALUES ('V1')")
        with pytest.raises(InsufficientPrivilegeError):
            await connection.execute(statement.format(partition=this_month()))
        assert await actions(connection) == [("vessel", "V1", "created")]


@pytest.mark.parametrize("statement", REWRITES[:4])
async def test_control_without_the_trigger_a_superuser_could(
    fresh: Settings, statement: str
) -> None:
    async with connected(fresh) as connection:
        await connection.execute("INSERT INTO vessels (code) VALUES ('V1')")
        await connection.execute("DROP TRIGGER is_not_rewritten ON changes")
        done = await connection.execute(statement.format(partition=this_month()))
        assert done.endswith(" 1")


def test_what_is_not_recorded_is_few() -> None:
    # The record itself; plans, which leave theirs in equipment; the ledger, which is a
    # record too, and its sums; what a log brought, which its import tells of.
    tables = set(Base.metadata.tables) - {model.__tablename__ for model in RECORDED}
    assert tables == {
        *("changes", "imports", "import_rows", "movements", "balances"),
        *("readings", "planned_readings"),
        # Recorded, but for what a log brought: app/tests/failures tries that.
        *("sensors", "failures"),
    }


@pytest.mark.parametrize("model", RECORDED)
async def test_each_trigger_covers_every_column(
    fresh: Settings, model: type[Base]
) -> None:
    """A column that a later migration adds is not forgotten."""
    table = model.__tablename__
    async with connected(fresh) as connection:
        body = await connection.fetchval(
            "SELECT prosrc FROM pg_proc WHERE proname = $1", f"record_{table}"
        )
    names = {column.name for column in model.__table__.columns}
    names -= {"id", "version", "created_at", "updated_at"}
    assert _covered(body) == {
        (part, name)
        for name in names
        for part in ("made", "gone", "before", "after", "compared")
    }
    # The control of this very test: it misses what is left out anywhere.
    compares = re.compile(r"\b[onr]\.(\w+)")
    for mention in compares.finditer(body, body.rindex("request, why")):
        without = f"{body[: mention.start(1)]}x{body[mention.end(1) :]}"
        assert _covered(without) != _covered(body)


def _covered(body: str) -> set[tuple[str, str]]:
    made, gone, changed = re.split(r"ELSIF|ELSE\n", body)
    compared = changed.partition("WHERE (")[2]
    listed = r"'(\w+)',\s*(?:r\.)?\"?\1"
    found = {("made", name) for name in re.findall(listed, made)}
    found |= {("gone", name) for name in re.findall(listed, gone)}
    for part, row in (("before", "o"), ("after", "[nr]")):
        differs = r'CASE WHEN o\.("?)(\w+)\1 IS DISTINCT FROM [nr]\.\1\2\1\s+THEN '
        built = rf"jsonb_build_object\('\2', {row}\.\1\2\1(?:::text)?\)"
        found |= {(part, name) for _, name in re.findall(differs + built, changed)}
    found |= {
        ("compared", name)
        for name in re.findall(r'o\."?(\w+)', compared)
        if re.search(rf'[nr]\."?{name}\b', compared)
    }
    return found


# --- partitions ---------------------------------------------------------------------


async def test_months_are_made_a_year_ahead_and_again(fresh: Settings) -> None:
    months = (
        "SELECT relname FROM pg_class JOIN pg_inherits ON inhrelid = oid "
        "WHERE inhparent = 'changes'::regclass ORDER BY relname"
    )
    async with connected(fresh) as connection:
        names = [row["relname"] for row in await connection.fetch(months)]
        assert len(names) == 14
        assert names[0] == this_month()
        assert names[-1] == "changes_default"
        await connection.execute(f"DROP TABLE {names[5]}")
        await connection.execute("SELECT make_change_partitions()")
        assert [row["relname"] for row in await connection.fetch(months)] == names
        await connection.execute("SELECT make_change_partitions(24)")
        assert len(await connection.fetch(months)) == 26
        with pytest.raises(InsufficientPrivilegeError):
            await connection.execute(f"TRUNCATE {names[5]}")


async def test_nothing_is_lost_where_a_month_is_missing(fresh: Settings) -> None:
    async with connected(fresh) as connection:
        await connection.execute(f"DROP TABLE {this_month()}")
        await connection.execute("INSERT INTO vessels (code) VALUES ('V1')")
        await connection.execute("SELECT make_change_partitions()")
        await connection.execute("INSERT INTO vessels (code) VALUES ('V2')")
        kept = await connection.fetchval("SELECT count(*) FROM changes_default")
        assert kept == 2
        assert len(await actions(connection)) == 2


async def test_making_months_waits_for_no_writer_and_stops_none(
    fresh: Settings,
) -> None:
    async with (
        connected(fresh) as writer,
        connected(fresh) as maker,
        connected(fresh) as other,
        asyncio.timeout(5),
    ):
        async with writer.transaction():
            await writer.execute("INSERT INTO vessels (code) VALUES ('V1')")
            await maker.execute("SELECT make_change_partitions(13)")
            async with maker.transaction():
                await maker.execute("SELECT make_change_partitions(14)")
                await other.execute("INSERT INTO vessels (code) VALUES ('V2')")
        assert len(await actions(other)) == 2
