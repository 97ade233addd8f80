"""The wiring: settings in, application out."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from app import contract, health, pages, parameters, problems
from app.changes.router import router as changes
from app.database import Sessions, create_engine, create_sessions
from app.drivers import Drivers, open_drivers
from app.equipment.changing import router as changing
from app.equipment.router import router as equipment
from app.etag import Conditional
from app.failures.router import router as failures
from app.hot import HotPaths
from app.imports.router import router as imports
from app.issues.notes import router as issue_notes
from app.issues.router import router as issues
from app.links import PREFIX
from app.log import RequestLog, configure
from app.methods import AnswerHead
from app.operations.router import router as operations
from app.orders.router import router as orders
from app.parts.router import router as parts
from app.refusals import Refusals
from app.reliability.router import router as reliability
from app.reports.router import router as reports
from app.requisitions.router import router as requisitions
from app.settings import Settings
from app.stock.router import router as stock
from app.taxonomy.router import router as taxonomy
from app.units.router import router as units
from app.vessels.router import router as vessels

BODY_MAX = 1024 * 1024

DESCRIPTION = """
The open register of what is aboard an FPSO: vessels, tagged equipment, what was done
to it and at what cost, what failed, and which spares are left.

Codes and tags compare without regard to case. Lists come in pages: follow
`next_cursor`. A change needs the `ETag` that you last read, in `If-Match`. Every error
is `application/problem+json`; its `type` is a page under [/problems](/problems).
"""

TAGS = {
    "vessels": "Who carries the equipment.",
    "taxonomy": "Classes, failure modes and other codes of the field; add your own.",
    "equipment": "What is aboard, by code and by tag, and how it is arranged.",
    "units": "Hardware by serial number, and where it sat from when to when.",
    "operations": "Work that is planned, in hand or done, and the lines of its cost.",
    "costs": "What was spent on an equipment, on a name and aboard each vessel.",
    "issues": "Problems, from the report to the close, and the work that mends them.",
    "imports": "What a file would change, all errors at once; then the change itself.",
    "failures": "Sensors, what they told when equipment failed, and counts of it.",
    "reliability": "Failure rates, MTBF with bounds, repair times and availability.",
    "parts": "The catalogue of spares, and what they fit.",
    "stock": "Stores, what lies where, how it moved, and what must be ordered.",
    "requisitions": "Carts, their approval, and parts handed out from stock.",
    "changes": "Who changed what, when and why; and how to follow it.",
    "health": "Whether it runs, and whether it can serve.",
}


class State(TypedDict):
    sessions: Sessions
    drivers: Drivers


def from_environment() -> FastAPI:
    """The application as `python -m app` runs it."""
    settings = Settings()
    configure(settings.log_level)
    return create_app(settings)


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[State]:
        engine = create_engine(settings)
        async with open_drivers(engine, settings.pool_size) as drivers:
            yield {"sessions": create_sessions(engine), "drivers": drivers}
        await engine.dispose()

    app = FastAPI(
        title="FPSO System API",
        version=version("fpso"),
        description=DESCRIPTION,
        openapi_tags=[{"name": tag, "description": said} for tag, said in TAGS.items()],
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        responses={"default": contract.DEFAULT},
        # Asking at each request for providers that nobody has set is a tenth of W2.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.state.parameters = {}
    app.state.public_url = (settings.public_url or "").rstrip("/")
    problems.install(app)
    strict = [Depends(parameters.refuse_unknown)]
    for router in (
        *(vessels, taxonomy, equipment, changing, units, operations, orders, issues),
        *(
            issue_notes,
            reports,
            imports,
            failures,
            reliability,
            parts,
            stock,
            requisitions,
        ),
        changes,
    ):
        app.include_router(router, prefix=PREFIX, dependencies=strict)
    app.include_router(health.router, dependencies=strict)
    app.include_router(problems.router)
    app.include_router(pages.router)
    static = Path(__file__).parent / "static"
    app.mount("/static", StaticFiles(directory=static), name="static")
    contract.document(app)
    # From the innermost out. FastAPI's own `max_body_size` would stand outside of
    # all these and answer in plain text; a route may still set its own.
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=BODY_MAX)
    app.add_middleware(HotPaths, of=app)
    app.add_middleware(Conditional)
    app.add_middleware(AnswerHead)
    app.add_middleware(Refusals)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["ETag", "Link", "Location", "Retry-After", "X-Request-ID"],
        )
        app.add_middleware(Refusals)  # of a preflight, that is
    app.add_middleware(RequestLog)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
