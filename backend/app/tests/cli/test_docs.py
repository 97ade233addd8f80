"""docs/cli.md says what the commands do: its examples are typed word for word."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from app import demo
from app.cli import app
from app.tests.cli.conftest import Fpso
from app.tests.test_tour import still, tour

DOCS = Path(__file__).parents[4] / "docs" / "cli.md"
DATE = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?")


def write(command: str) -> None:
    """Do what `cat > FILE <<'END'` does."""
    head, *lines, _ = command.splitlines()
    Path(head.split()[2]).write_text("".join(f"{line}\n" for line in lines))


def test_every_example_answers_what_the_page_says(
    fpso: Fpso, server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    demo.load(server_url)
    steps = tour(DOCS.read_text())
    assert len(steps) > 20

    for command, expected in steps:
        if command.startswith("cat > "):
            write(command)
            continue
        answer = fpso(*shlex.split(command)[1:]).output
        same = (DATE.sub("<date>", still(text)) for text in (answer, expected))
        assert (command, next(same)) == (command, next(same))


def commands(command: object, path: str = "fpso") -> list[str]:
    parts: dict[str, object] = getattr(command, "commands", {})
    if not parts:
        return [path]
    return [
        name
        for part, below in parts.items()
        for name in commands(below, f"{path} {part}")
    ]


def test_no_command_is_missing_from_the_page() -> None:
    text = DOCS.read_text()
    root = get_command(app)
    assert isinstance(app, typer.Typer)

    missing = [path for path in commands(root) if path not in text]

    assert len(commands(root)) > 15
    assert missing == []
