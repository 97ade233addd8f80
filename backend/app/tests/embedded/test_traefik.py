"""What the door lets through, and whose words it passes on."""

import http.client
import json
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.embedded.process import free_ports, see_end
from app.embedded.stack import MIDDLEWARES
from app.embedded.traefik import Door
from app.tests.embedded.conftest import until


class Backend(ThreadingHTTPServer):
    """Answers with the path that it was sent; unready when told so."""

    ready = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)


class Answer(BaseHTTPRequestHandler):
    server: Backend

    def do_GET(self) -> None:
        self.send_response(200 if self.server.ready else 503)
        self.send_header("Retry-After", "2")
        self.end_headers()
        self.wfile.write(json.dumps([self.path, dict(self.headers)]).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend() as backend:
        thread = threading.Thread(target=backend.serve_forever)
        thread.start()
        yield backend
        backend.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def door(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    port, management, dead = free_ports(3)
    folder = tmp_path_factory.mktemp("traefik")
    door = Door(folder, port, management, (backend.server_port, dead))
    door.write(MIDDLEWARES)
    with tempfile.TemporaryFile() as log:
        process: subprocess.Popen[bytes] = door.program().spawn(log)
        until(lambda: get(port, "/")[0] == 200)
        yield door
        process.send_signal(signal.SIGTERM)
        see_end(process, 15)
        log.seek(0)
        assert b"unknown" not in log.read()


def get(
    port: int, path: str, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("localhost", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read().decode()
    except OSError:
        return 0, {}, ""
    finally:
        connection.close()


@pytest.mark.parametrize(
    "escape",
    [
        *("%20", "%28", "%29", "%2B", "%2C", "%3A", "%26", "%27"),  # in real codes
        *("%00", "%23", "%25", "%2F", "%3B", "%3F", "%5C"),  # the backend says no
    ],
)
def test_paths_arrive_as_they_were_sent(door: Door, escape: str) -> None:
    path = f"/equipment/23-LSHH{escape}2"
    status, _, body = get(door.port, path)
    assert status == 200
    assert json.loads(body)[0] == path


def test_a_semicolon_stays_one(door: Door) -> None:
    assert json.loads(get(door.port, "/?delimiter=;")[2])[0] == "/?delimiter=%3B"


def test_no_header_passes_for_another(door: Door) -> None:
    """A backend might read X_Request_ID as X-Request-ID."""
    sent = {"X_Request_ID": "forged", "X-Request-ID": "mine"}
    seen = json.loads(get(door.port, "/", sent)[2])[1]
    assert seen["X-Request-Id"] == "mine"
    assert "forged" not in seen.values()


def test_the_shared_chain_is_used(door: Door) -> None:
    assert get(door.port, "/")[1]["X-Content-Type-Options"] == "nosniff"


def test_a_dead_backend_is_not_noticed(door: Door) -> None:
    assert [get(door.port, "/")[0] for _ in range(10)] == [200] * 10


def test_unready_backends_speak_for_themselves(backend: Backend, door: Door) -> None:
    """Else Traefik answers 503 without words, and /livez could not be asked."""
    backend.ready = False
    try:

        def found_out() -> bool:
            services = get(door.management, "/api/http/services")[2]
            states = {
                each["name"]: each.get("serverStatus", {}).values()
                for each in json.loads(services)
            }
            return set(states["fpso-ready@file"]) == {"DOWN"}

        until(found_out)
        for _ in range(4):
            status, headers, body = get(door.port, "/livez")
            assert (status, headers["Retry-After"]) == (503, "2")
            assert json.loads(body)[0] == "/livez"
    finally:
        backend.ready = True
