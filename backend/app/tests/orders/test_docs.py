"""docs/orders.md says what is: its example runs, its tables are the code's."""

import csv
import io
import json
import re
import sqlite3
from pathlib import Path

from httpx2 import AsyncClient

from app.orders.fields import Field, fields
from app.tests.factories import created, equipment, ok, vessel
from app.tests.imports.factories import apply, counts, wrong
from app.tests.orders.factories import orders, send

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "orders.md").read_text()


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


async def test_the_example_is_read_as_it_says(client: AsyncClient) -> None:
    await vessel(client, "NDV")
    for tag in ("45-KA-7101", "45-PA-7102"):
        await equipment(client, f"NDV-{tag}", of="NDV", tag=tag)
    said = json.loads(block("json"))
    answer = await send(client, block("csv"), mapping=said, dates="day-first")
    planned = created(answer)
    assert counts(planned) == (3, 0, 0, 1)
    assert wrong(planned) == [(5, "equipment", "unknown-equipment")]
    assert planned["ignored_columns"] == []


FLAGGED = """\
workOrderNumber,tag,type,isCompleted,isCancelled,startTime,endTime,dueDate
1,45-KA-7101,repair,True,False,2013-02-21 06:00,2013-02-22 18:00,2013-03-01
2,45-KA-7101,repair,1,0,,,2013-03-02
3,45-KA-7101,repair,False,True,2013-02-21 06:00,2013-02-23 18:00,2013-03-03
4,45-KA-7101,repair,false,false,,,2013-03-04
5,45-KA-7101,repair,0,,2013-02-21 06:00,,2013-03-05
"""


async def test_the_query_makes_states_of_flags(aboard: AsyncClient) -> None:
    head, *table_rows = csv.reader(io.StringIO(FLAGGED))
    db = sqlite3.connect(":memory:")
    db.execute(f"CREATE TABLE orders ({', '.join(head)})")
    marks = ", ".join("?" * len(head))
    db.executemany(f"INSERT INTO orders VALUES ({marks})", table_rows)
    made = db.execute(block("sql"))
    sheet = io.StringIO()
    csv.writer(sheet).writerows([[name for name, *_ in made.description], *made])
    reason = {"cancel_reason": {"constant": "Cancelled in the old system"}}
    planned = created(await send(aboard, sheet.getvalue(), mapping=reason))
    assert planned["errors"] == []
    assert planned["columns"]["state"] == "state"
    ok(await apply(aboard, planned))
    found = {each["reference"]: each for each in await orders(aboard)}
    assert [found[number]["state"] for number in "12345"] == [
        *("done", "done", "cancelled", "planned", "in_progress"),
    ]
    assert [found[number]["performed_at"] for number in "1235"] == [
        "2013-02-22T18:00:00Z",
        "2013-03-02T00:00:00Z",
        "2013-02-23T18:00:00Z",
        "2013-02-21T06:00:00Z",
    ]


def test_every_field_is_listed_with_its_names() -> None:
    listed = {
        field.strip("`"): [name.replace(" ", "") for name in names.split(", ") if name]
        for field, names in table("## Fields")
    }
    known = fields(None).synonyms
    assert listed == {field: list(known[field]) for field in Field}


def test_every_error_of_a_row_is_listed() -> None:
    app = ROOT / "backend" / "app"
    sources = (app / "orders" / "fields.py", app / "orders" / "dates.py")
    text = "".join(source.read_text() for source in sources)
    raised = set(re.findall(r'PydanticCustomError\(\s*"([a-z-]+)"', text))
    raised |= {f"invalid-{name}" for name in re.findall(r'translate\("(\w+)"', text)}
    modules = ("orders/queries.py", "imports/merging.py")
    queries = "".join((app / module).read_text() for module in modules)
    raised |= set(re.findall(r'\*\("\w+", "([a-z-]+)"', queries))
    raised |= set(re.findall(r"'([a-z]+-[a-z]+)', (?:reference|m\.state)", queries))
    listed = {
        code for cells in table("## Errors") for code in re.findall("`(.*?)`", cells[0])
    }
    assert {"missing", "duplicate-row", "issue-over", "ambiguous-date"} <= raised
    assert raised <= listed
