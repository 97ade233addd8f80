"""`fpso operation` and `fpso costs`."""

from typing import Annotated

import typer

from app.cli.answers import Cost, NamedCost, Operation, VesselCost
from app.cli.client import read, server
from app.cli.listing import show_list
from app.cli.options import (
    Cursor,
    EquipmentCode,
    Everything,
    From,
    Json,
    Limit,
    To,
    Url,
    Words,
)
from app.cli.render import emit_json, fields, instant, money

operation = typer.Typer(no_args_is_help=True)
COLUMNS = ("DATE", "EQUIPMENT", "TYPE", "NOTE…", ">COST")
IDS = ("ID", "EQUIPMENT", "TYPE…", "STATE")
costs = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    root.add_typer(operation, name="operation", help="Operation orders.")
    root.add_typer(costs, name="costs", help="What operation orders cost.")


@operation.command("add")
def add_operation(  # noqa: PLR0913 - a parameter is an option
    code: EquipmentCode,
    *,
    type_: Annotated[
        str, typer.Option("--type", help="What was done, such as replacement.")
    ],
    cost: Annotated[str, typer.Option(help="What it cost, such as 10000.50.")],
    at: Annotated[
        str | None,
        typer.Option(help="When, such as 2026-11-21T09:30:00Z (without it: now)."),
    ] = None,
    note: Annotated[str | None, typer.Option(help="What to remember of it.")] = None,
    state: Annotated[
        str | None, typer.Option(help="planned or in_progress, if it is not done.")
    ] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Add an operation order with its cost to an equipment."""
    body = {"code": code, "type": type_, "cost": cost}
    given = {"performed_at": at, "note": note, "state": state}
    body |= {field: value for field, value in given.items() if value is not None}
    with server(url, as_json=as_json) as api:
        response = api.post("operations", body=body)
        if as_json:
            emit_json(response.content)
            return
        order = read(response, Operation)
        done = order.state == "done"
        fields(
            [
                *([] if done else [("order", order.id)]),
                ("equipment", order.code),
                ("vessel", order.vessel),
                ("type", order.type),
                ("cost", money(order.cost, order.currency)),
                ("performed", f"{instant(order.performed_at)} UTC")
                if done
                else ("state", order.state),
                ("note", order.note),
            ]
        )


@operation.command("list")
def list_operations(  # noqa: PLR0913 - a parameter is an option
    *,
    code: Annotated[Words, typer.Option(help="Only of this equipment.")] = None,
    vessel: Annotated[Words, typer.Option(help="Only of this vessel.")] = None,
    type_: Annotated[Words, typer.Option("--type", help="Only of this type.")] = None,
    state: Annotated[
        Words, typer.Option(help="Only planned, in_progress, done or cancelled.")
    ] = None,
    issue: Annotated[
        Words, typer.Option(help="Only of the issue of this number.")
    ] = None,
    from_: From = None,
    to: To = None,
    ids: Annotated[
        bool, typer.Option("--ids", help="Show ids, which start and finish want.")
    ] = False,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List operation orders; repeat an option to allow several values."""
    query = {
        "code": code,
        "vessel": vessel,
        "type": type_,
        "state": state,
        "issue": issue,
        "from": from_,
        "to": to,
        "cursor": cursor,
    }
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(
                Operation,
                "operations",
                query=query,
                limit=None if everything else limit,
            ),
            IDS if ids else COLUMNS,
            lambda order: row(order, ids=ids),
            as_json=as_json,
        )


def row(order: Operation, *, ids: bool) -> tuple[object, ...]:
    if ids:
        return order.id, order.code, order.type, order.state
    day, cost = order.performed_at.date(), money(order.cost, order.currency)
    return day, order.code, order.type, order.title or order.note, cost


@costs.command("equipment")
def cost_of_equipment(
    code: EquipmentCode, *, url: Url = "", as_json: Json = False
) -> None:
    """Total operation cost of one equipment."""
    with server(url, as_json=as_json) as api:
        response = api.get("equipment", code, "cost")
        if as_json:
            emit_json(response.content)
        else:
            fields([("equipment", code), *sums(read(response, Cost))])


@costs.command("name")
def cost_of_name(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as compressor.")],
    *,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Total operation cost of all equipment of one name."""
    with server(url, as_json=as_json) as api:
        response = api.get("costs", "equipment", query={"name": name})
        if as_json:
            emit_json(response.content)
            return
        cost = read(response, NamedCost)
        fields([("name", cost.name), ("equipment", cost.equipment), *sums(cost)])


@costs.command("vessels")
def cost_of_vessels(
    *,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Average and total operation cost in each vessel."""
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(
                VesselCost,
                "costs",
                "vessels",
                query={"cursor": cursor},
                limit=None if everything else limit,
            ),
            ("VESSEL", ">AVERAGE", ">TOTAL", ">ORDERS", ">EQUIPMENT"),
            lambda cost: (
                cost.vessel,
                money(cost.average, cost.currency),
                money(cost.total, cost.currency),
                f"{cost.operations:,}",
                f"{cost.equipment:,}",
            ),
            as_json=as_json,
        )


def sums(cost: Cost) -> list[tuple[str, object]]:
    return [
        ("orders", f"{cost.operations:,}"),
        ("total", money(cost.total, cost.currency)),
        ("average", money(cost.average, cost.currency)),
    ]
