"""`fpso issue`."""

from typing import Annotated

import httpx2
import typer

from app.cli.answers import Issue, Operation
from app.cli.client import read, server
from app.cli.listing import show_list
from app.cli.options import Cursor, EquipmentCode, Everything, Json, Limit, Url, Words
from app.cli.render import emit_json, fields, instant, note
from app.cli.story import tell

issue = typer.Typer(no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The issue's number.")]
Comment = Annotated[str | None, typer.Option(help="What to say about it.")]
At = Annotated[
    str | None, typer.Option(help="When (RFC 3339); now, if it is not given.")
]


def register(root: typer.Typer) -> None:
    root.add_typer(issue, name="issue", help="Problems, and what becomes of them.")


@issue.command("report")
def report_issue(  # noqa: PLR0913 - a parameter is an option
    code: EquipmentCode,
    *,
    title: Annotated[str, typer.Option(help="What is wrong, in one line.")],
    kind: Annotated[
        str, typer.Option(help="failure, defect, inspection_finding or request.")
    ] = "failure",
    priority: Annotated[int, typer.Option(help="1 urgent to 4 low.")] = 3,
    mode: Annotated[
        str | None, typer.Option(help="The failure mode, such as ELP.")
    ] = None,
    mechanism: Annotated[
        str | None, typer.Option(help="The failure mechanism, such as 2.2.")
    ] = None,
    cause: Annotated[str | None, typer.Option(help="The cause, such as 3.")] = None,
    detection: Annotated[
        str | None, typer.Option(help="How it was found, such as 8.")
    ] = None,
    impact: Annotated[
        str | None, typer.Option(help="critical, degraded or incipient.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="All about it.")] = None,
    reporter: Annotated[str | None, typer.Option(help="Who reports it.")] = None,
    at: At = None,
    down_since: Annotated[
        str | None, typer.Option(help="Since when it cannot serve (RFC 3339).")
    ] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Report a problem with an equipment."""
    given = {
        "failure_mode": mode,
        "mechanism": mechanism,
        "cause": cause,
        "detection_method": detection,
        "impact": impact,
        "description": description,
        "reporter": reporter,
        "observed_at": at,
        "down_since": down_since,
    }
    body: dict[str, object] = {
        "equipment": code,
        "title": title,
        "kind": kind,
        "priority": priority,
    }
    body |= {field: value for field, value in given.items() if value is not None}
    with server(url, as_json=as_json) as api:
        draw(api.post("issues", body=body), as_json=as_json)


@issue.command("list")
def list_issues(  # noqa: PLR0913 - a parameter is an option
    *,
    vessel: Annotated[Words, typer.Option(help="Only of this vessel.")] = None,
    code: Annotated[Words, typer.Option(help="Only of this equipment.")] = None,
    below: Annotated[
        bool, typer.Option("--below", help="And of all that stands below it.")
    ] = False,
    state: Annotated[Words, typer.Option(help="Only in this state.")] = None,
    priority: Annotated[Words, typer.Option(help="Only of this priority.")] = None,
    sort: Annotated[
        str | None, typer.Option(help="Such as priority or observed_at.")
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
        "below": "true" if below else None,
        "state": state,
        "priority": priority,
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


@issue.command("show")
def show_issue(number: Number, *, url: Url = "", as_json: Json = False) -> None:
    """Show one issue, its orders, its steps and what was said about it."""
    with server(url, as_json=as_json) as api:
        draw(api.get("issues", str(number)), as_json=as_json)
        if not as_json:
            tell(api, str(number))


def step(verb: str, summary: str) -> None:
    def take(
        number: Number,
        *,
        comment: Comment = None,
        at: At = None,
        url: Url = "",
        as_json: Json = False,
    ) -> None:
        body = {"comment": comment, "at": at}
        with server(url, as_json=as_json) as api:
            answer = api.post("issues", str(number), verb, body=body)
            draw(answer, as_json=as_json)

    issue.command(verb, help=summary)(take)


step("triage", "Say that somebody looked at it, and that it is one.")
step("start", "Say that somebody works on it.")
step("resolve", "Say that it is mended.")
step("close", "Say that what was resolved stays so.")


@issue.command("reopen")
def reopen_issue(
    number: Number,
    *,
    still_down: Annotated[
        bool, typer.Option("--still-down", help="Nor did its down time end.")
    ] = False,
    comment: Comment = None,
    at: At = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Say that it did not end there."""
    body = {"still_down": still_down, "comment": comment, "at": at}
    with server(url, as_json=as_json) as api:
        answer = api.post("issues", str(number), "reopen", body=body)
        draw(answer, as_json=as_json)


@issue.command("cancel")
def cancel_issue(
    number: Number,
    *,
    reason: Annotated[str, typer.Option(help="Why nothing will be done about it.")],
    at: At = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Say that nothing will be done about it, and why."""
    body = {"reason": reason, "at": at}
    with server(url, as_json=as_json) as api:
        answer = api.post("issues", str(number), "cancel", body=body)
        draw(answer, as_json=as_json)


@issue.command("duplicate")
def mark_duplicate(
    number: Number,
    of: Annotated[int, typer.Argument(metavar="OF", help="The other's number.")],
    *,
    comment: Comment = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Say that another issue tells of the same problem."""
    with server(url, as_json=as_json) as api:
        body = {"of": of, "comment": comment}
        answer = api.post("issues", str(number), "duplicate", body=body)
        draw(answer, as_json=as_json)


@issue.command("comment")
def comment_on(
    number: Number,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say.")],
    *,
    author: Annotated[str | None, typer.Option(help="Who says it.")] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Say something about an issue."""
    with server(url, as_json=as_json) as api:
        body = {"text": text, "author": author}
        answer = api.post("issues", str(number), "comments", body=body)
        if as_json:
            emit_json(answer.content)
        else:
            note(f"It stands below issue {number}.")


@issue.command("order")
def order_work(
    number: Number,
    *,
    type_: Annotated[
        str, typer.Option("--type", help="What is to be done, such as repair.")
    ],
    cost: Annotated[str | None, typer.Option(help="What it is to cost.")] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Plan an operation order for an issue."""
    body = {"type": type_, "cost": cost}
    with server(url, as_json=as_json) as api:
        answer = api.post("issues", str(number), "operations", body=body)
        if as_json:
            emit_json(answer.content)
            return
        order = read(answer, Operation)
        fields(
            [
                ("order", order.id),
                ("equipment", order.code),
                ("type", order.type),
                ("state", order.state),
                ("issue", number),
            ]
        )


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
            *([("impact", it.impact)] if it.impact else []),
            ("state", it.state),
            ("observed", f"{instant(it.observed_at)} UTC"),
            ("down", down(it)),
            ("orders", f"{it.orders}, {it.open_orders} open"),
        ]
    )
    if it.offer:
        note(f"Its orders are closed: fpso issue {it.offer} {it.number}")


def down(it: Issue) -> str | None:
    if not it.down_since:
        return None
    until = f"until {instant(it.down_until)} UTC" if it.down_until else "and still"
    return f"since {instant(it.down_since)} UTC, {until}"
