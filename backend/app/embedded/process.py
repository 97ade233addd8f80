"""Programs that end when we end, and the ports they listen on."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.embedded import launch

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Program:
    """A command that ends when we end, by `death`, even if we are killed."""

    command: Sequence[str | Path]
    death: signal.Signals = signal.SIGKILL
    mapped: bool = False
    env: Mapping[str, str] | None = None
    cwd: Path | None = None

    @property
    def line(self) -> list[str]:
        return [
            *(sys.executable, "-IS"),  # it needs nothing that is installed
            launch.__file__,
            str(os.getpid()),
            str(int(self.death)),
            "mapped" if self.mapped else "own",
            *map(str, self.command),
        ]

    def spawn(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start it, from the main thread only.

        The kernel ends a child when the *thread* that started it ends.
        """
        return subprocess.Popen(  # noqa: S603 - the programs are our own
            self.line,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=self.env,
            cwd=self.cwd,
            # Ctrl-C is for the supervisor alone, which stops its children in order.
            start_new_session=True,
        )

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - the programs are our own
            self.line,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=self.env,
            cwd=self.cwd,
            start_new_session=True,
        )


def see_end(child: subprocess.Popen[bytes], patience: float) -> None:
    """Wait for a child that was asked to end, and make it when it does not."""
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def wait_until(ready: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nothing listens, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
