"""Whether it lives, and whether it may be sent requests."""

import pytest
from httpx2 import AsyncClient

from app.database import create_engine, create_sessions
from app.main import create_app
from app.settings import Settings
from app.tests.conftest import client_for, connected
from app.tests.factories import ok, refused


@pytest.mark.parametrize("path", ["/status", "/status/", "/livez", "/readyz"])
async def test_a_healthy_service_says_ok(client: AsyncClient, path: str) -> None:
    status = ok(await client.get(path))
    assert status["status"] == "ok"
    assert status["version"]
    assert status["instance"]


@pytest.mark.parametrize("path", ["/status", "/status/", "/livez"])
async def test_status_and_livez_never_ask_the_database(
    client: AsyncClient, statements: list[str], path: str
) -> None:
    statements.clear()
    ok(await client.get(path))
    assert statements == []


async def test_without_a_database_it_lives_but_is_not_ready() -> None:
    url = {"database_url": "postgresql://fpso:secret@127.0.0.1:1/fpso"}
    settings = Settings.model_validate(url)
    engine = create_engine(settings)
    async with client_for(create_app(settings), create_sessions(engine)) as client:
        for path in ("/status", "/livez"):
            ok(await client.get(path))
        answer = await client.get("/readyz")
    await engine.dispose()
    refused(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("schema", "ready"),
    [
        ("UPDATE alembic_version SET version_num = '0001'", False),
        ("DELETE FROM alembic_version", False),
        ("DROP TABLE alembic_version", False),
        ("SELECT", True),
        # While a later release rolls out, this one goes on.
        ("UPDATE alembic_version SET version_num = '9999'", True),
    ],
)
async def test_it_is_ready_when_the_schema_is_not_behind(
    committed: AsyncClient, fresh: Settings, schema: str, *, ready: bool
) -> None:
    async with connected(fresh) as connection:
        await connection.execute(schema)
    answer = await committed.get("/readyz")
    if ready:
        ok(answer)
    else:
        problem = refused(answer, 503, "unavailable")
        assert "alembic upgrade head" in problem["detail"]
        assert answer.headers["retry-after"] == "2"
