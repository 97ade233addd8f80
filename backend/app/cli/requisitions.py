"""`fpso requisition`: asking for parts, from the cart to the last part."""

from typing import Annotated

import typer

from app.cli.answers import Requisition, RequisitionSummary
from app.cli.client import Api, read, server
from app.cli.listing import show_list
from app.cli.options import (
    Cursor,
    Everything,
    Json,
    Limit,
    Quantities,
    Url,
    VesselCode,
    Words,
    lines_of,
)
from app.cli.render import emit_json, fields, instant, money, quantity, table

app = typer.Typer(no_args_is_help=True)

Identity = Annotated[str, typer.Argument(metavar="ID", help="The requisition's id.")]
By = Annotated[str | None, typer.Option(help="Who does it.")]
Decider = Annotated[
    str | None,
    typer.Option(
        "--by", help="Who decides; must be said where the requester has a name."
    ),
]
Why = Annotated[str | None, typer.Option(help="Why.")]
MustSayWhy = Annotated[str, typer.Option("--reason", help="Why.")]


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="requisition", help="Ask for parts, and hand them out.")


@app.command("list")
def list_requisitions(  # noqa: PLR0913 - a parameter is an option
    *,
    vessel: Annotated[Words, typer.Option(help="Only for this vessel.")] = None,
    state: Annotated[Words, typer.Option(help="Only in this state.")] = None,
    requester: Annotated[Words, typer.Option(help="Only of this requester.")] = None,
    part: Annotated[Words, typer.Option(help="Only with this part.")] = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only what waits for parts.")
    ] = False,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List carts and requisitions, the latest first."""
    query = {
        "vessel": vessel,
        "state": state,
        "requester": requester,
        "part": part,
        "backordered": "true" if waiting else None,
        "cursor": cursor,
    }
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(
                *(RequisitionSummary, "requisitions"),
                query=query,
                limit=None if everything else limit,
            ),
            ("ID", "VESSEL", "REQUESTER…", "STATE", "SINCE", ">TOTAL"),
            lambda it: (
                *(it.id, it.vessel, it.requester),
                f"{it.state}, waiting" if it.backordered else it.state,
                *(instant(it.created_at), money(it.total, it.currency)),
            ),
            as_json=as_json,
        )


@app.command("cart")
def open_cart(  # noqa: PLR0913 - a parameter is an option
    vessel: VesselCode,
    parts: Quantities,
    *,
    store: Annotated[str, typer.Option(help="The store that is to give them.")],
    requester: Annotated[str | None, typer.Option(help="Who asks.")] = None,
    operation: Annotated[
        str | None, typer.Option(help="Id of the operation order that needs them.")
    ] = None,
    needed: Annotated[
        str | None, typer.Option(help="When they must be there (RFC 3339).")
    ] = None,
    note: Annotated[str | None, typer.Option(help="What to remember of it.")] = None,
    submit: Annotated[
        bool, typer.Option("--submit", help="Submit it at once.")
    ] = False,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Open a cart with parts for a vessel."""
    given = {"requester": requester, "operation": operation, "note": note}
    given |= {"needed_at": needed}
    body: dict[str, object] = {"vessel": vessel, "store": store}
    body |= {field: value for field, value in given.items() if value is not None}
    with server(url, as_json=as_json) as api:
        response = api.post("requisitions", body=body | {"lines": lines_of(parts)})
        if submit:
            made = read(response, Requisition)
            response = api.post("requisitions", made.id, "submit")
        if as_json:
            emit_json(response.content)
        else:
            draw(read(response, Requisition))


@app.command("put")
def put_line(
    identity: Identity, parts: Quantities, *, url: Url = "", as_json: Json = False
) -> None:
    """Add parts to a cart, or change how much of them; 0 takes one out."""
    with server(url, as_json=as_json) as api:
        for line in lines_of(parts):
            path = ("requisitions", identity, "lines", line["part"])
            if line["quantity"] == "0":
                response = api.send("DELETE", *path)
            else:
                response = api.send("PUT", *path, body={"quantity": line["quantity"]})
        if as_json:
            emit_json(response.content)
        else:
            draw(read(response, Requisition))


@app.command("edit")
def edit_requisition(
    identity: Identity,
    *,
    operation: Annotated[
        str | None,
        typer.Option(help='Id of the operation order that needs them; "" for none.'),
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="The store that is to give them.")
    ] = None,
    needed: Annotated[
        str | None,
        typer.Option(help='When they must be there (RFC 3339); "" for any time.'),
    ] = None,
    note: Annotated[
        str | None, typer.Option(help='What to remember of it; "" for nothing.')
    ] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Change a cart; of what was submitted or approved, the order alone."""
    given = {"operation": operation, "store": store, "needed_at": needed, "note": note}
    body = {field: value or None for field, value in given.items() if value is not None}
    if not body:
        raise typer.BadParameter(
            "Say what to change: --operation, --store, --needed or --note."
        )
    with server(url, as_json=as_json) as api:
        etag = api.get("requisitions", identity).headers["ETag"]
        response = api.send(
            *("PATCH", "requisitions", identity),
            body=body,
            headers={"If-Match": etag},
        )
        if as_json:
            emit_json(response.content)
        else:
            draw(read(response, Requisition))


@app.command("show")
def show_requisition(
    identity: Identity, *, url: Url = "", as_json: Json = False
) -> None:
    """Show a cart or requisition with its lines."""
    with server(url, as_json=as_json) as api:
        response = api.get("requisitions", identity)
        if as_json:
            emit_json(response.content)
        else:
            draw(read(response, Requisition))


@app.command("submit")
def submit(identity: Identity, *, url: Url = "", as_json: Json = False) -> None:
    """Submit a cart: what is in stock is reserved."""
    with server(url, as_json=as_json) as api:
        move(api, identity, "submit", None, as_json=as_json)


@app.command("approve")
def approve(
    identity: Identity,
    *,
    by: Decider = None,
    reason: Why = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Approve a requisition that somebody else submitted."""
    with server(url, as_json=as_json) as api:
        move(api, identity, "approve", said(by, reason), as_json=as_json)


@app.command("reject")
def reject(
    identity: Identity,
    *,
    reason: MustSayWhy,
    by: Decider = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Reject a requisition, and release its stock."""
    with server(url, as_json=as_json) as api:
        move(api, identity, "reject", said(by, reason), as_json=as_json)


@app.command("cancel")
def cancel(
    identity: Identity,
    *,
    by: By = None,
    reason: Why = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Cancel a cart, or a requisition before it is approved."""
    with server(url, as_json=as_json) as api:
        move(api, identity, "cancel", said(by, reason), as_json=as_json)


@app.command("close")
def close(
    identity: Identity,
    *,
    reason: MustSayWhy,
    by: By = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """End an approved requisition, and release the rest."""
    with server(url, as_json=as_json) as api:
        move(api, identity, "close", said(by, reason), as_json=as_json)


def said(by: str | None, reason: str | None) -> dict[str, str]:
    given = {"by": by, "reason": reason}
    return {field: value for field, value in given.items() if value is not None}


def move(api: Api, identity: str, verb: str, body: object, *, as_json: bool) -> None:
    response = api.post("requisitions", identity, verb, body=body)
    if as_json:
        emit_json(response.content)
    else:
        draw(read(response, Requisition))


def draw(it: Requisition) -> None:
    fields(
        [
            ("requisition", it.id),
            ("for", f"{it.vessel} from {it.store}"),
            ("requester", it.requester),
            ("state", it.state),
            *([("by", by)] if (by := it.closed_by or it.decided_by) else []),
            *([("reason", it.reason)] if it.reason else []),
            *([("operation", it.operation)] if it.operation else []),
            *([("needed", f"{instant(it.needed_at)} UTC")] if it.needed_at else []),
            *([("note", it.note)] if it.note else []),
            ("total", money(it.total, it.currency)),
        ]
    )
    if it.lines:
        table(
            ("PART", "NAME…", ">ASKED", ">RESERVED", ">ISSUED", ">WAITING", "UNIT"),
            [
                (
                    *(line.part, line.name, quantity(line.quantity)),
                    *(quantity(line.reserved), quantity(line.issued)),
                    *(quantity(line.backordered), line.unit_of_measure),
                )
                for line in it.lines
            ],
        )
