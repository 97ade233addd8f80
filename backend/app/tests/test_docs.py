"""The documents say what is: settings, errors, commands, links; and no machine."""

import inspect
import json
import re
import subprocess
from itertools import chain
from pathlib import Path
from shutil import which
from typing import Any, cast

import pytest
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings
from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql
from typer.main import get_command

import app.main  # noqa: F401 registers every table
from app.cli import app as fpso
from app.database import Base
from app.embedded.settings import EmbeddedSettings
from app.errors import AppError, every_error
from app.settings import Settings

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
ERRORS = list(every_error())
SETTINGS: list[type[BaseSettings]] = [Settings, EmbeddedSettings]

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT))
)


# --- what is generated from the code --------------------------------------------------

# What every record has, and docs/architecture.md says once.
COMMON = {"id", "created_at", "updated_at", "version"}


def data_model() -> str:
    """A diagram of each feature's tables, with what they refer to."""
    features: dict[str, list[Table]] = {}
    for mapper in Base.registry.mappers:
        feature = mapper.class_.__module__.split(".")[1]
        features.setdefault(feature, []).append(cast("Table", mapper.local_table))
    parts = []
    for feature, tables in sorted(features.items()):
        lines = [f"### {feature}", "", "```mermaid", "erDiagram"]
        for table in sorted(tables, key=lambda table: table.name):
            lines.append(f"  {table.name} {{")
            lines += [
                f"    {_kind(column)} {column.name}{' FK' * bool(column.foreign_keys)}"
                for column in table.columns
                if column.name not in COMMON
            ]
            lines.append("  }")
            lines += sorted(
                f"  {key.referred_table.name} ||--o{{ {table.name} : "
                f'"{", ".join(key.column_keys)}"'
                for key in table.foreign_key_constraints
            )
        parts.append("\n".join([*lines, "```"]))
    return "\n\n".join(parts)


def _kind(column: Column[Any]) -> str:
    """Its type as one word."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    kind = re.sub(r"\(.*", "", column.type.compile(dialect))
    return kind.lower().replace(" ", "_") + "_or_null" * bool(column.nullable)


def test_the_data_model_is_drawn_as_it_is() -> None:
    page = (DOCS / "architecture.md").read_text()
    _, found, rest = page.partition("<!-- data model -->\n")
    assert found
    written = rest.partition("<!-- end -->")[0].strip()
    assert written == data_model(), data_model()


def settings_table(kind: type[BaseSettings]) -> str:
    rows = ["| variable | default | what |", "|---|---|---|"]
    for name, field in kind.model_fields.items():
        default = "" if field.default in {None, ()} else f"`{field.default}`"
        if field.default is PydanticUndefined:
            default = "must be set"
        rows.append(f"| `FPSO_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def errors_section(error: type[AppError]) -> str:
    assert error.__doc__ is not None
    text = inspect.cleandoc(error.__doc__)
    return f"## {error.slug}\n\n{int(error.status)} {error.title}. {text}\n"


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__name__)
def test_every_setting_is_documented_with_its_default(
    kind: type[BaseSettings],
) -> None:
    page = (DOCS / "settings.md").read_text()
    marker = f"<!-- settings: {kind.__module__}.{kind.__name__} -->\n"
    _, found, rest = page.partition(marker)
    assert found
    written = rest.partition("<!-- end -->")[0].strip()
    assert written == settings_table(kind), settings_table(kind)


def lists_table() -> str:
    """Which lists take the parameters that not all of them have."""
    api = json.loads((ROOT / "backend" / "openapi.json").read_text())
    rows = ["| parameter | lists, below `/api/v1` |", "|---|---|"]
    for names in (("q",), ("fields", "count")):
        having = [
            f"`{path.removeprefix('/api/v1')}`"
            for path, operations in api["paths"].items()
            if {it["name"] for it in operations.get("get", {}).get("parameters", ())}
            >= {"cursor", *names}
        ]
        row = (", ".join(f"`{name}`" for name in names), ", ".join(having))
        rows.append(f"| {' | '.join(row)} |")
    return "\n".join(rows)


def test_which_lists_take_what_is_documented() -> None:
    page = (DOCS / "api.md").read_text()
    _, found, rest = page.partition("<!-- lists -->\n")
    assert found
    written = rest.partition("<!-- end -->")[0].strip()
    assert written == lists_table(), lists_table()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.slug)
def test_every_error_is_documented(error: type[AppError]) -> None:
    page = (DOCS / "errors.md").read_text()
    assert errors_section(error) in page, errors_section(error)


def test_no_error_is_documented_that_is_none() -> None:
    headings = re.findall(r"(?m)^## (.*)$", (DOCS / "errors.md").read_text())
    assert headings == [error.slug for error in ERRORS]


def test_every_variable_of_ours_is_documented() -> None:
    page = (DOCS / "settings.md").read_text()
    name = re.compile(r"\bFPSO_[A-Z]+(?:_[A-Z]+)*\b")
    named = set(chain(*(name.findall(text) for text in _texts())))
    assert {"FPSO_DATABASE_URL", "FPSO_URL", "FPSO_STAGE"} <= named
    missing = {name for name in named if f"`{name}`" not in page}
    assert not missing


# --- what is written by hand ----------------------------------------------------------


def _anchors(page: Path) -> set[str]:
    """What GitHub makes of headings."""
    found = re.findall(r"(?m)^#+ (.*)$", page.read_text())
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in found
    }


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"(?ms)^```.*?^```", "", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} leads nowhere"
        assert file.is_relative_to(ROOT)
        if anchor and file.suffix == ".md":
            assert anchor in _anchors(file), f"{target} leads to no heading"


def _make_targets() -> set[str]:
    return set(re.findall(r"(?m)^([a-z][a-z-]*):", (ROOT / "Makefile").read_text()))


@each_page
def test_make_targets_that_it_names_exist(page: Path) -> None:
    named = re.findall(r"(?:`|^)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE)
    assert set(named) <= _make_targets()


def _exists(words: list[str]) -> bool:
    """Whether a command, or a group and its command, are called so."""
    command: object = get_command(fpso)
    for word in words:
        commands: dict[str, object] = getattr(command, "commands", {})
        if not commands:  # the other words are its arguments
            return True
        if word not in commands:
            return False
        command = commands[word]
    return True


@each_page
def test_commands_of_fpso_that_it_names_exist(page: Path) -> None:
    named = re.compile(r"(?:`|^\$ |^)fpso ([a-z][a-z -]*)", re.MULTILINE)
    for line in named.findall(page.read_text()):
        words = [word for word in line.split() if not word.startswith("-")]
        assert _exists(words[:2]), f"fpso {line}"


def test_decisions_are_numbered_and_whole() -> None:
    decisions = sorted((DOCS / "adr").glob("*.md"))
    assert len(decisions) >= 7
    for decision in decisions:
        text = decision.read_text()
        number = int(decision.name[:4])
        assert text.startswith(f"# {number}. ")
        titles = re.findall(r"(?m)^## (.*)$", text)
        assert titles == ["Context", "Decision", "Consequences", "Alternatives"]
        assert len(text.splitlines()) <= 80, f"{decision.name} is no page but a book"


# --- nobody's machine -----------------------------------------------------------------


MADE = re.compile(r"/(\.[a-z_]+(?<!\.ci)|__pycache__|result)/")


def _files() -> list[Path]:
    """What the repository holds; where git is not at hand, what lies there."""
    if (git := which("git")) and (ROOT / ".git").exists():
        listed = subprocess.run(
            [git, "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        )
        return [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in ROOT.rglob("*") if not MADE.search(str(path))]


def _texts() -> list[str]:
    found = []
    for path in _files():
        if "vendor" in path.parts or not path.is_file():
            continue
        try:
            found.append(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue
    assert len(found) > 100
    return found


def test_nothing_names_a_machine_or_a_registry() -> None:
    # Spelt so that this file does not name them itself.
    foreign = re.compile(
        "|".join(
            [
                r"(?<![\w.])/" + "work/",
                r"(?<![\w.])/" + r"home/[a-z]+/",
                r"(?<![\w.])/" + r"Users/[A-Za-z]+/",
                "pypi" + r"\.org",
                "files" + r"\.pythonhosted",
                "registry" + r"\.npmjs",
                "index" + "-url =",
            ]
        )
    )
    for text in _texts():
        found = foreign.search(text)
        assert found is None, text[max(0, found.start() - 60) : found.end() + 60]
