"""One life of `fpso up`, told in order: each test finds what the last one left."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx2
import pytest

from app.embedded.database import check, place
from app.embedded.postgres import scratch_server
from app.embedded.process import free_ports
from app.embedded.supervisor import SIGNS, up
from app.tests.embedded.conftest import Running, below, parents, until


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "home"


@pytest.fixture(scope="module")
def door() -> int:
    [port] = free_ports(1)
    return port


@pytest.fixture(scope="module")
def first(home: Path, door: int) -> Iterator[Running]:
    with Running(home, door, FPSO_DEMO="1") as running:
        running.wait()
        yield running


def ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz").is_success
    except httpx2.TransportError:
        return False


def instance(url: str) -> int:
    """The process that happened to answer."""
    answer = httpx2.get(f"{url}/status").raise_for_status().json()
    return int(answer["instance"].rpartition(":")[2])


def instances(url: str) -> set[int]:
    return {instance(url) for _ in range(8)}


def postmaster(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().split()[0])


def keep_vessel(url: str, code: str) -> None:
    httpx2.post(f"{url}/api/v1/vessels", json={"code": code}).raise_for_status()


def has_vessel(url: str, code: str) -> bool:
    return httpx2.get(f"{url}/api/v1/vessels/{code}").is_success


def test_the_box_says_where_everything_is(first: Running) -> None:
    assert f"{first.url}/api/v1" in first.said
    for page in ("/docs", "/redoc", "/status"):
        assert f"{first.url}{page}" in first.said
        assert httpx2.get(f"{first.url}{page}").is_success
    for word in ("Ctrl-C", "postgres", "log"):
        assert word in first.said


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_two_backends_share_the_work(first: Running, door: int, host: str) -> None:
    assert len(instances(f"http://{host}:{door}")) == 2
    keep_vessel(first.url, f"KEPT-{host}")


def test_the_demo_fleet_is_there(first: Running) -> None:
    """It was loaded before the box was shown."""
    assert has_vessel(first.url, "MA101")


def test_an_unknown_path_is_answered_by_a_backend(first: Running) -> None:
    answer = httpx2.get(f"{first.url}/api/v1/equipment/A%2FB%00%25%3B")
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_database_is_for_us_alone(first: Running) -> None:
    note = first.home / "database-url"
    assert note.stat().st_mode & 0o077 == 0
    assert note.read_text().startswith("postgresql://fpso:")


def test_the_backends_are_not_its_owner(first: Running) -> None:
    async def connected() -> list[str]:
        url = (first.home / "database-url").read_text().strip()
        owner = await asyncpg.connect(url, ssl=False)
        found = await owner.fetch(
            "SELECT DISTINCT usename FROM pg_stat_activity "
            "WHERE application_name = 'fpso'"
        )
        await owner.close()
        return [row["usename"] for row in found]

    assert asyncio.run(connected()) == ["fpso_app"]
    told = Path(f"/proc/{instance(first.url)}/environ").read_bytes()
    assert b"FPSO_DATABASE_URL=postgresql://fpso_app:" in told
    password = (first.home / "postgres" / "fpso.password").read_bytes()
    assert password not in told


def test_a_second_one_on_the_same_folder(
    first: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {sign: signal.getsignal(sign) for sign in SIGNS}
    monkeypatch.setenv("FPSO_HOME", str(first.home))
    with pytest.raises(SystemExit, match=rf"runs already .*{first.process.pid}\)"):
        up()
    for sign, handler in before.items():
        signal.signal(sign, handler)


def test_a_killed_backend_is_not_noticed_and_comes_back(first: Running) -> None:
    victim = instance(first.url)
    os.kill(victim, signal.SIGKILL)
    seen = {instance(first.url) for _ in range(20)}  # and none of them failed
    assert victim not in seen
    until(lambda: len(instances(first.url)) == 2)
    assert victim not in instances(first.url)
    assert "Backend" in first.said.partition("ended by itself")[0]


def test_a_killed_door_comes_back(first: Running) -> None:
    [door] = [
        number
        for number in below(first.process.pid)
        if b"--entryPoints" in Path(f"/proc/{number}/cmdline").read_bytes()
    ]
    os.kill(door, signal.SIGKILL)
    until(lambda: "Traefik ended by itself" in first.said)
    until(lambda: ready(first.url))


def test_a_killed_database_comes_back(first: Running) -> None:
    keep_vessel(first.url, "BEFORE")
    victim = postmaster(first.home)
    os.kill(victim, signal.SIGKILL)
    until(lambda: "PostgreSQL ended by itself" in first.said)
    until(lambda: ready(first.url))
    assert postmaster(first.home) != victim
    assert has_vessel(first.url, "BEFORE")


def test_nothing_outlives_a_killed_supervisor(first: Running) -> None:
    family = below(first.process.pid)
    assert len(family) > 8  # Traefik, two backends, PostgreSQL and its own
    first.end(signal.SIGKILL)
    until(lambda: not family & set(parents()), 20)


def test_the_next_start_finds_the_data_and_ends_cleanly(home: Path, door: int) -> None:
    with Running(home, door, FPSO_BACKENDS="1") as again:
        again.wait()
        assert has_vessel(again.url, "BEFORE")
        family = below(again.process.pid)
        assert again.end(signal.SIGINT) == 0
    assert not family & set(parents())
    assert "Stopped. The data stays in" in again.said
    assert "Traceback" not in again.said
    assert not (home / "postgres" / "postmaster.pid").exists()


def test_ones_own_database_is_used_and_left_running(tmp_path: Path) -> None:
    [port] = free_ports(1)
    with (
        scratch_server(tmp_path) as url,
        Running(
            tmp_path / "home", port, FPSO_DATABASE_URL=url, FPSO_BACKENDS="1"
        ) as running,
    ):
        running.wait()
        assert place(url) in running.said
        keep_vessel(running.url, "MINE")
        assert running.end(signal.SIGTERM) == 0
        check(url)
    assert not (tmp_path / "home" / "postgres").exists()
