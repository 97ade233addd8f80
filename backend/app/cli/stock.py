# ruff: noqa: PLR0913 - a parameter is an option here: that is how typer reads them
"""`fpso store` and `fpso stock`: what lies where, and how it moves."""

from collections.abc import Mapping
from typing import Annotated

import typer

from app.cli.answers import Moved, Movement, Reorder, Stock, Store
from app.cli.client import read, server
from app.cli.listing import show_list
from app.cli.options import (
    Cursor,
    Everything,
    From,
    Json,
    Limit,
    Quantities,
    StoreCode,
    To,
    Url,
    Words,
    lines_of,
)
from app.cli.render import emit_json, fields, instant, money, quantity, table

store = typer.Typer(no_args_is_help=True)
stock = typer.Typer(no_args_is_help=True)

OfVessel = Annotated[Words, typer.Option("--vessel", help="Only aboard this vessel.")]
OfStore = Annotated[Words, typer.Option("--store", help="Only of this store.")]
OfPart = Annotated[Words, typer.Option("--part", help="Only of this part.")]
Reason = Annotated[str | None, typer.Option(help="Why, for the ledger.")]
Reference = Annotated[
    str | None, typer.Option(help="Of a paper, such as a delivery note.")
]
COLUMNS = ("PART", "NAME…", "STORE", ">ON HAND", ">RESERVED", ">AVAILABLE", "UNIT")


def register(root: typer.Typer) -> None:
    root.add_typer(store, name="store", help="Where parts lie.")
    root.add_typer(stock, name="stock", help="What lies where, and how it moves.")


@store.command("list")
def list_stores(
    *,
    vessel: OfVessel = None,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List the stores of the fleet."""
    query = {"vessel": vessel, "cursor": cursor}
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(
                Store, "stores", query=query, limit=None if everything else limit
            ),
            ("CODE", "NAME…", "PLACE", "VESSEL"),
            lambda it: (it.code, it.name, it.place, it.vessel),
            as_json=as_json,
        )


@store.command("add")
def add_store(
    code: StoreCode,
    *,
    vessel: Annotated[
        str | None, typer.Option(help="The vessel that it is aboard.")
    ] = None,
    in_transit: Annotated[
        bool, typer.Option("--in-transit", help="It is for what is on its way.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Its name.")] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Open a store aboard a vessel, in transit, or else ashore."""
    place = "in_transit" if in_transit else "aboard" if vessel else "ashore"
    body = {"code": code, "place": place, "vessel": vessel, "name": name}
    with server(url, as_json=as_json) as api:
        response = api.post("stores", body=body)
        if as_json:
            emit_json(response.content)
            return
        it = read(response, Store)
        fields(
            [
                ("store", it.code),
                ("name", it.name),
                ("place", it.place),
                ("vessel", it.vessel),
            ]
        )


@stock.command("list")
def list_stock(
    *,
    part: OfPart = None,
    of_store: OfStore = None,
    vessel: OfVessel = None,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List what lies where."""
    query = {"part": part, "store": of_store, "vessel": vessel, "cursor": cursor}
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(Stock, "stock", query=query, limit=None if everything else limit),
            COLUMNS,
            row,
            as_json=as_json,
        )


@stock.command("receive")
def receive(
    code: StoreCode,
    parts: Quantities,
    *,
    reference: Reference = None,
    reason: Reason = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Take parts into a store."""
    body = {"lines": lines_of(parts), "reference": reference, "reason": reason}
    move("receive", body | {"store": code}, url, as_json=as_json)


@stock.command("issue")
def issue(
    code: StoreCode,
    parts: Quantities,
    *,
    reference: Reference = None,
    reason: Reason = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Hand parts out without a requisition."""
    body = {"lines": lines_of(parts), "reference": reference, "reason": reason}
    move("issue", body | {"store": code}, url, as_json=as_json)


@stock.command("transfer")
def transfer(
    code: StoreCode,
    to: Annotated[str, typer.Argument(metavar="TO", help="The store that takes.")],
    parts: Quantities,
    *,
    reference: Reference = None,
    reason: Reason = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Move parts from one store to another."""
    body = {"lines": lines_of(parts), "reference": reference, "reason": reason}
    move("transfer", body | {"store": code, "to": to}, url, as_json=as_json)


@stock.command("adjust")
def adjust(
    code: StoreCode,
    parts: Quantities,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the ledger.")],
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Correct what is on hand, such as SEAL-2207=-1, and say why."""
    body = {"store": code, "lines": lines_of(parts, "difference"), "reason": reason}
    move("adjust", body, url, as_json=as_json)


@stock.command("ledger")
def list_movements(
    *,
    part: OfPart = None,
    of_store: OfStore = None,
    kind: Annotated[
        Words, typer.Option(help="Only such movements, such as adjust.")
    ] = None,
    requisition: Annotated[
        Words, typer.Option(help="Only for the requisition of this id.")
    ] = None,
    from_: From = None,
    to: To = None,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List what moved, why and by whom, the latest first."""
    query = {
        "part": part,
        "store": of_store,
        "kind": kind,
        "requisition": requisition,
        "from": from_,
        "to": to,
        "cursor": cursor,
    }
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(
                Movement, "movements", query=query, limit=None if everything else limit
            ),
            ("AT", "MOVEMENT", "PART", "STORE", ">ON HAND", ">RESERVED", "WHY…"),
            lambda it: (
                instant(it.at),
                *(it.kind, it.part, it.store),
                *(quantity(it.on_hand), quantity(it.reserved), why(it)),
            ),
            as_json=as_json,
        )


def why(it: Movement) -> str:
    """What the ledger says of a movement besides how much it was."""
    other = "from" if it.on_hand > 0 else "to"
    told = (
        ("", it.reason),
        ("", it.reference),
        (f"{other} ", it.other_store),
        ("for requisition ", it.requisition),
        ("by ", it.who),
    )
    return ", ".join(f"{word}{said}" for word, said in told if said)


@stock.command("reorder")
def list_reorders(
    *,
    vessel: OfVessel = None,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List what must be ordered: below its minimum, or waited for."""
    query = {"vessel": vessel, "cursor": cursor}
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(
                *(Reorder, "stock", "reorder"),
                query=query,
                limit=None if everything else limit,
            ),
            ("PART", "NAME…", "STORE", ">AVAILABLE", ">WAITED FOR", ">ORDER", ">COST"),
            lambda it: (
                *(it.part, it.name, it.store),
                *(quantity(it.available), quantity(it.backordered)),
                quantity(it.quantity, it.unit_of_measure),
                money(it.amount, it.currency),
            ),
            as_json=as_json,
        )


def move(verb: str, body: Mapping[str, object], url: str, *, as_json: bool) -> None:
    with server(url, as_json=as_json) as api:
        response = api.post("stock", verb, body=body)
        if as_json:
            emit_json(response.content)
        else:
            table(COLUMNS, [row(it) for it in read(response, Moved).items])


def row(it: Stock) -> tuple[object, ...]:
    return (
        *(it.part, it.name, it.store),
        *(quantity(it.on_hand), quantity(it.reserved), quantity(it.available)),
        it.unit_of_measure,
    )
