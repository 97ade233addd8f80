"""How an error looks over HTTP: problem details (RFC 9457), and a page for each."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from errno import EHOSTDOWN, EHOSTUNREACH, ENETDOWN, ENETUNREACH
from http import HTTPStatus
from pathlib import Path
from socket import gaierror
from typing import Any

import asyncpg
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from app import errors, etag, words
from app.errors import AppError, FieldProblem
from app.links import here
from app.methods import allowed
from app.shapes import fields_at

MEDIA_TYPE = "application/problem+json"

router = APIRouter(include_in_schema=False)
_templates = Jinja2Templates(Path(__file__).parent / "templates")

# What a constraint means to a caller, by its name. Features add theirs; whatever a
# service did not explain itself is explained here.
CONSTRAINTS: dict[str, AppError] = {}


class ProblemField(BaseModel):
    pointer: str = Field(examples=["/cost"])
    code: str = Field(examples=["invalid-money"])
    message: str


class Problem(BaseModel):
    """An error, as RFC 9457 has it; `code` is the last part of `type`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["/problems/not-found"])
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[ProblemField] | None = None


def responses(*kinds: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """Document for OpenAPI that a route can answer with these errors."""
    documented: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        known = documented.setdefault(
            int(kind.status),
            {
                "description": "",
                "content": {
                    MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
                },
            },
        )
        known["description"] = ", ".join(
            filter(None, [known["description"], f"`{kind.slug}`"])
        )
    return documented


def render(request: Request, error: AppError) -> JSONResponse:
    body: dict[str, object] = {
        "type": f"{request.app.state.public_url}/problems/{error.slug}",
        "title": error.title,
        "status": int(error.status),
        "detail": error.detail,
        "instance": here(request),
        "code": error.slug,
        "request_id": request.state.request_id,
        **error.extensions,
    }
    if error.errors:
        body["errors"] = error.errors
    return JSONResponse(body, error.status, error.headers, media_type=MEDIA_TYPE)


def internal_error(request: Request) -> JSONResponse:
    detail = "The service failed; nothing was changed. Report the request_id."
    return render(request, errors.InternalError(detail))


def refused(request: Request, status: int) -> JSONResponse:
    """Say in our words what the framework refused in its own."""
    return render(request, _from_http(request, HTTPException(status)))


def _from_http(request: Request, exc: HTTPException) -> AppError:
    """Say in our words what the framework refused: routes, methods, bodies."""
    headers = dict(exc.headers or {})
    path = request.scope["path"]
    match exc.status_code:
        case HTTPStatus.NOT_FOUND:
            return errors.NotFoundError(
                f"There is nothing at {path}. See /docs for what there is."
            )
        case HTTPStatus.METHOD_NOT_ALLOWED:
            # Starlette names those of the first route that fits the path alone.
            known = allowed(request.app, path)
            allow = ", ".join(known) or headers.get("Allow", "GET, HEAD")
            return errors.MethodNotAllowedError(
                f"{path} answers to {allow}, not to {request.method}.",
                headers={"Allow": allow},
            )
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return errors.TooLargeError(
                "The body is larger than this address accepts. Split the request."
            )
        case _ if "access-control-request-method" in request.headers:
            return errors.MalformedError(
                "Pages of this origin may not make this request: "
                "FPSO_CORS_ORIGINS does not name it."
            )
        case _:
            return errors.MalformedError(
                "The request could not be read. Check the syntax and encoding of its "
                "body and headers."
            )


def _pointer(location: tuple[int | str, ...]) -> str:
    where, *steps = location
    if where == "query":
        # Of a parameter that is repeated, its name tells enough.
        return "?" + ".".join(step for step in steps if isinstance(step, str))
    if where == "header":
        return str(steps[0])
    return "".join(f"/{str(s).replace('~', '~0').replace('/', '~1')}" for s in steps)


def _field_problem(request: Request, error: Mapping[str, Any]) -> FieldProblem:
    location, kind = error["loc"], error["type"]
    message = words.refused(kind, error["msg"], error.get("ctx", {}))
    if kind == "extra_forbidden":
        known = fields_at(request.scope["route"], location[:-1])
        has = f"It has {', '.join(known)}." if known else "See /docs for what it has."
        message = f"There is no such field here. Remove it. {has}"
    return FieldProblem(
        pointer=_pointer(location), code=kind.replace("_", "-"), message=message
    )


def _from_validation(request: Request, exc: RequestValidationError) -> AppError:
    found = exc.errors()
    # A parameter may hold JSON too; that is told like any wrong value.
    in_body = (
        e for e in found if e["type"] == "json_invalid" and e["loc"][0] == "body"
    )
    if broken := next(in_body, None):
        return errors.MalformedError(
            f"The body is not JSON: {broken['ctx']['error']} "
            f"at character {broken['loc'][-1]}."
        )
    media_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if any(e["loc"] == ("body",) and isinstance(e["input"], bytes) for e in found):
        return errors.UnsupportedMediaTypeError(
            f"The body was sent as {media_type or 'nothing in particular'}. "
            "Send JSON with Content-Type: application/json."
        )
    wrong = [_field_problem(request, error) for error in found]
    return errors.InvalidError.of_all(wrong)


_BUSY = errors.UnavailableError(
    "The database is out of reach or too busy. Try again in a few seconds.",
    headers={"Retry-After": "2"},
)


def constraint(exc: DBAPIError) -> str | None:
    """Name the constraint that a statement violated, if it was one."""
    cause = getattr(exc.orig, "__cause__", None)
    return getattr(cause, "constraint_name", None)


def _from_database(exc: DBAPIError) -> AppError | None:
    """Read what PostgreSQL refused by its SQLSTATE; None is a fault of ours."""
    state = getattr(exc.orig, "sqlstate", None) or ""
    if (name := constraint(exc)) and name in CONSTRAINTS:
        return CONSTRAINTS[name]
    if exc.connection_invalidated:
        return _BUSY
    return _from_state(state)


def _from_driver(
    exc: asyncpg.PostgresError | asyncpg.InterfaceError,
) -> AppError | None:
    """Read what went wrong below SQLAlchemy: COPY and the statements around it."""
    if isinstance(exc, asyncpg.PostgresError):
        return _from_state(exc.sqlstate or "")
    return _BUSY if "closed" in str(exc) else None


def _from_state(state: str) -> AppError | None:
    if state in {"40001", "40P01"}:
        return errors.ConflictError(
            "Another request changed the same rows at the same moment. Try again."
        )
    if state.startswith("22"):
        return errors.InvalidError("A value is out of the range that can be stored.")
    return _BUSY if state.startswith(_AWAY) else None


# 08 connection trouble, 25006 read-only (a demoted primary), 28 and 3D no way in or
# no such database, 53 no resources, 55P03 lock timeout, 57 operator intervention and
# statement timeout.
_AWAY = ("08", "25006", "28", "3D", "53", "55", "57")


def _from_network(exc: OSError) -> AppError | None:
    """Read why the database could not be reached: asyncpg's reasons come bare."""
    return _BUSY if isinstance(exc, _UNREACHABLE) or exc.errno in _NO_ROUTE else None


_UNREACHABLE = (ConnectionError, TimeoutError, gaierror)
_NO_ROUTE = {EHOSTDOWN, EHOSTUNREACH, ENETDOWN, ENETUNREACH}


def install(app: FastAPI) -> None:
    """Make every error leave `app` in the one shape."""

    def on(
        kind: type[Exception], translate: Callable[[Request, Any], AppError | None]
    ) -> None:
        async def handle(request: Request, exc: Exception) -> JSONResponse:
            if (error := translate(request, exc)) is None:
                raise exc
            return render(request, error)

        handler: Callable[[Request, Exception], Awaitable[JSONResponse]] = handle
        app.add_exception_handler(kind, handler)

    on(AppError, lambda _, exc: exc)
    on(HTTPException, _from_http)
    on(RequestValidationError, _from_validation)
    on(DBAPIError, lambda _, exc: _from_database(exc))
    on(asyncpg.PostgresError, lambda _, exc: _from_driver(exc))
    on(asyncpg.InterfaceError, lambda _, exc: _from_driver(exc))
    on(StaleDataError, lambda *_: errors.StaleVersionError(etag.STALE))
    on(OSError, lambda _, exc: _from_network(exc))
    on(PoolTimeoutError, lambda *_: _BUSY)


@router.get("/problems")
async def list_problems(request: Request) -> HTMLResponse:
    kinds = [_describe(kind) for kind in errors.every_error()]
    return _templates.TemplateResponse(request, "problems.html", {"problems": kinds})


@router.get("/problems/{slug}")
async def read_problem(request: Request, slug: str) -> HTMLResponse:
    kinds = [_describe(k) for k in errors.every_error() if k.slug == slug]
    if not kinds:
        raise errors.NotFoundError(f"There is no problem type {slug!r}.")
    return _templates.TemplateResponse(request, "problems.html", {"problems": kinds})


def _describe(kind: type[AppError]) -> dict[str, object]:
    text = inspect.cleandoc(kind.__doc__ or "")
    return {
        "slug": kind.slug,
        "title": kind.title,
        "status": int(kind.status),
        "paragraphs": text.split("\n\n"),
    }
