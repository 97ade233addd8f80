"""Files that are made while they are sent."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from tempfile import TemporaryFile
from typing import Any

from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from app.methods import HEAD

CHUNK = 64 * 1024
# A client that takes nothing for so long is gone, whatever its network says.
PATIENCE = 5 * 60

Write = Callable[[bytes], Coroutine[Any, Any, None]]
Produce = Callable[[Write], Coroutine[Any, Any, None]]


class Download(Response):
    """Sends what `produce` writes, by way of a file on disk.

    A satellite link takes minutes for what PostgreSQL writes in a second: the disk
    waits for it, not a database connection. Memory stays flat, and the first bytes
    leave while the last ones are still being read.
    """

    def __init__(self, produce: Produce, filename: str, media_type: str) -> None:
        super().__init__(media_type=media_type)
        self.produce = produce
        # The characters of a code need no escape between quotes.
        self.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
        # A response without content declared that none would come.
        del self.headers["Content-Length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get(HEAD):
            await self._start(send)
            await send({"type": "http.response.body", "body": b""})
            return
        with TemporaryFile(buffering=0) as file:
            spool = _Spool(file.fileno())
            making = asyncio.create_task(self._make(spool))
            sending = asyncio.create_task(self._send(spool, making, send))
            gone = asyncio.create_task(_disconnected(receive))
            tasks = (making, sending, gone)
            try:
                await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    sending.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, spool: "_Spool") -> None:
        try:
            await self.produce(spool.write)
            spool.flush()
        finally:
            spool.news.set()

    async def _send(
        self, spool: "_Spool", making: asyncio.Task[None], send: Send
    ) -> None:
        sent = 0
        await spool.news.wait()
        # Not before there is something: until then a failure has its own answer.
        if making.done():
            making.result()
        await self._start(send)
        while chunk := await spool.read(sent, making):
            sent += len(chunk)
            async with asyncio.timeout(PATIENCE):
                await send(
                    {"type": "http.response.body", "body": chunk, "more_body": True}
                )
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _start(self, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )


class _Spool:
    """Bytes on their way through a file; `news` says that there are more, or all."""

    def __init__(self, file: int) -> None:
        self.file = file
        self.size = 0
        self.waiting = bytearray()
        self.news = asyncio.Event()

    async def write(self, data: bytes) -> None:
        self.waiting += data
        if len(self.waiting) >= CHUNK:
            self.flush()

    def flush(self) -> None:
        # Into the page cache, in less time than a thread takes to start.
        while self.waiting:
            written = os.pwrite(self.file, self.waiting, self.size)
            self.size += written
            del self.waiting[:written]
        self.news.set()

    async def read(self, start: int, making: asyncio.Task[None]) -> bytes:
        """The next bytes from `start`; none when all were read."""
        while start == self.size and not making.done():
            self.news.clear()
            await self.news.wait()
        if start == self.size:
            making.result()
        return os.pread(self.file, CHUNK, start)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
