import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from app.embedded import launch, programs
from app.embedded.database import make
from app.embedded.errors import CannotStartError
from app.embedded.postgres import Cluster, scratch_server
from app.embedded.process import Program, free_ports, see_end
from app.tests.embedded.conftest import below, parents, until, working_in


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    # Longer than the path of a socket may be.
    deep = tmp_path_factory.mktemp("deep") / ("d" * 120)
    deep.mkdir()
    cluster = Cluster(programs.find(None), deep / "postgres")
    cluster.create(sync=False)
    return cluster


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_a_scratch_server_is_ours_and_ends(tmp_path: Path) -> None:
    with scratch_server(tmp_path) as url:
        assert await ask(url, "SELECT current_user") == "fpso"
        assert await ask(url, "SELECT uuidv7() IS NOT NULL")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(url.replace("fpso:", "fpso:x"), "SELECT 1")
        assert working_in(tmp_path)
    assert not working_in(tmp_path)


def test_a_scratch_server_ends_with_its_killed_owner(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; "
        "from app.embedded.postgres import scratch_server\n"
        "with scratch_server(Path(sys.argv[1])): print('up', flush=True); "
        "time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        family = below(owner.pid)
        assert family
        owner.kill()
        until(lambda: not family & set(parents()), 10)


def test_the_password_is_for_its_owner_alone(cluster: Cluster) -> None:
    mode = (cluster.data / "fpso.password").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert len(cluster.password) == 32


def test_a_lock_whose_number_another_process_got_is_dropped(
    cluster: Cluster, tmp_path: Path
) -> None:
    """PostgreSQL itself would refuse to start: that process lives."""
    idle = [sys.executable, "-IS", "-c", "input()"]
    [port] = free_ports(1)
    with (
        subprocess.Popen(idle, stdin=subprocess.PIPE) as other,
        (tmp_path / "log").open("wb") as log,
    ):
        (cluster.data / "postmaster.pid").write_text(f"{other.pid}\n/data\n")
        server = cluster.start(port, log)
        try:
            until(lambda: server.poll() is not None or cluster.ready(server.pid))
            assert server.poll() is None, (tmp_path / "log").read_text()
            make(cluster.url(port))
            make(cluster.url(port))  # is there already
            assert not list(cluster.data.glob(".s.*"))  # no socket file
        finally:
            server.send_signal(signal.SIGINT)
            see_end(server, 30)
            other.kill()
    assert server.returncode == 0


def test_data_that_cannot_be_made_leaves_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    broken = tmp_path / "bin"
    broken.mkdir()
    shutil.copy(cluster.bin / "initdb", broken)  # alone, it cannot work
    attempt = Cluster(broken, tmp_path / "postgres")
    with pytest.raises(CannotStartError, match="could not make its data"):
        attempt.create()
    assert {path.name for path in tmp_path.iterdir()} == {"bin"}


def test_whoever_asked_is_gone_already() -> None:
    """A child that starts just as its parent dies must not stay."""
    program = Program([sys.executable, "-c", "print('alive')"])
    [python, options, script, _, *rest] = program.line
    done = subprocess.run(
        [python, options, script, "1", *rest], capture_output=True, check=True
    )
    assert done.stdout == b""
    assert script == launch.__file__
