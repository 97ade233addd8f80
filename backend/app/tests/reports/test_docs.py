"""docs/reports.md says what is: its example runs, its tables are the code's."""

import json
import re
from pathlib import Path

from httpx2 import AsyncClient

from app.reports.fields import Field, fields
from app.tests.factories import created
from app.tests.imports.factories import counts, wrong
from app.tests.reports.factories import send

ROOT = Path(__file__).parents[4]
APP = ROOT / "backend" / "app"
PAGE = (ROOT / "docs" / "reports.md").read_text()


def block(kind: str) -> str:
    found = re.search(rf"(?ms)^```{kind}\n(.*?)^```", PAGE)
    assert found
    return found[1]


def table(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    lines = re.search(r"(?m)(?:^\|.*\n)+", PAGE.partition(heading)[2])
    assert lines
    rows = [line.strip("|").split("|") for line in lines[0].splitlines()[2:]]
    return [[cell.strip() for cell in row] for row in rows]


async def test_the_example_is_read_as_it_says(aboard: AsyncClient) -> None:
    said = json.loads(block("json"))
    answer = await send(aboard, block("csv"), mapping=said, dates="day-first")
    planned = created(answer)
    assert counts(planned) == (3, 0, 0, 1)
    assert wrong(planned) == [(5, "equipment", "unknown-equipment")]
    assert planned["ignored_columns"] == []


def test_every_field_is_listed_with_its_names() -> None:
    listed = {
        field.strip("`"): [name.replace(" ", "") for name in names.split(", ") if name]
        for field, names in table("## Fields")
    }
    known = fields(None).synonyms
    assert listed == {field: list(known[field]) for field in Field}


def test_every_error_of_a_row_is_listed() -> None:
    text = (APP / "reports" / "fields.py").read_text()
    raised = {f"invalid-{name}" for name in re.findall(r'translate\("(\w+)"', text)}
    queries = (APP / "reports" / "queries.py").read_text()
    raised |= set(re.findall(r'\("\w+", "([a-z-]+)", "', queries))
    raised |= set(re.findall(r"'state', '([a-z-]+)'", queries))
    listed = {
        code for cells in table("## Errors") for code in re.findall("`(.*?)`", cells[0])
    }
    assert {"missing", "issue-over", "open-orders", "not-of-the-class"} <= raised
    assert raised <= listed
