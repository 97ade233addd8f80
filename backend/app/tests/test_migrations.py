"""The schema's history: there and back, once however many start it, and as declared."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Enum
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.database import Base
from app.settings import Settings
from app.tests.conftest import BACKEND, Databases, connected, seen

VERSIONS = BACKEND.parent / "alembic" / "versions"


def _config(**attributes: object) -> Config:
    config = Config(toml_file=str(BACKEND / "pyproject.toml"))
    config.attributes.update(attributes)
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


async def migrate(
    settings: Settings,
    run: Callable[..., object],
    *arguments: Any,  # noqa: ANN401 whatever the command takes
    **attributes: object,
) -> None:
    """Run an Alembic command on the database, as `alembic` does."""
    if settings.migration_database_url:
        attributes["service"] = make_url(str(settings.database_url))

    def work(connection: Connection) -> None:
        run(_config(connection=connection, **attributes), *arguments)

    url = settings.async_migration_database_url
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(work)
    await engine.dispose()


@pytest.fixture
async def empty(databases: Databases) -> AsyncGenerator[Settings]:
    """A database without anything of ours."""
    settings = await databases.make(template="template0")
    yield settings
    await databases.drop(str(make_url(str(settings.database_url)).database))


async def _tables(settings: Settings) -> set[str]:
    async with connected(settings) as connection:
        rows = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p')"
        )
    return {row["relname"] for row in rows}


async def _shape(settings: Settings) -> list[tuple[str, str]]:
    """Every column, constraint, index, trigger and function, as PostgreSQL has it."""
    async with connected(settings) as connection:
        rows = await connection.fetch(
            "SELECT attrelid::regclass || '.' || attname AS name, "
            "       format_type(atttypid, atttypmod) || attnotnull || attcollation "
            "       || coalesce(pg_get_expr(adbin, adrelid), '') AS definition "
            "FROM pg_attribute LEFT JOIN pg_attrdef ON (adrelid, adnum) = "
            "     (attrelid, attnum) "
            "WHERE attnum > 0 AND NOT attisdropped AND attrelid IN "
            "  (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "   AND relkind IN ('r', 'p') AND NOT relispartition) "
            "UNION ALL SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "  WHERE connamespace = 'public'::regnamespace AND conrelid NOT IN "
            "  (SELECT inhrelid FROM pg_inherits) "
            "UNION ALL SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) "
            "  FROM pg_index JOIN pg_class c ON c.oid = indrelid "
            "  WHERE relnamespace = 'public'::regnamespace AND NOT relispartition "
            "UNION ALL SELECT '.' || tgname, pg_get_triggerdef(t.oid) "
            "  FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid "
            "  WHERE NOT tgisinternal AND NOT relispartition "
            "UNION ALL SELECT '.' || proname, CASE prokind WHEN 'a' THEN 'aggregate' "
            "  ELSE pg_get_functiondef(oid) END FROM pg_proc "
            "  WHERE pronamespace = 'public'::regnamespace ORDER BY 1, 2"
        )
    return [(row["name"], row["definition"]) for row in rows]


async def test_up_and_down_and_up_again(empty: Settings) -> None:
    await migrate(empty, command.upgrade, "head")
    first = await _shape(empty)
    assert await _tables(empty) >= {"vessels", "equipment", "operations"}
    await migrate(empty, command.downgrade, "base")
    assert await _tables(empty) == {"alembic_version"}
    await migrate(empty, command.upgrade, "head")
    assert await _shape(empty) == first


async def test_each_step_can_be_taken_back(empty: Settings) -> None:
    for script in reversed(list(_scripts().walk_revisions())):
        before = await _shape(empty)
        await migrate(empty, command.upgrade, script.revision)
        assert await _shape(empty) != before
        await migrate(empty, command.downgrade, "-1")
        after = [row for row in await _shape(empty) if "alembic_version" not in row[0]]
        assert after == [row for row in before if "alembic_version" not in row[0]]
        await migrate(empty, command.upgrade, script.revision)


async def test_the_models_are_what_the_migrations_make(fresh: Settings) -> None:
    await migrate(fresh, command.check)  # raises where they differ


async def test_control_a_difference_is_seen(fresh: Settings) -> None:
    async with connected(fresh) as connection:
        await connection.execute("ALTER TABLE vessels ALTER name SET NOT NULL")
    with pytest.raises(Exception, match="modify_nullable"):
        await migrate(fresh, command.check)


async def test_each_enum_is_checked_for_its_members(fresh: Settings) -> None:
    """`alembic check` does not compare CHECKs."""
    enums = [
        (column.table.name, column.name, column.type.enums)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, Enum)
    ]
    assert ("equipment", "status", ["active", "inactive"]) in enums
    async with connected(fresh) as connection:
        for table, column, members in enums:
            definition = await connection.fetchval(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
                "WHERE conname = $1",
                f"ck_{table}_{column}",
            )
            assert definition is not None, f"{table}.{column} has no CHECK"
            assert set(re.findall(r"'([^']*)'", definition)) == set(members)


async def test_every_constraint_has_the_name_of_the_convention(
    fresh: Settings,
) -> None:
    names = {name for name, _ in await _shape(fresh) if "." not in name}
    ours = {name for name in names if not name.startswith("alembic_version")}
    # PostgreSQL 18 names NOT NULL constraints by itself.
    named = {name for name in ours if not name.endswith("_not_null")}
    assert named
    for name in named:
        assert re.match(r"(pk|uq|fk|ck|ix|ex)_[a-z_]+$", name), name


def test_files_are_named_by_day_and_subject_in_one_line_of_history() -> None:
    revisions = list(_scripts().walk_revisions())
    assert len(_scripts().get_heads()) == 1
    assert len(revisions) == len(list(VERSIONS.glob("*.py")))
    for script in revisions:
        name = Path(script.path).name
        assert re.fullmatch(r"\d{4}-\d\d-\d\d_[a-z0-9_]+\.py", name)
        day = datetime.strptime(name[:10], "%Y-%m-%d").replace(tzinfo=UTC)
        assert day.year >= 2026
        text = Path(script.path).read_text()
        # It says what and why, and can be taken back.
        assert len((script.doc or "").strip()) > 10
        assert (script.longdoc or "").strip().count("\n") >= 1
        assert "def downgrade() -> None:\n    op." in text


async def test_four_migrators_at_once_run_it_once(empty: Settings) -> None:
    async def start() -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "alembic", "upgrade", "head"),
            cwd=BACKEND,
            env=os.environ
            | {
                "FPSO_DATABASE_URL": str(empty.database_url),
                "FPSO_MIGRATION_DATABASE_URL": str(empty.migration_database_url),
            },
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await process.communicate()
        return process.returncode or 0, err.decode()

    await migrate(empty, command.upgrade, "0001")
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    async with connected(empty) as holder, connected(empty) as watcher:
        gate = holder.transaction()
        await gate.start()
        # Nobody gets past reading what is there, until all four are at it.
        await holder.execute("LOCK TABLE alembic_version")
        running = asyncio.gather(*(start() for _ in range(4)))
        # Four starts of Python, beside which other tests may run.
        await seen(watcher, others, at_least=5, seconds=120)
        await gate.rollback()
        # A second run would fail: what it makes would be there.
        for code, err in await running:
            assert code == 0, err
    await migrate(empty, command.check)


async def test_a_migration_gives_way_to_readers_and_tries_again(
    empty: Settings,
) -> None:
    await migrate(empty, command.upgrade, "0001")
    async with connected(empty) as holder, connected(empty) as reader:
        lock = holder.transaction()
        await lock.start()
        # What a long report holds; a table that refers to vessels needs more.
        await holder.execute("LOCK TABLE vessels IN ROW EXCLUSIVE MODE")
        running = asyncio.create_task(
            migrate(empty, command.upgrade, "head", pause=0.05)
        )
        for _ in range(8):
            # Nobody queues behind the migration for long: half a second, says P16.
            await reader.execute("SELECT FROM vessels", timeout=1)
            await asyncio.sleep(0.05)
        assert not running.done()
        await lock.rollback()
        await running
    assert "operations" in await _tables(empty)


async def test_a_migration_that_never_gets_its_lock_says_so(empty: Settings) -> None:
    await migrate(empty, command.upgrade, "0001")
    async with connected(empty) as holder, holder.transaction():
        await holder.execute("LOCK TABLE vessels IN ROW EXCLUSIVE MODE")
        with pytest.raises(Exception, match="lock timeout"):
            await migrate(empty, command.upgrade, "head", attempts=2, pause=0.01)
    # It left nothing half done, and no lock behind: the next one runs.
    assert await _tables(empty) == {"alembic_version", "vessels"}
    await migrate(empty, command.upgrade, "head")


async def test_who_writes_two_tables_is_not_locked_out_by_a_downgrade(
    fresh: Settings,
) -> None:
    """It drops triggers of three tables, and holds none while it wants another."""
    await migrate(fresh, command.downgrade, "0005")
    async with connected(fresh) as writer, connected(fresh) as watcher:
        writing = writer.transaction()
        await writing.start()
        await writer.execute("LOCK TABLE operations IN ROW EXCLUSIVE MODE")
        running = asyncio.create_task(
            migrate(fresh, command.downgrade, "0004", pause=0.05)
        )
        waiting = (
            "SELECT count(*) FROM pg_locks WHERE relation = 'operations'::regclass"
        )
        await seen(watcher, f"{waiting} AND NOT granted", at_least=1)
        await writer.execute("LOCK TABLE equipment IN ROW SHARE MODE NOWAIT")
        await writing.rollback()
        await running
    assert "changes" not in await _tables(fresh)


async def test_of_two_carts_of_one_requester_the_last_stays(empty: Settings) -> None:
    await migrate(empty, command.upgrade, "0020")
    async with connected(empty) as connection:
        await connection.execute(
            "INSERT INTO vessels (code) VALUES ('V'), ('W'); "
            "INSERT INTO stores (code, place) VALUES ('S', 'ashore'); "
            "INSERT INTO requisitions (vessel, store, requester, updated_at, note) "
            "VALUES ('V', 'S', 'Welder', '2026-01-02', 'last'), "
            "('V', 'S', 'welder', '2026-01-01', 'first'), "
            "('W', 'S', 'welder', '2026-01-01', 'other'), "
            "('V', 'S', 'rigger', '2026-01-01', 'another')"
        )
        await migrate(empty, command.upgrade, "head")
        rows = await connection.fetch("SELECT note, state, version FROM requisitions")
        assert {tuple(row) for row in rows} == {
            *(("last", "cart", 1), ("other", "cart", 1), ("another", "cart", 1)),
            ("first", "cancelled", 2),
        }
        change = "SELECT after FROM changes WHERE action = 'updated'"
        assert "another open cart" in await connection.fetchval(change)


async def test_hardware_that_is_there_twice_is_told_apart(empty: Settings) -> None:
    await migrate(empty, command.upgrade, "0023")
    unit = "00000000-0000-0000-0000-00000000000"
    async with connected(empty) as connection:
        await connection.execute(
            "INSERT INTO vessels (code) VALUES ('V'); "
            "INSERT INTO equipment (code, vessel, name, location) "
            "VALUES ('A', 'V', 'x', 'x'), ('B', 'V', 'x', 'x'); "
            "INSERT INTO units (id, manufacturer, model, serial_number, note) VALUES "
            f"('{unit}1', 'Acme', 'P 1', 'AB-77', 'Shelf'), "
            f"('{unit}2', 'ACME', 'P  1', 'ab-77', NULL), "
            f"('{unit}3', 'acme', 'p 1', 'ab-77', NULL), "
            f"('{unit}4', 'acme', 'P1', 'ab-77', NULL); "
            "INSERT INTO installations (unit, equipment, installed_at) "
            f"VALUES ('{unit}2', 'A', '2026-01-01'), ('{unit}3', 'B', '2026-01-01'); "
            "INSERT INTO parts (number, name, unit_of_measure, price) "
            "VALUES ('P', 'x', 'EA', 1), ('Q', 'x', 'EA', 1); "
            "INSERT INTO part_fits (part, model) "
            "VALUES ('P', 'P 1'), ('P', 'p  1'), ('Q', 'p 1'), ('Q', 'P2')"
        )
        await migrate(empty, command.upgrade, "head")
        rows = await connection.fetch(
            "SELECT serial_number, note, version FROM units ORDER BY id"
        )
        first, second, third, fourth = (tuple(row) for row in rows)
        assert first[0] == f"AB-77 (entry {unit}1)"
        assert first[1].startswith("Shelf\nIts serial number AB-77 is that of unit ")
        assert (f"unit {unit}2," in first[1], first[2]) == (True, 2)
        assert (second, third[2]) == (("ab-77", None, 1), 2)
        assert fourth == ("ab-77", None, 1)
        # Where they sat is still there, and what changed is told.
        assert await connection.fetchval("SELECT count(*) FROM installations") == 2
        told = "SELECT count(*) FROM changes WHERE entity = 'unit' AND action = $1"
        assert await connection.fetchval(told, "updated") == 2
        fits = await connection.fetch("SELECT part, model FROM part_fits ORDER BY id")
        assert [tuple(row) for row in fits] == [
            *(("P", "P 1"), ("Q", "p 1"), ("Q", "P2")),
        ]


def test_the_statements_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    command.upgrade(_config(), "head", sql=True)
    printed = capsys.readouterr().out
    # Said again after each step, which may have set it for itself.
    steps = len(list(_scripts().walk_revisions()))
    assert printed.count("SET lock_timeout = '300ms'") == steps + 1
    for table in ("vessels", "equipment", "operations"):
        assert f"CREATE TABLE {table} (" in printed


def _linted(sql: str) -> set[str]:
    """The rules that squawk sees broken, as `make check` asks it."""
    said = subprocess.run(
        [
            *(Path(sys.executable).with_name("squawk"), "--reporter=json"),
            f"--config={BACKEND.parent / '.squawk.toml'}",
        ],
        input=sql,
        capture_output=True,
        text=True,
        check=False,
    )
    rules = {found["rule_name"] for found in json.loads(said.stdout or "[]")}
    assert bool(rules) == bool(said.returncode), said.stderr
    return rules


UNSAFE = {
    "CREATE INDEX i ON equipment (location)": "require-concurrent-index-creation",
    "DROP INDEX ix_equipment_name_code": "require-concurrent-index-deletion",
    "ALTER TABLE equipment ALTER code TYPE text": "changing-column-type",
    "ALTER TABLE vessels ALTER name SET NOT NULL": "adding-not-nullable-field",
    "ALTER TABLE equipment ADD CHECK (name <> '')": "constraint-missing-not-valid",
    "ALTER TABLE equipment ADD UNIQUE (name)": "disallowed-unique-constraint",
    "ALTER TABLE equipment RENAME tag TO label": "renaming-column",
    "ALTER TABLE equipment DROP location": "ban-drop-column",
}


def test_the_linter_sees_what_would_stop_writers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command.upgrade(_config(), "head", sql=True)
    printed = capsys.readouterr().out
    assert _linted(printed) == set()
    # Also of a table that an earlier transaction of the same text made.
    for statement, rule in UNSAFE.items():
        assert rule in _linted(f"{printed}BEGIN;\n{statement};\nCOMMIT;\n"), statement
    impatient = printed.replace("SET lock_timeout", "SET deadlock_timeout")
    assert _linted(impatient) == {"require-lock-timeout"}
