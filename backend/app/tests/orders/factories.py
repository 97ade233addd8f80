"""What the tests of orders start from: what is aboard, and plans of files."""

import json

from httpx2 import AsyncClient, Response

from app.tests.factories import JSON, created, equipment, get, url, vessel
from app.tests.imports.factories import CSV


async def fleet(client: AsyncClient) -> None:
    await vessel(client, "NDV")
    await vessel(client, "MV9")
    await equipment(client, "NDV-A1", of="NDV")
    for tag in ("45-KA-7101", "45-PA-7102"):
        await equipment(client, f"NDV-{tag}", of="NDV", tag=tag)
    await equipment(client, "Z1", of="MV9")


async def send(
    client: AsyncClient,
    content: str | bytes,
    kind: str = CSV,
    *,
    mapping: object = None,
    **params: str,
) -> Response:
    if mapping is not None:
        params["mapping"] = json.dumps(mapping)
    return await client.post(
        url("vessels", "NDV", "operations", "imports"),
        content=content.encode() if isinstance(content, str) else content,
        params=params,
        headers={"Content-Type": kind},
    )


async def plan(
    client: AsyncClient, content: str | bytes, kind: str = CSV, **params: str
) -> JSON:
    return created(await send(client, content, kind, **params))


async def orders(client: AsyncClient, **params: str) -> list[JSON]:
    page = await get(client, "operations", sort="created_at", **params)
    items: list[JSON] = page["items"]
    return items
