"""A PostgreSQL server of our own: its folder, its process, its password."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.embedded import programs
from app.embedded.errors import CannotStartError
from app.embedded.process import Program, free_ports, see_end, wait_until
from app.embedded.settings import EmbeddedSettings

USER = "fpso"
SERVICE = "fpso_app"
START_SECONDS = 60.0  # recovery after a crash replays at most max_wal_size
ORPHAN_SECONDS = 30.0

# Sane for a small machine. One address, no socket file: paths of sockets have a
# length limit that deep clones reach.
SERVER: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
# A server that is thrown away need not survive the machine.
SCRATCH: Mapping[str, str] = {
    **SERVER,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}


@dataclass(frozen=True)
class Cluster:
    """A folder of data and the programs that serve it."""

    bin: Path
    data: Path

    @property
    def password(self) -> str:
        return (self.data / "fpso.password").read_text()

    def url(self, port: int, database: str = "postgres") -> str:
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{port}/{database}"

    def service_url(self, port: int, database: str) -> str:
        """As whom backends connect: migrating makes the role, with this password."""
        password = secrets.token_urlsafe(24)  # of this run: it is kept nowhere
        return f"postgresql://{SERVICE}:{password}@127.0.0.1:{port}/{database}"

    def create(self, *, sync: bool = True) -> None:
        """Make the data beside its place, then move it there: it is whole or absent."""
        fresh = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        password = fresh.with_suffix(".password")
        password.unlink(missing_ok=True)
        with os.fdopen(os.open(password, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
        done = Program(
            [
                *(self.bin / "initdb", "-D", fresh, "-U", USER),
                *("--auth-local=trust", "--auth-host=scram-sha-256"),
                f"--pwfile={password}",
                *("--encoding=UTF8", "--locale-provider=builtin"),
                *("--builtin-locale=C.UTF-8", "--locale=C.UTF-8"),
                *(() if sync else ("--no-sync",)),
            ],
            mapped=programs.MAPPED,
        ).run()
        if done.returncode != 0:
            password.unlink()
            reason = " ".join(done.stderr.split())
            raise CannotStartError(
                f"PostgreSQL could not make its data in {self.data} ({reason}): mend "
                "that, or name another folder in FPSO_HOME."
            )
        password.rename(fresh / "fpso.password")
        fresh.rename(self.data)

    def check(self) -> None:
        """Refuse data of another version or of another user."""
        owner = self.data.stat().st_uid
        if owner != os.geteuid():
            raise CannotStartError(
                f"the data in {self.data} belongs to user number {owner}: run this as "
                "that user, or name another folder in FPSO_HOME."
            )
        ours = programs.major_version(self.bin)
        theirs = int((self.data / "PG_VERSION").read_text())
        if theirs == ours:
            return
        remedy = (
            f"name the folder of the programs of PostgreSQL {theirs} in FPSO_PG_BIN"
            if theirs > ours
            else "bring it over with pg_upgrade"
        )
        raise CannotStartError(
            f"the data in {self.data} was made by PostgreSQL {theirs}, and {ours} was "
            f"found in {self.bin}: {remedy}, or name another folder for the data in "
            "FPSO_HOME."
        )

    def start(
        self,
        port: int,
        output: IO[bytes],
        *,
        settings: Mapping[str, str] = SERVER,
        death: signal.Signals = signal.SIGINT,
    ) -> subprocess.Popen[bytes]:
        self.forget_the_dead()
        options = [f"--{name}={value}" for name, value in settings.items()]
        return Program(
            [self.bin / "postgres", "-D", self.data, f"--port={port}", *options],
            death=death,
            mapped=programs.MAPPED,
        ).spawn(output)

    def ready(self, number: int) -> bool:
        """Whether this very process, and no other on its port, accepts connections."""
        lines = self.lock_lines()
        return (
            len(lines) > 7  # noqa: PLR2004 - the eighth line is the state
            and int(lines[0]) == number
            and lines[7].strip() == "ready"
        )

    def lock_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def forget_the_dead(self) -> None:
        """After a `kill -9` let the last server finish, and drop the lock it left.

        PostgreSQL drops it too, unless another process has got the same number since.
        """
        lines = self.lock_lines()
        if sys.platform != "linux" or not lines or not lines[0].strip().isdigit():
            return
        number = int(lines[0])
        if wait_until(lambda: not self.serves(number), ORPHAN_SECONDS):
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            return
        raise CannotStartError(
            f"another PostgreSQL (process {number}) still serves {self.data}: stop it "
            f"with `kill -INT {number}`, or name another folder in FPSO_HOME."
        )

    def serves(self, number: int) -> bool:
        """Whether that process runs in our folder, where a server always stands."""
        try:
            return Path(f"/proc/{number}/cwd").resolve() == self.data.resolve()
        except OSError:
            return False


@contextmanager
def scratch_server(directory: Path) -> Iterator[str]:
    """Run a throw-away server in `directory`; give the URL of its superuser.

    Use it from the main thread: the server ends when the thread that started it does.
    """
    cluster = Cluster(programs.find(EmbeddedSettings().pg_bin), directory / "postgres")
    cluster.create(sync=False)
    [port] = free_ports(1)
    with tempfile.TemporaryFile() as log:
        # Nothing is worth keeping, so even an orphan stops at once.
        server = cluster.start(port, log, settings=SCRATCH, death=signal.SIGQUIT)
        try:
            up = wait_until(
                lambda: server.poll() is not None or cluster.ready(server.pid),
                START_SECONDS,
            )
            if not up or server.poll() is not None:
                log.seek(0)
                raise CannotStartError(f"PostgreSQL: {log.read().decode().strip()}")
            yield cluster.url(port)
        finally:
            server.send_signal(signal.SIGQUIT)
            see_end(server, patience=10)
