"""`fpso vessels`."""

from typing import Annotated

import typer

from app.cli.answers import Vessel
from app.cli.client import read, server
from app.cli.listing import show_list
from app.cli.options import Cursor, Everything, Json, Limit, Url
from app.cli.render import emit_json, fields, instant

app = typer.Typer(invoke_without_command=True)


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="vessels", help="List vessels, and register one.")


@app.callback()
def vessels(ctx: typer.Context, *, url: Url = "", as_json: Json = False) -> None:
    """List vessels, and register one."""
    if ctx.invoked_subcommand is None:
        list_vessels(url=url, as_json=as_json)


@app.command("list")
def list_vessels(
    *,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List the vessels of the fleet."""
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(
                Vessel,
                "vessels",
                query={"cursor": cursor},
                limit=None if everything else limit,
            ),
            ("CODE", "NAME…", "REGISTERED"),
            lambda vessel: (vessel.code, vessel.name, instant(vessel.created_at)),
            as_json=as_json,
        )


@app.command("add")
def add_vessel(
    code: Annotated[str, typer.Argument(help="Its code, such as MV102.")],
    *,
    name: Annotated[str | None, typer.Option(help="Its name.")] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Register a vessel."""
    with server(url, as_json=as_json) as api:
        response = api.post("vessels", body={"code": code, "name": name})
        if as_json:
            emit_json(response.content)
        else:
            vessel = read(response, Vessel)
            fields([("vessel", vessel.code), ("name", vessel.name)])
