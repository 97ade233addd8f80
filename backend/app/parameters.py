"""A query parameter that means nothing here is refused, never ignored."""

from typing import get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.errors import FieldProblem, InvalidError

# Of each operation, by its id: its query parameters, and whether one may be repeated.
Parameters = dict[str, dict[str, bool]]


def taken(by: Dependant) -> dict[str, bool]:
    """The query parameters of a route, and of all that it depends on."""
    fields: dict[str, FieldInfo] = {}
    for parameter in by.query_params:
        kind = parameter.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            known = kind.model_fields.items()
            fields |= {field.alias or name: field for name, field in known}
        else:
            fields[parameter.alias] = parameter.field_info
    found = {name: get_origin(it.annotation) is tuple for name, it in fields.items()}
    for dependency in by.dependencies:
        found |= taken(dependency)
    return found


async def refuse_unknown(request: Request) -> None:
    """Refuse what the operation does not take, or wants only once."""
    # Async, although it waits for nothing: FastAPI sends plain functions to a thread.
    if not request.scope["query_string"]:
        return
    route: APIRoute = request.scope["route"]
    every: Parameters = request.app.state.parameters
    if route.name not in every:
        every[route.name] = taken(route.dependant)
    known = every[route.name]
    has = f"It has {', '.join(sorted(known))}." if known else "It has none."
    wrong = [
        FieldProblem(
            pointer=f"?{name}",
            code="repeated-parameter" if name in known else "unknown-parameter",
            message=f"Send {name} once." if name in known else f"Remove it. {has}",
        )
        for name in request.query_params
        if name not in known
        or (not known[name] and len(request.query_params.getlist(name)) > 1)
    ]
    if wrong:
        first = wrong[0]
        why = "is no parameter here" if has in first["message"] else "is there twice"
        raise InvalidError(
            f"{first['pointer']} {why}. {first['message']}", errors=wrong
        )
