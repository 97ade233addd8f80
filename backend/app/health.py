"""Whether this process lives, may be sent requests, and how to tell it from others."""

import asyncio
import os
import socket
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from alembic.config import Config
from alembic.script import ScriptDirectory
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from sqlalchemy import text

from app.database import SessionDep
from app.errors import UnavailableError
from app.problems import responses

router = APIRouter(tags=["health"])


class Status(BaseModel):
    status: Literal["ok"] = "ok"
    version: str
    instance: str


def get_status(request: Request) -> Status:
    return Status(
        version=request.app.version, instance=f"{socket.gethostname()}:{os.getpid()}"
    )


StatusDep = Annotated[Status, Depends(get_status)]


@cache
def _revisions() -> tuple[frozenset[str], frozenset[str]]:
    """The revisions that this release's schema ends in, and all that it knows."""
    root = Path(__file__).parents[2]
    config = Config()
    config.set_main_option("script_location", str(root / "alembic"))
    scripts = ScriptDirectory.from_config(config)
    known = frozenset(script.revision for script in scripts.walk_revisions())
    return frozenset(scripts.get_heads()), known


@router.get("/status")
@router.get("/status/", include_in_schema=False)
async def read_status(status: StatusDep) -> Status:
    """Say that the service answers, and which process of it did."""
    return status


@router.get("/livez")
async def read_liveness(status: StatusDep) -> Status:
    """Say that this process lives; never asks the database."""
    return status


@router.get("/readyz", responses=responses(UnavailableError))
async def read_readiness(session: SessionDep, status: StatusDep) -> Status:
    """Say that this process can work: the database answers, its schema is ours."""
    known = await session.scalar(text("SELECT to_regclass('alembic_version')"))
    found: set[str] = set()
    if known:
        rows = await session.scalars(text("SELECT version_num FROM alembic_version"))
        found = set(rows)
    heads, all_known = await asyncio.to_thread(_revisions)
    # A revision that this release does not know is a later one's, and each schema
    # serves the release before it too: a rolling upgrade takes nobody out.
    if (missing := heads - found) and found <= all_known:
        raise UnavailableError(
            f"The schema is behind: {', '.join(sorted(missing))} is not there. "
            "Run alembic upgrade head.",
            headers={"Retry-After": "2"},
        )
    return status
