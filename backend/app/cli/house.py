"""`fpso up` and `fpso demo`: a server on this machine, and a fleet to look at."""

import typer

from app.cli.client import server
from app.cli.options import Json, Url
from app.cli.render import emit_json, note


def register(root: typer.Typer) -> None:
    root.command("up")(start_house)
    root.command("demo")(load_demo)


def start_house() -> None:
    """Start PostgreSQL, the API and its load balancer here, with no Docker."""
    # The other commands run where the embedded stack is not installed.
    from app.embedded.supervisor import up  # noqa: PLC0415

    up()


def load_demo(*, url: Url = "", as_json: Json = False) -> None:
    """Load a fleet to look at, made up by us, into a server that has no vessel."""
    # No other command reads the fleet's files.
    from app.demo import load_into  # noqa: PLC0415

    with server(url, as_json=as_json) as api:
        if load_into(api.http):
            note("The demo fleet is aboard: fpso vessels")
        else:
            note("There are vessels already: nothing was loaded.")
        if as_json:
            emit_json(api.get("vessels").content)
