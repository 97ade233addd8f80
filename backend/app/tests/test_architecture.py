"""The boundaries of ARCHITECTURE hold: import-linter's contracts, and a few of ours."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

BACKEND = Path(__file__).parents[2]
APP = BACKEND / "app"
FEATURES = sorted(path.parent for path in APP.glob("*/router.py"))
MODULES = sorted(
    path for path in APP.rglob("*.py") if "tests" not in path.relative_to(APP).parts
)


def test_imports_keep_to_the_contracts(tmp_path: Path) -> None:
    # In a process of its own: when threads end that are traced for coverage, with
    # greenlets, CPython 3.11 can loop for ever in the callback that tidies up.
    linter = Path(sys.executable).with_name("lint-imports")
    command = [str(linter), "--cache-dir", str(tmp_path), "--no-logo"]
    done = subprocess.run(
        command, cwd=BACKEND, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_has_the_four_files(feature: Path) -> None:
    for name in ("schemas", "service", "router"):
        assert (feature / f"{name}.py").is_file()
    # What keeps nothing of its own reads what others keep.
    assert (feature / "models.py").is_file() or (feature / "queries.py").is_file()


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_routers_hold_no_queries_and_services_no_commit(feature: Path) -> None:
    router = (feature / "router.py").read_text()
    for word in ("select(", "HTTPException", "Depends(get_session", "try:"):
        assert word not in router
    for module in feature.glob("*.py"):
        assert ".commit(" not in module.read_text()


def test_no_drawer_for_everything() -> None:
    names = {module.stem for module in MODULES}
    assert not names & {"utils", "helpers", "common", "constants", "base", "logging"}
    assert not (BACKEND.parent / "alembic" / "__init__.py").exists()


def test_only_settings_read_the_environment() -> None:
    for module in MODULES:
        if "embedded" in module.parts or "cli" in module.parts:
            continue  # programs that hand an environment to others
        assert not re.search(r"os\.(environ|getenv)", module.read_text()), module


def test_modules_stay_small() -> None:
    for module in MODULES:
        lines = len(module.read_text().splitlines())
        assert lines <= 400, f"{module} has {lines} lines"


def test_only_the_last_resort_catches_everything() -> None:
    found = []
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "everything"
                if caught in {"everything", "Exception", "BaseException"}:
                    found.append(str(module.relative_to(APP)))
    assert set(found) <= {"refusals.py", "imports/uploads.py"}
