"""Hot routes without FastAPI's share of them, while what was sent is in order.

To find a route and solve its dependencies takes FastAPI some times longer than it takes
to read the row (W2 of docs/performance.md). What is marked `hot` is run here with the
parameters and dependencies that it has there, read from its signature once. Whatever
does not fit goes FastAPI's way as if nothing had been, and is refused there.
"""

import inspect
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from re import Pattern
from typing import Any, NamedTuple, TypeVar, get_args, get_origin

from fastapi import FastAPI, Request, Response, params
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, TypeAdapter
from starlette.datastructures import Headers
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Response]])
# One argument, from the request and its body; KeyError or ValueError (pydantic's is
# one) where it is not in order.
Read = Callable[[Request, bytes], Any]
Arguments = list[dict[str, Any]]

# In the scope: what is left to do once all arguments were read.
RUN = "fpso.run"
# Of a longer body it matters little who reads it.
BODY_MAX = 64 * 1024

_marked: set[Callable[..., Any]] = set()


def hot(endpoint: Endpoint) -> Endpoint:
    """Mark an endpoint that makes its own Response.

    It and its dependencies are async functions, none with `yield`. They take `Request`,
    texts of the path, optional headers, optional values or one model of the query, and
    one model of a JSON body.
    """
    _marked.add(endpoint)
    return endpoint


class Step(NamedTuple):
    """A call: the arguments that it reads, and those that earlier steps gave."""

    function: Callable[..., Awaitable[Any]]
    reads: dict[str, Read]
    takes: dict[str, int]


class Route(NamedTuple):
    original: BaseRoute
    steps: list[Step]

    def read(self, request: Request, body: bytes) -> Arguments:
        return [
            {name: read(request, body) for name, read in step.reads.items()}
            for step in self.steps
        ]

    async def run(self, arguments: Arguments) -> Response:
        results: list[Any] = []
        for step, given in zip(self.steps, arguments, strict=True):
            for name, place in step.takes.items():
                given[name] = results[place]
            results.append(await step.function(**given))
        response: Response = results[-1]
        return response


# By method and number of slashes, in FastAPI's order; None is a route that is not hot.
Table = dict[tuple[str, int], list[tuple[Pattern[str], Route | None]]]


class HotPaths:
    """Runs what is hot of an application, and leaves it the rest."""

    def __init__(self, app: ASGIApp, of: FastAPI) -> None:
        self.app = app
        self.table = _table(of)
        self.answer = ExceptionMiddleware(_answer, handlers=of.exception_handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope) if scope["type"] == "http" else None
        if not found:
            await self.app(scope, receive, send)
            return
        route, texts = found
        body = b""
        if scope["method"] == "POST":
            body, receive = await _whole(receive)
        own = {**scope, "route": route.original, "path_params": texts}
        try:
            arguments = route.read(Request(own), body)
        except (KeyError, ValueError, RecursionError):
            await self.app(scope, receive, send)
            return
        own[RUN] = partial(route.run, arguments)
        await self.answer(own, receive, send)

    def _find(self, scope: Scope) -> tuple[Route, dict[str, str]] | None:
        path: str = scope["path"]
        for pattern, route in self.table.get((scope["method"], path.count("/")), ()):
            if match := pattern.fullmatch(path):
                plain = scope["method"] == "GET" or _is_short_json(scope)
                return (route, match.groupdict()) if route and plain else None
        return None


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    response: Response = await scope[RUN]()
    await response(scope, receive, send)


def _is_short_json(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    return (
        headers.get("content-type") == "application/json"
        and length.isdecimal()
        and len(length) <= len(str(BODY_MAX))
        and int(length) <= BODY_MAX
    )


async def _whole(receive: Receive) -> tuple[bytes, Receive]:
    """The body, and what receives it once more."""
    seen: deque[Message] = deque()
    more = True
    while more:
        seen.append(await receive())
        more = seen[-1].get("more_body", False)

    async def again() -> Message:
        return seen.popleft() if seen else await receive()

    return b"".join(message.get("body", b"") for message in seen), again


# --- what the signatures say ----------------------------------------------------------


def _table(app: FastAPI) -> Table:
    table: Table = defaultdict(list)
    for context in iter_route_contexts(app.routes):
        for method in context.methods or ():
            pattern, path, names = compile_path(context.path or "")
            steps: dict[Callable[..., Any], Step] = {}
            route = None
            if context.endpoint in _marked:
                for dependency in context.dependencies:
                    _plan(dependency.dependency, names, steps)
                _plan(context.endpoint, names, steps)
                route = Route(context.original_route, list(steps.values()))
            table[method, path.count("/")].append((pattern, route))
    return table


def _plan(
    function: Callable[..., Any] | None,
    names: Collection[str],
    steps: dict[Callable[..., Any], Step],
) -> int:
    """Add the calls that a function needs, then its own; give its place."""
    if not function or not inspect.iscoroutinefunction(function):
        raise TypeError(f"No hot route can take {function}.")
    if function not in steps:
        reads: dict[str, Read] = {}
        takes: dict[str, int] = {}
        for name, parameter in inspect.signature(function).parameters.items():
            marks = getattr(parameter.annotation, "__metadata__", ())
            mark = next((m for m in marks if isinstance(m, _MARKS)), None)
            if isinstance(mark, params.Depends):
                takes[name] = _plan(mark.dependency, names, steps)
            else:
                reads[name] = _read(parameter, mark, names)
        steps[function] = Step(function, reads, takes)
    return list(steps).index(function)


_MARKS = (params.Depends, params.Header, params.Query)


def _read(parameter: inspect.Parameter, mark: object, names: Collection[str]) -> Read:
    name, kind = parameter.name, parameter.annotation
    if kind is Request:
        return lambda request, _: request
    check = TypeAdapter(kind).validate_python
    if name in names:
        return lambda request, _: check(request.path_params[name])
    if isinstance(mark, params.Header) and parameter.default is None:
        header = name.replace("_", "-")

        def read_header(request: Request, _: bytes) -> Any:  # noqa: ANN401 as it is typed
            sent = request.headers.get(header)
            return None if sent is None else check(sent)

        return read_header
    if mark is None and parameter.default is None:

        def read_value(request: Request, _: bytes) -> Any:  # noqa: ANN401 as it is typed
            sent = request.query_params.get(name)
            return None if sent is None else check(sent)

        return read_value
    if isinstance(mark, params.Query):
        fields = get_args(kind)[0].model_fields
        repeated = {n: get_origin(f.annotation) is tuple for n, f in fields.items()}

        def read_query(request: Request, _: bytes) -> Any:  # noqa: ANN401 as it is typed
            sent = request.query_params
            return check({n: sent.getlist(n) if repeated[n] else sent[n] for n in sent})

        return read_query
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return lambda _, body: check(json.loads(body))
    raise TypeError(f"No hot route can take {parameter}.")
