"""`fpso codes`: the codes by which the field tells of equipment and failures."""

from enum import StrEnum
from typing import Annotated

import typer

from app.cli.answers import Term
from app.cli.client import server
from app.cli.listing import show_list
from app.cli.options import Cursor, Everything, Json, Limit, Url


class Kind(StrEnum):
    CLASSES = "equipment-classes"
    MODES = "failure-modes"
    MECHANISMS = "failure-mechanisms"
    CAUSES = "failure-causes"
    METHODS = "detection-methods"
    ACTIVITIES = "maintenance-activities"


def register(root: typer.Typer) -> None:
    root.command("codes")(list_codes)


def list_codes(
    kind: Annotated[Kind, typer.Argument(help="Codes of what.")],
    *,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Only those to be careful with.")
    ] = False,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List the codes of the field, and where they are from."""
    query = {"verified": "false" if unverified else None, "cursor": cursor}
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(
                *(Term, "taxonomy", kind),
                query=query,
                limit=None if everything else limit,
            ),
            ("CODE", "MEANING…", "VERIFIED", "SOURCE…"),
            lambda it: (it.code, it.name, "yes" if it.verified else "no", it.source),
            as_json=as_json,
        )
