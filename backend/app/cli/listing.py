"""Pages of the API as one table, or as JSON, one page a line."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import httpx2
from pydantic import BaseModel

from app.cli.answers import Page
from app.cli.render import emit_json, note, table

Item = TypeVar("Item", bound=BaseModel)


def show_list(
    pages: Iterable[tuple[httpx2.Response, Page[Item]]],
    columns: Sequence[str],
    row: Callable[[Item], Sequence[object]],
    *,
    as_json: bool,
) -> None:
    rows: list[Sequence[object]] = []
    more = None
    for response, page in pages:
        more = page.next_cursor
        if as_json:
            emit_json(response.content)
        else:
            rows += (row(item) for item in page.items)
    if as_json:
        return
    if rows:
        table(columns, rows)
    else:
        note("None.")
    if more:
        note("There are more: --all lists them all, --limit N lists N.")
