"""A scratch PostgreSQL, a backend over it in a process of its own, and what it uses."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from app.embedded.postgres import scratch_server

BACKEND = Path(__file__).parents[1] / "backend"


@dataclass(frozen=True)
class Product:
    database_url: str
    port: int
    pid: int

    def rss(self) -> float:
        """The memory of the backend, in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(x for x in status.splitlines() if x.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=900)


@contextmanager
def product() -> Iterator[Product]:
    with (
        tempfile.TemporaryDirectory() as folder,
        scratch_server(Path(folder)) as server,
        socket.socket() as free,
    ):
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environment = os.environ | {
            "FPSO_DATABASE_URL": server,
            "FPSO_MIGRATION_DATABASE_URL": "",
            "FPSO_PORT": str(port),
            "FPSO_LOG_LEVEL": "warning",
        }
        alembic: list[str | Path] = [
            Path(sys.executable).with_name("alembic"),
            "upgrade",
            "head",
        ]
        subprocess.run(alembic, cwd=BACKEND, env=environment, check=True)
        backend = subprocess.Popen(
            [sys.executable, "-m", "app"], cwd=BACKEND, env=environment
        )
        try:
            _wait(port)
            yield Product(server, port, backend.pid)
        finally:
            backend.send_signal(signal.SIGTERM)
            backend.wait()


def _wait(port: int) -> None:
    for _ in range(200):
        try:
            urlopen(f"http://127.0.0.1:{port}/livez").close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("The backend does not answer.")
