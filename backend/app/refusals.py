"""The framework's own refusals, and what nobody foresaw, in the shape of all errors."""

from http import HTTPStatus

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import problems

log = structlog.stdlib.get_logger("fpso")


class Refusals:
    """Answers in our words where the framework answers in plain text, or fails."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = replaced = False

        async def note(message: Message) -> None:
            nonlocal started, replaced
            if message["type"] == "http.response.start":
                started = True
                if replaced := _is_refusal(message):
                    answer = problems.refused(Request(scope), message["status"])
                    await answer(scope, receive, send)
            if not replaced:
                await send(message)

        try:
            await self.app(scope, receive, note)
        # The last resort: whatever nobody foresaw is logged and answered without a
        # word of it.
        except Exception:
            log.exception("unforeseen")
            if started:  # cut the answer off: it must not look complete
                raise
            await problems.internal_error(Request(scope))(scope, receive, send)


def _is_refusal(message: Message) -> bool:
    if message["status"] < HTTPStatus.BAD_REQUEST:
        return False
    headers = Headers(raw=message.get("headers", []))
    return headers.get("content-type", "").startswith("text/plain")
