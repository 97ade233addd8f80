"""The feed as server-sent events, for whoever asks for `text/event-stream`."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, Any

from fastapi import Header, Response
from fastapi.sse import EventSourceResponse, format_sse_event

from app.changes.schemas import Feed, FeedQuery
from app.changes.service import Batch
from app.stopping import stopping

# Proxies and satellite modems forget a connection on which nothing is said.
HEARTBEAT = 15

SCHEMA: dict[str, Any] = {
    "schema": {
        "type": "string",
        "description": "Each event's `data` is a change, its `id` the cursor after it.",
    }
}
Accept = Annotated[
    str | None,
    Header(description="`text/event-stream` for a stream that does not end."),
]
LastEventId = Annotated[
    str | None,
    Header(max_length=8000, description="Of a stream that was cut off: where it was."),
]
Follow = Callable[[FeedQuery], Awaitable[Batch]]


async def answer(
    follow: Follow, query: FeedQuery, accept: str | None, last_event_id: str | None
) -> Response | Feed:
    if "text/event-stream" not in (accept or ""):
        return (await follow(query)).as_feed()
    # It resumes by itself, and sends `after` of its address again.
    query = query.model_copy(
        update={"after": last_event_id or query.after, "wait": HEARTBEAT}
    )
    # The first answer before the stream: what is wrong with a cursor has its status.
    first = await follow(query.model_copy(update={"wait": 0}))
    return EventSourceResponse(
        _events(follow, query, first),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(
    follow: Follow, query: FeedQuery, batch: Batch
) -> AsyncGenerator[bytes]:
    yield format_sse_event(comment="changes", retry=2000)
    while True:
        for change, cursor in batch.events():
            yield format_sse_event(data_str=change.model_dump_json(), id=cursor)
        place = batch.end.encode()
        if not batch.items:
            # Without data no event is dispatched, and the place moves on all the same.
            yield format_sse_event(comment="waiting", id=place)
        if stopping.is_set():
            return
        batch = await follow(query.model_copy(update={"after": place}))
