# ruff: noqa: PLR0913 - a parameter is an option here: that is how typer reads them
"""`fpso sensors`: which sensor of a failure log is at which equipment."""

from typing import Annotated

import typer

from app.cli.client import read, server
from app.cli.counted import Sensor
from app.cli.decisions import settle
from app.cli.imports import (
    Apply,
    Delimiter,
    Encoding,
    ErrorsTo,
    File,
    Format,
    Into,
    Maps,
    Rows,
    SkipErrors,
    Values,
    Verbose,
)
from app.cli.listing import show_list
from app.cli.mapping import SENSOR_FIELDS, mapping_of
from app.cli.options import Cursor, EquipmentCode, Everything, Json, Limit, Url, Words
from app.cli.plans import View
from app.cli.render import emit_json, fields, instant
from app.cli.upload import ImportFormat, upload

app = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="sensors", help="Which sensor is at which equipment.")


@app.command("import")
def import_map(
    file: File,
    *,
    vessel: Into,
    words: Maps = None,
    values: Values = None,
    apply: Apply = False,
    skip_errors: SkipErrors = False,
    errors_to: ErrorsTo = None,
    format_: Format = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    rows: Rows = 10,
    verbose: Verbose = False,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Load a map of sensors: see the plan first, then apply it."""
    mapping = mapping_of(words or [], values or [], fields=SENSOR_FIELDS)
    form = format_ or ImportFormat.guessed(file)
    with server(url, as_json=as_json) as api:
        response = upload(
            api,
            file,
            *("vessels", vessel, "sensors", "imports"),
            media_type=form.media_type(encoding),
            mapping=mapping,
            delimiter=delimiter,
        )
        settle(
            api,
            response,
            apply=apply,
            skip_errors=skip_errors,
            errors_to=errors_to,
            view=View(rows, verbose),
            as_json=as_json,
        )


@app.command("list")
def list_sensors(
    *,
    vessel: Annotated[Words, typer.Option(help="Only of this vessel's log.")] = None,
    code: Annotated[Words, typer.Option(help="Only of this equipment.")] = None,
    current: Annotated[
        bool, typer.Option("--current", help="Without those moved since.")
    ] = False,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List sensors and the equipment at which they are, or were."""
    query = {
        "vessel": vessel,
        "equipment": code,
        "current": "true" if current else None,
        "cursor": cursor,
    }
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(
                Sensor, "sensors", query=query, limit=None if everything else limit
            ),
            ("SENSOR", "VESSEL", "EQUIPMENT", "UNTIL"),
            lambda it: (
                *(it.code, it.vessel, it.equipment),
                it.until and instant(it.until),
            ),
            as_json=as_json,
        )


@app.command("add")
def add_sensor(
    code: EquipmentCode,
    sensor: Annotated[
        str, typer.Argument(metavar="SENSOR", help="As the vessel's log names it.")
    ],
    *,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Register a sensor at an equipment."""
    with server(url, as_json=as_json) as api:
        response = api.post("equipment", code, "sensors", body={"code": sensor})
        if as_json:
            emit_json(response.content)
            return
        it = read(response, Sensor)
        fields(
            [("sensor", it.code), ("vessel", it.vessel), ("equipment", it.equipment)]
        )
