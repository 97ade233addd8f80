"""Files that are no registers: each row names an equipment that is aboard.

What differs, a feature says in its `Steps`; what is alike, such files share here.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import asyncpg
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Driver, be_patient, driver
from app.errors import PlanStaleError
from app.imports import service
from app.imports.mapping import Fields
from app.imports.models import Import, Kind
from app.imports.reading import Read, Reader
from app.imports.rows import Problem
from app.imports.schemas import TableQuery
from app.imports.service import Keep
from app.imports.uploads import File
from app.imports.views import Shown
from app.imports.walks import SECONDS

# --- SQL that they share; `{table}` is where the rows are staged ----------------------

FOUND = ("row", "field", "code", "value", "message")
FOUND_TABLE = """
CREATE TEMPORARY TABLE found (
    "row" integer, field text, code text, value text, message text
) ON COMMIT DROP;
"""
_NAMED = """
UPDATE {table} s SET equipment = e.code FROM equipment e
WHERE e.vessel = $1 AND e.tag = s.equipment
  AND NOT EXISTS (SELECT FROM equipment c WHERE c.vessel = $1 AND c.code = s.equipment)
"""
_NOT_ABOARD = """
INSERT INTO found
SELECT "row", 'equipment', 'unknown-equipment', equipment,
    'No equipment aboard ' || $1 || ' has this code or tag. Register it first, or '
    'translate it in the mapping: "equipment": {{"column": …, "values": {{…}}}}.'
FROM {table} s WHERE equipment IS NOT NULL AND NOT EXISTS (
    SELECT FROM equipment e WHERE e.vessel = $1 AND e.code = s.equipment)
"""
# What is wrong with each row, for a plan: to be joined as `f`.
WRONG = """LEFT JOIN (
        SELECT "row", jsonb_agg(jsonb_build_object('field', field, 'code', code,
            'value', value, 'message', message)) AS problems
        FROM found GROUP BY "row"
    ) f USING ("row")"""


async def name_equipment(db: Driver, vessel: str, table: str) -> None:
    """Say codes for tags, and find the rows whose equipment is not aboard."""
    for statement in (_NAMED, _NOT_ABOARD):
        await db.execute(statement.format(table=table), vessel, timeout=SECONDS)


async def stage(
    db: Driver,
    table: str,
    columns: Sequence[str],
    records: Sequence[tuple[object, ...]],
    problems: Sequence[Problem],
) -> None:
    for into, rows, names in (
        (table, records, columns),
        ("found", problems, FOUND),
    ):
        await db.copy_records_to_table(
            into, records=rows, columns=names, timeout=SECONDS
        )


# --- from a file to a plan, and what it says done -------------------------------------


class Stage(Protocol):
    async def __call__(
        self, db: Driver, rows: Sequence[Read], problems: Sequence[Problem]
    ) -> None: ...


@dataclass(frozen=True)
class Steps:
    """What a feature does with the rows of its files, by SQL."""

    kind: Kind
    # How errors call what the rows are.
    what: str
    keys: Sequence[str]
    make_room: Callable[[Driver], Awaitable[None]]
    stage: Stage
    keep: Keep
    # How many rows of a plan were made from what is gone; it locks the others.
    stale: Callable[[Driver, uuid.UUID, str], Awaitable[int]]
    # It may raise asyncpg's IntegrityConstraintViolationError.
    apply: Callable[[Driver, uuid.UUID, str], Awaitable[None]]


class Upload(Protocol):
    @property
    def file(self) -> File: ...
    @property
    def query(self) -> TableQuery: ...


async def plan(
    session: AsyncSession,
    upload: Upload,
    mapping: BaseModel,
    fields: Fields,
    steps: Steps,
) -> Shown:
    """Read a file and store what it would change; nothing is changed."""
    file, query = upload.file, upload.query
    table = await asyncio.to_thread(service.read_table, file, query.delimiter)
    defused = service.is_defused(file)
    reader = Reader(table, mapping, fields, keys=steps.keys, defused=defused)
    await be_patient(session, SECONDS)
    await service.forget_expired(session)
    db = await driver(session)
    await steps.make_room(db)
    while (batch := await asyncio.to_thread(reader.next_batch))[0]:
        await steps.stage(db, *batch)
    planned = service.draft(steps.kind, file.vessel, query, reader.layout, reader.rows)
    return await service.store(session, planned, steps.keep)


def register(steps: Steps) -> None:
    """Let plans of this kind be applied."""

    async def apply(session: AsyncSession, planned: Import) -> None:
        db = await driver(session)
        if changed := await steps.stale(db, planned.id, planned.vessel):
            raise PlanStaleError(
                f"{changed} of the plan's {steps.what} or their equipment changed "
                f"after it was made, and nothing was applied. {service.AGAIN}"
            )
        try:
            await steps.apply(db, planned.id, planned.vessel)
        except asyncpg.IntegrityConstraintViolationError:
            raise PlanStaleError(
                f"Some of the plan's {steps.what} were entered by others after it was "
                f"made, and nothing was applied. {service.AGAIN}"
            ) from None

    service.APPLIERS[steps.kind] = apply
