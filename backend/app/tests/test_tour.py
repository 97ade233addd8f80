"""The README's tour, typed word for word at a real server, answers what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from app import demo

README = Path(__file__).parents[3] / "README.md"
SERVER = "http://localhost:8088"

# What differs from run to run, and what it is called when answers are compared.
MOVING = {
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z": "<instant>",
    r"\d{4}-\d\d-\d\d \d\d:\d\d UTC": "<minute>",
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}": "<id>",
}


def tour(text: str) -> list[tuple[str, str]]:
    """Each command of the `console` blocks, with the answer that stands below it."""
    steps: list[tuple[str, str]] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], ""))
            elif line.startswith("> ") and not steps[-1][1]:
                steps[-1] = (f"{steps[-1][0]}\n{line[2:]}", "")
            else:
                steps[-1] = (steps[-1][0], f"{steps[-1][1]}{line}\n")
    return steps


def type_in(commands: list[str], url: str, folder: Path) -> list[str]:
    """Run the commands in one shell; give what each of them wrote."""
    mark = "--- end of answer ---"
    script = "\n".join(f"{command}\necho '{mark}'" for command in commands)
    shell = subprocess.run(
        ["bash"],  # noqa: S607 whichever bash the reader has
        input=script.replace(SERVER, url),
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "FPSO_URL": url,
            "COLUMNS": "80",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=180,  # where other tests run beside it
    )
    return shell.stdout.replace(url, SERVER).split(f"{mark}\n")[:-1]


def still(answer: str) -> str:
    for pattern, name in MOVING.items():
        answer = re.sub(pattern, name, answer)
    return "\n".join(line.rstrip() for line in answer.strip().splitlines())


def test_the_tour_answers_what_the_readme_says(server_url: str, tmp_path: Path) -> None:
    demo.load(server_url)
    steps = tour(README.read_text())
    assert steps

    answers = type_in([command for command, _ in steps], server_url, tmp_path)

    for (command, expected), answer in zip(steps, answers, strict=True):
        assert (command, still(answer)) == (command, still(expected))
