"""`fpso operation` and `fpso costs`."""

from typing import Annotated

import typer

from app.cli.answers import Cost, NamedCost, Operation, VesselCost
from app.cli.client import read, server
from app.cli.listing import show_list
from app.cli.options import (
    Cursor,
    DueBefore,
    EquipmentCode,
    Everything,
    From,
    Json,
    Limit,
    Overdue,
    To,
    Url,
    Words,
)
from app.cli.render import emit_json, fields, money

operation = typer.Typer(no_args_is_help=True)
COLUMNS = ("DATE", "EQUIPMENT", "STATE", "TYPE…", "NOTE…", ">COST")
IDS = ("ID", "EQUIPMENT", "TYPE…", "STATE")
costs = typer.Typer(no_args_is_help=True)


def register(root: typer.Typer) -> None:
    root.add_typer(operation, name="operation", help="Operation orders.")
    root.add_typer(costs, name="costs", help="What operation orders cost.")


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
    category: Annotated[
        Words, typer.Option(help="Only corrective or preventive.")
    ] = None,
    package: Annotated[
        Words, typer.Option(help="Only of this package of work.")
    ] = None,
    reference: Annotated[
        Words, typer.Option(help="Only what another system knows by this.")
    ] = None,
    from_: From = None,
    to: To = None,
    due_before: DueBefore = None,
    overdue: Overdue = False,
    sort: Annotated[
        str | None, typer.Option(help="Such as due_at or -created_at.")
    ] = None,
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
        "category": category,
        "package": package,
        "reference": reference,
        "from": from_,
        "to": to,
        "due_before": due_before,
        "overdue": "true" if overdue else None,
        "sort": sort,
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
    said = order.title or order.note
    return day, order.code, order.state, order.type, said, cost


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
