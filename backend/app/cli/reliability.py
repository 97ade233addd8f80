"""`fpso reliability`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import httpx2
import typer

from app.cli.answers import Page
from app.cli.client import read, server
from app.cli.counted import Reliability, Stated
from app.cli.failures import Level, OfCode, OfGroup, OfVessel
from app.cli.listing import show_list
from app.cli.options import Cursor, Everything, From, Json, Limit, To, Url, Words
from app.cli.render import instant, note

MILLION = 1_000_000
FEW = 100  # from there on, decimals say nothing
COLUMNS = (
    *("EQUIPMENT…", ">N", ">HOURS", ">RATE", ">MTBF", ">LOW", ">HIGH", ">MTTR"),
    ">AVAILABLE",
)


class By(StrEnum):
    EQUIPMENT = "equipment"
    CLASS = "class"
    GROUP = "group"
    VESSEL = "vessel"


def register(root: typer.Typer) -> None:
    root.command("reliability")(show_reliability)


def show_reliability(  # noqa: PLR0913 - a parameter is an option
    *,
    by: Annotated[By, typer.Option(help="What to sum up to.")] = By.EQUIPMENT,
    code: OfCode = None,
    class_: Annotated[
        Words, typer.Option("--class", help="Only of this class.")
    ] = None,
    group: OfGroup = None,
    vessel: OfVessel = None,
    from_: From = None,
    to: To = None,
    days: Annotated[
        int | None, typer.Option(min=1, help="The last so many days, up to now.")
    ] = None,
    level: Annotated[
        Level, typer.Option(help="warning counts warnings as failures too.")
    ] = Level.ERROR,
    confidence: Annotated[float, typer.Option(help="Of the two bounds.")] = 0.9,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Failure rate, MTBF with its bounds, MTTR and availability."""
    if days is not None:
        if from_ or to:
            raise typer.BadParameter("Say either --days, or --from and --to.")
        from_ = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    query = {
        "by": by,
        "code": code,
        "class": class_,
        "group": group,
        "vessel": vessel,
        "from": from_,
        "to": to,
        "level": level,
        "confidence": str(confidence),
        "cursor": cursor,
    }
    said: list[Stated] = []
    with server(url, as_json=as_json) as api:
        pages = api.pages(
            *(Reliability, "reliability"),
            query=query,
            limit=None if everything else limit,
        )
        heading = (f"{by.upper()}…", *COLUMNS[1:])
        show_list(stated(pages, said), heading, row, as_json=as_json)
    if said and not as_json:
        state(said[0])


def stated(
    pages: Iterator[tuple[httpx2.Response, Page[Reliability]]], said: list[Stated]
) -> Iterator[tuple[httpx2.Response, Page[Reliability]]]:
    """The same pages, and beside them what their figures are of."""
    for response, page in pages:
        said.append(read(response, Stated))
        yield response, page


def state(it: Stated) -> None:
    since = f"{instant(it.from_)} UTC to " if it.from_ else "until "
    counted = "errors" if it.level == "error" else "errors and warnings"
    note(f"N counts {counted}, {since}{instant(it.to)} UTC. HOURS are {it.time_base}.")
    note(
        f"RATE is N a million hours. LOW and HIGH bound MTBF with {it.confidence:.4g} "
        "confidence. MTBF and MTTR are hours."
    )


def row(it: Reliability) -> tuple[object, ...]:
    rate = None if it.rate_per_hour is None else it.rate_per_hour * MILLION
    up = it.availability
    return (
        *(it.name, f"{it.failures:,}", figure(it.hours), figure(rate)),
        *(figure(it.mtbf_hours), figure(it.mtbf_low), figure(it.mtbf_high)),
        *(figure(it.mttr_hours), "-" if up is None else f"{up:.3%}"),
    )


def figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= FEW else f"{value:,.1f}"
