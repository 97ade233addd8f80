"""What the record of changes tells of a request: its triggers read it (ADR 9)."""

from collections.abc import AsyncGenerator
from typing import Annotated, NamedTuple

from fastapi import Depends, Header, Request
from pydantic import BeforeValidator
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Sessions
from app.values import Label

# Local to the transaction: a pooled connection tells nothing of whoever had it before.
_SAY = """SELECT set_config('fpso.request_id', :request_id, true)
    || set_config('fpso.reason', :reason, true)"""

# The same for a write of one statement that is a transaction of its own: among its
# conditions this holds always. It is asked once, before any row; triggers fire last.
SAID = f"({_SAY}) IS NOT NULL"

_BECAUSE = text(
    "SELECT set_config('fpso.reason', coalesce(nullif("
    "current_setting('fpso.reason', true), ''), :reason), true)"
)


def _from_utf8(value: object) -> object:
    """Headers come as Latin-1, and most clients write UTF-8 into them."""
    if isinstance(value, str):
        try:
            return value.encode("latin-1").decode()
        except UnicodeError:
            return value
    return value


ChangeReason = Annotated[
    Annotated[Label, BeforeValidator(_from_utf8)] | None,
    Header(description="Why, in one line of at most 200 characters: for the record."),
]


class Cause(NamedTuple):
    """What the record tells of a change, besides the change."""

    request_id: str
    reason: str | None

    def values(self) -> dict[str, str]:
        return {"request_id": self.request_id, "reason": self.reason or ""}


async def get_cause(request: Request, x_change_reason: ChangeReason = None) -> Cause:
    return Cause(request.state.request_id, x_change_reason)


CauseDep = Annotated[Cause, Depends(get_cause)]


async def say(session: AsyncSession, cause: Cause) -> None:
    """Tell the record what the session's transaction is done for."""
    await session.execute(text(_SAY), cause.values())


async def because(session: AsyncSession, reason: str | None) -> None:
    """Give the record a reason, unless the caller gave one with the request."""
    if reason:
        await session.execute(_BECAUSE, {"reason": reason})


async def get_recorded_session(
    request: Request, cause: CauseDep
) -> AsyncGenerator[AsyncSession]:
    sessions: Sessions = request.state.sessions
    async with sessions.begin() as session:
        await say(session, cause)
        yield session


# What every operation that writes takes instead of SessionDep, except for hot paths,
# which take CauseDep; the same scope, for the same reason.
RecordedSessionDep = Annotated[
    AsyncSession, Depends(get_recorded_session, scope="function")
]
