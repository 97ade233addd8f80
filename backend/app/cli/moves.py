# ruff: noqa: PLR0913 - a parameter is an option here: that is how typer reads them
"""`fpso equipment move` and `fpso equipment restore`."""

from typing import Annotated

import typer

from app.cli.answers import Equipment
from app.cli.client import Api, read, server
from app.cli.equipment import draw
from app.cli.options import EquipmentCode, Json, Url
from app.cli.render import emit_json


def register(equipment: typer.Typer) -> None:
    equipment.command("move")(move_equipment)
    equipment.command("restore")(restore_equipment)


def move_equipment(
    code: EquipmentCode,
    vessel: Annotated[str, typer.Argument(metavar="VESSEL", help="Where it goes.")],
    *,
    subtree: Annotated[
        bool, typer.Option("--subtree", help="Take along what stands below it.")
    ] = False,
    parent: Annotated[
        str | None, typer.Option(help="Code of what it belongs to there.")
    ] = None,
    tag: Annotated[str | None, typer.Option(help='Its tag there; "" for none.')] = None,
    location: Annotated[str | None, typer.Option(help="Where it is then.")] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Take equipment to another vessel; its history and its orders go along."""
    given = {"parent": parent, "tag": tag, "location": location}
    body: dict[str, object] = {"vessel": vessel}
    body |= {name: value or None for name, value in given.items() if value is not None}
    with server(url, as_json=as_json) as api:
        _do(api, code, "move", body, {"subtree": subtree or None}, as_json=as_json)


def restore_equipment(
    code: EquipmentCode,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="Back to which.")],
    *,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Bring equipment back to an earlier version, as a new change."""
    with server(url, as_json=as_json) as api:
        _do(api, code, "restore", {"version": version}, {}, as_json=as_json)


def _do(
    api: Api,
    code: str,
    verb: str,
    body: dict[str, object],
    query: dict[str, bool | None],
    *,
    as_json: bool,
) -> None:
    """Send it with the version that there is; refused if somebody comes between."""
    etag = api.get("equipment", code).headers["ETag"]
    response = api.send(
        *("POST", "equipment", code, verb),
        body=body,
        query=query,
        headers={"If-Match": etag},
    )
    if as_json:
        emit_json(response.content)
    else:
        draw(read(response, Equipment))
