"""`fpso requisition reserve`, `release` and `issue`: what is held for one."""

from typing import Annotated

import typer

from app.cli.client import server
from app.cli.options import Json, Url, lines_of
from app.cli.requisitions import Identity, Why, move

OfThem = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PART=QUANTITY…]", help="All that is reserved, if none."),
]


def register(requisition: typer.Typer) -> None:
    requisition.command("reserve")(reserve)
    requisition.command("release")(release)
    requisition.command("issue")(issue)


def reserve(identity: Identity, *, url: Url = "", as_json: Json = False) -> None:
    """Reserve what has come since for what is waited for."""
    with server(url, as_json=as_json) as api:
        move(api, identity, "reserve", None, as_json=as_json)


def release(
    identity: Identity,
    parts: OfThem = None,
    *,
    reason: Why = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Give back what is reserved, for others or because it is missing."""
    body: dict[str, object] = {"lines": lines_of(parts)} if parts else {}
    if reason is not None:
        body["reason"] = reason
    with server(url, as_json=as_json) as api:
        move(api, identity, "release", body, as_json=as_json)


def issue(
    identity: Identity, parts: OfThem = None, *, url: Url = "", as_json: Json = False
) -> None:
    """Hand out what is reserved."""
    body = {"lines": lines_of(parts)} if parts else {}
    with server(url, as_json=as_json) as api:
        move(api, identity, "issue", body, as_json=as_json)
