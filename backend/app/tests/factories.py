"""What tests start from: rows made over HTTP, as callers make them."""

import json
from typing import Any
from urllib.parse import quote

from httpx2 import AsyncClient, Response

JSON = dict[str, Any]
Parameter = str | int | list[str] | None

PROBLEM = {"type", "title", "status", "detail", "instance", "code", "request_id"}

# The codes of real registers: each is good as a code and as a tag.
REAL_CODES = (
    "MV102",
    "5310B9D7",
    "GPS001",
    "23-KA-9101",
    "23-TE-96116-04",
    "60-EN-9011A+80E2",
    "23-LSHH-96138 (2)",
    "23-1ST STAGE COMP LUBE OIL SYS-PH",
    "VAL-23-KA-9101-M01",
)


def url(*segments: str) -> str:
    return "/".join(["/api/v1", *(quote(segment, safe="") for segment in segments)])


async def vessel(client: AsyncClient, code: str = "MV102", **fields: object) -> JSON:
    return created(await client.post(url("vessels"), json={"code": code, **fields}))


async def equipment(
    client: AsyncClient, code: str = "5310B9D7", *, of: str = "MV102", **fields: object
) -> JSON:
    """Register equipment aboard the vessel `of`, which is there already."""
    body = {"name": "compressor", "code": code, "location": "Brazil", **fields}
    return created(await client.post(url("vessels", of, "equipment"), json=body))


async def order(
    client: AsyncClient,
    code: str = "5310B9D7",
    cost: object = "10000",
    **fields: object,
) -> JSON:
    body = {"code": code, "type": "replacement", "cost": cost, **fields}
    return created(await client.post(url("operations"), json=body))


async def term(
    client: AsyncClient, code: str, kind: str = "failure-modes", **fields: object
) -> JSON:
    body = {"code": code, "name": "Creaks", **fields}
    return created(await client.post(url("taxonomy", kind), json=body))


async def get(client: AsyncClient, *segments: str, **params: Parameter) -> JSON:
    return ok(await client.get(url(*segments), params=params))


async def listed(client: AsyncClient, *segments: str, **params: Parameter) -> list[str]:
    """The codes on a listing's first page."""
    page = await get(client, *segments, **params)
    return [item["code"] for item in page["items"]]


async def change(
    client: AsyncClient, *segments: str, match: str = "*", **fields: object
) -> Response:
    return await client.patch(url(*segments), json=fields, headers={"If-Match": match})


async def post_json(client: AsyncClient, path: str, body: object) -> Response:
    """Post JSON in ASCII, so that it can hold what UTF-8 cannot."""
    headers = {"Content-Type": "application/json"}
    return await client.post(path, content=json.dumps(body), headers=headers)


def created(response: Response) -> JSON:
    assert response.status_code == 201, response.text
    return _object(response)


def ok(response: Response) -> JSON:
    assert response.status_code == 200, response.text
    return _object(response)


def refused(response: Response, status: int, slug: str) -> JSON:
    """The problem that the answer is, whole and consistent."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = _object(response)
    assert problem.keys() >= PROBLEM
    assert problem["status"] == status
    assert problem["code"] == slug
    assert problem["type"].endswith(f"/problems/{slug}")
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["detail"]
    return problem


def pointers(problem: JSON) -> dict[str, str]:
    """What is wrong where."""
    return {error["pointer"]: error["code"] for error in problem["errors"]}


def _object(response: Response) -> JSON:
    body = response.json()
    assert isinstance(body, dict)
    return body
