# ruff: noqa: PLR0913 - a parameter is an option here: that is how typer reads them
"""`fpso import`, `fpso plan` and `fpso apply`."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.client import REFUSED, read, server
from app.cli.decisions import finish, save_errors, settle
from app.cli.mapping import mapping_of
from app.cli.options import Json, Url
from app.cli.planned import Plan
from app.cli.plans import PlanScreen, View
from app.cli.render import emit_json
from app.cli.upload import ImportFormat, upload

PlanId = Annotated[str, typer.Argument(metavar="ID", help="The plan's id.")]
SkipErrors = Annotated[
    bool, typer.Option("--skip-errors", help="Leave rows with errors out.")
]
ErrorsTo = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.csv",
        help="Write the rows with errors there, as they came, with the reasons.",
    ),
]
Rows = Annotated[int, typer.Option(min=0, help="How many lines of each kind to show.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show unchanged rows too.")
]

File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE")
]
Into = Annotated[str, typer.Option(help="The vessel that it is loaded into.")]
Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        "-m",
        metavar="FIELD=COLUMN",
        help="Where a field comes from: FIELD=COLUMN, FIELD:=CONSTANT, FIELD= to "
        "leave it alone, or @FILE.json; repeat it.",
    ),
]
Values = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD:FROM=TO",
        help="What a value of a column means, as in status:1=active; repeat it.",
    ),
]
Apply = Annotated[
    bool, typer.Option("--apply", "--yes", "-y", help="Apply without asking.")
]
Format = Annotated[
    ImportFormat | None,
    typer.Option("--format", help="Without it: as FILE ends."),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        help="Such as iso-8859-1; without it UTF-8, or UTF-16 if the file has its mark."
    ),
]
Delimiter = Annotated[
    str | None, typer.Option(help="A comma, ; or tab; without it, found by the server.")
]


def register(root: typer.Typer) -> None:
    root.command("import")(import_file)
    root.command("plan")(show_plan)
    root.command("apply")(apply_plan)


def import_file(
    file: File,
    *,
    vessel: Into,
    words: Maps = None,
    values: Values = None,
    refers_to: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The column that holds what the parent column points to.",
        ),
    ] = None,
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
    """Load a register from a file: see the plan first, then apply it."""
    mapping = mapping_of(words or [], values or [], refers_to)
    form = format_ or ImportFormat.guessed(file)
    with server(url, as_json=as_json) as api:
        response = upload(
            api,
            file,
            *("vessels", vessel, "imports"),
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


def show_plan(
    plan_id: PlanId,
    *,
    errors_to: ErrorsTo = None,
    rows: Rows = 10,
    verbose: Verbose = False,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Show an import's plan again."""
    with server(url, as_json=as_json) as api:
        response = api.get("imports", plan_id)
        plan = read(response, Plan)
        if as_json:
            emit_json(response.content)
        else:
            PlanScreen(api, plan, View(rows, verbose)).show()
        save_errors(api, plan, errors_to)
        if plan.counts.error and plan.status != "applied":
            raise typer.Exit(REFUSED)


def apply_plan(
    plan_id: PlanId,
    *,
    skip_errors: SkipErrors = False,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Apply an import's plan: all of it, or nothing."""
    with server(url, as_json=as_json) as api:
        finish(api, plan_id, skip_errors=skip_errors, as_json=as_json)
