"""What the tests of failures start from: a small fleet, its sensors and its log."""

from httpx2 import AsyncClient, Response

from app.tests.factories import JSON, created, equipment, get, ok, url, vessel
from app.tests.imports.factories import apply

# Two compressors of one group, a pump of another; S9 is at none of them.
MAP = "equipment_id;sensor_id\n1;1\n1;2\n2;3\n3;4\n"
MAPPING = (
    '{"equipment": {"column": "equipment_id",'
    ' "values": {"1": "KA-1", "2": "KA-2", "3": "PA-1"}}}'
)


def line(
    at: str, sensor: int | str, *, level: str = "ERROR", values: str = "26.5 -3438.67"
) -> str:
    """A line as logs have it; `values`: temperature and vibration."""
    temperature, vibration = values.split()
    return (
        f"[{at}]\t{level}\tsensor[{sensor}]:\t"
        f"(temperature\t{temperature}, vibration\t{vibration})\n"
    )


# Four failures of KA-1 and one of PA-1: nine lines.
LOG = "".join(
    line(at, sensor, level=level)
    for at, level, sensors in (
        ("2019-12-10 10:46:09", "ERROR", (1, 2)),
        ("2020-01-02 06:53:29", "ERROR", (1, 2)),
        ("2020-01-02 06:53:30", "WARNING", (1,)),
        ("2020-01-31 23:59:59", "ERROR", (1, 2)),
        ("2020-02-29 00:00:00", "ERROR", (3,)),
        ("2020-02-29 12:00:00", "WARNING", (4,)),
    )
    for sensor in sensors
)


async def send(
    client: AsyncClient,
    content: str | bytes,
    what: str = "failures",
    *,
    to: str = "MV102",
    kind: str = "text/plain",
    **params: str,
) -> Response:
    body = content.encode() if isinstance(content, str) else content
    return await client.post(
        url("vessels", to, what, "imports"),
        content=body,
        params=params,
        headers={"Content-Type": kind},
    )


async def plan(
    client: AsyncClient, content: str | bytes, *, to: str = "MV102", **params: str
) -> JSON:
    return created(await send(client, content, to=to, **params))


async def load(client: AsyncClient, content: str | bytes, *, to: str = "MV102") -> JSON:
    """Plan and apply a log that is sound."""
    planned = await plan(client, content, to=to)
    assert planned["errors"] == []
    return ok(await apply(client, planned))


async def plan_map(client: AsyncClient, content: str, **params: str) -> JSON:
    answer = await send(client, content, "sensors", kind="text/csv", **params)
    return created(answer)


async def fleet(client: AsyncClient) -> None:
    """One vessel, three pieces of equipment and their four sensors."""
    await vessel(client)
    await equipment(client, "KA-1", group="COMPRESSORS")
    await equipment(client, "KA-2", group="COMPRESSORS")
    await equipment(client, "PA-1", group="PUMPS", name="pump")
    planned = await plan_map(client, MAP, mapping=MAPPING)
    ok(await apply(client, planned))


async def failures(client: AsyncClient, **params: str) -> list[tuple[str, str, int]]:
    """Equipment, instant and count of readings of each, the earliest first."""
    page = await get(client, "failures", sort="at", **params)
    return [(item["code"], item["at"], item["readings"]) for item in page["items"]]
