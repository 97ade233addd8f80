"""The processes of one `fpso up`, started in order, kept running, stopped in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import IO, NoReturn

from pydantic import PostgresDsn

from app.embedded import database, programs, traefik
from app.embedded.errors import CannotStartError
from app.embedded.keeper import Kept
from app.embedded.postgres import SERVER, START_SECONDS, Cluster
from app.embedded.process import Program, free_ports, wait_until
from app.embedded.settings import CLONE, EmbeddedSettings
from app.settings import Settings

BACKEND = CLONE / "backend"
MIDDLEWARES = CLONE / "traefik" / "dynamic" / "middlewares.yml"
TICK_SECONDS = 0.1
DYING_SECONDS = 2.0
SPARE_CONNECTIONS = 30  # migrations, psql, and what streams outside the pools


def answers(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


class Stack:
    def __init__(self, settings: EmbeddedSettings, tell: Callable[[str], None]) -> None:
        self.settings = settings
        self.tell = tell
        self.folder = settings.folder
        self.logs = self.folder / "log"
        self.server_port, self.management, *self.ports = free_ports(
            settings.backends + 2
        )
        # Settings of the backends that make no sense are said before anything starts;
        # where the database is may only be known then.
        url = settings.database_url or PostgresDsn("postgresql://localhost")
        self.pool_size = Settings(database_url=url).pool_size
        self.kept: list[Kept] = []
        self.env = dict(os.environ)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.settings.http_port}"

    def start(self) -> None:
        self.logs.mkdir(exist_ok=True)
        self.check_port()
        if self.settings.database_url is None:
            self.start_postgres()
        elif owner := self.settings.migration_database_url:
            # The backends' role may not be there yet: migrating makes it.
            database.check(str(owner), "FPSO_MIGRATION_DATABASE_URL")
        else:
            database.check(str(self.settings.database_url))
        # The backends load their code meanwhile: nobody can reach them yet, and they
        # are ready only when the schema is.
        backends = self.start_backends()
        database.migrate(BACKEND, self.env, self.logs / "migrate.log")
        for backend, port in zip(backends, self.ports, strict=True):
            self.wait_for(backend, partial(answers, port, "/readyz"))
        self.start_door()

    def check_port(self) -> None:
        # The door of a supervisor that was killed a moment ago may still be closing.
        port = self.settings.http_port
        if not wait_until(lambda: traefik.is_free(port), DYING_SECONDS):
            raise CannotStartError(
                f"port {port} is used by another program: stop that one, or choose "
                f"another port, such as FPSO_HTTP_PORT={port + 1}."
            )

    def start_postgres(self) -> None:
        cluster = Cluster(programs.find(self.settings.pg_bin), self.folder / "postgres")
        if cluster.data.exists():
            cluster.check()
        else:
            cluster.create()
        # Variables of psql and its kin speak of other servers.
        self.env = {k: v for k, v in self.env.items() if not k.startswith("PG")}
        owner = cluster.url(self.server_port, database.NAME)
        self.env["FPSO_MIGRATION_DATABASE_URL"] = owner
        self.env["FPSO_DATABASE_URL"] = cluster.service_url(
            self.server_port, database.NAME
        )
        room = 2 * self.pool_size * self.settings.backends + SPARE_CONNECTIONS
        server = self.keep(
            "PostgreSQL",
            lambda output: cluster.start(
                self.server_port,
                output,
                settings={**SERVER, "max_connections": str(max(room, 100))},
            ),
            sign=signal.SIGINT,
        )
        self.wait_for(server, lambda: cluster.ready(server.process.pid), START_SECONDS)
        database.make(cluster.url(self.server_port))
        note = self.folder / "database-url"
        note.touch(0o600)
        note.write_text(f"{owner}\n")

    def start_backends(self) -> list[Kept]:
        def begin(port: int, output: IO[bytes]) -> subprocess.Popen[bytes]:
            env = {**self.env, "FPSO_HOST": "127.0.0.1", "FPSO_PORT": str(port)}
            # Backends do not know how to become the owner.
            env.pop("FPSO_MIGRATION_DATABASE_URL", None)
            return Program([sys.executable, "-m", "app"], env=env, cwd=BACKEND).spawn(
                output
            )

        return [
            self.keep(f"Backend {number}", partial(begin, port))
            for number, port in enumerate(self.ports, start=1)
        ]

    def start_door(self) -> None:
        door = traefik.Door(
            self.folder / "traefik",
            self.settings.http_port,
            self.management,
            tuple(self.ports),
        )
        door.write(MIDDLEWARES)
        kept = self.keep("Traefik", door.program().spawn)
        self.wait_for(kept, partial(answers, self.settings.http_port, "/readyz"))

    def keep(
        self,
        name: str,
        begin: Callable[[IO[bytes]], subprocess.Popen[bytes]],
        sign: signal.Signals = signal.SIGTERM,
    ) -> Kept:
        log = self.logs / f"{name.lower().replace(' ', '-')}.log"
        kept = Kept(name, log, begin, self.tell, sign)
        self.kept.append(kept)
        return kept

    def wait_for(
        self, kept: Kept, ready: Callable[[], bool], seconds: float = 120.0
    ) -> None:
        up = wait_until(lambda: not kept.alive() or ready(), seconds)
        if not up or not kept.alive():
            raise CannotStartError(
                f"{kept.name} did not start ({kept.last_words()}): {kept.log} says "
                "more."
            )

    def tend(self) -> NoReturn:
        while True:
            for kept in self.kept:
                kept.tend()
            time.sleep(TICK_SECONDS)

    def stop(self) -> None:
        """Close the door first and the database last; backends end side by side."""
        for name in ("Traefik", "Backend", "PostgreSQL"):
            group = [kept for kept in self.kept if kept.name.startswith(name)]
            for kept in group:
                kept.ask_to_stop()
            for kept in group:
                kept.see_end()
