"""The service's role works on the register; the record it can only read.

Every test runs the application as this role, so that what it may do is tried by all the
others. Here is what it may not, as somebody would try who holds its password.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from alembic import command
from alembic.util import CommandError
from asyncpg.exceptions import InsufficientPrivilegeError
from httpx2 import AsyncClient
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError

from app.database import Driver
from app.settings import Settings
from app.tests.changes.test_record import actions, this_month
from app.tests.conftest import Databases, connected
from app.tests.factories import vessel
from app.tests.test_migrations import migrate

FORGE = (
    "INSERT INTO {} (entity, vessel, code, action, version, who) "
    "VALUES ('vessel', 'V1', 'V1', 'updated', 2, 'nobody')"
)
REFUSED = [
    # To write the record, alter it and delete it
    FORGE.format("changes"),
    "UPDATE changes SET who = 'nobody'",
    "DELETE FROM changes",
    "TRUNCATE changes",
    "MERGE INTO changes USING vessels ON true WHEN MATCHED THEN DELETE",
    "DROP TABLE changes",
    "ALTER TABLE changes DETACH PARTITION {month}",
    "ALTER TABLE changes RENAME TO old_changes",
    # month by month, which has rights of its own
    FORGE.format("{month}"),
    "UPDATE {month} SET who = 'nobody'",
    "DELETE FROM {month}",
    "TRUNCATE {month}",
    "DROP TABLE {month}",
    "DELETE FROM changes_default",
    # To rewrite the histories to which it adds
    *(
        statement.format(table)
        for table in ("movements", "issue_moves")
        for statement in (
            "UPDATE {} SET at = now()",
            "DELETE FROM {}",
            "TRUNCATE {}",
            "MERGE INTO {} USING vessels ON true WHEN MATCHED THEN DELETE",
            "SELECT FROM {} FOR UPDATE",
        )
    ),
    "SELECT make_change_partitions()",
    "SELECT protect_changes('vessels')",
    # To keep others from writing it
    "LOCK TABLE changes IN SHARE MODE",
    "SELECT FROM changes FOR UPDATE",
    # To do without the triggers
    "ALTER TABLE changes DISABLE TRIGGER ALL",
    "ALTER TABLE vessels DISABLE TRIGGER ALL",
    "DROP TRIGGER vessels_made ON vessels",
    "SET session_replication_role = replica",
    (
        "CREATE OR REPLACE FUNCTION record_vessels() RETURNS trigger "
        "LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    ),
    "DROP FUNCTION record_vessels CASCADE",
    "TRUNCATE vessels CASCADE",
    # To put something before or beside them
    "CREATE TABLE public.more (id int)",
    "CREATE SCHEMA more",
    "CREATE TRIGGER more BEFORE INSERT ON vessels EXECUTE FUNCTION refuse_rewriting()",
    "CREATE RULE more AS ON INSERT TO vessels DO INSTEAD NOTHING",
    "CREATE VIEW public.more AS SELECT 1",
    "ALTER FUNCTION record_vessels SET search_path = pg_temp",
    # To be somebody else
    "SET ROLE {owner}",
    "SET SESSION AUTHORIZATION {owner}",
    "GRANT {owner} TO {service}",
    "ALTER ROLE {service} SUPERUSER",
    "ALTER ROLE {service} CREATEROLE",
    "ALTER DATABASE {database} OWNER TO {service}",
    "UPDATE pg_authid SET rolsuper = true",
    "COPY vessels TO PROGRAM 'cat > /dev/null'",
    "UPDATE alembic_version SET version_num = '0001'",
]


@asynccontextmanager
async def as_service(settings: Settings) -> AsyncGenerator[Driver]:
    connection = await asyncpg.connect(str(settings.database_url))
    try:
        yield connection
    finally:
        await connection.close()


async def refused_to(connection: Driver, settings: Settings) -> set[str]:
    """Which of all that PostgreSQL refuses to whoever is connected."""
    service = make_url(str(settings.database_url))
    names = {
        "month": this_month(),
        "owner": make_url(str(settings.migration_database_url)).username,
        "service": service.username,
        "database": service.database,
    }
    found = set()
    for statement in REFUSED:
        attempt = connection.transaction()
        await attempt.start()
        try:
            await connection.execute(statement.format_map(names))
        except InsufficientPrivilegeError:
            found.add(statement)
        await attempt.rollback()
    return found


async def test_the_service_writes_the_register_and_cannot_touch_its_record(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed, "V1")
    async with as_service(fresh) as service:
        assert await refused_to(service, fresh) == set(REFUSED)
        await service.execute("INSERT INTO vessels (code) VALUES ('V2')")
        # No role was put on that could be taken off.
        await service.execute("RESET ROLE; RESET SESSION AUTHORIZATION")
        assert await refused_to(service, fresh) == set(REFUSED)
        assert [code for _, code, _ in await actions(service)] == ["V1", "V2"]
    async with connected(fresh) as owner:
        # The control: to the owner only the trigger says no.
        kept = await refused_to(owner, fresh)
    assert {statement.split()[0] for statement in kept} == {
        *("UPDATE", "DELETE", "TRUNCATE", "MERGE")
    }
    assert "DROP TABLE changes" not in kept


async def test_a_table_of_its_own_does_not_forge_the_record(fresh: Settings) -> None:
    """Imports need temporary tables; neither name nor trigger of one deceives."""
    forged = (
        "CREATE TEMPORARY TABLE forged AS SELECT * FROM vessels; "
        "CREATE TRIGGER made AFTER INSERT ON forged REFERENCING NEW TABLE AS made "
        "FOR EACH STATEMENT EXECUTE FUNCTION record_vessels()"
    )
    async with as_service(fresh) as connection:
        with pytest.raises(InsufficientPrivilegeError):
            await connection.execute(forged)
        await connection.execute("CREATE TEMPORARY TABLE changes (LIKE vessels)")
        await connection.execute("INSERT INTO vessels (code) VALUES ('V1')")
        await connection.execute("DROP TABLE pg_temp.changes")
        assert await actions(connection) == [("vessel", "V1", "created")]
    async with connected(fresh) as owner:
        # The control: with the right that PostgreSQL gives to everybody, it does.
        await owner.execute("GRANT EXECUTE ON FUNCTION record_vessels TO PUBLIC")
        async with as_service(fresh) as connection:
            await connection.execute(forged)
            await connection.execute(
                "INSERT INTO forged (code, version) VALUES ('X', 1)"
            )
            assert len(await actions(connection)) == 2


async def test_migrating_gives_rights_anew_and_takes_what_was_too_much(
    fresh: Settings,
) -> None:
    url = make_url(str(fresh.database_url))
    role, database = url.username, url.database
    async with connected(fresh) as owner, as_service(fresh) as service:
        await owner.execute(
            f"GRANT ALL ON changes TO {role}; REVOKE ALL ON vessels FROM {role}; "
            "CREATE FUNCTION more() RETURNS trigger SECURITY DEFINER "
            "LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        )
        insert = FORGE.format("changes")
        await service.execute(insert)
        with pytest.raises(InsufficientPrivilegeError):
            await service.execute("INSERT INTO vessels (code) VALUES ('V1')")
        # As on a server whose owner trusts nobody.
        await owner.execute(
            f"REVOKE ALL ON DATABASE {database} FROM PUBLIC, {role}; "
            f"REVOKE ALL ON SCHEMA public FROM PUBLIC, {role}"
        )
        await migrate(fresh, command.upgrade, "head")
        with pytest.raises(InsufficientPrivilegeError):
            await service.execute(insert)
        await service.execute("INSERT INTO vessels (code) VALUES ('V1')")
        with pytest.raises(InsufficientPrivilegeError):
            await service.execute(
                "CREATE TEMPORARY TABLE t (); CREATE TRIGGER t AFTER INSERT ON t "
                "EXECUTE FUNCTION more()"
            )
        async with as_service(fresh) as another:
            assert await another.fetchval("SELECT count(*) FROM vessels") == 1


@pytest.fixture
async def role(databases: Databases) -> AsyncGenerator[str]:
    """The name of a role that is not there yet."""
    name = f"{databases.template}_Other"
    yield name
    for database in [made for made in databases.made if made.endswith("_owned")]:
        await databases.drop(database)
    for each in (name, f"{name}_owner"):
        await databases.run(f'DROP ROLE IF EXISTS "{each}"')


def over(settings: Settings, **urls: URL | None) -> Settings:
    """The settings with other addresses of the database."""
    said = {
        name: url.render_as_string(hide_password=False) if url else None
        for name, url in urls.items()
    }
    return settings.model_copy(update=said)


async def test_the_role_is_made_and_its_password_is_what_the_url_says(
    role: str, fresh: Settings
) -> None:
    owner = make_url(str(fresh.migration_database_url))
    for password in ("s3:cret'%x", "another"):
        url = owner.set(username=role, password=password)
        settings = over(fresh, database_url=url)
        await migrate(settings, command.upgrade, "head")
        async with as_service(settings) as service:
            await service.execute("INSERT INTO vessels (code) VALUES (now()::text)")
            with pytest.raises(InsufficientPrivilegeError):
                await service.execute("DELETE FROM changes")
    # One without a password, whose comes from elsewhere, leaves what there is.
    wordless = owner.set(username=role)._replace(password=None)
    silent = over(settings, database_url=wordless)
    await migrate(silent, command.upgrade, "head")
    # Whoever finds everything as it should be may well be the service.
    alone = over(settings, migration_database_url=None)
    await migrate(alone, command.upgrade, "head")
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
        await migrate(alone, command.downgrade, "-1")


async def test_where_it_may_not_be_made_the_words_say_what_to_do(
    role: str, fresh: Settings, databases: Databases
) -> None:
    """An owner who is no superuser, on a server of somebody else's."""
    database, owner = f"{databases.template}_owned", f"{role}_owner"
    await databases.run(f"CREATE ROLE \"{owner}\" LOGIN PASSWORD 'secret'")
    await databases.run(f'CREATE DATABASE {database} OWNER "{owner}"')
    databases.made.append(database)
    server = databases.server.set(drivername="postgresql", database=database)
    settings = over(
        fresh,
        database_url=server.set(username=role, password="hunter2"),
        migration_database_url=server.set(username=owner, password="secret"),
    )
    with pytest.raises(CommandError) as refusal:
        await migrate(settings, command.upgrade, "head")
    assert f"CREATE ROLE \"{role}\" LOGIN PASSWORD '…'" in str(refusal.value)
    await databases.run(f"CREATE ROLE \"{role}\" LOGIN PASSWORD 'hunter2'")
    await migrate(settings, command.upgrade, "head")
    async with as_service(settings) as service:
        await service.execute("INSERT INTO vessels (code) VALUES ('V1')")
        with pytest.raises(InsufficientPrivilegeError):
            await service.execute("DELETE FROM changes")
        assert await actions(service) == [("vessel", "V1", "created")]
