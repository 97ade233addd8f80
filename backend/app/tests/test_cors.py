"""Pages of other origins may call the API only where a setting names them."""

from collections.abc import AsyncGenerator

import pytest
from httpx2 import AsyncClient

from app.database import Sessions
from app.main import BODY_MAX, create_app
from app.settings import Settings
from app.tests.conftest import client_for
from app.tests.factories import refused, url

CONSOLE = "https://console.example.org"
ORIGINS = (CONSOLE, "http://localhost:3000")
PREFLIGHT = {
    "Origin": CONSOLE,
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "content-type,if-match",
}


@pytest.fixture
async def opened(settings: Settings, sessions: Sessions) -> AsyncGenerator[AsyncClient]:
    with_origins = settings.model_copy(update={"cors_origins": ORIGINS})
    async with client_for(create_app(with_origins), sessions) as client:
        yield client


async def test_it_is_off_unless_it_is_set(client: AsyncClient) -> None:
    answer = await client.get("/status", headers={"Origin": CONSOLE})
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    preflight = await client.options(url("vessels"), headers=PREFLIGHT)
    refused(preflight, 405, "method-not-allowed")


@pytest.mark.parametrize("origin", ORIGINS)
async def test_a_named_origin_may_read_and_write(
    opened: AsyncClient, origin: str
) -> None:
    headers = PREFLIGHT | {"Origin": origin}
    preflight = await opened.options(url("vessels"), headers=headers)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == origin
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert "if-match" in preflight.headers["access-control-allow-headers"].lower()
    made = await opened.post(
        url("vessels"), json={"code": "MV102"}, headers={"Origin": origin}
    )
    assert made.headers["access-control-allow-origin"] == origin
    assert "Origin" in made.headers["vary"]
    exposed = made.headers["access-control-expose-headers"].split(", ")
    assert {"ETag", "Link", "Location", "Retry-After", "X-Request-ID"} <= set(exposed)
    # Cookies are nobody's business here.
    assert "access-control-allow-credentials" not in made.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example.org", "null", f"{CONSOLE}.evil.org", "*"]
)
async def test_another_origin_may_not(opened: AsyncClient, origin: str) -> None:
    answer = await opened.get("/status", headers={"Origin": origin})
    assert "access-control-allow-origin" not in answer.headers
    preflight = await opened.options(
        url("vessels"), headers=PREFLIGHT | {"Origin": origin}
    )
    problem = refused(preflight, 400, "malformed")
    assert "FPSO_CORS_ORIGINS" in problem["detail"]
    assert "access-control-allow-origin" not in preflight.headers


async def test_a_page_may_read_why_it_was_refused(opened: AsyncClient) -> None:
    origin = {"Origin": CONSOLE}
    json_type = {"Content-Type": "application/json"}
    large = b" " * (BODY_MAX + 1)
    for answer in (
        await opened.get("/nope", headers=origin),
        await opened.delete(url("vessels"), headers=origin),
        await opened.post(url("vessels"), json={}, headers=origin),
        await opened.post(url("vessels"), content=large, headers=origin | json_type),
    ):
        assert answer.status_code in {404, 405, 413, 422}
        assert answer.headers["access-control-allow-origin"] == CONSOLE
        refused(answer, answer.status_code, answer.json()["code"])
