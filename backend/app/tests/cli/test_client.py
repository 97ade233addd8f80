"""Servers that are away, broken, or something else than ours."""

import json
import socket
from importlib.metadata import version

import pytest

from app.tests.cli.conftest import Canned, Fpso

BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n"
    b"Content-Length: 15\r\n\r\n<h1>Sorry.</h1>"
)
MOVED = (
    b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://fpso.example/x\r\n"
    b"Content-Length: 0\r\n\r\n"
)
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def words(text: str) -> str:
    """What a panel says, without its frame and its line breaks."""
    return " ".join(text.replace("│", " ").split())


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_a_server_that_is_down_is_one_sentence(run: Fpso, closed_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}"
    done = run("vessels", url=url)

    assert done.exit_code == 3
    assert done.stdout == ""
    assert f"Nothing answers at {url}" in words(done.stderr)
    assert "Is the server running? `fpso up` starts one here" in words(done.stderr)


def test_scripts_get_errors_as_json_on_stderr(run: Fpso, closed_port: int) -> None:
    done = run("vessels", "--json", url=f"http://127.0.0.1:{closed_port}")

    assert done.exit_code == 3
    assert done.stdout == ""
    assert json.loads(done.stderr)["title"] == "The server was not reached"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (BAD_GATEWAY, "502 Bad Gateway with text/html, not with the JSON of the FPSO"),
        (BAD_GATEWAY, "A proxy answers but the API behind it does not"),
        (
            BAD_GATEWAY.replace(b"502 Bad Gateway", b"200 OK"),
            "Is --url (or FPSO_URL) the address of the API?",
        ),
        (
            MOVED,
            "It points to https://fpso.example/x",
        ),
        (
            JSON + b'Content-Length: 13\r\n\r\n{"items": []}',
            "next_cursor: Field required. Have the server and this fpso the same",
        ),
        (
            JSON + b'Content-Length: 500\r\n\r\n{"items": [',
            "broke before the answer was whole",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broke before the answer was whole"),
        (b"", "broke before the answer was whole"),
    ],
)
def test_an_answer_that_is_not_ours_is_one_sentence(
    run: Fpso, answering: Canned, answer: bytes, message: str
) -> None:
    done = run("vessels", url=answering(answer))

    assert done.exit_code == 3
    assert message in words(done.stderr)


def test_a_server_that_fails_is_worth_another_try(run: Fpso, answering: Canned) -> None:
    body = b'{"title": "Database away", "status": 503, "detail": "Soon back."}'
    url = answering(
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n"
        b"Content-Type: application/problem+json\r\n\r\n%s" % (len(body), body)
    )

    done = run("vessels", url=url)

    assert done.exit_code == 3
    assert "503 Database away" in done.stderr
    assert "Soon back." in done.stderr
    assert run("vessels", "--json", url=url).stderr.encode() == body + b"\n"


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8088",
        "ftp://x",
        "http://",
        "nonsense",
        "http://x:y",
    ],
)
def test_what_is_no_address_is_wrong_usage(run: Fpso, url: str) -> None:
    done = run("vessels", url=url)

    assert done.exit_code == 2
    assert "is no server's address" in words(done.stderr)


def test_the_innermost_url_counts(fpso: Fpso, server_url: str) -> None:
    nowhere = "http://127.0.0.1:1"
    for words_ in (
        ("--url", server_url, "vessels", "list"),
        ("vessels", "--url", server_url, "list"),
        ("vessels", "list", "--url", f"{server_url}/api/v1/"),
        ("--url", nowhere, "vessels", "list", "--url", server_url),
    ):
        assert fpso(*words_, url=nowhere).exit_code == 0, words_
    assert fpso("--url", nowhere, "vessels", "list").exit_code == 3


def test_the_servers_words_and_its_request_are_shown(fpso: Fpso) -> None:
    fpso("vessels", "add", "MV102")

    done = fpso("vessels", "add", "mv102")
    as_json = fpso("--json", "vessels", "add", "MV102")

    assert done.exit_code == 1
    assert "409 Duplicate code" in done.stderr
    assert "MV102" in done.stderr
    assert "request " in done.stderr
    problem = json.loads(as_json.stderr)
    assert (problem["status"], problem["code"]) == (409, "duplicate-code")
    assert as_json.stdout == ""


def test_every_wrong_field_is_named(fpso: Fpso) -> None:
    fpso("vessels", "add", "MV102")

    done = fpso("equipment", "add", "MV102", "X", "--name", "", "--location", "")

    assert done.exit_code == 1
    assert "- /name: " in done.stderr
    assert "- /location: " in done.stderr


def test_the_version_is_told(run: Fpso) -> None:
    assert run("--version").stdout == f"fpso {version('fpso')}\n"
