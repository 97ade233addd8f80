"""The options that several commands share."""

import re
from collections.abc import Mapping
from typing import Annotated

import typer

DEFAULT_URL = "http://localhost:8088"
DAY = re.compile(r"\d{4}-\d\d-\d\d")


def nearest(ctx: typer.Context, param: typer.CallbackParam, value: object) -> object:
    """What the innermost command says, else what those around it said.

    So `fpso --url … vessels`, `fpso vessels --url … add X` and
    `fpso vessels add X --url …` all mean the same server.
    """
    said: dict[str, object] = ctx.ensure_object(dict)
    name = str(param.name).removeprefix("_")
    if value:
        said[name] = value
    return said.get(name, value)


def instant_of(said: str | None) -> str | None:
    """A day is its first instant, in UTC."""
    return f"{said}T00:00:00Z" if said and DAY.fullmatch(said) else said


RootUrl = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="FPSO_URL",
        callback=nearest,
        metavar="URL",
        help=f"The server (without it {DEFAULT_URL}).",
    ),
]
Url = Annotated[
    str,
    typer.Option(
        "--url",
        callback=nearest,
        metavar="URL",
        show_default=False,
        help=f"The server (without it FPSO_URL, else {DEFAULT_URL}).",
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        callback=nearest,
        help="Print the server's JSON as it came; errors as JSON on stderr.",
    ),
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many to list at most.")]
Everything = Annotated[bool, typer.Option("--all", help="List all, page after page.")]
Cursor = Annotated[
    str | None,
    typer.Option(help="Go on where a list stopped: its next_cursor."),
]
EquipmentCode = Annotated[
    str, typer.Argument(metavar="CODE", help="The equipment's code.")
]
VesselCode = Annotated[str, typer.Argument(metavar="VESSEL", help="The vessel's code.")]
StoreCode = Annotated[str, typer.Argument(metavar="STORE", help="The store's code.")]
OrderId = Annotated[str, typer.Argument(metavar="ID", help="The operation order's id.")]
From = Annotated[
    str | None,
    typer.Option(
        "--from", callback=instant_of, help="Only since then (RFC 3339, or a day)."
    ),
]
To = Annotated[
    str | None,
    typer.Option(callback=instant_of, help="Only before then (RFC 3339, or a day)."),
]
DueBefore = Annotated[
    str | None,
    typer.Option(
        callback=instant_of, help="Only due before then (RFC 3339, or a day)."
    ),
]
Overdue = Annotated[
    bool,
    typer.Option("--overdue", help="Only what is due by now and still to be done."),
]
PartNumber = Annotated[str, typer.Argument(metavar="PART", help="The part's number.")]
Quantities = Annotated[
    list[str],
    typer.Argument(metavar="PART=QUANTITY…", help="How much of which part."),
]
Words = list[str] | None  # of a filter: any of them


def changes(
    given: Mapping[str, str | int | None], options: str
) -> dict[str, str | int | None]:
    """What to change; an empty word takes a value away, where the API lets it."""
    said = {field: value for field, value in given.items() if value is not None}
    if not said:
        raise typer.BadParameter(f"Say what to change: {options}.")
    return {field: None if value == "" else value for field, value in said.items()}


def lines_of(words: list[str], what: str = "quantity") -> list[dict[str, str]]:
    """What `PART=QUANTITY` words mean; a part's number may hold a = itself."""
    lines = []
    for word in words:
        part, found, much = word.rpartition("=")
        if not found:
            raise typer.BadParameter(
                f"{word!r} does not say how much; write PART=QUANTITY, "
                "such as SEAL-2207=2."
            )
        lines.append({"part": part, what: much})
    return lines
