"""`fpso unit`."""

from typing import Annotated

import typer

from app.cli.answers import Installation, Page, Swap, Unit
from app.cli.client import REFUSED, CommandError, read, server
from app.cli.listing import show_list
from app.cli.options import (
    Cursor,
    EquipmentCode,
    Everything,
    Json,
    Limit,
    Url,
    Words,
    changes,
)
from app.cli.render import emit_json, fields, instant

unit = typer.Typer(no_args_is_help=True)

InstallationId = Annotated[
    str, typer.Argument(metavar="ID", help="As `fpso unit history` lists it.")
]


def register(root: typer.Typer) -> None:
    root.add_typer(unit, name="unit", help="Hardware by serial number, and its places.")


@unit.command("list")
def list_units(
    *,
    serial: Annotated[
        Words, typer.Option("--serial", help="Only with this serial number.")
    ] = None,
    spare: Annotated[
        bool, typer.Option("--spare", help="Only what sits nowhere.")
    ] = False,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List units, and where each sits."""
    query = {
        "serial_number": serial,
        "installed": "false" if spare else None,
        "cursor": cursor,
    }
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(Unit, "units", query=query, limit=None if everything else limit),
            ("SERIAL NUMBER", "MANUFACTURER", "MODEL…", "EQUIPMENT"),
            lambda it: (it.serial_number, it.manufacturer, it.model, it.equipment),
            as_json=as_json,
        )


@unit.command("swap")
def swap_unit(  # noqa: PLR0913 - a parameter is an option
    code: EquipmentCode,
    *,
    manufacturer: Annotated[str, typer.Option(help="Who made it.")],
    model: Annotated[str, typer.Option(help="Its model.")],
    serial: Annotated[str, typer.Option(help="Its serial number.")],
    at: Annotated[
        str | None, typer.Option(help="When (RFC 3339); now, if it is not given.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="When it left again: for what was long ago.")
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(help="Why the one before left; with --until, this one."),
    ] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Put a unit into an equipment; what sits there comes out."""
    body = {
        "manufacturer": manufacturer,
        "model": model,
        "serial_number": serial,
        "at": at,
        "until": until,
        "reason": reason,
    }
    with server(url, as_json=as_json) as api:
        response = api.post("equipment", code, "units", body=body)
        if as_json:
            emit_json(response.content)
            return
        swap = read(response, Swap)
        out = swap.removed
        fields(
            [
                ("equipment", swap.installed.equipment),
                ("in", swap.installed.unit.serial_number),
                ("out", out and out.unit.serial_number),
                ("at", f"{instant(swap.installed.installed_at)} UTC"),
            ]
        )


@unit.command("add")
def add_unit(
    *,
    manufacturer: Annotated[str, typer.Option(help="Who made it.")],
    model: Annotated[str, typer.Option(help="Its model.")],
    serial: Annotated[str, typer.Option(help="Its serial number.")],
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Register a unit that sits nowhere yet, such as a spare."""
    body = {"manufacturer": manufacturer, "model": model, "serial_number": serial}
    with server(url, as_json=as_json) as api:
        response = api.post("units", body=body)
        if as_json:
            emit_json(response.content)
            return
        it = read(response, Unit)
        fields(
            [
                ("serial number", it.serial_number),
                ("manufacturer", it.manufacturer),
                ("model", it.model),
                ("equipment", it.equipment),
            ]
        )


@unit.command("remove")
def remove_unit(
    code: EquipmentCode,
    *,
    at: Annotated[
        str | None, typer.Option(help="When (RFC 3339); now, if it is not given.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Take out of an equipment what sits there; nothing takes its place."""
    with server(url, as_json=as_json) as api:
        last = read(
            api.get("equipment", code, "units", query={"limit": 1}), Page[Installation]
        )
        if not last.items or last.items[0].removed_at:
            raise CommandError("Nothing sits there", f"{code} is empty.", REFUSED)
        response = api.post(
            *("units", last.items[0].unit.id, "remove"),
            body={"at": at, "reason": reason},
        )
        if as_json:
            emit_json(response.content)
            return
        it = read(response, Installation)
        fields(
            [
                ("equipment", it.equipment),
                ("out", it.unit.serial_number),
                ("at", it.removed_at and f"{instant(it.removed_at)} UTC"),
            ]
        )


@unit.command("correct")
def correct_installation(
    identity: InstallationId,
    *,
    since: Annotated[
        str | None, typer.Option("--from", help="When it came (RFC 3339).")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help='When it left (RFC 3339); "" if it sits there still.'),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why it left.")] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Correct when a unit came and left; refused when somebody else did meanwhile."""
    given = {"installed_at": since, "removed_at": until, "removed_because": reason}
    body = changes(given, "--from, --until or --reason")
    with server(url, as_json=as_json) as api:
        response = api.change("installations", identity, body=body)
        if as_json:
            emit_json(response.content)
            return
        it = read(response, Installation)
        fields(
            [
                ("equipment", it.equipment),
                ("unit", it.unit.serial_number),
                ("from", f"{instant(it.installed_at)} UTC"),
                ("until", it.removed_at and f"{instant(it.removed_at)} UTC"),
                ("why", it.removed_because),
            ]
        )


@unit.command("withdraw")
def withdraw_installation(
    identity: InstallationId, *, url: Url = "", as_json: Json = False
) -> None:
    """Take back that a unit sat there: it never did."""
    with server(url, as_json=as_json) as api:
        response = api.get("installations", identity)
        it = read(response, Installation)
        match = {"If-Match": response.headers["ETag"]}
        api.send("DELETE", "installations", identity, headers=match)
    if not as_json:
        typer.echo(f"{it.unit.serial_number} never sat in {it.equipment} then.")


@unit.command("history")
def show_history(
    code: EquipmentCode,
    *,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List the units that sat in an equipment, the latest first."""
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(
                Installation,
                *("equipment", code, "units"),
                query={"cursor": cursor},
                limit=None if everything else limit,
            ),
            ("SERIAL NUMBER", "MODEL…", "FROM", "UNTIL", "ID", "WHY IT LEFT…"),
            lambda it: (
                it.unit.serial_number,
                it.unit.model,
                instant(it.installed_at),
                it.removed_at and instant(it.removed_at),
                it.id,
                it.removed_because,
            ),
            as_json=as_json,
        )
