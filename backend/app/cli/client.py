"""One server over HTTP: its answers, and its refusals in words."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import TypeVar
from urllib.parse import quote

import httpx2
import typer
from pydantic import BaseModel, ValidationError

from app.cli.answers import Page, Problem
from app.cli.options import DEFAULT_URL
from app.cli.render import report

PAGE = 500  # the most that the API gives in one page
Model = TypeVar("Model", bound=BaseModel)
Query = Mapping[str, str | int | bool | list[str] | None]

REFUSED, UNAVAILABLE, LOCAL_FILE, INTERRUPTED = 1, 3, 4, 130


class CommandError(Exception):
    """Why a command ends early: what to say, and the exit code."""

    def __init__(
        self, title: str, detail: str, exit_code: int, body: str | None = None
    ) -> None:
        super().__init__(title)
        self.problem = Problem(title=title, detail=detail, status=0)
        self.exit_code = exit_code
        self.body = body or json.dumps({"title": title, "detail": detail})


class RefusedError(CommandError):
    """The server's own problem details."""

    def __init__(self, problem: Problem, body: str) -> None:
        again = problem.status == httpx2.codes.TOO_MANY_REQUESTS
        down = problem.status >= httpx2.codes.INTERNAL_SERVER_ERROR
        code = UNAVAILABLE if again or down else REFUSED
        super().__init__(problem.title, problem.detail or "", code, body)
        self.problem = problem


def read(response: httpx2.Response, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        if not is_json(response):
            raise unintelligible(response) from error
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CommandError(
            "This fpso does not understand the answer",
            f"{response.request.url} answered, but {where or 'its JSON'}: "
            f"{first['msg']}. Have the server and this fpso the same version?",
            UNAVAILABLE,
        ) from error


def media_type(response: httpx2.Response) -> str:
    said: str = response.headers.get("Content-Type", "")
    return said.partition(";")[0].strip().lower()


def is_json(response: httpx2.Response) -> bool:
    return media_type(response).endswith("json")


def unintelligible(response: httpx2.Response) -> CommandError:
    said = media_type(response) or "nothing that says its type"
    detail = (
        f"{response.request.url} answered {response.status_code} "
        f"{response.reason_phrase} with {said}, not with the JSON of the FPSO System "
        "API. "
    )
    if moved := response.headers.get("Location"):
        detail += f"It points to {moved}: try that address with --url."
    elif response.status_code in {502, 503, 504}:
        detail += "A proxy answers but the API behind it does not; try again soon."
    else:
        detail += "Is --url (or FPSO_URL) the address of the API?"
    return CommandError("That is not the API's answer", detail, UNAVAILABLE)


def refusal(response: httpx2.Response) -> CommandError:
    if media_type(response) == "application/problem+json":
        return RefusedError(read(response, Problem), response.text)
    return unintelligible(response)


def check(response: httpx2.Response) -> httpx2.Response:
    """The same response when the request was done; else the failure it tells."""
    if response.is_success:
        return response
    response.read()
    raise refusal(response)


class Api:
    def __init__(self, http: httpx2.Client) -> None:
        self.http = http

    def send(
        self,
        method: str,
        *path: str,
        query: Query | None = None,
        body: object = None,
        content: Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> httpx2.Response:
        request = self.http.build_request(
            method,
            "/".join(quote(part, safe="") for part in path),
            params={k: v for k, v in (query or {}).items() if v is not None},
            json=body,
            content=content,
            headers=headers,
        )
        return check(self.http.send(request, stream=stream))

    def get(self, *path: str, query: Query | None = None) -> httpx2.Response:
        return self.send("GET", *path, query=query)

    def post(
        self, *path: str, body: object = None, query: Query | None = None
    ) -> httpx2.Response:
        return self.send("POST", *path, body=body, query=query)

    def change(self, *path: str, body: object) -> httpx2.Response:
        """Patch what is there now; refused when somebody comes between."""
        match = {"If-Match": self.get(*path).headers["ETag"]}
        return self.send("PATCH", *path, body=body, headers=match)

    def pages(
        self, model: type[Model], *path: str, query: Query, limit: int | None
    ) -> Iterator[tuple[httpx2.Response, Page[Model]]]:
        """Pages until `limit` items were read; all of them when it is None."""
        query = dict(query)
        while True:
            size = PAGE if limit is None else min(limit, PAGE)
            response = self.get(*path, query=query | {"limit": size})
            page = read(response, Page[model])  # type: ignore[valid-type]  # a class
            yield response, page
            if limit is not None:
                limit -= len(page.items)
            if page.next_cursor is None or limit == 0:
                return
            query["cursor"] = page.next_cursor


def address(url: str) -> httpx2.URL:
    """Where the API's paths begin, from what the user calls the server."""
    try:
        base = httpx2.URL(f"{url.strip().rstrip('/').removesuffix('/api/v1')}/api/v1/")
    except httpx2.InvalidURL:
        base = httpx2.URL()
    if base.scheme not in {"http", "https"} or not base.host:
        raise typer.BadParameter(
            f"{url!r} is no server's address; one looks like {DEFAULT_URL}.",
            param_hint="--url",
        )
    return base


def unreachable(url: str, error: Exception) -> CommandError:
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        detail = (
            f"Nothing answers at {url} ({error}). Is the server running? `fpso up` "
            "starts one here; --url or FPSO_URL names another."
        )
        return CommandError("The server was not reached", detail, UNAVAILABLE)
    words = str(error) or type(error).__name__
    detail = f"The connection to {url} broke before the answer was whole ({words})."
    return CommandError("The connection broke", detail, UNAVAILABLE)


def failure_of(url: str, error: Exception) -> CommandError:
    match error:
        case CommandError():
            return error
        case httpx2.HTTPStatusError():
            return refusal(error.response)
        case _:
            return unreachable(url, error)


@contextmanager
def server(url: str, *, as_json: bool) -> Iterator[Api]:
    """The server at `url`; whatever goes wrong with it ends the command in words."""
    base = address(url)
    # A proxy that serves the outside world has no way to this machine's own ports;
    # and without TLS, reading the authorities' certificates is a wait for nothing.
    local = base.host in {"localhost", "127.0.0.1", "::1"}
    try:
        with httpx2.Client(
            base_url=base,
            timeout=httpx2.Timeout(10, read=600, write=60),
            trust_env=not local,
            verify=not (local and base.scheme == "http"),
            headers={"User-Agent": f"fpso/{version('fpso')}"},
        ) as http:
            yield Api(http)
    except (CommandError, httpx2.HTTPError) as error:
        failure = failure_of(f"{base.scheme}://{base.netloc.decode()}", error)
        report(failure.problem, failure.body if as_json else None)
        raise typer.Exit(failure.exit_code) from error
