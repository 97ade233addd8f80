"""Every error has one shape, says how to mend it, and has a page of its own."""

import re
from collections.abc import AsyncGenerator
from errno import EHOSTUNREACH, ENOSPC
from html import unescape
from typing import NoReturn

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, StreamingResponse
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from starlette.types import Receive, Scope, Send

from app.database import SessionDep, Sessions, driver
from app.errors import AppError, every_error
from app.main import create_app
from app.settings import Settings
from app.tests.conftest import client_for
from app.tests.factories import equipment, refused, url, vessel

KINDS = {error.slug: error for error in every_error()}


def test_slugs_are_of_one_error_each() -> None:
    kinds = list(every_error())
    assert len(KINDS) == len(kinds) == 26
    assert all(issubclass(kind, AppError) for kind in kinds)


@pytest.mark.parametrize("slug", KINDS)
async def test_each_error_has_a_page_that_says_how_to_mend_it(
    client: AsyncClient, slug: str
) -> None:
    answer = await client.get(f"/problems/{slug}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    page = unescape(answer.text)
    kind = KINDS[slug]
    assert f"<title>{kind.title}" in page
    assert f"{int(kind.status)} <code>{slug}</code>" in page
    assert kind.__doc__ is not None
    words = re.sub(r"\s+", " ", kind.__doc__).replace("`", "").strip()
    assert words in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))
    # One sentence is what happened; what to do about it is another.
    assert len(kind.__doc__.strip().split("\n\n")) == 2


async def test_one_page_lists_them_all(client: AsyncClient) -> None:
    answer = await client.get("/problems")
    for slug in KINDS:
        assert f'href="/problems/{slug}"' in answer.text


async def test_a_problem_type_that_is_none_is_404(client: AsyncClient) -> None:
    answer = await client.get("/problems/<script>alert(1)</script>")
    refused(answer, 404, "not-found")


async def test_the_type_is_absolute_where_the_public_address_is_known(
    settings: Settings, sessions: Sessions
) -> None:
    public = settings.model_copy(update={"public_url": "https://fpso.example.org/"})
    async with client_for(create_app(public), sessions) as client:
        problem = refused(await client.get("/nope"), 404, "not-found")
    assert problem["type"] == "https://fpso.example.org/problems/not-found"


async def test_the_type_is_a_path_where_it_is_not(client: AsyncClient) -> None:
    problem = refused(await client.get("/nope"), 404, "not-found")
    assert problem["type"] == "/problems/not-found"
    assert (await client.get(problem["type"])).status_code == 200


async def test_instance_is_a_reference_to_what_was_asked(client: AsyncClient) -> None:
    answer = await client.get("/api/v1/equipment/23-LSHH%20(2)%3F%23%C3%85?x=1")
    problem = refused(answer, 422, "invalid")
    assert problem["instance"] == "/api/v1/equipment/23-LSHH%20%282%29%3F%23%C3%85"


# --- failures that nobody foresaw ----------------------------------------------------


def _faulty(settings: Settings) -> FastAPI:
    """The application, with some routes that fail."""
    app = create_app(settings)

    async def crash() -> NoReturn:
        raise RuntimeError("secret")

    async def crash_midway() -> StreamingResponse:
        async def body() -> AsyncGenerator[bytes]:
            yield b"half"
            raise RuntimeError("secret")

        return StreamingResponse(body())

    async def crash_in_sql(session: SessionDep) -> None:
        await session.execute(text("SELECT secret FROM nowhere"))

    async def violate(session: SessionDep) -> None:
        statement = "INSERT INTO vessels (code) SELECT code FROM vessels"
        await session.execute(text(statement))

    async def say_no() -> PlainTextResponse:
        return PlainTextResponse("secret", status_code=418)

    async def full_disk() -> NoReturn:
        raise OSError(ENOSPC, "secret")

    async def no_route() -> NoReturn:
        raise OSError(EHOSTUNREACH, "secret")

    for fault in (
        crash,
        crash_midway,
        crash_in_sql,
        violate,
        say_no,
        full_disk,
        no_route,
    ):
        app.add_api_route(f"/{fault.__name__}", fault, response_model=None)
    return app


@pytest.fixture
async def faulty(settings: Settings, sessions: Sessions) -> AsyncGenerator[AsyncClient]:
    async with client_for(_faulty(settings), sessions) as client:
        yield client


@pytest.mark.parametrize("fault", ["crash", "crash_in_sql", "violate", "full_disk"])
async def test_a_failure_is_500_without_a_word_of_it(
    faulty: AsyncClient, fault: str
) -> None:
    await vessel(faulty)
    answer = await faulty.get(f"/{fault}")
    problem = refused(answer, 500, "internal-error")
    assert problem["detail"].startswith("The service failed; nothing was changed.")
    for word in ("secret", "Error", "SELECT", "uq_vessels_code"):
        assert word not in answer.text


async def test_a_host_without_a_route_is_503(faulty: AsyncClient) -> None:
    answer = await faulty.get("/no_route")
    refused(answer, 503, "unavailable")
    assert "secret" not in answer.text


async def test_plain_refusals_of_the_framework_take_our_shape(
    faulty: AsyncClient,
) -> None:
    problem = refused(await faulty.get("/say_no"), 400, "malformed")
    assert "secret" not in problem["detail"]


async def test_an_answer_that_fails_midway_is_cut_off(faulty: AsyncClient) -> None:
    """Never closed as if it were whole: a file would look complete."""
    sent: list[str] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(str(message["type"]) + str(message.get("more_body", "")))

    transport = faulty._transport  # noqa: SLF001 the ASGI application below the client
    assert isinstance(transport, ASGITransport)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/crash_midway",
        "headers": [],
        "query_string": b"",
        "asgi": {"spec_version": "2.4"},
    }
    with pytest.raises(RuntimeError):
        await transport.app(scope, receive, send)  # type: ignore[arg-type]
    assert sent == ["http.response.start", "http.response.bodyTrue"]


async def test_bytes_that_are_no_text_break_nothing(
    app: FastAPI, sessions: Sessions
) -> None:
    """A server may pass on a query and headers of any bytes."""

    async def odd(scope: Scope, receive: Receive, send: Send) -> None:
        given = {
            **scope,
            "query_string": b"\xff\xfe=\xc3&limit=1",
            "headers": [
                (b"host", b"[::1"),
                (b"x-request-id", b"\xff"),
                (b"if-match", b"\xff"),
            ],
            "state": {"sessions": sessions},
        }
        await app(given, receive, send)

    transport = ASGITransport(odd, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://fpso") as client:
        refused(await client.get(url("equipment")), 422, "invalid")
        refused(await client.get("/nope"), 404, "not-found")


# --- what the database refuses --------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "status", "slug"),
    [
        ("40001", 409, "conflict"),
        ("40P01", 409, "conflict"),
        ("22003", 422, "invalid"),
        ("22P05", 422, "invalid"),
        ("25006", 503, "unavailable"),
        ("28P01", 503, "unavailable"),
        ("3D000", 503, "unavailable"),
        ("53300", 503, "unavailable"),
        ("55P03", 503, "unavailable"),
        ("57014", 503, "unavailable"),
        ("57P01", 503, "unavailable"),
        ("08006", 503, "unavailable"),
        ("23514", 500, "internal-error"),
        ("42P01", 500, "internal-error"),
        ("XX000", 500, "internal-error"),
    ],
)
@pytest.mark.parametrize("through", ["SQLAlchemy", "the driver"])
async def test_a_refusal_of_the_database_is_read_by_its_state(
    settings: Settings,
    sessions: Sessions,
    through: str,
    state: str,
    status: int,
    slug: str,
) -> None:
    app = create_app(settings)
    message = f"DO $$ BEGIN RAISE 'secret' USING ERRCODE = '{state}'; END $$"

    async def fail(session: SessionDep) -> None:
        if through == "the driver":
            await (await driver(session)).execute(message)
        await session.execute(text(message))

    app.add_api_route("/fail", fail)
    async with client_for(app, sessions) as client:
        answer = await client.get("/fail")
    refused(answer, status, slug)
    assert "secret" not in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_a_value_that_the_driver_cannot_send_is_422(
    settings: Settings, sessions: Sessions
) -> None:
    app = create_app(settings)

    async def fail(session: SessionDep) -> None:
        await session.execute(text("SELECT CAST(:n AS integer)"), {"n": 2**70})

    app.add_api_route("/fail", fail)
    async with client_for(app, sessions) as client:
        refused(await client.get("/fail"), 422, "invalid")


async def test_a_database_that_is_not_there_is_503(settings: Settings) -> None:
    elsewhere = str(settings.database_url) + "_not"
    url_of = {"database_url": elsewhere}
    app = create_app(Settings.model_validate(url_of))
    async with (
        app.router.lifespan_context(app) as state,
        client_for(app, (state or {})["sessions"]) as client,
    ):
        answer = await client.get("/readyz")
    refused(answer, 503, "unavailable")


async def test_no_value_is_in_the_text_of_a_database_error(sessions: Sessions) -> None:
    """Such a text ends in logs."""
    async with sessions() as session:
        with pytest.raises(DBAPIError) as failure:
            await session.execute(
                text("INSERT INTO vessels (code, version) VALUES (:code, NULL)"),
                {"code": "secret"},
            )
    assert "secret" not in str(failure.value).partition("\n")[0]
    assert "'secret'" not in str(failure.value)


async def test_a_conflict_that_no_service_explains_is_one_too(
    client: AsyncClient, settings: Settings, sessions: Sessions
) -> None:
    await vessel(client)
    await equipment(client, "A1")
    app = create_app(settings)

    async def rename(session: SessionDep) -> None:
        statement = (
            "INSERT INTO equipment (code, vessel, name, status) "
            "VALUES ('A1', 'MV102', 'pump', 'active')"
        )
        await session.execute(text(statement))

    app.add_api_route("/rename", rename)
    async with client_for(app, sessions) as faulty:
        problem = refused(await faulty.get("/rename"), 409, "conflict")
    assert "taken meanwhile" in problem["detail"]
