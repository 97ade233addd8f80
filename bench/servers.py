"""The product as the front doors run it, and the references beside it."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from app.embedded.process import free_ports, see_end, wait_until
from bench.data import BACKEND, Size

ROOT = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A backend over one database."""

    name: str
    size: Size
    database: str
    url: str
    started: "subprocess.Popen[bytes]"

    @property
    def process(self) -> int:
        return self.started.pid

    def ask(self, target: str, body: str | None = None) -> tuple[int, object]:
        """One request: the status, and what the JSON says."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        headers = {"Content-Type": "application/json"} if body else {}
        method = "POST" if body else "GET"
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content)


@contextmanager
def serving(name: str, size: Size, database: str) -> Iterator[Server]:
    [port] = free_ports(1)
    command = ["-m", "app"] if name == "product" else ["-m", f"bench.{name}"]
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=BACKEND if name == "product" else ROOT,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("FPSO_")},
            "FPSO_DATABASE_URL": database,
            "FPSO_PORT": str(port),
            "BENCH_DATABASE_URL": database,
            "BENCH_PORT": str(port),
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        yield Server(name, size, database, f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        see_end(process, patience=20)


def wait_for(server: Server) -> None:
    """Until it answers: all are started before, so that they come up together."""

    def up() -> bool:
        try:
            server.ask("/")
        except json.JSONDecodeError:  # an answer, at least
            return True
        except (OSError, http.client.HTTPException):
            return server.started.poll() is not None
        return True

    if not wait_until(up, 60) or server.started.poll() is not None:
        raise RuntimeError(f"{server.name} did not start")


def _times(process: int) -> tuple[int, float, float]:
    """The parent of a process, its CPU seconds, and those of its dead children."""
    text = Path(f"/proc/{process}/stat").read_text()
    fields = text.rpartition(")")[2].split()
    own, dead = fields[11:13], fields[13:15]
    return int(fields[1]), sum(map(int, own)) / TICKS, sum(map(int, dead)) / TICKS


def cpu(process: int) -> float:
    return _times(process)[1]


def cpu_with_children(process: int) -> float:
    """CPU seconds of PostgreSQL: its first process and all that it started."""
    _, own, dead = _times(process)
    total = own + dead
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent, spent, _ = _times(int(entry.name))
            except OSError:
                continue
            total += spent if parent == process else 0
    return total
