"""Imports as plan and apply. Never commits: the caller's transaction does."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
from sqlalchemy import delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Driver, be_patient, driver
from app.errors import (
    ConflictError,
    NotFoundError,
    PlanAlreadyAppliedError,
    PlanExpiredError,
    PlanHasErrorsError,
    PlanStaleError,
)
from app.imports import judging, queries, views
from app.imports.files import READERS
from app.imports.mapping import Layout
from app.imports.models import Action, Import, ImportRow, Kind
from app.imports.schemas import (
    FileQuery,
    ImportsQuery,
    Mapping,
    PlanRow,
    PlanSummary,
    RowsQuery,
)
from app.imports.staging import Staging
from app.imports.tables import Table
from app.imports.uploads import File, Upload
from app.imports.views import Shown
from app.imports.walks import SECONDS
from app.links import href
from app.pagination import paginate
from app.recording import because
from app.vessels import service as vessels

# Keeps staged rows as those of a plan; how many there are of each action.
Keep = Callable[[Driver, uuid.UUID, str], Awaitable[dict[str, int]]]

AGAIN = "Import the file again to see what would change now."


async def plan(session: AsyncSession, upload: Upload) -> Shown:
    """Read a file and store what it would change; nothing is changed.

    Raises InvalidError for a mapping that does not fit the file, UnreadableFileError
    for a file that is none.
    """
    staging = await asyncio.to_thread(_open, upload)
    await be_patient(session, SECONDS)
    await forget_expired(session)
    db = await driver(session)
    await queries.make_room(db)
    while (batch := await asyncio.to_thread(staging.next_batch)).records:
        await queries.stage(db, batch.records, batch.problems)
    layout = staging.layout
    await judging.judge(db, upload.vessel, by_key=layout.key is not None)
    planned = draft(Kind.REGISTER, upload.vessel, upload.query, layout, staging.rows)
    return await store(session, planned, queries.keep)


def draft(
    kind: Kind, vessel: str, query: FileQuery, layout: Layout, rows: int
) -> Import:
    """A plan whose rows nobody has counted yet."""
    return Import(
        kind=kind,
        vessel=vessel,
        filename=query.filename,
        reason=query.reason,
        columns=layout.describe(),
        header=list(layout.header),
        ignored_columns=layout.ignored,
        rows=rows,
        creates=0,
        updates=0,
        unchanged=0,
        errors=0,
    )


async def store(session: AsyncSession, planned: Import, keep: Keep) -> Shown:
    """Store the plan and, by `keep`, its rows."""
    session.add(planned)
    await session.flush()
    counts = await keep(await driver(session), planned.id, planned.vessel)
    planned.creates = counts.get(Action.CREATE, 0)
    planned.updates = counts.get(Action.UPDATE, 0)
    planned.unchanged = counts.get(Action.UNCHANGED, 0)
    planned.errors = counts.get(Action.ERROR, 0)
    await session.flush()
    return await views.plan(session, planned)


def _open(upload: Upload) -> Staging:
    query = upload.query
    return Staging(
        read_table(upload.file, query.delimiter),
        query.mapping or Mapping(),
        defused=is_defused(upload.file),
    )


def read_table(file: File, delimiter: str | None) -> Table:
    delimiter = "\t" if delimiter == "tab" else delimiter
    return READERS[file.media_type](file.body, file.encoding, delimiter)


def is_defused(file: File) -> bool:
    """Spreadsheets hold texts as `cells.defuse` wrote them; JSON holds them bare."""
    return "json" not in file.media_type


async def forget_expired(session: AsyncSession) -> None:
    """Drop the rows of plans that nobody can apply any more; their counts stay."""
    has_rows = exists().where(ImportRow.import_id == Import.id)
    expired = select(Import.id).where(Import.expires_at < func.now(), has_rows)
    ids = await session.scalars(expired.with_for_update(skip_locked=True))
    if forgotten := ids.all():
        await session.execute(
            delete(ImportRow).where(ImportRow.import_id.in_(forgotten))
        )


async def get(session: AsyncSession, identity: uuid.UUID) -> Import:
    if planned := await session.get(Import, identity):
        return planned
    raise NotFoundError(
        f"There is no import {identity}. GET /api/v1/imports lists them."
    )


async def unexpired(session: AsyncSession, identity: uuid.UUID) -> Import:
    """A plan whose rows are still there; raises PlanExpiredError when they are not."""
    planned = await get(session, identity)
    if planned.expires_at < datetime.now(UTC):
        raise PlanExpiredError(
            f"This plan expired at {planned.expires_at:%Y-%m-%dT%H:%M:%SZ}. {AGAIN}"
        )
    return planned


async def read(session: AsyncSession, identity: uuid.UUID) -> Shown:
    return await views.plan(session, await get(session, identity))


async def listing(
    session: AsyncSession, query: ImportsQuery
) -> tuple[list[PlanSummary], str | None]:
    """One page of the plans, the latest first."""
    found = select(Import)
    if query.vessel:
        found = found.where(Import.vessel.in_(query.vessel))
    if query.kind:
        found = found.where(Import.kind.in_(query.kind))
    rows, next_cursor = await paginate(
        session,
        found,
        query,
        sort="-created_at",
        columns={"created_at": Import.created_at},
        unique=Import.id,
    )
    return [views.summary(row[0]) for row in rows], next_cursor


async def rows(
    session: AsyncSession, identity: uuid.UUID, query: RowsQuery
) -> tuple[list[PlanRow], str | None]:
    """One page of a plan's rows; raises PlanExpiredError when they are gone."""
    planned = await unexpired(session, identity)
    found = select(ImportRow).where(ImportRow.import_id == identity)
    if query.action:
        found = found.where(ImportRow.action.in_(query.action))
    page, next_cursor = await paginate(
        session,
        found,
        query,
        sort="row",
        columns={"row": ImportRow.row},
        unique=ImportRow.row,
    )
    return [views.row(planned, row[0]) for row in page], next_cursor


async def apply(
    session: AsyncSession,
    identity: uuid.UUID,
    *,
    skip_errors: bool,
    reason: str | None,
) -> Shown:
    """Do what the plan says, or nothing of it; raises the plan errors of `errors`."""
    planned = await get(session, identity)
    mine = select(Import.id).where(Import.id == identity)
    if not await session.scalar(mine.with_for_update(skip_locked=True)):
        raise ConflictError("Another request is applying this plan just now.")
    await session.refresh(planned)
    if planned.applied_at:
        raise PlanAlreadyAppliedError(
            f"This plan was applied at {planned.applied_at:%Y-%m-%dT%H:%M:%SZ}. {AGAIN}"
        )
    await unexpired(session, identity)
    if planned.errors and not skip_errors:
        raise PlanHasErrorsError(
            f"{planned.errors} of {planned.rows} rows have errors, and nothing was "
            "changed. Mend them and import again, or repeat with ?skip_errors=true to "
            "leave them out.",
            errors_csv=href("imports", str(identity), "errors.csv"),
        )
    await because(session, reason or planned.reason)
    await be_patient(session, SECONDS)
    await vessels.lock(session, planned.vessel)
    await APPLIERS[planned.kind](session, planned)
    planned.applied_at = datetime.now(UTC)
    await session.flush()
    return await views.plan(session, planned)


async def _apply_register(session: AsyncSession, planned: Import) -> None:
    db = await driver(session)
    if changed := await queries.stale(db, planned.id, planned.vessel):
        raise PlanStaleError(
            f"{changed} of the plan's equipment changed after it was made, and nothing "
            f"was applied. {AGAIN}"
        )
    try:
        whole = await queries.apply(db, planned.id, planned.vessel)
    except asyncpg.IntegrityConstraintViolationError:
        raise PlanStaleError(
            "A code, tag or parent of the plan was taken or moved after it was made, "
            f"and nothing was applied. {AGAIN}"
        ) from None
    if not whole:
        raise PlanStaleError(
            "Parents were changed after the plan was made, so that equipment would "
            f"stand below itself; nothing was applied. {AGAIN}"
        )


# Each does what a plan of its kind says, or raises PlanStaleError, with the vessel
# locked. Features add theirs.
APPLIERS: dict[Kind, Callable[[AsyncSession, Import], Awaitable[None]]] = {
    Kind.REGISTER: _apply_register
}
