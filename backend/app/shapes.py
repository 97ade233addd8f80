"""Which fields a place in a request can have, for whoever wrote one that it has not."""

from collections.abc import Iterator, Sequence
from typing import get_args

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

Steps = Sequence[int | str]


def fields_at(route: APIRoute, location: Steps) -> list[str]:
    """Their names; none where that is not said."""
    where, *steps = location
    if where == "body" and route.body_field:
        return _fields(route.body_field.field_info.annotation, steps)
    if where == "query":
        for kind in _queries(route.dependant):
            if found := _fields(kind, steps):
                return found
    return []


def _queries(by: Dependant) -> Iterator[object]:
    for parameter in by.query_params:
        yield parameter.field_info.annotation
    for dependency in by.dependencies:
        yield from _queries(dependency)


def _fields(kind: object, steps: Steps) -> list[str]:
    known = {
        field.alias or name: field.annotation
        for model in _models(kind)
        for name, field in model.model_fields.items()
    }
    if not steps:
        return list(known)
    step, *rest = steps
    if isinstance(step, int):  # of a list, whose items the kind says
        return _fields(kind, rest)
    return _fields(known.get(step), rest)


def _models(kind: object) -> Iterator[type[BaseModel]]:
    """The models that an annotation speaks of: itself, or in a list or a union."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from _models(part)
