"""A real `fpso up` in a folder of the test's own, and the processes below it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest


@pytest.fixture(scope="package", autouse=True)
def bare_environment() -> Iterator[None]:
    """Keep off the database that this shell names: somebody may be served by it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("FPSO_", "PG")):
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let a test say its own settings; nothing touches the clone."""
    monkeypatch.setenv("FPSO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FPSO_DEMO", "0")


def until(ask: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def parents() -> dict[int, int]:
    """Every living process and its parent; one that waits to be reaped is dead."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (
                    (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                )
            except OSError:
                continue  # it ended while we looked
            if state != "Z":
                found[int(entry.name)] = int(parent)
    return found


def below(number: int) -> set[int]:
    """The living descendants of a process."""
    family, known = {number}, parents()
    while more := {n for n, p in known.items() if p in family} - family:
        family |= more
    return family - {number}


def working_in(folder: Path) -> set[int]:
    """The living processes that stand in a folder, or were told of it."""
    found = set()
    for number in parents():
        place = Path(f"/proc/{number}")
        try:
            told = str(folder).encode() in (place / "cmdline").read_bytes()
            if told or (place / "cwd").readlink().is_relative_to(folder):
                found.add(number)
        except OSError:
            continue  # it ended while we looked, or is another user's
    return found


class Running:
    """One `fpso up`."""

    def __init__(self, home: Path, port: int, **environment: str) -> None:
        self.home = home
        self.port = port
        self.url = f"http://localhost:{port}"
        self.words = home.with_name(f"{home.name}.out")
        mine = {"FPSO_HOME": str(home), "FPSO_HTTP_PORT": str(port), **environment}
        with self.words.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.embedded"],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **mine},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()  # what a failed test has left
        self.process.wait()

    @property
    def said(self) -> str:
        return self.words.read_text()

    def wait(self) -> None:
        def settled() -> bool:
            return "is up" in self.said or self.process.poll() is not None

        until(settled, 120)
        assert self.process.poll() is None, self.said

    def end(self, sign: signal.Signals) -> int:
        self.process.send_signal(sign)
        return self.process.wait(60)
