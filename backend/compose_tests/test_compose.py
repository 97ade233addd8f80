"""In the order of the file: later tests find the vessels of earlier ones."""
# ruff: noqa: PLR2004  # a test states its numbers

import gzip
import json
import re
import threading
import time
from collections import Counter
from urllib.parse import quote

from compose_tests.stack import (
    PROJECT,
    call,
    compose,
    containers,
    docker,
    ready,
    wait_until,
)

API = "/api/v1"


def started_at(service: str) -> list[str]:
    return sorted(found["State"]["StartedAt"] for found in containers(service))


def instances() -> set[str]:
    answers = [call("GET", "/status") for _ in range(30)]
    return {answer.json["instance"] for answer in answers if answer.status == 200}


class Caller(threading.Thread):
    """Asks without pause, and keeps count of what was answered."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.statuses: Counter[int] = Counter()
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set():
            self.statuses[call("GET", f"{API}/vessels").status] += 1

    def stop(self) -> Counter[int]:
        self.done.set()
        self.join()
        return self.statuses


def test_the_stack_answers_through_traefik_and_publishes_nothing_else() -> None:
    assert call("GET", "/status").json["status"] == "ok"
    assert call("GET", "/livez").status == 200
    published = {
        service: [
            binding["HostIp"]
            for found in containers(service)
            for bindings in found["NetworkSettings"]["Ports"].values()
            for binding in bindings or ()
        ]
        for service in ("traefik", "postgres", "backend")
    }
    assert published == {"traefik": ["127.0.0.1"], "postgres": [], "backend": []}


def test_a_vessel_and_its_equipment_are_created_once() -> None:
    vessel = {"code": "MV102"}
    assert call("POST", f"{API}/vessels", vessel).status == 201
    again = call("POST", f"{API}/vessels", vessel)
    assert (again.status, again.json["code"]) == (409, "duplicate-code")
    equipment = {"name": "compressor", "code": "5310B9D7", "location": "Brazil"}
    made = call("POST", f"{API}/vessels/MV102/equipment", equipment)
    assert (made.status, made.json["status"]) == (201, "active")
    found = call("GET", f"{API}/vessels/MV102/equipment?status=active")
    assert [item["code"] for item in found.json["items"]] == ["5310B9D7"]


def test_a_semicolon_in_a_query_reaches_the_service() -> None:
    refused = call("GET", f"{API}/vessels?delimiter=;")
    assert refused.status == 422
    assert "delimiter" in refused.body.decode()


def test_every_code_works_percent_encoded_in_a_path() -> None:
    codes = (
        "23-LSHH-96138 (2)",
        "60-EN-9011A+80E2",
        "23-1ST STAGE COMP LUBE OIL SYS-PH",
    )
    for code in codes:
        new = {"name": "switch", "code": code, "location": "Módulo 7"}
        assert call("POST", f"{API}/vessels/MV102/equipment", new).status == 201
        found = call("GET", f"{API}/equipment/{quote(code, safe='')}")
        assert (found.status, found.json["code"]) == (200, code)


def import_rows(vessel: str, count: int) -> int:
    """Plan and apply a file that does not fit into memory's first buffer."""
    rows = (f"{vessel}-{n},pump {n},deck {n % 7}\n" for n in range(count))
    file = ("code,name,location\n" + "".join(rows)).encode()
    assert len(file) > 2**20
    sort = {"Content-Type": "text/csv"}
    planned = call("POST", f"{API}/vessels/{vessel}/imports", file, sort, seconds=120)
    assert planned.status == 201, planned.body
    plan = f"{API}/imports/{planned.json['id']}"
    assert call("POST", f"{plan}/apply", seconds=120).status == 200
    created: int = call("GET", plan).json["counts"]["create"]
    return created


def test_a_file_is_imported_and_comes_out_again() -> None:
    assert call("POST", f"{API}/vessels", {"code": "IMP"}).status == 201
    assert import_rows("IMP", 50_000) == 50_000
    export = call("GET", f"{API}/vessels/IMP/equipment.csv", seconds=60)
    assert export.body.count(b"\n") == 50_001


def test_the_documentation_is_served_from_here() -> None:
    for page in ("/docs", "/redoc"):
        html = call("GET", page).body.decode()
        assets = re.findall(r'(?:src|href)="([^"]+)"', html)
        assert assets
        assert {call("GET", path).status for path in assets} == {200}, assets


def test_the_shared_middlewares_are_in_the_way() -> None:
    packed = call("GET", "/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.body))["openapi"]
    assert packed.headers["x-content-type-options"] == "nosniff"
    assert packed.headers["x-frame-options"] == "DENY"
    assert "server" not in packed.headers


def test_migrating_again_beside_the_running_stack_disturbs_nobody() -> None:
    caller = Caller()
    caller.start()
    compose("run", "--rm", "backend", "alembic", "upgrade", "head")
    statuses = caller.stop()
    assert set(statuses) == {200}, statuses


def query(statement: str) -> str:
    psql = ("psql", "-qAtX", "--username=fpso", "--set=ON_ERROR_STOP=1")
    return compose("exec", "-T", "postgres", *psql, "--command", statement).strip()


def test_backends_connect_as_a_role_that_cannot_touch_the_record() -> None:
    connected = query(
        "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name = 'fpso'"
    )
    assert connected == "fpso_app"
    rights = query(
        "SELECT privilege_type FROM information_schema.table_privileges "
        "WHERE grantee = 'fpso_app' AND table_name = 'changes'"
    )
    assert rights == "SELECT"
    (backend,) = containers("backend")
    assert "fpso_app:" in str(backend["Config"]["Env"])
    assert "fpso:fpso@" not in str(backend["Config"]["Env"])


def test_a_volume_of_a_release_with_one_role_gets_the_other() -> None:
    query("DROP OWNED BY fpso_app")
    query("DROP ROLE fpso_app")
    compose("up", "--detach", FPSO_APP_DB_PASSWORD="other")  # noqa: S106  # of the test
    wait_until("the stack is ready", ready, 60)
    assert call("POST", f"{API}/vessels", {"code": "ROLE"}).status == 201
    compose("up", "--detach")
    wait_until("the stack is ready", ready, 60)
    assert call("GET", f"{API}/vessels/ROLE").status == 200


def test_a_restart_of_the_database_needs_no_restart_of_the_service() -> None:
    before = started_at("backend")
    compose("restart", "postgres")
    start = time.monotonic()

    def writes() -> bool:
        code = f"DB{time.monotonic_ns()}"
        return call("POST", f"{API}/vessels", {"code": code}).status == 201

    wait_until("the service writes again", writes, 5)
    assert time.monotonic() - start < 5
    assert started_at("backend") == before


def test_while_the_database_is_away_the_service_says_so_in_its_own_words() -> None:
    compose("stop", "postgres")
    try:
        refused = call("GET", f"{API}/vessels")
        assert (refused.status, refused.json["code"]) == (503, "unavailable")
        assert int(refused.headers["retry-after"])
        assert call("GET", "/livez").status == 200
    finally:
        compose("start", "postgres")
    wait_until("the service reads again", ready, 5)


def test_while_no_backend_is_there_clients_are_told_to_come_back() -> None:
    compose("stop", "backend")
    try:
        path = f"{API}/vessels/MV102"
        # Traefik takes two seconds to believe what the engine says.
        wait_until("Traefik knows", lambda: call("GET", path).status == 503, 5)
        assert call("GET", path).headers["retry-after"] == "2"
    finally:
        compose("start", "backend")
    wait_until("the service is back", ready, 30)


def test_three_backends_share_the_load_and_two_may_go() -> None:
    caller = Caller()
    caller.start()
    compose("up", "--detach", "--no-recreate", "--scale", "backend=3")
    wait_until("all three serve", lambda: len(instances()) == 3, 60)
    statuses = caller.stop()
    assert set(statuses) == {200}, statuses
    compose("up", "--detach", "--no-recreate", "--scale", "backend=1")
    wait_until("one is left", lambda: len(instances()) == 1, 30)
    assert call("GET", f"{API}/vessels").status == 200


def test_what_was_stored_is_there_after_down_and_up() -> None:
    compose("down")
    assert not containers("backend")
    compose("up", "--detach")
    wait_until("the stack is ready", ready, 60)
    assert call("GET", f"{API}/equipment/5310B9D7").json["vessel"] == "MV102"


def test_the_test_profile_runs_tests_and_leaves_the_data_alone() -> None:
    compose("--profile", "test", "up", "--detach", FPSO_TEST_ARGS="app/tests/vessels")
    try:
        (test,) = json.loads(
            docker("inspect", *compose("ps", "--all", "--quiet", "test").split())
        )
        assert docker("wait", test["Id"]).strip() == "0", docker("logs", test["Id"])
        assert re.search(r"\d+ passed", docker("logs", test["Id"]))
    finally:
        compose("--profile", "test", "rm", "--force", "--stop", "test")
    assert call("GET", f"{API}/vessels/MV102").status == 200


def test_the_whole_suite_runs_in_the_development_image() -> None:
    run = ("run", "--rm", "backend")
    told = "pytest -vv --cov=app --cov-report=term-missing app"
    said = compose(*run, *told.split(), check=False)
    assert re.search(r"\d+ passed", said), said[-2000:]
    # On a machine that is short of time one may run into a limit: it must pass alone.
    if failed := re.findall(
        r"^(?:FAILED|ERROR) (app/.+?)(?: - .*)?$", said, re.MULTILINE
    ):
        compose(*run, "pytest", "--numprocesses=0", *failed)
    coverage = re.search(r"^TOTAL.* (\d+)%$", said, re.MULTILINE)
    assert coverage, said[-2000:]
    assert int(coverage[1]) >= 95, said[-6000:]
    assert call("GET", f"{API}/vessels/MV102").status == 200


def test_the_production_stage_serves_with_nothing_to_spare() -> None:
    compose("up", "--detach", "--build", FPSO_STAGE="production")
    wait_until("the stack is ready", ready, 60)
    (backend,) = containers("backend")
    assert backend["Config"]["User"] == "10001:10001"
    assert backend["HostConfig"]["ReadonlyRootfs"]
    assert call("GET", f"{API}/equipment/5310B9D7").status == 200
    # With a root that is read-only, and a volume for what is spooled.
    assert call("POST", f"{API}/vessels", {"code": "PROD"}).status == 201
    assert import_rows("PROD", 50_000) == 50_000
    image = "fpso-backend:production"
    network = ("--network", f"{PROJECT}_inside")
    url = "FPSO_DATABASE_URL=postgresql://fpso_app:fpso_app@postgres/fpso"
    hardened = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
    bare = docker("run", "--detach", *hardened, *network, "--env", url, image).strip()
    try:
        state = ("inspect", "--format={{.State.Health.Status}}", bare)
        wait_until(
            "the image's own health check is content",
            lambda: docker(*state).strip() == "healthy",
            60,
        )
        looked_for = "cc gcc g++ make pip uv pytest ruff mypy traefik postgres initdb"
        looking = f"for name in {looked_for}; do command -v $name || true; done"
        found = docker("exec", bare, "sh", "-c", looking).split()
        # The base image brings a pip of its own, which our packages know nothing of.
        assert not [path for path in found if path != "/usr/local/bin/pip"]
        assert "fpso" in docker("exec", bare, "fpso", "--help")
        seek = (
            "from importlib.util import find_spec as f; print(f('pip'), f('app.tests'))"
        )
        assert docker("exec", bare, "python", "-c", seek).strip() == "None None"
    finally:
        docker("rm", "--force", "--volumes", bare)
