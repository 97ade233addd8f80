"""Optimistic concurrency: a row's version, spoken as an HTTP ETag."""

import re
from typing import Annotated, Protocol

from fastapi import Depends, Header, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Record
from app.errors import StaleVersionError, VersionRequiredError

STALE = (
    "It was changed since you read it. Read it again and send the new ETag in If-Match."
)
_TAG = re.compile(r'"(\d{1,18})"')


async def expected_version(
    if_match: Annotated[
        str | None,
        Header(description='The `ETag` you last read, such as `"3"`; or `*`.'),
    ] = None,
) -> int | None:
    """The version that the caller means to change; None is any (`*`)."""
    if if_match is None:
        raise VersionRequiredError(
            "Send the ETag that you last read in If-Match, such as "
            'If-Match: "3"; or If-Match: * to overwrite whatever is there.'
        )
    if if_match.strip() == "*":
        return None
    if tag := _TAG.fullmatch(if_match.strip()):
        return int(tag[1])
    raise StaleVersionError(
        f"If-Match: {if_match} is no ETag of this resource. "
        'Send the one that you last read, quotes included, such as If-Match: "3".'
    )


ExpectedVersion = Annotated[int | None, Depends(expected_version)]


def check(record: Record, expected: int | None) -> None:
    """Refuse early; the version in the UPDATE's WHERE settles true races."""
    if expected is not None and record.version != expected:
        raise StaleVersionError(STALE)


async def wait(session: AsyncSession, record: Record) -> None:
    """Let whoever overwrites any version (`*`) wait for the writer before."""
    await session.refresh(record, with_for_update={"key_share": True})


class Versioned(Protocol):
    @property
    def version(self) -> int: ...


def tag(response: Response, record: Versioned) -> None:
    response.headers["ETag"] = f'"{record.version}"'
