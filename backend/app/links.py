"""Addresses of resources: every code is one percent-encoded segment of a path."""

from urllib.parse import quote

from starlette.requests import Request

PREFIX = "/api/v1"


def href(*segments: str) -> str:
    return "/".join([PREFIX, *(quote(segment, safe="") for segment in segments)])


def here(request: Request) -> str:
    """The path that was asked for, as a reference to it."""
    # `request.url` would hold it too, but fails on a query that is no UTF-8.
    return quote(request.scope["path"])
