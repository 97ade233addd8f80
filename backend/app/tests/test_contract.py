"""What every operation promises, whatever it does: read from OpenAPI, none left out."""

import json
import re
import runpy
import sys
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import errors
from app.database import create_engine, create_sessions
from app.main import BODY_MAX, create_app
from app.openapi import spell
from app.requisitions.models import Requisition
from app.settings import Settings
from app.tests.conftest import Databases, client_for, rolled_back
from app.tests.factories import (
    JSON,
    created,
    equipment,
    pointers,
    refused,
    term,
    vessel,
)
from app.tests.stock.factories import part, store

COMMITTED = Path(__file__).parents[2] / "openapi.json"
SCHEMA: JSON = json.loads(spell())
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PROBLEM = "application/problem+json"
SLUGS = {error.slug for error in errors.every_error() if hasattr(error, "slug")}


class Operation(NamedTuple):
    method: str
    template: str
    document: JSON

    @property
    def path(self) -> str:
        """The address of something that there is, or could be."""
        code = "MV102" if self.template.startswith("/api/v1/vessels/") else "A1"
        known = {
            "{code}": code,
            "{part}": "A1",
            "{kind}": "failure-modes",
            "{id}": str(UUID(int=7)),
            "{number}": "7",
        }
        path = self.template
        for name, value in known.items():
            path = path.replace(name, value)
        return path

    @property
    def media_types(self) -> set[str]:
        return set(self.document.get("requestBody", {}).get("content", {}))

    @property
    def body(self) -> object:
        """The example that the schema gives; null where no body is taken."""
        if self.media_types != {"application/json"}:
            return None
        content = self.document["requestBody"]["content"]["application/json"]
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        examples = SCHEMA["components"]["schemas"].get(name, {}).get("examples", [None])
        example: object = examples[0]
        return example

    @property
    def query(self) -> dict[str, str]:
        """The parameters without which it refuses."""
        parameters = self.document.get("parameters", [])
        return {
            parameter["name"]: "compressor"
            for parameter in parameters
            if parameter["in"] == "query" and parameter["required"]
        }

    @property
    def asks_for_a_version(self) -> bool:
        parameters = self.document.get("parameters", [])
        return any(parameter["name"] == "if-match" for parameter in parameters)

    @property
    def asks_the_database(self) -> bool:
        return self.template not in {"/livez", "/status"}

    async def send(
        self,
        client: AsyncClient,
        *,
        json: object = None,
        **given: Any,  # noqa: ANN401 httpx2's
    ) -> Response:
        """Send it, with all that it needs unless the test gives it."""
        given = {"params": self.query, "headers": {"If-Match": "*"}} | given
        if json is not None:
            given["json"] = json
        elif self.media_types and "content" not in given:
            given["content"] = "code,name\nA1,pump\n"
            given["headers"] |= {"Content-Type": "text/csv"}
        return await client.request(self.method, self.path, **given)


OPERATIONS = {
    document["operationId"]: Operation(method.upper(), template, document)
    for template, operations in SCHEMA["paths"].items()
    for method, document in operations.items()
}
# What goes by an id gets the one of the addresses above.
NUMBERED = [
    f"""INSERT INTO operations (id, equipment, vessel, type, cost, state)
    VALUES ('{UUID(int=7)}', 'A1', 'MV102', 'repair', 1, 'planned')""",
    """INSERT INTO issues (number, vessel, title, priority, kind)
    VALUES (7, 'MV102', 'Rust', 3, 'request')""",
    f"""INSERT INTO units (id, manufacturer, model, serial_number)
    VALUES ('{UUID(int=7)}', 'Solar', 'C40', 'S7')""",
    f"""INSERT INTO installations (id, unit, equipment, installed_at)
    VALUES ('{UUID(int=7)}', '{UUID(int=7)}', 'A1', '2026-01-01')""",
]
WITH_JSON = [name for name, it in OPERATIONS.items() if it.body is not None]
WITH_DATABASE = [name for name, it in OPERATIONS.items() if it.asks_the_database]
WITH_VERSION = [name for name, it in OPERATIONS.items() if it.asks_for_a_version]


@pytest.fixture
def operation(request: pytest.FixtureRequest) -> Operation:
    return OPERATIONS[request.param]


def each(names: Iterable[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", names, indirect=True)


@pytest.fixture(scope="module")
async def manned(databases: Databases) -> AsyncGenerator[AsyncEngine]:
    """A database with a fleet in which the addresses above exist."""
    settings = await databases.make()
    engine = create_engine(settings)
    sessions = create_sessions(engine)
    async with client_for(create_app(settings), sessions) as client:
        await vessel(client, "MV102")
        await equipment(client, "A1")
        await part(client, "A1")
        await store(client, "A1")
        level = {"part": "A1", "minimum": 1, "maximum": 2}
        created(await client.post("/api/v1/stores/A1/levels", json=level))
        await term(client, "A1")
    async with sessions.begin() as session:
        session.add(
            Requisition(id=UUID(int=7), vessel="MV102", store="A1", requester="A")
        )
        for statement in NUMBERED:
            await session.execute(text(statement))
    yield engine
    await engine.dispose()


@pytest.fixture
async def aboard(app: FastAPI, manned: AsyncEngine) -> AsyncGenerator[AsyncClient]:
    async with rolled_back(manned) as sessions, client_for(app, sessions) as client:
        yield client


# --- the document ------------------------------------------------------------------


def test_the_committed_contract_is_the_applications() -> None:
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == SCHEMA, (
        "openapi.json lags: in backend/, python -m app.openapi > openapi.json"
    )


def test_the_command_prints_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "app.openapi")
    runpy.run_module("app.openapi", run_name="__main__")
    assert json.loads(capsys.readouterr().out) == SCHEMA


def test_the_cases_below_are_not_none() -> None:
    assert len(OPERATIONS) >= 20
    assert len(WITH_JSON) >= 7
    assert len(WITH_VERSION) >= 2


def test_every_part_of_the_api_says_what_it_is_for() -> None:
    used = {
        tag for operation in OPERATIONS.values() for tag in operation.document["tags"]
    }
    said = {tag["name"]: tag["description"] for tag in SCHEMA["tags"]}
    assert said.keys() == used


def test_operation_ids_are_unique_verbs_and_nouns() -> None:
    count = sum(len(operations) for operations in SCHEMA["paths"].values())
    assert len(OPERATIONS) == count
    for operation_id in OPERATIONS:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", operation_id)


@each(OPERATIONS)
def test_it_is_documented(operation: Operation) -> None:
    document = operation.document
    assert document["tags"]
    assert document["summary"]
    assert document["description"].endswith((".", "…"))
    answers = document["responses"]
    assert any(status.startswith("2") for status in answers)
    assert answers["default"]["content"].keys() == {PROBLEM}
    for status, answer in answers.items():
        if status[0] in "45":
            assert answer["content"].keys() == {PROBLEM}
            slugs = set(re.findall(r"`([a-z-]+)`", answer["description"]))
            assert slugs
            assert slugs <= SLUGS
    if "{code}" in operation.template and operation.template != "/api/v1/vessels":
        assert "`not-found`" in answers["404"]["description"]
    if operation.asks_for_a_version:
        assert {"412", "428"} <= answers.keys()
    assert "422" in answers
    if operation.body is not None:
        assert {"400", "413", "415"} <= answers.keys()
    if operation.asks_the_database:
        assert "503" in answers


@each(OPERATIONS)
def test_its_names_are_snake_case(operation: Operation) -> None:
    for parameter in operation.document.get("parameters", []):
        if parameter["in"] != "header":
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*", parameter["name"])


def test_fields_are_snake_case() -> None:
    for schema in SCHEMA["components"]["schemas"].values():
        for name in schema.get("properties", {}):
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)


# --- the request that makes no sense -------------------------------------------------


@each(OPERATIONS)
async def test_it_refuses_an_unknown_parameter(
    aboard: AsyncClient, operation: Operation
) -> None:
    params = {**operation.query, "flavour": "x"}
    answer = await operation.send(aboard, json=operation.body, params=params)
    problem = refused(answer, 422, "invalid")
    assert pointers(problem) == {"?flavour": "unknown-parameter"}
    documented = operation.document.get("parameters", [])
    names = sorted(it["name"] for it in documented if it["in"] == "query")
    has = f"It has {', '.join(names)}." if names else "It has none."
    assert problem["errors"][0]["message"] == f"Remove it. {has}"


@each(OPERATIONS)
async def test_it_takes_twice_what_it_documents_as_a_list_alone(
    aboard: AsyncClient, operation: Operation
) -> None:
    documented = operation.document.get("parameters", [])
    query = {it["name"]: it["schema"] for it in documented if it["in"] == "query"}
    twice = [(name, "7") for name in query for _ in range(2)]
    answer = await operation.send(aboard, json=operation.body, params=twice)
    problem = answer.json() if answer.status_code == 422 else {"errors": []}
    repeated = {
        it["pointer"] for it in problem["errors"] if it["code"] == "repeated-parameter"
    }
    single = {name for name, schema in query.items() if schema.get("type") != "array"}
    assert repeated == {f"?{name}" for name in single}


@each(OPERATIONS)
async def test_it_refuses_an_unknown_parameter_of_any_bytes(
    aboard: AsyncClient, operation: Operation
) -> None:
    for query in (b"%FF=1", b"a%00=b", b"%ED%A0%80=%00", b"=1"):
        target = operation.path.encode() + b"?" + query
        url = httpx2.URL("http://fpso").copy_with(raw_path=target)
        answer = await aboard.request(operation.method, url, json=operation.body)
        refused(answer, 422, "invalid")


@pytest.mark.parametrize("template", SCHEMA["paths"])
async def test_it_says_which_methods_it_answers_to(
    aboard: AsyncClient, template: str
) -> None:
    # Several templates can fit one address: /equipment/deactivate is a code too.
    operation = Operation("GET", template, {})
    known = {method.upper() for method in SCHEMA["paths"][template]}
    if template in {"/api/v1/equipment/deactivate", "/api/v1/equipment/activate"}:
        known |= {"GET", "PATCH"}
    if "GET" in known:
        known.add("HEAD")
    for method in {*METHODS, "OPTIONS"} - known:
        answer = await aboard.request(method, operation.path)
        problem = refused(answer, 405, "method-not-allowed")
        assert set(answer.headers["allow"].split(", ")) == known
        assert method in problem["detail"]


async def test_what_is_not_there_is_404_for_every_method(client: AsyncClient) -> None:
    for path in ("/nope", "/api/v1", "/api/v1/", "/api/v1/vessels/", "/api/v2/vessels"):
        for method in METHODS:
            problem = refused(await client.request(method, path), 404, "not-found")
            assert problem["instance"] == path


@each(WITH_JSON)
async def test_it_refuses_what_is_no_json(
    aboard: AsyncClient, operation: Operation
) -> None:
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    for body in (b"{", b'{"code": }', b"\xff\xfe\x00", b'{"code": "\xff"}', b"'a'"):
        answer = await operation.send(aboard, content=body, headers=headers)
        refused(answer, 400, "malformed")
    for body in (b"", b"null", b"[]", b'"text"', b"7", b"NaN"):
        answer = await operation.send(aboard, content=body, headers=headers)
        refused(answer, 422, "invalid")


@each(WITH_JSON)
async def test_it_refuses_an_unknown_field(
    aboard: AsyncClient, operation: Operation
) -> None:
    assert isinstance(operation.body, dict)
    body = {**operation.body, "flavour": 1}
    answer = await operation.send(aboard, json=body, headers={"If-Match": "*"})
    problem = refused(answer, 422, "invalid")
    assert pointers(problem)["/flavour"] == "extra-forbidden"
    (message,) = (
        it["message"] for it in problem["errors"] if it["pointer"] == "/flavour"
    )
    assert set(operation.body) <= set(re.split(r"[ ,.]+", message))


# Of every kind, and of none: what is refused, is so in words of ours.
ODD: tuple[object, ...] = (
    *(None, True, -1, 10**30, 1.5, [], {}, [{}]),
    *("", "\ud800", "x" * 30_000),
)
THEIRS = re.compile(r"\bshould (be|have|match)\b|[Ff]ield required|not permitted")


def _in_our_words(answer: Response) -> bool:
    if answer.status_code != 422:
        return True
    said = [error["message"] for error in answer.json().get("errors", [])]
    return not any(re.search(THEIRS, message) for message in said)


@each(OPERATIONS)
async def test_it_says_in_our_words_what_is_wrong_with_a_parameter(
    aboard: AsyncClient, operation: Operation
) -> None:
    for parameter in operation.document.get("parameters", []):
        for odd in ("", "x", "-1", "1.5", "9" * 30, "x" * 3000, "{", "[1]", '{"a":1}'):
            if parameter["in"] == "query":
                params = {**operation.query, parameter["name"]: odd}
                answer = await operation.send(
                    aboard, json=operation.body, params=params
                )
                assert _in_our_words(answer), answer.text


@each(WITH_JSON)
async def test_it_says_in_our_words_what_is_wrong_with_a_field(
    aboard: AsyncClient, operation: Operation
) -> None:
    content = operation.document["requestBody"]["content"]["application/json"]
    name = content["schema"]["$ref"].rpartition("/")[2]
    headers = {"If-Match": "*", "Content-Type": "application/json"}
    for field in SCHEMA["components"]["schemas"][name]["properties"]:
        for odd in ODD:
            body = json.dumps({field: odd})
            answer = await operation.send(aboard, content=body, headers=headers)
            assert _in_our_words(answer), answer.text


@each(WITH_JSON)
@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/xml", "application/octet-stream", None]
)
async def test_it_refuses_another_kind_of_body(
    aboard: AsyncClient, operation: Operation, media_type: str | None
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = await operation.send(
        aboard,
        content=json.dumps(operation.body),
        headers={"If-Match": "*", **headers},
    )
    problem = refused(answer, 415, "unsupported-media-type")
    assert "application/json" in problem["detail"]


@each(WITH_JSON)
async def test_it_refuses_a_large_body(
    aboard: AsyncClient, operation: Operation
) -> None:
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    large = b" " * BODY_MAX + b"{"
    refused(
        await operation.send(aboard, content=large, headers=headers), 413, "too-large"
    )

    async def chunks() -> AsyncGenerator[bytes]:
        for _ in range(BODY_MAX // 2**16 + 1):
            yield b" " * 2**16

    refused(
        await operation.send(aboard, content=chunks(), headers=headers),
        413,
        "too-large",
    )


@each(WITH_JSON)
async def test_a_body_up_to_the_limit_is_read(
    aboard: AsyncClient, operation: Operation
) -> None:
    """The control of the test above."""
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    body = b"{}".ljust(BODY_MAX)
    answer = await operation.send(aboard, content=body, headers=headers)
    assert answer.status_code in {200, 409, 422}


async def test_a_large_body_is_refused_where_none_is_read(client: AsyncClient) -> None:
    large = b" " * (BODY_MAX + 1)
    for path in ("/nope", "/status", "/static/page.css"):
        refused(await client.post(path, content=large), 413, "too-large")


@each(WITH_VERSION)
async def test_a_change_needs_a_version_that_is_not_stale(
    aboard: AsyncClient, operation: Operation
) -> None:
    body = {} if operation.method == "PATCH" else operation.body
    answer = await operation.send(aboard, json=body, headers={})
    refused(answer, 428, "version-required")
    answer = await operation.send(aboard, json=body, headers={"If-Match": '"9"'})
    refused(answer, 412, "stale-version")
    if operation.method != "PATCH":
        return
    for match in ('"1"', "*"):
        answer = await operation.send(aboard, json={}, headers={"If-Match": match})
        assert answer.status_code == 200
        assert re.fullmatch('"1(-[0-9a-f]{1,8})?"', answer.headers["etag"])


# --- the server that cannot ----------------------------------------------------------


@pytest.fixture(scope="module")
async def away() -> AsyncGenerator[AsyncClient]:
    """A client of an application without its database: nothing listens on port 1."""
    url = {"database_url": "postgresql://fpso:secret@127.0.0.1:1/fpso"}
    settings = Settings.model_validate(url)
    engine = create_engine(settings)
    async with client_for(create_app(settings), create_sessions(engine)) as client:
        yield client
    await engine.dispose()


@each(WITH_DATABASE)
async def test_it_is_503_while_the_database_is_away(
    away: AsyncClient, operation: Operation
) -> None:
    answer = await operation.send(away, json=operation.body)
    problem = refused(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "2"
    assert "secret" not in answer.text
    assert "database" in problem["detail"]


class _Broken:
    """Sessions that fail as a fault of ours would."""

    def begin(self) -> None:
        raise RuntimeError("postgresql://fpso:secret@db/fpso")

    __call__ = begin


@each(WITH_DATABASE)
async def test_a_fault_of_ours_is_500_without_a_word_of_it(
    app: FastAPI, operation: Operation
) -> None:
    async with client_for(app, _Broken()) as client:  # type: ignore[arg-type]
        answer = await operation.send(client, json=operation.body)
    problem = refused(answer, 500, "internal-error")
    assert "secret" not in answer.text
    assert "RuntimeError" not in answer.text
    assert "request_id" in problem["detail"]


# --- GET and HEAD --------------------------------------------------------------------


# Where the feed ends, and a window that lasts until now, move on by themselves.
MOVING = ("/api/v1/changes", "/api/v1/reliability")


def test_head_is_get_without_the_body(server_url: str) -> None:
    with httpx2.Client(base_url=server_url) as client:
        client.post("/api/v1/vessels", json={"code": "MV102"}).raise_for_status()
        for operation in OPERATIONS.values():
            if operation.method != "GET":
                continue
            got = client.get(operation.path, params=operation.query)
            head = client.head(operation.path, params=operation.query)
            assert head.status_code == got.status_code
            assert head.content == b""
            names = ["content-type", "content-length", "etag", "link", "allow"]
            if operation.template in MOVING:
                names.remove("etag")
            for name in names:
                assert head.headers.get(name) == got.headers.get(name), operation.path
