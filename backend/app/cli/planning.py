# ruff: noqa: PLR0913 - a parameter is an option here: that is how typer reads them
"""`fpso operation add` and `fpso operation edit`: what an order says."""

from typing import Annotated

import typer

from app.cli.answers import Operation
from app.cli.client import read, server
from app.cli.options import EquipmentCode, Json, OrderId, Url, changes
from app.cli.orders import draw
from app.cli.render import emit_json

Cost = Annotated[str | None, typer.Option(help="What it cost, such as 10000.50.")]
Title = Annotated[str | None, typer.Option(help="What it is about, in one line.")]
Remark = Annotated[str | None, typer.Option("--note", help="What to remember of it.")]
Category = Annotated[str | None, typer.Option(help="corrective or preventive.")]
Activity = Annotated[
    str | None, typer.Option(help="Code of a maintenance activity, such as 2.")
]
Priority = Annotated[str | None, typer.Option(help="1 urgent to 4 low.")]
Package = Annotated[
    str | None, typer.Option(help="The package of work that it belongs to.")
]
Reference = Annotated[str | None, typer.Option(help="What another system knows it by.")]
Ordered = Annotated[
    str | None, typer.Option(help="When it was ordered, if not here and now.")
]
Planned = Annotated[str | None, typer.Option(help="When it is to be done (RFC 3339).")]
Due = Annotated[str | None, typer.Option(help="When it should be done by (RFC 3339).")]
Started = Annotated[str | None, typer.Option(help="When it was begun (RFC 3339).")]
Hours = Annotated[
    str | None, typer.Option(help="Hours of work on it, without waiting.")
]
DownHours = Annotated[
    str | None, typer.Option(help="Hours that the equipment could not serve.")
]


def register(operation: typer.Typer) -> None:
    operation.command("add")(add_operation)
    operation.command("edit")(edit_operation)


def add_operation(
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
    state: Annotated[
        str | None, typer.Option(help="planned or in_progress, if it is not done.")
    ] = None,
    title: Title = None,
    note: Remark = None,
    category: Category = None,
    activity: Activity = None,
    priority: Priority = None,
    package: Package = None,
    reference: Reference = None,
    ordered: Ordered = None,
    planned: Planned = None,
    due: Due = None,
    started: Started = None,
    hours: Hours = None,
    down_hours: DownHours = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Add an operation order with its cost to an equipment."""
    if at and state in {"planned", "in_progress"}:
        raise typer.BadParameter(
            f"--at is when it was done, and it is {state}. Say --planned for when it "
            "is to be done, or --started for when it was begun."
        )
    given = {
        "type": type_,
        "cost": cost,
        "performed_at": at,
        "state": state,
        "title": title,
        "note": note,
        "category": category,
        "activity": activity,
        "priority": priority,
        "package": package,
        "reference": reference,
        "ordered_at": ordered,
        "planned_at": planned,
        "due_at": due,
        "started_at": started,
        "active_maintenance_hours": hours,
        "down_hours": down_hours,
    }
    body = {field: value for field, value in given.items() if value is not None}
    with server(url, as_json=as_json) as api:
        response = api.post("operations", body=body | {"code": code})
        if as_json:
            emit_json(response.content)
        else:
            draw(read(response, Operation))


def edit_operation(
    identity: OrderId,
    *,
    type_: Annotated[
        str | None, typer.Option("--type", help="What was done, such as repair.")
    ] = None,
    cost: Cost = None,
    at: Annotated[str | None, typer.Option(help="When it was done (RFC 3339).")] = None,
    title: Title = None,
    note: Remark = None,
    category: Category = None,
    activity: Activity = None,
    priority: Priority = None,
    package: Package = None,
    reference: Reference = None,
    ordered: Ordered = None,
    planned: Planned = None,
    due: Due = None,
    started: Started = None,
    hours: Hours = None,
    down_hours: DownHours = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Change what is given, "" for none; refused when somebody else did meanwhile."""
    body = changes(
        {
            "type": type_,
            "cost": cost,
            "performed_at": at,
            "title": title,
            "note": note,
            "category": category,
            "activity": activity,
            "priority": priority,
            "package": package,
            "reference": reference,
            "ordered_at": ordered,
            "planned_at": planned,
            "due_at": due,
            "started_at": started,
            "active_maintenance_hours": hours,
            "down_hours": down_hours,
        },
        "--due, --title or what else --help lists",
    )
    with server(url, as_json=as_json) as api:
        response = api.change("operations", identity, body=body)
        if as_json:
            emit_json(response.content)
        else:
            draw(read(response, Operation))
