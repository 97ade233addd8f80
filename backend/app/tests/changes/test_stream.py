"""The feed as server-sent events: resumed exactly where it was cut off."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest
from httpx2 import AsyncClient

from app.changes import streams
from app.embedded.process import free_ports
from app.settings import Settings
from app.tests.changes.test_feed import encoded, life
from app.tests.conftest import BACKEND
from app.tests.factories import JSON, equipment, refused, url, vessel

STREAM = {"Accept": "text/event-stream"}
Event = tuple[str, JSON | None]


async def events(
    client: AsyncClient, last: str | None = None, **params: str
) -> AsyncGenerator[Event]:
    """Each event's id and data, as a browser would read them."""
    headers = STREAM | ({"Last-Event-ID": last} if last else {})
    async with client.stream(
        "GET", url("changes"), params=params, headers=headers, timeout=10
    ) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
                continue
            if "id" in fields:
                data = json.loads(fields["data"]) if "data" in fields else None
                yield fields["id"], data
            fields = {}


async def take(stream: AsyncIterator[Event], count: int) -> list[tuple[str, str]]:
    """The ids and codes of the next changes."""
    found: list[tuple[str, str]] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            cursor, data = await anext(stream)
            if data is not None:
                found.append((cursor, data["code"]))
    return found


async def test_it_streams_what_is_there_and_what_comes(server_url: str) -> None:
    async with AsyncClient(base_url=server_url) as client:
        await vessel(client)
        await equipment(client, "A1")
        async with aclosing(events(client)) as stream:
            assert [code for _, code in await take(stream, 2)] == ["MV102", "A1"]
            await equipment(client, "A2")
            assert [code for _, code in await take(stream, 1)] == ["A2"]


async def test_who_was_cut_off_anywhere_resumes_there(server_url: str) -> None:
    async with AsyncClient(base_url=server_url) as client:
        await vessel(client)
        for number in range(4):
            await equipment(client, f"A{number}")
        async with aclosing(events(client)) as stream:
            everything = await take(stream, 5)
        codes = [code for _, code in everything]
        for number, (cursor, _) in enumerate(everything[:-1], 1):
            # The address still says where it once began.
            async with aclosing(events(client, cursor, after="now")) as stream:
                rest = await take(stream, 5 - number)
            assert [code for _, code in rest] == codes[number:]


async def test_it_beats_and_moves_on_where_nothing_is_new(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 1)
    async with AsyncClient(base_url=server_url) as client:
        await vessel(client)
        async with aclosing(events(client, vessel="V2")) as stream, asyncio.timeout(8):
            places = [await anext(stream) for _ in range(3)]
        assert [data for _, data in places] == [None] * 3
        await vessel(client, "V2")
        async with aclosing(events(client, places[-1][0])) as stream:
            assert [code for _, code in await take(stream, 1)] == ["V2"]


async def test_what_is_wrong_with_a_cursor_has_its_status(client: AsyncClient) -> None:
    answer = await client.get(url("changes"), headers=STREAM | {"Last-Event-ID": "x"})
    refused(answer, 400, "bad-cursor")
    gone = encoded('{"seen":"7:9000000000:","since":"2026-11-21T00:00:00Z"}')
    answer = await client.get(url("changes"), headers=STREAM | {"Last-Event-ID": gone})
    refused(answer, 410, "cursor-expired")


async def test_it_ends_when_the_process_stops(fresh: Settings) -> None:
    port = free_ports(1)[0]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app"),
        cwd=BACKEND,
        env=os.environ
        | {"FPSO_DATABASE_URL": str(fresh.database_url), "FPSO_PORT": str(port)},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await life(client)
            async with asyncio.timeout(10):
                async for _ in events(client):
                    if process.returncode is None:
                        process.terminate()
                # It ended as a whole answer, not as a broken connection.
                await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
