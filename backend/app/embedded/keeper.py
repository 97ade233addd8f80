"""A process that is started again when it ends by itself."""

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from app.embedded.process import see_end

STEADY_SECONDS = 30.0  # who lived this long has recovered
LOOPING = 5
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
LOG_BYTES = 10 * 1024 * 1024


def last_words(text: str) -> str:
    """Pick the line of a log that most likely says why its program ended."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line]
    return (fatal or lines or ["it said nothing"])[-1]


@dataclass
class Kept:
    name: str
    log: Path
    begin: Callable[[IO[bytes]], subprocess.Popen[bytes]]
    tell: Callable[[str], None]
    sign: signal.Signals = signal.SIGTERM
    patience: float = 25.0
    process: subprocess.Popen[bytes] = field(init=False)
    deaths: int = 0  # in a row
    started: float = 0.0
    silence: int = 0  # where in the log the words of this process begin
    due: float | None = None

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as output:
            self.silence = output.tell()
            self.process = self.begin(output)
        self.started = time.monotonic()
        self.due = None

    def last_words(self) -> str:
        said = self.log.read_bytes()[self.silence :]
        return last_words(said.decode(errors="replace"))

    def alive(self) -> bool:
        return self.process.poll() is None

    def tend(self) -> None:
        """Start it again when it has died: at once, then with growing pauses."""
        if self.alive():
            return
        now = time.monotonic()
        if self.due is None:
            if now - self.started > STEADY_SECONDS:
                self.deaths = 0
            self.deaths += 1
            self.due = now + min(FIRST_PAUSE * 3 ** (self.deaths - 1), LONGEST_PAUSE)
            if self.deaths == 1:
                self.tell(f"{self.name} ended by itself and is started again.")
            if self.deaths == LOOPING:
                self.tell(
                    f"{self.name} ended {LOOPING} times in a row; the reason is at "
                    f"the end of {self.log}."
                )
        if now >= self.due:
            self.start()

    def ask_to_stop(self) -> None:
        self.process.send_signal(self.sign)

    def see_end(self) -> None:
        see_end(self.process, self.patience)
