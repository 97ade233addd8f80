# ruff: noqa: PLR0913 - a parameter is an option here: that is how typer reads them
"""`fpso equipment`, `fpso deactivate` and `fpso activate`."""

from typing import Annotated

import typer

from app.cli.answers import Equipment, Page, Path, StatusChange
from app.cli.client import REFUSED, Api, read, server
from app.cli.listing import show_list
from app.cli.options import (
    Cursor,
    EquipmentCode,
    Everything,
    Json,
    Limit,
    Url,
    VesselCode,
    Words,
    changes,
)
from app.cli.render import Screen, clean, emit_json, fields, instant
from app.cli.trees import draw_tree

app = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    root.add_typer(
        app, name="equipment", help="List, register, show and edit equipment."
    )
    root.command("deactivate")(deactivate)
    root.command("activate")(activate)


@app.command("list")
def list_equipment(
    vessel: VesselCode,
    *,
    status: Annotated[
        Words, typer.Option(help="Only active, or only inactive.")
    ] = None,
    name: Annotated[Words, typer.Option(help="Only with this name.")] = None,
    location: Annotated[Words, typer.Option(help="Only from here.")] = None,
    group: Annotated[Words, typer.Option(help="Only of this group.")] = None,
    class_: Annotated[
        Words, typer.Option("--class", help="Only of this class, such as PU.")
    ] = None,
    tag: Annotated[Words, typer.Option(help="Only with this tag.")] = None,
    parent: Annotated[
        Words, typer.Option(help="Only directly below this code.")
    ] = None,
    tag_prefix: Annotated[
        str | None, typer.Option(help="Only with a tag that begins so.")
    ] = None,
    updated_since: Annotated[
        str | None, typer.Option(help="Only updated at or after this instant.")
    ] = None,
    q: Annotated[
        str | None,
        typer.Option(
            *("--search", "--q", "-q"), help="Search code, tag, name and location."
        ),
    ] = None,
    sort: Annotated[
        str | None, typer.Option(help="Such as code, or -updated_at.")
    ] = None,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List a vessel's equipment; repeat an option to allow several values."""
    query = {
        "status": status,
        "name": name,
        "location": location,
        "group": group,
        "class": class_,
        "tag": tag,
        "parent": parent,
        "tag_prefix": tag_prefix,
        "updated_since": updated_since,
        "q": q,
        "sort": sort,
        "cursor": cursor,
    }
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(
                Equipment,
                "vessels",
                vessel,
                "equipment",
                query=query,
                limit=None if everything else limit,
            ),
            ("CODE", "TAG…", "NAME…", "LOCATION…", "STATUS"),
            lambda row: (row.code, row.tag, row.name, row.location, row.status),
            as_json=as_json,
        )


@app.command("add")
def add_equipment(
    vessel: VesselCode,
    code: EquipmentCode,
    *,
    name: Annotated[str, typer.Option(help="What it is, such as compressor.")],
    location: Annotated[str, typer.Option(help="Where it is.")],
    tag: Annotated[str | None, typer.Option(help="Its functional tag.")] = None,
    group: Annotated[str | None, typer.Option(help="Its group.")] = None,
    class_: Annotated[
        str | None, typer.Option("--class", help="Its class, such as PU.")
    ] = None,
    parent: Annotated[
        str | None, typer.Option(help="Code of what it belongs to.")
    ] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Register equipment aboard a vessel; it is active from the start."""
    given = {"tag": tag, "group": group, "class": class_, "parent": parent}
    body = {"code": code, "name": name, "location": location}
    body |= {field: value for field, value in given.items() if value is not None}
    with server(url, as_json=as_json) as api:
        response = api.post("vessels", vessel, "equipment", body=body)
        if as_json:
            emit_json(response.content)
        else:
            draw(read(response, Equipment))


@app.command("show")
def show_equipment(
    code: EquipmentCode, *, url: Url = "", as_json: Json = False
) -> None:
    """Show one equipment, the path up to its root, and its children."""
    with server(url, as_json=as_json) as api:
        response = api.get("equipment", code)
        if as_json:
            emit_json(response.content)
            return
        draw(read(response, Equipment))
        path = read(api.get("equipment", code, "path"), Path)
        children = api.get("equipment", code, "children", query={"limit": 20})
        draw_tree(path.items, read(children, Page[Equipment]))


@app.command("edit")
def edit_equipment(
    code: EquipmentCode,
    *,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    location: Annotated[str | None, typer.Option(help="Where it is now.")] = None,
    tag: Annotated[str | None, typer.Option(help='Its new tag; "" for none.')] = None,
    group: Annotated[
        str | None, typer.Option(help='Its new group; "" for none.')
    ] = None,
    class_: Annotated[
        str | None, typer.Option("--class", help='Its new class; "" for none.')
    ] = None,
    parent: Annotated[
        str | None, typer.Option(help='Code of its new parent; "" for none.')
    ] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Change what is given; refused when somebody else changed it meanwhile."""
    body = changes(
        {
            "name": name,
            "location": location,
            "tag": tag,
            "group": group,
            "class": class_,
            "parent": parent,
        },
        "--name, --location, --tag, --group, --class or --parent",
    )
    with server(url, as_json=as_json) as api:
        response = api.change("equipment", code, body=body)
        if as_json:
            emit_json(response.content)
        else:
            draw(read(response, Equipment))


Codes = Annotated[list[str], typer.Argument(metavar="CODE…", help="Equipment codes.")]
Partial = Annotated[
    bool,
    typer.Option("--partial", help="Change the known ones when some are unknown."),
]


def deactivate(
    codes: Codes, *, partial: Partial = False, url: Url = "", as_json: Json = False
) -> None:
    """Set equipment inactive, all or none of the codes."""
    with server(url, as_json=as_json) as api:
        set_status(api, "deactivate", codes, partial=partial, as_json=as_json)


def activate(
    codes: Codes, *, partial: Partial = False, url: Url = "", as_json: Json = False
) -> None:
    """Set equipment active again, all or none of the codes."""
    with server(url, as_json=as_json) as api:
        set_status(api, "activate", codes, partial=partial, as_json=as_json)


def set_status(
    api: Api, verb: str, codes: list[str], *, partial: bool, as_json: bool
) -> None:
    query = {"mode": "partial" if partial else None}
    response = api.post("equipment", verb, body={"codes": codes}, query=query)
    result = read(response, StatusChange)
    if as_json:
        emit_json(response.content)
    else:
        status = "active" if verb == "activate" else "inactive"
        lines = [f"~ {code} is {status} now" for code in result.changed]
        lines += [f"= {code} was {status} already" for code in result.unchanged]
        lines += [f"! {code} is unknown" for code in result.missing or ()]
        Screen().print(clean("\n".join(lines)), soft_wrap=True)
    if result.missing:
        raise typer.Exit(REFUSED)


def draw(equipment: Equipment) -> None:
    fields(
        [
            ("code", equipment.code),
            ("vessel", equipment.vessel),
            ("tag", equipment.tag),
            ("name", equipment.name),
            ("location", equipment.location),
            ("group", equipment.group),
            ("class", equipment.class_),
            ("parent", equipment.parent),
            ("status", equipment.status),
            ("updated", f"{instant(equipment.updated_at)} UTC"),
            ("version", equipment.version),
        ]
    )
