"""`fpso part`: the catalogue of parts, and what they fit."""

from typing import Annotated

import httpx2
import typer

from app.cli.answers import Fit, Part
from app.cli.client import Api, read, server
from app.cli.listing import show_list
from app.cli.options import (
    Cursor,
    Everything,
    Json,
    Limit,
    PartNumber,
    Url,
    Words,
    changes,
)
from app.cli.render import emit_json, fields, money
from app.cli.story import collect

app = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="part", help="The catalogue of parts, and what they fit.")


@app.command("list")
def list_parts(  # noqa: PLR0913 - a parameter is an option
    *,
    equipment: Annotated[
        str | None, typer.Option(help="Only what fits this equipment.")
    ] = None,
    class_: Annotated[
        Words, typer.Option("--class", help="Only what fits this class.")
    ] = None,
    model: Annotated[Words, typer.Option(help="Only what fits this model.")] = None,
    manufacturer: Annotated[Words, typer.Option(help="Only of this maker.")] = None,
    q: Annotated[
        str | None,
        typer.Option("--q", "-q", help="Search number, name and manufacturer."),
    ] = None,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List parts of the catalogue, or all that fit one equipment."""
    if equipment and (q or class_ or model or manufacturer):
        raise typer.BadParameter(
            "--equipment lists all that fits it: leave out others."
        )
    path = ("equipment", equipment, "parts") if equipment else ("parts",)
    query = {
        "class": class_,
        "model": model,
        "manufacturer": manufacturer,
        "q": q,
        "cursor": cursor,
    }
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(Part, *path, query=query, limit=None if everything else limit),
            ("NUMBER", "NAME…", "MANUFACTURER…", "UNIT", ">PRICE"),
            lambda part: (
                part.number,
                part.name,
                part.manufacturer,
                part.unit_of_measure,
                money(part.price, part.currency),
            ),
            as_json=as_json,
        )


@app.command("add")
def add_part(  # noqa: PLR0913 - a parameter is an option
    number: PartNumber,
    *,
    name: Annotated[str, typer.Option(help="What it is, such as mechanical seal.")],
    price: Annotated[str, typer.Option(help="Of one unit, such as 1250.00.")],
    unit: Annotated[
        str, typer.Option(help="What is counted, such as EA, M, L or KG.")
    ] = "EA",
    manufacturer: Annotated[str | None, typer.Option(help="Who makes it.")] = None,
    lead_time: Annotated[
        int | None, typer.Option(help="Days from the order to its arrival.")
    ] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Put a part into the catalogue."""
    body = {
        "number": number,
        "name": name,
        "price": price,
        "unit_of_measure": unit,
        "manufacturer": manufacturer,
        "lead_time_days": lead_time,
    }
    with server(url, as_json=as_json) as api:
        response = api.post("parts", body=body)
        if as_json:
            emit_json(response.content)
        else:
            draw(read(response, Part), [])


@app.command("edit")
def edit_part(  # noqa: PLR0913 - a parameter is an option
    number: PartNumber,
    *,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    price: Annotated[
        str | None, typer.Option(help="Of one unit, such as 1310.00.")
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="What is counted, until it was moved.")
    ] = None,
    manufacturer: Annotated[
        str | None, typer.Option(help='Who makes it; "" for not known.')
    ] = None,
    lead_time: Annotated[
        str | None,
        typer.Option(help='Days from the order to its arrival; "" for not known.'),
    ] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Change what is given; refused when somebody else changed it meanwhile."""
    days = int(lead_time) if lead_time and lead_time.isdecimal() else lead_time
    given = {
        "name": name,
        "price": price,
        "unit_of_measure": unit,
        "manufacturer": manufacturer,
        "lead_time_days": days,
    }
    body = changes(given, "--name, --price, --unit, --manufacturer or --lead-time")
    with server(url, as_json=as_json) as api:
        show(api, api.change("parts", number, body=body), as_json=as_json)


@app.command("show")
def show_part(number: PartNumber, *, url: Url = "", as_json: Json = False) -> None:
    """Show a part, and where it is used."""
    with server(url, as_json=as_json) as api:
        show(api, api.get("parts", number), as_json=as_json)


def show(api: Api, response: httpx2.Response, *, as_json: bool) -> None:
    if as_json:
        emit_json(response.content)
        return
    part = read(response, Part)
    draw(part, collect(api, Fit, "parts", part.number, "fits"))


@app.command("fit")
def fit_part(
    number: PartNumber,
    *,
    equipment: Annotated[
        str | None, typer.Option(help="Code of an equipment that it fits.")
    ] = None,
    class_: Annotated[
        str | None, typer.Option("--class", help="Equipment class, such as PU.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model of hardware that it fits.")
    ] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Say that a part fits an equipment, all of a class, or a model of hardware."""
    given = {"equipment": equipment, "class": class_, "model": model}
    body = {what: value for what, value in given.items() if value is not None}
    if len(body) != 1:
        raise typer.BadParameter(
            "Say one thing that it fits: --equipment, --class or --model."
        )
    with server(url, as_json=as_json) as api:
        response = api.post("parts", number, "fits", body=body)
        if as_json:
            emit_json(response.content)
        else:
            fields([("part", number), *used(read(response, Fit))])


def used(fit: Fit) -> list[tuple[str, object]]:
    if fit.equipment:
        return [("fits", fit.equipment)]
    return [("fits", f"class {fit.class_}" if fit.class_ else f"model {fit.model}")]


def draw(part: Part, fits: list[Fit]) -> None:
    days = part.lead_time_days
    fields(
        [
            ("number", part.number),
            ("name", part.name),
            ("manufacturer", part.manufacturer),
            ("price", f"{money(part.price, part.currency)} / {part.unit_of_measure}"),
            ("lead time", None if days is None else f"{days} days"),
            *(pair for fit in fits for pair in used(fit)),
        ]
    )
