"""A status code is a promise: it leaves only after the commit it speaks of."""

from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import event
from sqlalchemy.orm import Session
from starlette.types import Message, Receive, Scope, Send

from app.database import Sessions


async def test_the_commit_precedes_the_response(
    app: FastAPI, sessions: Sessions
) -> None:
    order: list[str] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                order.append("response")
            await send(message)

        await app({**scope, "state": {"sessions": sessions}}, receive, note)

    def committed(session: Session) -> None:
        if not session.in_nested_transaction():
            order.append("commit")

    event.listen(Session, "after_commit", committed)
    try:
        transport = ASGITransport(watched)
        async with AsyncClient(transport=transport, base_url="http://fpso") as client:
            await client.post("/api/v1/vessels", json={"code": "MV102"})
    finally:
        event.remove(Session, "after_commit", committed)

    assert order == ["commit", "response"]
