"""JSON logs, and a request id that ties a log line to the answer it speaks of."""

import logging
import re
import time
import uuid
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import problems

log = structlog.stdlib.get_logger("fpso")

# What a caller may name a request: enough for a UUID or a trace id, no line breaks.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def configure(level: str) -> None:
    """Send structlog's and the libraries' logs to stdout, one JSON object a line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.dict_tracebacks,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


class RequestLog:
    """Names each request, logs its end, and answers what nothing else answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 0
        replaced = False

        async def note(message: Message) -> None:
            nonlocal status, replaced
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                plain = headers.get("content-type", "").startswith("text/plain")
                if plain and status >= HTTPStatus.BAD_REQUEST:
                    # The framework's own refusal, such as that of a large body.
                    replaced = True
                    await problems.refused(Request(scope), status)(scope, receive, tag)
                    return
            if not replaced:
                await tag(message)

        async def tag(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, note)
            # The last resort: whatever nobody foresaw is logged whole and answered
            # without a word of it.
            except Exception:
                log.exception("unforeseen")
                if status:  # cut the answer off: it must not look complete
                    raise
                answer = problems.internal_error(Request(scope))
                await answer(scope, receive, note)
            finally:
                log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    ms=round((time.perf_counter() - started) * 1000, 1),
                )
