"""Hot routes answer as FastAPI would, and leave it whatever they cannot read."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Response
from httpx2 import AsyncClient
from httpx2 import Response as Answer
from pydantic import BaseModel
from starlette.types import Message, Receive, Scope, Send

from app import hot
from app.database import Sessions
from app.hot import HotPaths
from app.main import create_app
from app.settings import Settings
from app.tests.conftest import client_for
from app.tests.factories import equipment, url, vessel

ABOARD = "/api/v1/vessels/MV102/equipment"
PUMP = {"name": "pump", "code": "P1", "location": "Brazil"}
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/api/v1/equipment/A1", {}),
    ("GET", "/api/v1/equipment/%20a1%20", {}),
    ("GET", "/api/v1/equipment/A1?x=1", {}),
    ("GET", "/api/v1/equipment/nope", {}),
    ("GET", "/api/v1/equipment/A1?as_of=yesterday", {}),
    ("GET", "/api/v1/equipment/A1?as_of=2001-01-31T00:00:00Z", {}),
    ("GET", "/api/v1/equipment/A1/", {}),
    ("GET", "/api/v1/equipment/deactivate", {}),
    ("GET", f"{ABOARD}?status=active&limit=1", {}),
    ("GET", f"{ABOARD}?status=active&status=inactive&sort=-code", {}),
    ("GET", f"{ABOARD}?limit=1&limit=2", {}),
    ("GET", f"{ABOARD}?limit=0&sort=x", {}),
    ("GET", f"{ABOARD}?limit=", {}),
    ("GET", f"{ABOARD}?cursor=x", {}),
    ("GET", f"{ABOARD}?extra=1", {}),
    ("GET", "/api/v1/vessels/none/equipment", {}),
    ("GET", "/api/v1/equipment?vessel=MV102&q=comp", {}),
    ("GET", "/api/v1/equipment/A1/children?limit=2", {}),
    ("HEAD", "/api/v1/equipment/A1", {}),
    ("PUT", "/api/v1/equipment/A1", {}),
    ("POST", ABOARD, {"json": PUMP, "headers": {"X-Change-Reason": "a\tb"}}),
    ("POST", f"{ABOARD}?x=1", {"json": PUMP}),
    ("POST", "/api/v1/vessels/none/equipment", {"json": PUMP}),
    ("POST", ABOARD, {"json": {**PUMP, "code": "A1"}}),
    ("POST", ABOARD, {"json": {**PUMP, "extra": 1}}),
    ("POST", ABOARD, {"json": []}),
    ("POST", ABOARD, {}),
    ("POST", ABOARD, {"content": "{", "headers": {"Content-Type": "application/json"}}),
    ("POST", ABOARD, {"content": "[" * 9999, "headers": {"Content-Type": "a/json"}}),
]


@pytest.fixture
async def plain(
    settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[AsyncClient]:
    """A client of the application in which no route is hot."""
    app = create_app(settings)
    with monkeypatch.context() as patch:
        patch.setattr(hot, "_marked", set())
        app.middleware_stack = app.build_middleware_stack()
    async with client_for(app, sessions) as client:
        yield client


def _told(answer: Answer) -> tuple[int, dict[str, str], object]:
    body: Any = answer.json() if answer.content else None
    if isinstance(body, dict):
        body.pop("request_id", None)
        for moment in ("created_at", "updated_at"):
            body.pop(moment, None)
    headers = {k: v for k, v in answer.headers.items() if k != "x-request-id"}
    return answer.status_code, headers, body


async def test_hot_routes_answer_as_all_others(
    client: AsyncClient, plain: AsyncClient
) -> None:
    await vessel(client)
    await equipment(client, "A1")
    await equipment(client, "A2", parent="A1")
    for method, path, sent in REQUESTS:
        answers = [
            _told(await each.request(method, path, **sent)) for each in (client, plain)
        ]
        assert answers[0] == answers[1], f"{method} {path} {sent}"
    sent = {"headers": {"X-Change-Reason": "new på dekk".encode()}}
    made = []
    for each, code in ((client, "H1"), (plain, "P1")):
        answer = await each.post(ABOARD, json={**PUMP, "code": code}, **sent)
        assert answer.status_code == 201
        history = await client.get(url("equipment", code, "history"))
        [entry] = history.json()["items"]
        assert entry["request_id"] == answer.headers["x-request-id"]
        made.append((answer.headers.keys(), answer.json().keys(), entry["reason"]))
    assert made[0] == made[1]
    assert made[0][2] == "new på dekk"


# --- which requests are run where -----------------------------------------------------


class Size(BaseModel):
    size: int


def _api() -> FastAPI:
    api = FastAPI()

    @api.get("/things/fixed")
    async def fixed() -> None: ...

    @api.get("/things/{name}")
    @hot.hot
    async def read(name: str) -> Response:
        return Response(name)

    @api.post("/things/{name}")
    @hot.hot
    async def write(name: str, data: Size) -> Response:
        return Response(name * data.size)

    return api


JSON = (b"content-type", b"application/json")
GOOD = b'{"size": 2}'


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "hot_one"),
    [
        ("GET", "/things/x", [], b"", True),
        ("GET", "/things/fixed", [], b"", False),
        ("GET", "/things/x/y", [], b"", False),
        ("HEAD", "/things/x", [], b"", False),
        ("POST", "/things/x", [JSON, (b"content-length", b"11")], GOOD, True),
        ("POST", "/things/x", [(b"content-length", b"11")], GOOD, False),
        ("POST", "/things/x", [JSON], GOOD, False),
        ("POST", "/things/x", [JSON, (b"content-length", b"65537")], GOOD, False),
        ("POST", "/things/x", [JSON, (b"content-length", b"9" * 5000)], GOOD, False),
        ("POST", "/things/x", [JSON, (b"content-length", b"10")], b'{"size": "', False),
        ("POST", "/things/x", [JSON, (b"content-length", b"2")], b"[]", False),
    ],
)
async def test_what_cannot_be_read_is_left_untouched(
    method: str,
    path: str,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    hot_one: bool,  # noqa: FBT001 pytest names it
) -> None:
    left: list[Message] = [
        {"type": "http.request", "body": body[:5], "more_body": True},
        {"type": "http.request", "body": body[5:]},
        {"type": "http.disconnect"},
    ]
    answered: list[Message] = []
    received: list[Message] = []

    async def receive() -> Message:
        return left.pop(0)

    async def send(message: Message) -> None:
        answered.append(message)

    async def fastapi(_scope: Scope, receive: Receive, _send: Send) -> None:
        while not received or received[-1]["type"] != "http.disconnect":
            received.append(await receive())

    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    expected = list(left)
    await HotPaths(fastapi, of=_api())(scope, receive, send)
    assert bool(answered) is hot_one
    assert received == ([] if hot_one else expected)


async def _generator() -> AsyncGenerator[int]:
    yield 1


def _plain() -> int:
    return 1


@pytest.mark.parametrize("dependency", [_generator, _plain])
def test_what_must_end_or_blocks_is_no_part_of_a_hot_route(
    dependency: Callable[..., object],
) -> None:
    api = FastAPI()

    @api.get("/", dependencies=[Depends(dependency)])
    @hot.hot
    async def read() -> Response:
        return Response()

    with pytest.raises(TypeError, match="No hot route can take"):
        HotPaths(api, of=api)
