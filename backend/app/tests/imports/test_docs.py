"""docs/imports.md says what is: its example runs, its tables are the code's."""

import re
from pathlib import Path

from httpx2 import AsyncClient

from app.imports.files import READERS
from app.imports.mapping import SYNONYMS
from app.tests.factories import vessel
from app.tests.imports.factories import counts, plan, rows, wrong

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "imports.md").read_text()


def block(kind: str) -> str:
    found = re.search(rf"(?ms)^```{kind}\n(.*?)^```", PAGE)
    assert found
    return found[1]


def table(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    _, _, rest = PAGE.partition(heading)
    lines = re.search(r"(?m)(?:^\|.*\n)+", rest)
    assert lines
    rows = [line.strip("|").split("|") for line in lines[0].splitlines()[2:]]
    return [[cell.strip() for cell in row] for row in rows]


async def test_the_example_is_read_as_it_says(client: AsyncClient) -> None:
    await vessel(client, "NDV")
    planned = await plan(client, block("csv"), to="NDV", mapping=block("json"))
    assert counts(planned) == (3, 0, 0, 1)
    assert wrong(planned) == [(5, None, "no-key")]
    found = await rows(client, planned, action="create")
    assert {row["code"]: row["values"]["parent"] for row in found} == {
        "NDV-45-TE-71016-04": "NDV-45-KA-7101",
        "NDV-45-KA-7101": "NDV-45-1ST STAGE COMP SYS",
        "NDV-45-1ST STAGE COMP SYS": None,
    }


def test_every_synonym_is_listed() -> None:
    listed = {
        field.strip("`"): [name.replace(" ", "") for name in names.split(", ")]
        for field, names in table("without a mapping")
    }
    assert listed == {field: list(names) for field, names in SYNONYMS.items()}


def test_every_kind_of_file_is_listed() -> None:
    assert [kind.strip("`") for kind, _ in table("## Files")] == list(READERS)


def test_every_error_of_a_row_is_listed() -> None:
    app = ROOT / "backend" / "app"
    # What is found in files that are no registers, other pages tell.
    registers = set((app / "imports").glob("*.py")) - {app / "imports" / "lists.py"}
    sources = [*registers, app / "values.py"]
    text = "".join(source.read_text() for source in sources)
    listed = re.findall(r"`([a-z-]+)`", " ".join(r[0] for r in table("## Errors")))
    assert len(listed) == len(set(listed))
    for code in listed:
        assert re.search(rf"""["']{code}["']""", text), code
    for code in re.findall(r"""(?:"row"|', |THEN )'([a-z]+-[a-z-]+)'""", text):
        assert code in listed, code
