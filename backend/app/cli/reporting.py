# ruff: noqa: PLR0913 - a parameter is an option here: that is how typer reads them
"""`fpso issue report`, `edit` and `attach`: what an issue says."""

from typing import Annotated

import typer

from app.cli.client import server
from app.cli.issues import Number, draw
from app.cli.options import Json, Url, changes
from app.cli.render import emit_json, note

Title = Annotated[str | None, typer.Option(help="What is wrong, in one line.")]
Priority = Annotated[str | None, typer.Option(help="1 urgent to 4 low.")]
Mode = Annotated[str | None, typer.Option(help="The failure mode, such as ELP.")]
Mechanism = Annotated[
    str | None, typer.Option(help="The failure mechanism, such as 2.2.")
]
Cause = Annotated[str | None, typer.Option(help="The cause, such as 3.")]
Detection = Annotated[str | None, typer.Option(help="How it was found, such as 8.")]
Impact = Annotated[str | None, typer.Option(help="critical, degraded or incipient.")]
Description = Annotated[str | None, typer.Option(help="All about it.")]
Reporter = Annotated[str | None, typer.Option(help="Who reports it.")]
Reference = Annotated[str | None, typer.Option(help="What another system knows it by.")]
At = Annotated[str | None, typer.Option(help="When it was seen (RFC 3339).")]
Due = Annotated[str | None, typer.Option(help="When it should be mended (RFC 3339).")]
DownSince = Annotated[
    str | None, typer.Option(help="Since when it cannot serve (RFC 3339).")
]
DownUntil = Annotated[
    str | None, typer.Option(help="Until when it could not serve (RFC 3339).")
]
KINDS = "failure, defect, inspection_finding or request."


def register(issue: typer.Typer) -> None:
    issue.command("report")(report_issue)
    issue.command("edit")(edit_issue)
    issue.command("attach")(attach_to_issue)


def report_issue(
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="The equipment's code.")
    ] = None,
    *,
    vessel: Annotated[
        str | None,
        typer.Option(
            help="Instead of an equipment: the vessel as a whole; no --kind failure."
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="What is wrong, in one line.")],
    kind: Annotated[str, typer.Option(help=KINDS)] = "failure",
    priority: Priority = "3",
    mode: Mode = None,
    mechanism: Mechanism = None,
    cause: Cause = None,
    detection: Detection = None,
    impact: Impact = None,
    description: Description = None,
    reporter: Reporter = None,
    reference: Reference = None,
    at: At = None,
    due: Due = None,
    down_since: DownSince = None,
    down_until: DownUntil = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Report a problem with an equipment, or with a vessel as a whole."""
    if (code is None) == (vessel is None):
        raise typer.BadParameter(
            "Say of what it is: the CODE of an equipment, or --vessel and its code."
        )
    given = {
        "equipment": code,
        "vessel": vessel,
        "title": title,
        "kind": kind,
        "priority": priority,
        "failure_mode": mode,
        "mechanism": mechanism,
        "cause": cause,
        "detection_method": detection,
        "impact": impact,
        "description": description,
        "reporter": reporter,
        "reference": reference,
        "observed_at": at,
        "due_at": due,
        "down_since": down_since,
        "down_until": down_until,
    }
    body = {field: value for field, value in given.items() if value is not None}
    with server(url, as_json=as_json) as api:
        draw(api.post("issues", body=body), as_json=as_json)


def edit_issue(
    number: Number,
    *,
    title: Title = None,
    kind: Annotated[str | None, typer.Option(help=KINDS)] = None,
    priority: Priority = None,
    mode: Mode = None,
    mechanism: Mechanism = None,
    cause: Cause = None,
    detection: Detection = None,
    impact: Impact = None,
    description: Description = None,
    reporter: Reporter = None,
    reference: Reference = None,
    at: At = None,
    due: Due = None,
    down_since: DownSince = None,
    down_until: DownUntil = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Change what is given, "" for none; refused when somebody else did meanwhile."""
    body = changes(
        {
            "title": title,
            "kind": kind,
            "priority": priority,
            "failure_mode": mode,
            "mechanism": mechanism,
            "cause": cause,
            "detection_method": detection,
            "impact": impact,
            "description": description,
            "reporter": reporter,
            "reference": reference,
            "observed_at": at,
            "due_at": due,
            "down_since": down_since,
            "down_until": down_until,
        },
        "--priority, --title or what else --help lists",
    )
    with server(url, as_json=as_json) as api:
        draw(api.change("issues", str(number), body=body), as_json=as_json)


def attach_to_issue(
    number: Number,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Where it is: https://….")
    ],
    *,
    title: Annotated[str, typer.Option(help="What it shows.")],
    media_type: Annotated[
        str, typer.Option("--type", help="Its media type, such as image/jpeg.")
    ],
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Say where a picture or a document about an issue is: none is kept here."""
    body = {"url": address, "title": title, "media_type": media_type}
    with server(url, as_json=as_json) as api:
        answer = api.post("issues", str(number), "attachments", body=body)
        if as_json:
            emit_json(answer.content)
        else:
            note(f"It stands below issue {number}.")
