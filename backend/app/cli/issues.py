"""`fpso issue`."""

from typing import Annotated

import httpx2
import typer

from app.cli.answers import Issue, IssueCounts
from app.cli.client import read, server
from app.cli.listing import show_list
from app.cli.options import (
    Cursor,
    DueBefore,
    Everything,
    From,
    Json,
    Limit,
    Overdue,
    To,
    Url,
    Words,
)
from app.cli.render import emit_json, fields, instant, note, said, utc
from app.cli.story import tell

issue = typer.Typer(no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The issue's number.")]
OfVessel = Annotated[Words, typer.Option("--vessel", help="Only of this vessel.")]
OfEquipment = Annotated[Words, typer.Option("--code", help="Only of this equipment.")]
Below = Annotated[
    bool, typer.Option("--below", help="And of all that stands below it.")
]
OfPriority = Annotated[Words, typer.Option("--priority", help="Only of this priority.")]
OfKind = Annotated[
    Words, typer.Option("--kind", help="Only of this kind, such as failure.")
]
OfMode = Annotated[Words, typer.Option("--mode", help="Only of this failure mode.")]
OfReference = Annotated[
    Words, typer.Option("--reference", help="Only what another system knows by this.")
]
OlderThan = Annotated[
    int | None, typer.Option(help="Only observed at least so many days ago.")
]


def register(root: typer.Typer) -> None:
    root.add_typer(issue, name="issue", help="Problems, and what becomes of them.")


@issue.command("list")
def list_issues(  # noqa: PLR0913 - a parameter is an option
    *,
    vessel: OfVessel = None,
    code: OfEquipment = None,
    below: Below = False,
    state: Annotated[Words, typer.Option(help="Only in this state.")] = None,
    priority: OfPriority = None,
    kind: OfKind = None,
    mode: OfMode = None,
    reference: OfReference = None,
    from_: From = None,
    to: To = None,
    older_than: OlderThan = None,
    due_before: DueBefore = None,
    overdue: Overdue = False,
    sort: Annotated[
        str | None, typer.Option(help="Such as priority, observed_at or due_at.")
    ] = None,
    limit: Limit = 100,
    everything: Everything = False,
    cursor: Cursor = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """List issues, the latest first; repeat an option to allow several values."""
    query = {
        "vessel": vessel,
        "equipment": code,
        "below": below or None,
        "state": state,
        "priority": priority,
        "kind": kind,
        "failure_mode": mode,
        "reference": reference,
        "from": from_,
        "to": to,
        "older_than": older_than,
        "due_before": due_before,
        "overdue": overdue or None,
        "sort": sort,
        "cursor": cursor,
    }
    with server(url, as_json=as_json) as api:
        show_list(
            api.pages(
                Issue, "issues", query=query, limit=None if everything else limit
            ),
            (">NUMBER", "OBSERVED", "EQUIPMENT", "TITLE…", ">PRIORITY", "STATE"),
            lambda it: (
                it.number,
                it.observed_at.date(),
                it.equipment or it.vessel,
                it.title,
                it.priority,
                it.state,
            ),
            as_json=as_json,
        )


@issue.command("counts")
def count_issues(  # noqa: PLR0913 - a parameter is an option
    *,
    vessel: OfVessel = None,
    code: OfEquipment = None,
    below: Below = False,
    priority: OfPriority = None,
    kind: OfKind = None,
    mode: OfMode = None,
    reference: OfReference = None,
    from_: From = None,
    to: To = None,
    older_than: OlderThan = None,
    due_before: DueBefore = None,
    overdue: Overdue = False,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Count issues by their state, of all or of those that the options mean."""
    query = {
        "vessel": vessel,
        "equipment": code,
        "below": below or None,
        "priority": priority,
        "kind": kind,
        "failure_mode": mode,
        "reference": reference,
        "from": from_,
        "to": to,
        "older_than": older_than,
        "due_before": due_before,
        "overdue": overdue or None,
    }
    with server(url, as_json=as_json) as api:
        answer = api.get("counts", "issues", query=query)
        if as_json:
            emit_json(answer.content)
            return
        counts = read(answer, IssueCounts).root
        fields([(state, f"{number:,}") for state, number in counts.items()])


@issue.command("show")
def show_issue(number: Number, *, url: Url = "", as_json: Json = False) -> None:
    """Show one issue, its orders, its steps and what was said about it."""
    with server(url, as_json=as_json) as api:
        draw(api.get("issues", str(number)), as_json=as_json)
        if not as_json:
            tell(api, str(number))


def draw(response: httpx2.Response, *, as_json: bool) -> None:
    if as_json:
        emit_json(response.content)
        return
    it = read(response, Issue)
    fields(
        [
            ("issue", it.number),
            ("equipment", it.equipment),
            ("vessel", it.vessel),
            ("title", it.title),
            ("kind", it.kind),
            ("priority", it.priority),
            ("mode", it.failure_mode),
            *said(
                ("mechanism", it.mechanism),
                ("cause", it.cause),
                ("detection", it.detection_method),
                ("impact", it.impact),
            ),
            ("state", it.state),
            *said(
                ("same as", it.duplicate_of),
                ("reporter", it.reporter),
                ("reference", it.reference),
            ),
            ("observed", utc(it.observed_at)),
            *said(("due", utc(it.due_at))),
            ("down", down(it)),
            ("orders", f"{it.orders}, {it.open_orders} open"),
            *said(("details", it.description)),
        ]
    )
    if it.offer:
        note(f"Its orders are closed: fpso issue {it.offer} {it.number}")


def down(it: Issue) -> str | None:
    if not it.down_since:
        return None
    until = f"until {instant(it.down_until)} UTC" if it.down_until else "and still"
    return f"since {instant(it.down_since)} UTC, {until}"
