"""What became of an issue: its orders, attachments and steps, and what was said."""

from typing import TypeVar

from pydantic import BaseModel

from app.cli.answers import Attachment, Comment, Move, Operation
from app.cli.client import Api, Query
from app.cli.render import Screen, instant, money, table

Item = TypeVar("Item", bound=BaseModel)


def tell(api: Api, number: str) -> None:
    orders = collect(api, Operation, "operations", query={"issue": number})
    if orders:
        Screen().print()
        table(
            ("ORDER", "TYPE…", "STATE", ">COST"),
            [(it.id, it.type, it.state, money(it.cost, it.currency)) for it in orders],
        )
    told = [
        *(
            (it.at, it.after, None, it.comment)
            for it in collect(api, Move, "issues", number, "moves")
        ),
        *(
            (it.created_at, "comment", it.author, it.text)
            for it in collect(api, Comment, "issues", number, "comments")
        ),
    ]
    attached = collect(api, Attachment, "issues", number, "attachments")
    if attached:
        Screen().print()
        table(("ATTACHED…", "ADDRESS"), [(it.title, it.url) for it in attached])
    if told:
        Screen().print()
        table(
            ("AT", "WHAT", "WHO…", "IN WORDS…"),
            [(instant(at), *what) for at, *what in sorted(told, key=lambda it: it[0])],
        )


def collect(
    api: Api, model: type[Item], *path: str, query: Query | None = None
) -> list[Item]:
    """All of a list, page after page."""
    pages = api.pages(model, *path, query=query or {}, limit=None)
    return [item for _, page in pages for item in page.items]
