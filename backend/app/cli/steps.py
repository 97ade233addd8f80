"""`fpso issue triage` and all else that takes an issue further."""

from collections.abc import Callable
from typing import Annotated

import typer

from app.cli.answers import Operation
from app.cli.client import read, server
from app.cli.issues import Number, draw
from app.cli.options import Json, Url
from app.cli.render import emit_json, fields, note

Comment = Annotated[str | None, typer.Option(help="What to say about it.")]
At = Annotated[
    str | None, typer.Option(help="When (RFC 3339); now, if it is not given.")
]


def register(issue: typer.Typer) -> None:
    for verb, summary in (
        ("triage", "Say that somebody looked at it, and that it is one."),
        ("start", "Say that somebody works on it."),
        ("close", "Say that what was resolved stays so."),
    ):
        issue.command(verb, help=summary)(step(verb))
    issue.command("resolve")(resolve_issue)
    issue.command("reopen")(reopen_issue)
    issue.command("cancel")(cancel_issue)
    issue.command("duplicate")(mark_duplicate)
    issue.command("comment")(comment_on)
    issue.command("order")(order_work)


def step(verb: str) -> Callable[..., None]:
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

    return take


def resolve_issue(
    number: Number,
    *,
    down_until: Annotated[
        str | None,
        typer.Option(help="When it could serve again (without it: --at)."),
    ] = None,
    comment: Comment = None,
    at: At = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Say that it is mended."""
    body = {"down_until": down_until, "comment": comment, "at": at}
    with server(url, as_json=as_json) as api:
        answer = api.post("issues", str(number), "resolve", body=body)
        draw(answer, as_json=as_json)


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
