"""One compose stack of the tests' own, and how to talk to it."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
PROJECT = "fpso-compose-test"
PORT = int(os.environ.get("FPSO_HTTP_PORT", "8088"))
DOCKER = shutil.which("docker") or "docker"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401  # whatever the server said
        return json.loads(self.body)


def docker(*words: str, check: bool = True, **environment: str) -> str:
    """Return what the command printed; when it fails, the test fails with that."""
    # Nothing of the developer's own settings may colour what is tried.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("FPSO_")}
    # Words of our own, no shell.
    ran = subprocess.run(  # noqa: S603
        [DOCKER, *words],
        cwd=ROOT,
        env=inherited | {"FPSO_HTTP_PORT": str(PORT)} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if check and ran.returncode:
        raise AssertionError(
            f"docker {' '.join(words)} ended with {ran.returncode}:\n{ran.stdout}"
        )
    return ran.stdout


def compose(*words: str, check: bool = True, **environment: str) -> str:
    # An empty .env file: the stack must work without the developer's.
    own = ("--project-name", PROJECT, "--env-file", os.devnull, "--ansi", "never")
    return docker("compose", *own, *words, check=check, **environment)


def containers(service: str) -> list[dict[str, Any]]:
    """Return what the engine knows of the running containers of a service."""
    ids = compose("ps", "--quiet", service).split()
    found: list[dict[str, Any]] = json.loads(docker("inspect", *ids)) if ids else []
    return found


def call(
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
    seconds: float = 10,
) -> Answer:
    """One request through Traefik, on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", PORT, timeout=seconds)
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    given = {"Content-Type": "application/json"} if content else {}
    try:
        connection.request(method, path, content, given | (headers or {}))
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())
    except (OSError, HTTPException) as broken:
        return Answer(0, {}, str(broken).encode())
    finally:
        connection.close()


def wait_until(what: str, true: Callable[[], bool], seconds: float) -> float:
    """Return how long it took; fail when it takes longer than that."""
    start = time.monotonic()
    while not true():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"Waited {seconds} s in vain until {what}")
        time.sleep(0.1)
    return time.monotonic() - start


def ready() -> bool:
    return call("GET", "/readyz").status == 200  # noqa: PLR2004  # OK


def port_is_free() -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return False
    return True
