"""Addresses of resources: every code is one percent-encoded segment of a path."""

from urllib.parse import quote

PREFIX = "/api/v1"


def href(*segments: str) -> str:
    return "/".join([PREFIX, *(quote(segment, safe="") for segment in segments)])
