"""Logs are JSON lines that tie to an answer by its request id, and hold no values."""

import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from httpx2 import AsyncClient
from pydantic import BaseModel, ValidationError
from sqlalchemy.engine import make_url

from app.log import configure
from app.settings import Settings
from app.tests.conftest import connected
from app.tests.factories import JSON, refused, url

BACKEND = Path(__file__).parents[2]


@pytest.mark.parametrize("given", ["abc", "A-1_b.2", "0" * 64, str(UUID(int=1))])
async def test_a_request_id_is_taken_over(client: AsyncClient, given: str) -> None:
    answer = await client.get("/livez", headers={"X-Request-ID": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize(
    "given", ["", " ", "a b", "a\tb", "0" * 65, "<b>", "a;b", "å", '"', "a,b", "{}"]
)
async def test_a_request_id_that_could_do_harm_is_replaced(
    client: AsyncClient, given: str
) -> None:
    headers = {b"X-Request-ID": given.encode()}
    answer = await client.get("/nope", headers=headers)
    replaced = refused(answer, 404, "not-found")["request_id"]
    assert str(UUID(replaced)) == replaced


async def test_each_request_has_an_id_of_its_own(client: AsyncClient) -> None:
    ids = {(await client.get("/livez")).headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


@pytest.fixture
def backend(fresh: Settings) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`python -m app`, as the front doors run it, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "FPSO_DATABASE_URL": str(fresh.database_url),
        "FPSO_PORT": str(port),
        "FPSO_LOG_LEVEL": "debug",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=BACKEND,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            for _ in range(600):
                with suppress(httpx2.ConnectError):
                    httpx2.get(f"{address}/status")
                    break
                assert process.poll() is None
                time.sleep(0.05)
            yield address, process
        finally:
            process.kill()


async def test_a_backend_logs_json_with_ids_and_without_values(
    backend: tuple[str, subprocess.Popen[str]], fresh: Settings
) -> None:
    address, process = backend
    async with AsyncClient(base_url=address) as client:
        body = {"code": "MV102", "name": "a secret name"}
        made = await client.post(url("vessels"), json=body)
        assert made.status_code == 201
        headers = {"X-Request-ID": "the-refused-one"}
        again = await client.post(url("vessels"), json=body, headers=headers)
        refused(again, 409, "duplicate-code")
        wrong = {"code": "a secret/code"}
        refused(await client.post(url("vessels"), json=wrong), 422, "invalid")
        async with connected(fresh) as connection:
            # NOT NULL refuses a whole row, and says which in its DETAIL.
            await connection.execute(
                "ALTER TABLE vessels ADD extra text NOT NULL DEFAULT 'x'; "
                "ALTER TABLE vessels ALTER extra DROP DEFAULT"
            )
        headers = {"X-Request-ID": "the-broken-one"}
        body = {"code": "SECRET1", "name": "a secret name"}
        broken = await client.post(url("vessels"), json=body, headers=headers)
        refused(broken, 500, "internal-error")
    process.terminate()
    out, err = process.communicate(timeout=10)
    assert err == ""
    events: list[JSON] = [json.loads(line) for line in out.splitlines()]
    for event in events:
        assert event.keys() >= {"event", "level", "logger", "timestamp"}
    requests = {e["request_id"]: e for e in events if e["event"] == "request"}
    assert len(requests) == 5  # and the one that found it awake
    assert requests[made.headers["x-request-id"]]["status"] == 201
    told = requests["the-refused-one"]
    assert (told["method"], told["path"], told["status"]) == (
        "POST",
        "/api/v1/vessels",
        409,
    )
    assert isinstance(told["ms"], float)
    (failure,) = [event for event in events if event["event"] == "unforeseen"]
    assert failure["request_id"] == "the-broken-one"
    kinds = [cause["exc_type"] for cause in failure["exception"]]
    assert "IntegrityError" in " ".join(kinds) or "NotNull" in " ".join(kinds)
    assert failure["exception"][0]["frames"]
    password = make_url(str(fresh.database_url)).password
    for secret in (password, "secret", "SECRET"):
        assert secret
        assert secret not in out


def test_a_validation_error_is_logged_without_the_input(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Guarded(BaseModel):
        number: int

    before = logging.root.handlers[:], logging.root.level
    configure("info")
    try:
        try:
            Guarded.model_validate({"number": "a secret"})
        except ValidationError:
            logging.getLogger("elsewhere").exception("failed")
            group = ExceptionGroup("many", [ValueError("one\na secret")])
            logging.getLogger("elsewhere").warning("both", exc_info=group)
    finally:
        logging.root.handlers[:], logging.root.level = before
    out = capsys.readouterr().out
    assert "1 validation error for Guarded" in out
    assert "secret" not in out
    assert [json.loads(line)["event"] for line in out.splitlines()] == [
        "failed",
        "both",
    ]
