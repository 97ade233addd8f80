"""What the tests of files of issues start from."""

import json

from httpx2 import AsyncClient, Response

from app.tests.factories import JSON, created, get, ok, url
from app.tests.imports.factories import CSV


async def send(
    client: AsyncClient,
    content: str,
    kind: str = CSV,
    *,
    mapping: object = None,
    **params: str,
) -> Response:
    if mapping is not None:
        params["mapping"] = json.dumps(mapping)
    return await client.post(
        url("vessels", "NDV", "issues", "imports"),
        content=content.encode(),
        params=params,
        headers={"Content-Type": kind},
    )


async def plan(
    client: AsyncClient, content: str, kind: str = CSV, **params: str
) -> JSON:
    return created(await send(client, content, kind, **params))


async def known(client: AsyncClient, reference: str) -> JSON:
    page = await get(client, "issues", vessel="NDV", reference=reference)
    [issue] = page["items"]
    assert isinstance(issue, dict)
    return issue


async def moves(client: AsyncClient, issue: JSON) -> list[tuple[str, str, str]]:
    page = ok(await client.get(url("issues", str(issue["number"]), "moves")))
    return [(each["before"], each["after"], each["at"]) for each in page["items"]]


async def failed(client: AsyncClient, code: str) -> list[str]:
    """When the equipment failed, the last time first."""
    page = await get(client, "failures", code=code)
    return [each["at"] for each in page["items"]]


async def levels(client: AsyncClient, code: str) -> list[str]:
    page = await get(client, "failures", code=code)
    return [each["level"] for each in page["items"]]
