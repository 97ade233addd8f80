"""The framework's own refusals, and what nobody foresaw, in the shape of all errors."""

from http import HTTPStatus

import structlog
from starlette.datastructures import MutableHeaders
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
        request = Request(scope)
        started = replaced = False

        async def note(message: Message) -> None:
            nonlocal started, replaced
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                plain = headers.get("content-type", "").startswith("text/plain")
                if plain and message["status"] >= HTTPStatus.BAD_REQUEST:
                    replaced = True
                    answer = problems.refused(request, message["status"])
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
            await problems.internal_error(request)(scope, receive, send)
