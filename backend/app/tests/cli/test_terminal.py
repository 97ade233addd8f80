"""What only a process with a terminal, a pipe or a signal can show."""

import os
import pty
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from app.tests.cli.conftest import Fpso

COMMAND = [sys.executable, "-m", "app.cli"]


def environment(**more: str) -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLUMNS"}}
    return plain | {"TERM": "xterm-256color"} | more


def at_terminal(*words: str, keys: str = "", **env: str) -> tuple[int, str]:
    """Run `fpso` at a terminal where somebody types `keys`; its exit code and text."""
    ours, theirs = pty.openpty()
    os.write(ours, keys.encode())
    process = subprocess.Popen(
        [*COMMAND, *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(**env),
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # how Linux says that the other end is gone
        while chunk := os.read(ours, 65536):
            seen += chunk
    os.close(ours)
    return process.wait(), seen.decode()


def test_colours_are_for_terminals_that_want_them(
    fpso: Fpso, vessel: str, server_url: str
) -> None:
    words = ("equipment", "add", vessel, "5310B9D7", "--name", "x", "--location", "y")
    code, colourful = at_terminal(*words, FPSO_URL=server_url)
    _, plain = at_terminal(*words, FPSO_URL=server_url, NO_COLOR="1")

    assert code == 1
    assert "\x1b[31m" in colourful
    assert "409 Duplicate code" in plain
    assert "\x1b[3" not in plain
    assert "\x1b" not in fpso(*words).stderr


@pytest.mark.parametrize(
    "words",
    [
        ("equipment", "list", "MV102"),
        ("equipment", "show", "5310B9D7"),
        ("equipment", "list", "MV102", "--json"),
        ("export", "MV102"),
    ],
)
def test_a_reader_that_has_seen_enough_is_no_error(
    vessel: str, server_url: str, words: tuple[str, ...]
) -> None:
    assert vessel
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody:
        done = subprocess.run(
            [*COMMAND, *words],
            check=False,
            env=environment(FPSO_URL=server_url),
            stdout=nobody,
            stderr=subprocess.PIPE,
        )

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("vessels",), ""),
        (("apply", "0192"), "`fpso plan 0192` tells which."),
    ],
)
def test_ctrl_c_ends_at_once_and_in_words(words: tuple[str, ...], message: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [*COMMAND, "--url", url, *words],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with listener.accept()[0] as connection:
            assert connection.recv(65536)  # it asked, and waits for an answer
            process.send_signal(signal.SIGINT)
            out, said = process.communicate(timeout=10)

    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in said
    assert message in " ".join(said.replace("│", "").split())


def test_a_workbook_is_not_written_to_a_terminal() -> None:
    code, said = at_terminal("export", "MV102", "--format", "xlsx")

    assert code == 2
    assert "A workbook is no text" in said


def test_up_says_what_is_wrong_with_its_settings(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "up"],
        check=False,
        env=environment(FPSO_HTTP_PORT="harbour", FPSO_HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("fpso up: FPSO_HTTP_PORT: ")
