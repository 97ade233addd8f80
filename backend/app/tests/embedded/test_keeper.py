import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from app.embedded import keeper
from app.embedded.keeper import LOOPING, Kept, last_words
from app.embedded.process import Program
from app.tests.embedded.conftest import until


def kept(folder: Path, script: str, told: list[str]) -> Kept:
    def begin(output: IO[bytes]) -> subprocess.Popen[bytes]:
        return Program([sys.executable, "-IS", "-c", script]).spawn(output)

    return Kept("Backend 1", folder / "backend-1.log", begin, told.append)


def test_who_dies_at_every_start_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(keeper, "FIRST_PAUSE", 0.0)
    told: list[str] = []
    one = kept(tmp_path, "raise SystemExit('no bread')", told)

    def many() -> bool:
        one.tend()
        return one.deaths == LOOPING + 2

    until(many)
    one.see_end()
    once, looping = told
    assert once == "Backend 1 ended by itself and is started again."
    assert looping == (
        f"Backend 1 ended {LOOPING} times in a row; the reason is at the end of "
        f"{tmp_path}/backend-1.log."
    )
    assert one.last_words() == "no bread"


def test_pauses_grow(tmp_path: Path) -> None:
    def pause_after(deaths: int) -> float:
        one = kept(tmp_path, "", [])
        one.see_end()
        one.deaths = deaths
        one.tend()
        return one.due - one.started if one.due else 0

    pauses = [pause_after(deaths) for deaths in (0, 1, 3, 9)]
    assert pauses == sorted(pauses)
    assert pauses[0] < 5 < pauses[-1]


def test_who_lived_long_starts_at_once(tmp_path: Path) -> None:
    one = kept(tmp_path, "", [])
    one.see_end()
    one.deaths, one.started = 20, one.started - keeper.STEADY_SECONDS
    one.tend()
    assert one.deaths == 1


def test_a_long_log_is_put_aside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(keeper, "LOG_BYTES", 10)
    log = tmp_path / "backend-1.log"
    log.write_text("the words of an earlier process\n")
    one = kept(tmp_path, "print('mine')", [])
    one.see_end()
    assert log.read_text() == "mine\n"
    assert log.with_suffix(".log.1").read_text().startswith("the words of")


def test_who_does_not_listen_is_made_to_end(tmp_path: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('deaf', flush=True); time.sleep(60)"
    )
    one = kept(tmp_path, deaf, [])
    one.patience = 0.1
    until(lambda: one.log.read_text() == "deaf\n")
    one.ask_to_stop()
    one.see_end()
    assert not one.alive()


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "it said nothing"),
        ("a\n\n  b\n\n", "b"),
        ("x\nFATAL: no room\nLOG: shut down\n", "FATAL: no room"),
    ],
)
def test_last_words(log: str, words: str) -> None:
    assert last_words(log) == words
