"""`fpso …`: people and scripts at the HTTP API of any server."""

from importlib.metadata import version
from typing import Annotated

import typer

from app.cli import (
    codes,
    equipment,
    export,
    failures,
    handing,
    house,
    imports,
    issues,
    levels,
    moves,
    operations,
    orders,
    parts,
    planning,
    reliability,
    reporting,
    requisitions,
    sensors,
    steps,
    stock,
    units,
    vessels,
    work,
)
from app.cli.options import DEFAULT_URL, Json, RootUrl

app = typer.Typer(
    help="The register of what is aboard an FPSO, from the command line.",
    epilog="Exit codes: 0 done, 1 refused, 2 wrong usage, 3 server not reached or "
    "failing, 4 local file, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
features = (
    *(vessels, equipment, operations, issues, units, parts, stock, requisitions),
    *(sensors, failures, reliability, codes),
)
for part in features:
    part.register(app)
moves.register(equipment.app)
levels.register(stock.stock)
orders.register(operations.operation)
planning.register(operations.operation)
handing.register(requisitions.app)
reporting.register(issues.issue)
steps.register(issues.issue)
work.register(operations.operation, issues.issue)
for command in (export, imports, house):
    command.register(app)


def show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    if wanted:
        typer.echo(f"fpso {version('fpso')}")
        raise typer.Exit


@app.callback()
def choose_server(
    *,
    _url: RootUrl = DEFAULT_URL,
    _as_json: Json = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=show_version,
            is_eager=True,
            help="Print the version and stop.",
        ),
    ] = False,
) -> None:
    """The register of what is aboard an FPSO, from the command line."""


def main() -> None:
    app()
