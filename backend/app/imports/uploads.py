"""The body of an import: spooled to disk, so that memory does not grow with it.

It is read whole before a database connection is taken: a slow link holds up nobody.
"""

import asyncio
import codecs
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import Message
from tempfile import TemporaryFile
from typing import IO, Annotated, Any

from fastapi import Depends, Query, Request
from starlette.requests import ClientDisconnect

from app.database import Sessions
from app.errors import MalformedError, UnsupportedMediaTypeError
from app.imports.files import READERS
from app.imports.schemas import ImportQuery
from app.values import CodeRef
from app.vessels import service as vessels

MAX = 100 * 1024 * 1024
_PIECE = 1024 * 1024

ENCODINGS = frozenset(
    codecs.lookup(name).name
    for name in (
        "ascii",
        "utf-8",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "iso-8859-1",
        "iso-8859-2",
        "iso-8859-9",
        "iso-8859-15",
        "windows-1250",
        "windows-1252",
        "windows-1254",
        "windows-1257",
        "cp437",
        "cp850",
        "cp865",
        "mac-roman",
    )
)


@dataclass(frozen=True)
class File:
    """What was sent for a vessel, and what it was said to be."""

    vessel: str
    media_type: str
    encoding: str | None
    body: IO[bytes]


@dataclass(frozen=True)
class Upload:
    file: File
    query: ImportQuery

    @property
    def vessel(self) -> str:
        return self.file.vessel


def _declared(request: Request, known: Collection[str]) -> tuple[str, str | None]:
    """Media type and encoding; raises UnsupportedMediaTypeError."""
    header = Message()
    header["Content-Type"] = request.headers.get("content-type", "")
    media_type = header.get_content_type() if header["Content-Type"] else "none"
    if media_type not in known:
        raise UnsupportedMediaTypeError(
            f"The file was sent as {media_type}. Say what it is in Content-Type: "
            f"{', '.join(known)}."
        )
    charset = header.get_param("charset")
    if charset is None:
        return media_type, None
    try:
        encoding = codecs.lookup(str(charset)).name
    except LookupError:
        encoding = ""
    if encoding not in ENCODINGS:
        raise UnsupportedMediaTypeError(
            f"The charset {charset!r} is not known. Use one of: "
            f"{', '.join(sorted(ENCODINGS))}."
        )
    return media_type, encoding


def described(*media_types: str, most: str) -> dict[str, Any]:
    """For OpenAPI: the body is a file of one of these kinds."""
    file = {"schema": {"type": "string", "format": "binary"}}
    return {
        "requestBody": {
            "required": True,
            "description": f"The file itself, at most {most}. Say its encoding in "
            "`charset` unless it is UTF-8.",
            "content": dict.fromkeys(media_types, file),
        }
    }


@asynccontextmanager
async def received(
    request: Request, code: str, known: Collection[str]
) -> AsyncGenerator[File]:
    """Read the body, once all that can be refused without it is sound.

    `known` are the media types that it may have.
    """
    media_type, encoding = _declared(request, known)
    sessions: Sessions = request.state.sessions
    async with sessions.begin() as session:
        vessel = await vessels.get(session, code)
    with TemporaryFile() as body:
        await _spool(request, body)
        yield File(vessel.code, media_type, encoding, body)


async def get_upload(
    request: Request, code: CodeRef, query: Annotated[ImportQuery, Query()]
) -> AsyncGenerator[Upload]:
    async with received(request, code, READERS) as file:
        yield Upload(file, query)


async def _spool(request: Request, file: IO[bytes]) -> None:
    piece = bytearray()
    try:
        async for chunk in request.stream():
            piece += chunk
            if len(piece) >= _PIECE:
                await asyncio.to_thread(file.write, bytes(piece))
                piece.clear()
    except ClientDisconnect:
        # Nobody reads this, but the log should not take it for a fault of ours.
        raise MalformedError("The upload broke off before its end.") from None
    file.write(piece)
    file.seek(0)


UploadDep = Annotated[Upload, Depends(get_upload, scope="function")]
