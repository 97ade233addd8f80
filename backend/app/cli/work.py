# ruff: noqa: PLR0913 - a parameter is an option here: that is how typer reads them
"""`fpso operation import` and `fpso issue import`: what another system knows."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated

import typer

from app.cli.client import server
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
from app.cli.mapping import ISSUE_FIELDS, ORDER_FIELDS, mapping_of
from app.cli.options import Json, Url
from app.cli.plans import View
from app.cli.upload import ImportFormat, upload


class DateOrder(StrEnum):
    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


Dates = Annotated[
    DateOrder | None, typer.Option(help="What comes first in dates such as 02/01/2010.")
]


def register(operation: typer.Typer, issue: typer.Typer) -> None:
    help_ = "Bring {} of another system over: see the plan first, then apply it."
    for group, what, fields in (
        (operation, "operations", ORDER_FIELDS),
        (issue, "issues", ISSUE_FIELDS),
    ):
        said = help_.format("work orders" if group is operation else "problems")
        group.command("import", help=said)(importing(what, fields))


def importing(what: str, fields: Sequence[str]) -> Callable[..., None]:
    """The command that loads a file of these into a vessel."""

    def load(
        file: File,
        *,
        vessel: Into,
        dates: Dates = None,
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
        mapping = mapping_of(words or [], values or [], fields=fields)
        form = format_ or ImportFormat.guessed(file)
        with server(url, as_json=as_json) as api:
            response = upload(
                api,
                file,
                *("vessels", vessel, what, "imports"),
                media_type=form.media_type(encoding),
                mapping=mapping,
                delimiter=delimiter,
                dates=dates,
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

    return load
