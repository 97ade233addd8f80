"""Imports as plan and apply. Never commits: the caller's transaction does."""

import asyncio
import csv
import io
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import asyncpg
from sqlalchemy import delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.cells import defuse
from app.database import be_patient, driver
from app.errors import (
    ConflictError,
    NotFoundError,
    PlanAlreadyAppliedError,
    PlanExpiredError,
    PlanHasErrorsError,
    PlanStaleError,
)
from app.imports import queries
from app.imports.mapping import FIELDS
from app.imports.models import Action, Import, ImportRow
from app.imports.schemas import (
    Change,
    Counts,
    ImportQuery,
    ImportsQuery,
    Mapping,
    Plan,
    PlanRow,
    PlanSummary,
    RowProblem,
    RowsQuery,
    RowUpdate,
)
from app.imports.staging import Staging
from app.imports.uploads import Upload
from app.links import href
from app.pagination import paginate
from app.vessels import service as vessels

SHOWN = 10_000
AGAIN = "Import the file again to see what would change now."


async def plan(session: AsyncSession, upload: Upload, query: ImportQuery) -> Plan:
    """Read a file and store what it would change; nothing is changed.

    Raises InvalidError for a mapping that does not fit the file, UnreadableFileError
    for a file that is none.
    """
    staging = await asyncio.to_thread(_open, upload, query)
    await be_patient(session, queries.SECONDS)
    await _forget_expired(session)
    db = await driver(session)
    await queries.make_room(db)
    while (batch := await asyncio.to_thread(staging.next_batch)).records:
        await queries.stage(db, batch.records, batch.problems)
    layout = staging.layout
    await queries.judge(db, upload.vessel, by_key=layout.key is not None)
    planned = Import(
        vessel=upload.vessel,
        filename=query.filename,
        columns=layout.describe(),
        header=list(layout.header),
        ignored_columns=layout.ignored,
        rows=staging.rows,
        creates=0,
        updates=0,
        unchanged=0,
        errors=0,
    )
    session.add(planned)
    await session.flush()
    counts = await queries.keep(db, planned.id, upload.vessel)
    planned.creates = counts.get(Action.CREATE, 0)
    planned.updates = counts.get(Action.UPDATE, 0)
    planned.unchanged = counts.get(Action.UNCHANGED, 0)
    planned.errors = counts.get(Action.ERROR, 0)
    await session.flush()
    return await _show(session, planned)


def _open(upload: Upload, query: ImportQuery) -> Staging:
    delimiter = "\t" if query.delimiter == "tab" else query.delimiter
    table = upload.reader(upload.file, upload.encoding, delimiter)
    return Staging(
        table, query.mapping or Mapping(), defused="json" not in upload.media_type
    )


async def _forget_expired(session: AsyncSession) -> None:
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


async def read(session: AsyncSession, identity: uuid.UUID) -> Plan:
    return await _show(session, await get(session, identity))


async def listing(
    session: AsyncSession, query: ImportsQuery
) -> tuple[list[PlanSummary], str | None]:
    """One page of the plans, the latest first."""
    found = select(Import)
    if query.vessel:
        found = found.where(Import.vessel.in_(query.vessel))
    rows, next_cursor = await paginate(
        session,
        found,
        query,
        sort="-created_at",
        columns={"created_at": Import.created_at},
        unique=Import.id,
    )
    return [PlanSummary(**_summary(row[0])) for row in rows], next_cursor


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
    return [_row(planned, row[0]) for row in page], next_cursor


async def apply(
    session: AsyncSession, identity: uuid.UUID, *, skip_errors: bool
) -> Plan:
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
    await be_patient(session, queries.SECONDS)
    await vessels.lock(session, planned.vessel)
    db = await driver(session)
    if changed := await queries.stale(db, identity, planned.vessel):
        raise PlanStaleError(
            f"{changed} of the plan's equipment changed after it was made, and nothing "
            f"was applied. {AGAIN}"
        )
    try:
        whole = await queries.apply(db, identity, planned.vessel)
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
    planned.applied_at = datetime.now(UTC)
    await session.flush()
    return await _show(session, planned)


async def errors_csv(session: AsyncSession, planned: Import) -> AsyncIterator[bytes]:
    """The rows with errors as the user sent them, and the reason, ready to mend."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*planned.header, "error_row", "error_reason"])
    wrong = (
        select(ImportRow.row, ImportRow.problems, ImportRow.original)
        .where(ImportRow.import_id == planned.id, ImportRow.action == Action.ERROR)
        .order_by(ImportRow.row)
    )
    width = len(planned.header)
    # A mark that spreadsheet programs want before they believe in UTF-8.
    yield b"\xef\xbb\xbf"
    result = await session.stream(wrong)
    async for part in result.partitions(1000):
        for row, problems, original in part:
            cells = [defuse(cell) for cell in (original or [])]
            cells += [""] * (width - len(cells))
            reason = " ".join(
                f"{problem['field']}: {problem['message']}"
                if problem["field"]
                else problem["message"]
                for problem in problems
            )
            writer.writerow([*cells[:width], row, reason])
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode()


# --- how a plan is shown --------------------------------------------------------------


def _status(planned: Import) -> Literal["planned", "applied", "expired"]:
    if planned.applied_at:
        return "applied"
    return "expired" if planned.expires_at < datetime.now(UTC) else "planned"


def _summary(planned: Import) -> dict[str, Any]:
    return {
        "id": planned.id,
        "vessel": planned.vessel,
        "filename": planned.filename,
        "status": _status(planned),
        "created_at": planned.created_at,
        "expires_at": planned.expires_at,
        "applied_at": planned.applied_at,
        "rows": planned.rows,
        "counts": Counts(
            create=planned.creates,
            update=planned.updates,
            unchanged=planned.unchanged,
            error=planned.errors,
        ),
    }


def _column(planned: Import, field: str | None) -> str | None:
    """The file's own name for a field."""
    said = planned.columns.get(field) if field else None
    return said.get("column") if isinstance(said, dict) else said


def _problems(planned: Import, row: ImportRow) -> list[RowProblem]:
    return [
        RowProblem(row=row.row, column=_column(planned, problem["field"]), **problem)
        for problem in row.problems or []
    ]


def _changes(row: ImportRow) -> dict[str, Change] | None:
    if row.changes is None:
        return None
    return {field: Change(**change) for field, change in row.changes.items()}


def _row(planned: Import, row: ImportRow) -> PlanRow:
    return PlanRow(
        row=row.row,
        action=row.action,
        code=row.code,
        tag=row.tag,
        values={field: getattr(row, field) for field in FIELDS},
        changes=_changes(row),
        errors=_problems(planned, row),
    )


async def _first(
    session: AsyncSession, planned: Import, action: Action
) -> Sequence[ImportRow]:
    found = (
        select(ImportRow)
        .where(ImportRow.import_id == planned.id, ImportRow.action == action)
        .order_by(ImportRow.row)
        .limit(SHOWN)
    )
    return (await session.scalars(found)).all()


async def _show(session: AsyncSession, planned: Import) -> Plan:
    wrong = await _first(session, planned, Action.ERROR) if planned.errors else []
    differ = await _first(session, planned, Action.UPDATE) if planned.updates else []
    here = href("imports", str(planned.id))
    return Plan(
        **_summary(planned),
        columns=planned.columns,
        ignored_columns=planned.ignored_columns,
        errors=[problem for row in wrong for problem in _problems(planned, row)],
        updates=[
            RowUpdate(row=row.row, code=row.code or "", changes=_changes(row) or {})
            for row in differ
        ],
        errors_truncated=planned.errors > SHOWN,
        updates_truncated=planned.updates > SHOWN,
        links={
            "self": here,
            "rows": f"{here}/rows",
            "errors_csv": f"{here}/errors.csv",
            "apply": f"{here}/apply",
        },
    )
