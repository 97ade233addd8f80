"""`fpso stock level`: how much of a part a store should hold."""

from typing import Annotated

import httpx2
import typer

from app.cli.answers import Level
from app.cli.client import Api, RefusedError, read, server
from app.cli.options import Json, PartNumber, StoreCode, Url
from app.cli.render import emit_json, fields, quantity


def register(stock: typer.Typer) -> None:
    stock.command("level")(set_level)


def set_level(
    code: StoreCode,
    part: PartNumber,
    *,
    minimum: Annotated[
        str | None, typer.Option(help="Fewer, and more must be ordered.")
    ] = None,
    maximum: Annotated[
        str | None, typer.Option(help="Up to how much is ordered then.")
    ] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Say how much of a part a store should hold; without options, show it."""
    given = {"minimum": minimum, "maximum": maximum}
    body = {name: value for name, value in given.items() if value is not None}
    with server(url, as_json=as_json) as api:
        response = put(api, code, part, body)
        if as_json:
            emit_json(response.content)
            return
        it = read(response, Level)
        fields(
            [
                ("part", it.part),
                ("store", it.store),
                ("minimum", quantity(it.minimum)),
                ("maximum", quantity(it.maximum)),
            ]
        )


def put(api: Api, code: str, part: str, body: dict[str, str]) -> httpx2.Response:
    """Change the level that there is, or make one."""
    path = ("stores", code, "levels", part)
    try:
        response = api.get(*path)
    except RefusedError as refused:
        if refused.problem.status != httpx2.codes.NOT_FOUND or not body:
            raise
        return api.post("stores", code, "levels", body={"part": part, **body})
    if not body:
        return response
    same = {"If-Match": response.headers["ETag"]}
    return api.send("PATCH", *path, body=body, headers=same)
