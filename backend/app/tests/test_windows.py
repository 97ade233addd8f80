"""A window that nothing can be in is refused wherever one is asked for."""

import pytest
from httpx2 import AsyncClient

from app.tests.factories import ok, pointers, refused
from app.tests.test_contract import SCHEMA

PATHS = [
    path
    for path, operations in SCHEMA["paths"].items()
    if {it["name"] for it in operations.get("get", {}).get("parameters", ())}
    >= {"from", "to"}
]
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"
ALSO_EARLY = "2026-01-01T01:00:00+01:00"


def test_the_cases_below_are_not_none() -> None:
    assert len(PATHS) == 8, PATHS


@pytest.mark.parametrize("path", PATHS)
async def test_a_window_ends_after_it_begins(client: AsyncClient, path: str) -> None:
    for begin, end in (
        (LATE, EARLY),
        (EARLY, EARLY),
        (EARLY, ALSO_EARLY),
    ):
        answer = await client.get(path, params={"from": begin, "to": end})
        problem = refused(answer, 422, "invalid")
        assert pointers(problem) == {"?to": "empty-window"}
    ok(await client.get(path, params={"from": EARLY, "to": LATE}))
    wrong = await client.get(path, params={"from": "x", "to": EARLY})
    assert pointers(refused(wrong, 422, "invalid")) == {"?from": "invalid-instant"}
