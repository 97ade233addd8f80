"""The floor: bare ASGI, asyncpg and msgspec, one statement a request, no checks."""

import json
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import asyncpg
import msgspec
import uvicorn

COLUMNS = (
    'code, vessel, tag, name, location, "group", class, parent, status, created_at, '
    "updated_at, version"
)
PAGE = (
    f"SELECT {COLUMNS} FROM equipment WHERE vessel = $1 AND status = 'active' "
    "AND code > $2 ORDER BY code LIMIT $3"
)
ONE = f"SELECT {COLUMNS} FROM equipment WHERE code = $1"
INSERT = (
    "INSERT INTO equipment (code, vessel, name, location) VALUES ($1, $2, $3, $4) "
    f"RETURNING {COLUMNS}"
)
DEACTIVATE = (
    "UPDATE equipment SET status = 'inactive', version = version + 1, "
    "updated_at = now() WHERE code = ANY ($1) AND status = 'active' RETURNING code"
)
# Both halves are index-only scans.
TOTALS = """
SELECT v.code, coalesce(o.total, 0), coalesce(o.orders, 0), coalesce(e.equipment, 0)
FROM vessels v
LEFT JOIN (SELECT vessel, sum(cost) AS total, count(*) AS orders
           FROM operations GROUP BY vessel) o ON o.vessel = v.code
LEFT JOIN (SELECT vessel, count(*) AS equipment
           FROM equipment GROUP BY vessel) e ON e.vessel = v.code
ORDER BY v.code
"""
CENT = Decimal("0.01")

if TYPE_CHECKING:
    Driver = asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:  # asyncpg's classes take no parameters at run time
    Driver, Pool = asyncpg.Connection, asyncpg.Pool


class Equipment(msgspec.Struct):
    code: str
    vessel: str
    tag: str | None
    name: str
    location: str | None
    group: str | None
    class_: str | None = msgspec.field(name="class")
    parent: str | None
    status: str
    created_at: datetime
    updated_at: datetime
    version: int


class Page(msgspec.Struct):
    items: list[Equipment]
    next_cursor: str | None


class New(msgspec.Struct):
    code: str
    name: str
    location: str


class Codes(msgspec.Struct):
    codes: list[str]


class Batch(msgspec.Struct):
    changed: list[str]
    unchanged: list[str]


class VesselCost(msgspec.Struct):
    vessel: str
    average: Decimal | None
    total: Decimal
    operations: int
    equipment: int
    average_per_equipment: Decimal | None
    currency: str


class Costs(msgspec.Struct):
    items: list[VesselCost]
    next_cursor: str | None


class Connection(Driver):
    def get_reset_query(self) -> str:
        """Leave nothing to reset: a round trip saved, nothing is ever set."""
        return ""


encode = msgspec.json.Encoder().encode
read_new = msgspec.json.Decoder(New).decode
read_codes = msgspec.json.Decoder(Codes).decode


async def page(pool: Pool, vessel: str, query: str, _: bytes) -> bytes:
    after = ""
    if cursor := dict(parse_qsl(query)).get("cursor"):
        after = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[1]
    rows = await pool.fetch(PAGE, vessel, after, 101)
    more = None
    if len(rows) > 100:
        place = json.dumps(["code", rows[99][0]]).encode()
        more = urlsafe_b64encode(place).decode().rstrip("=")
    return encode(Page([Equipment(*row) for row in rows[:100]], more))


async def one(pool: Pool, code: str, *_: object) -> bytes:
    [row] = await pool.fetch(ONE, code)
    return encode(Equipment(*row))


async def create(pool: Pool, vessel: str, _: str, body: bytes) -> bytes:
    new = read_new(body)
    [row] = await pool.fetch(INSERT, new.code, vessel, new.name, new.location)
    return encode(Equipment(*row))


async def deactivate(pool: Pool, _vessel: str, _query: str, body: bytes) -> bytes:
    rows = await pool.fetch(DEACTIVATE, read_codes(body).codes)
    return encode(Batch([row[0] for row in rows], []))


async def totals(pool: Pool, *_: object) -> bytes:
    costs = [
        VesselCost(
            vessel,
            (total / orders).quantize(CENT) if orders else None,
            total.quantize(CENT),
            orders,
            equipment,
            (total / equipment).quantize(CENT) if equipment else None,
            "USD",
        )
        for vessel, total, orders, equipment in await pool.fetch(TOTALS)
    ]
    return encode(Costs(costs, None))


Handler = Callable[[Pool, str, str, bytes], Awaitable[bytes]]
ROUTES: tuple[tuple[str, "re.Pattern[str]", int, Handler], ...] = (
    ("GET", re.compile("/api/v1/equipment/([^/]+)"), 200, one),
    ("GET", re.compile("/api/v1/vessels/([^/]+)/equipment"), 200, page),
    ("POST", re.compile("/api/v1/vessels/([^/]+)/equipment"), 201, create),
    ("POST", re.compile("/api/v1/equipment/(deactivate)"), 200, deactivate),
    ("GET", re.compile("/api/v1/(costs)/vessels"), 200, totals),
)


class Floor:
    pool: Pool

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 bare ASGI
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body = b""
        if scope["method"] == "POST":
            message = {"more_body": True}
            while message.get("more_body"):
                message = await receive()
                body += message.get("body", b"")
        status, answer = 404, b""
        for method, path, success, handler in ROUTES:
            found = path.fullmatch(scope["path"])
            if found and method == scope["method"]:
                query = scope["query_string"].decode()
                answer = await handler(self.pool, found[1], query, body)
                status = success
                break
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(answer)).encode()),
        ]
        await send(
            {"type": "http.response.start", "status": status, "headers": headers}
        )
        await send({"type": "http.response.body", "body": answer})

    async def _live(self, receive: Any, send: Any) -> None:  # noqa: ANN401 bare ASGI
        await receive()
        self.pool = await asyncpg.create_pool(
            os.environ["BENCH_DATABASE_URL"],
            min_size=10,
            max_size=10,
            connection_class=Connection,
            server_settings={"timezone": "UTC", "jit": "off"},
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    uvicorn.run(
        Floor(),
        port=int(os.environ["BENCH_PORT"]),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=120,
    )
