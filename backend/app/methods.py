"""HEAD wherever there is GET, and which methods an address answers to."""

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

# In the scope of a GET that was a HEAD: what is costly to make need not be made.
HEAD = "fpso.head"


class AnswerHead:
    """Let GET answer HEAD; the server leaves the body away."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            # A copy: the server looks at its own to see that no body is due.
            scope = {**scope, "method": "GET", HEAD: True}
        await self.app(scope, receive, send)


def allowed(app: FastAPI, path: str) -> list[str]:
    """The methods of every documented address that `path` fits."""
    methods = {
        method
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute)
        and context.original_route.include_in_schema
        and compile_path(context.path or "")[0].fullmatch(path)
        for method in context.methods or ()
    }
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)
