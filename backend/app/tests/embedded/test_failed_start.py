"""A start that fails half-way says why, and leaves nothing running."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from app.embedded import stack
from app.embedded.errors import CannotStartError
from app.embedded.process import Program, free_ports
from app.embedded.settings import EmbeddedSettings
from app.embedded.stack import Stack
from app.embedded.supervisor import SIGNS, load_demo, up
from app.tests.embedded.conftest import working_in


@pytest.fixture(autouse=True)
def our_signals() -> Iterator[None]:
    before = {sign: signal.getsignal(sign) for sign in SIGNS}
    yield
    for sign, handler in before.items():
        signal.signal(sign, handler)


def test_a_failed_migration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    [port] = free_ports(1)
    monkeypatch.setenv("FPSO_HTTP_PORT", str(port))
    monkeypatch.setattr(stack, "BACKEND", tmp_path)  # without any migrations
    with pytest.raises(SystemExit, match=r"could not be migrated \(FAILED: .*\): /"):
        up()
    assert not working_in(tmp_path)
    assert (tmp_path / "home" / "postgres").exists()  # for the next attempt


@pytest.mark.parametrize(
    "script", ["raise SystemExit('no bread')", "__import__('time').sleep(60)"]
)
def test_a_process_that_does_not_come_up(script: str) -> None:
    def begin(output: IO[bytes]) -> subprocess.Popen[bytes]:
        return Program([sys.executable, "-IS", "-c", script]).spawn(output)

    starting = Stack(EmbeddedSettings(), print)
    starting.logs.mkdir(parents=True)
    kept = starting.keep("Backend 1", begin)
    with pytest.raises(CannotStartError, match=r"Backend 1 did not start \("):
        starting.wait_for(kept, lambda: False, seconds=0.5)
    starting.stop()
    assert not kept.alive()


def test_a_demo_that_does_not_load_is_no_reason_to_stop() -> None:
    told: list[str] = []
    [nobody] = free_ports(1)
    load_demo(Stack(EmbeddedSettings(http_port=nobody), told.append))
    [sentence] = told
    assert sentence.startswith("The demo fleet could not be loaded (")
