"""`fpso operation show`, `start`, `charge`, `finish` and `cancel`: how one goes on."""

from decimal import Decimal
from typing import Annotated

import httpx2
import typer

from app.cli.answers import ClosedOrder, CostLine, Operation
from app.cli.client import read, server
from app.cli.options import Json, OrderId, Url
from app.cli.render import (
    Screen,
    emit_json,
    fields,
    money,
    note,
    quantity,
    said,
    table,
    utc,
)
from app.cli.story import collect

At = Annotated[
    str | None, typer.Option(help="When (RFC 3339); now, if it is not given.")
]


def register(operation: typer.Typer) -> None:
    operation.command("show")(show_order)
    operation.command("start")(start_order)
    operation.command("charge")(charge_order)
    operation.command("finish")(finish_order)
    operation.command("cancel")(cancel_order)


def show_order(identity: OrderId, *, url: Url = "", as_json: Json = False) -> None:
    """Show an order, and what makes up its cost."""
    with server(url, as_json=as_json) as api:
        response = api.get("operations", identity)
        if as_json:
            emit_json(response.content)
            return
        draw(read(response, Operation))
        lines = collect(api, CostLine, "operations", identity, "costs")
        if lines:
            Screen().print()
            table(
                ("KIND", "FOR…", ">AMOUNT"),
                [
                    (line.kind, line.description, money(line.amount, line.currency))
                    for line in lines
                ],
            )


def start_order(
    identity: OrderId, *, at: At = None, url: Url = "", as_json: Json = False
) -> None:
    """Begin what was planned."""
    with server(url, as_json=as_json) as api:
        response = api.post("operations", identity, "start", body={"at": at})
        if as_json:
            emit_json(response.content)
        else:
            draw(read(response, Operation))


def charge_order(
    identity: OrderId,
    amount: Annotated[
        str, typer.Argument(metavar="AMOUNT", help="How much, such as 1250.50.")
    ],
    *,
    kind: Annotated[str, typer.Option(help="labour, parts, services or other.")],
    description: Annotated[str | None, typer.Option(help="What for.")] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Add a line to what an order costs."""
    body = {"kind": kind, "amount": amount, "description": description}
    with server(url, as_json=as_json) as api:
        response = api.post("operations", identity, "costs", body=body)
        if as_json:
            emit_json(response.content)
            return
        line = read(response, CostLine)
        fields(
            [
                ("order", identity),
                (line.kind, money(line.amount, line.currency)),
                ("for", line.description),
            ]
        )


def finish_order(
    identity: OrderId,
    *,
    at: At = None,
    hours: Annotated[
        str | None, typer.Option(help="Hours of work on it, without waiting.")
    ] = None,
    down_hours: Annotated[
        str | None, typer.Option(help="Hours that it could not serve.")
    ] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Say that it is done: from now on it counts in what things cost."""
    body = {"at": at, "active_maintenance_hours": hours, "down_hours": down_hours}
    with server(url, as_json=as_json) as api:
        close(api.post("operations", identity, "finish", body=body), as_json=as_json)


def cancel_order(
    identity: OrderId,
    *,
    reason: Annotated[str, typer.Option(help="Why it will not be done, or was not.")],
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Say that it will not be done, or was not though it was finished; and why."""
    body = {"reason": reason}
    with server(url, as_json=as_json) as api:
        close(api.post("operations", identity, "cancel", body=body), as_json=as_json)


def close(response: httpx2.Response, *, as_json: bool) -> None:
    if as_json:
        emit_json(response.content)
        return
    order = read(response, ClosedOrder)
    draw(order)
    if order.resolve_issue:
        note(f"It was the last order of its issue: fpso issue resolve {order.issue}")


def draw(order: Operation) -> None:
    fields(
        [
            ("order", order.id),
            ("equipment", order.code),
            ("vessel", order.vessel),
            ("type", order.type),
            *said(("title", order.title)),
            ("state", order.state),
            *said(
                ("reason", order.cancel_reason),
                ("priority", order.priority),
                ("category", order.category),
                ("activity", order.activity),
                ("package", order.package),
                ("reference", order.reference),
                ("ordered", utc(order.ordered_at)),
                ("planned", utc(order.planned_at)),
                ("due", utc(order.due_at)),
                ("started", utc(order.started_at)),
                ("finished", utc(order.finished_at)),
                ("work", hours(order.active_maintenance_hours)),
                ("down", hours(order.down_hours)),
            ),
            ("cost", money(order.cost, order.currency)),
            *said(("issue", order.issue), ("note", order.note)),
        ]
    )


def hours(much: Decimal | None) -> str | None:
    return None if much is None else quantity(much, "h")
