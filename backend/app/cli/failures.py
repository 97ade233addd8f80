# ruff: noqa: PLR0913 - a parameter is an option here: that is how typer reads them
"""`fpso failures`: logs of what failed, and their counts."""

from enum import StrEnum
from typing import Annotated

import typer

from app.cli.client import read, server
from app.cli.counted import Counted, CountedItem, Failure, FailureSummary, SensorRanking
from app.cli.decisions import settle
from app.cli.imports import Apply, Encoding, ErrorsTo, File, Into, Rows, SkipErrors
from app.cli.listing import show_list
from app.cli.options import Cursor, Everything, From, Json, Limit, To, Url, Words
from app.cli.plans import View
from app.cli.render import count, emit_json, instant, note, table
from app.cli.upload import declared, upload

app = typer.Typer(no_args_is_help=True)

OfCode = Annotated[Words, typer.Option("--code", help="Only of this equipment.")]
OfGroup = Annotated[Words, typer.Option("--group", help="Only of this group.")]
OfVessel = Annotated[Words, typer.Option("--vessel", help="Only of this vessel.")]


class By(StrEnum):
    EQUIPMENT = "equipment"
    GROUP = "group"
    SENSOR = "sensor"
    MONTH = "month"
    VESSEL = "vessel"


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Unit(StrEnum):
    FAILURES = "failures"
    READINGS = "readings"


OfLevel = Annotated[
    Level | None, typer.Option(help="Only readings of it, and failures with some.")
]
WorstBy = Annotated[Unit, typer.Option(help="What the worst has the most of.")]
Most = Annotated[
    int, typer.Option("--limit", min=1, max=10_000, help="How many to list at most.")
]


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="failures", help="What failed: logs, and their counts.")


@app.command("import")
def import_log(
    file: File,
    *,
    vessel: Into,
    apply: Apply = False,
    skip_errors: SkipErrors = False,
    errors_to: ErrorsTo = None,
    encoding: Encoding = None,
    rows: Rows = 10,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Load a failure log: see the plan first, then apply it."""
    with server(url, as_json=as_json) as api:
        response = upload(
            api,
            file,
            *("vessels", vessel, "failures", "imports"),
            media_type=declared("text/plain", encoding),
        )
        settle(
            api,
            response,
            apply=apply,
            skip_errors=skip_errors,
            errors_to=errors_to,
            view=View(rows, verbose=False),
            as_json=as_json,
        )


@app.command("list")
def list_failures(
    *,
    code: OfCode = None,
    vessel: OfVessel = None,
    level: OfLevel = None,
    from_: From = None,
    to: To = None,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List failures, the latest first; repeat an option to allow several values."""
    query = {
        "code": code,
        "vessel": vessel,
        "level": level,
        "from": from_,
        "to": to,
        "cursor": cursor,
    }
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(
                Failure, "failures", query=query, limit=None if everything else limit
            ),
            ("AT", "EQUIPMENT", "LEVEL", "SOURCE", ">READINGS"),
            lambda it: (
                *(instant(it.at), it.code, it.level, it.source),
                f"{it.readings:,}",
            ),
            as_json=as_json,
        )


@app.command("summary")
def summarise(
    *,
    by: Annotated[By, typer.Option(help="What to count by.")] = By.EQUIPMENT,
    code: OfCode = None,
    group: OfGroup = None,
    vessel: OfVessel = None,
    level: OfLevel = None,
    from_: From = None,
    to: To = None,
    unit: WorstBy = Unit.READINGS,
    limit: Most = 100,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Count failures and readings, the worst first."""
    query = {
        "by": by,
        "code": code,
        "group": group,
        "vessel": vessel,
        "level": level,
        "from": from_,
        "to": to,
        "unit": unit,
        "limit": limit,
    }
    with server(url, as_json=as_json) as api:
        response = api.get("failures", "summary", query=query)
        if as_json:
            emit_json(response.content)
            return
        summary = read(response, FailureSummary)
        heading = [f"{by.upper()}…", ">FAILURES", ">READINGS"]
        rows = [[*named(it, by), *counts(it)] for it in summary.items]
        if by is By.SENSOR:
            heading.insert(1, "EQUIPMENT")
        if by is By.GROUP:
            heading += (">FAILED", ">OF", ">FAILURES EACH", ">READINGS EACH")
            rows = [
                [*row, *averages(it)]
                for row, it in zip(rows, summary.items, strict=True)
            ]
        if rows:
            table(heading, rows)
        else:
            note("None.")
        note_more(summary.all, len(summary.items))
        totals = count(summary.failures, "failure", "failures")
        readings = count(summary.readings, "reading", "readings")
        note(f"{totals} and {readings} in all. {meanings(summary.units)}")


@app.command("sensors")
def rank_sensors(
    *,
    top: Annotated[
        int, typer.Option(min=1, max=10_000, help="So many of each equipment.")
    ] = 3,
    code: OfCode = None,
    group: OfGroup = None,
    vessel: OfVessel = None,
    level: OfLevel = None,
    from_: From = None,
    to: To = None,
    unit: WorstBy = Unit.READINGS,
    limit: Most = 100,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Rank the sensors within each equipment within each group, the worst first."""
    query = {
        "top": top,
        "code": code,
        "group": group,
        "vessel": vessel,
        "level": level,
        "from": from_,
        "to": to,
        "unit": unit,
        "limit": limit,
    }
    with server(url, as_json=as_json) as api:
        response = api.get("failures", "sensors", query=query)
        if as_json:
            emit_json(response.content)
            return
        ranking = read(response, SensorRanking)
        if not ranking.items:
            note("None.")
            return
        table(
            ("GROUP…", "EQUIPMENT", "SENSOR", ">RANK", ">FAILURES", ">READINGS"),
            [
                (it.group, it.code, it.sensor, it.rank, *counts(it))
                for it in ranking.items
            ],
        )
        note_more(ranking.all, len(ranking.items))
        note(meanings(ranking.units))


def note_more(there: int, shown: int) -> None:
    if there > shown:
        note(f"There are {there:,} in all: --limit N lists N.")


def named(item: CountedItem, by: By) -> tuple[object, ...]:
    match by:
        case By.EQUIPMENT:
            return (item.code,)
        case By.GROUP:
            return (item.group,)
        case By.SENSOR:
            return item.sensor, item.code
        case By.MONTH:
            return (item.month,)
        case By.VESSEL:
            return (item.vessel,)


def counts(item: Counted) -> tuple[object, ...]:
    return f"{item.failures:,}", f"{item.readings:,}"


def averages(item: CountedItem) -> tuple[object, ...]:
    each = item.failures_per_equipment, item.readings_per_equipment
    means = (None if mean is None else f"{mean:,.1f}" for mean in each)
    return item.equipment, item.registered, *means


def meanings(units: dict[str, str]) -> str:
    said = (f"{unit.capitalize()} are {what}." for unit, what in units.items())
    return " ".join(said)
