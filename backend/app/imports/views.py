"""How a plan is shown: to programs as JSON, to those who mend a file as CSV."""

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from fastapi import Response
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.cells import defuse
from app.database import Sessions, be_patient, driver
from app.downloads import Download, Write
from app.imports import queries, schemas
from app.imports.fields import ATTRIBUTES
from app.imports.models import Action, Import, ImportRow, Kind
from app.imports.walks import SECONDS
from app.links import href

SHOWN = 10_000
# What the file of errors adds to the user's own columns.
REASON = ("error_row", "error_reason")


def _status(planned: Import) -> Literal["planned", "applied", "expired"]:
    if planned.applied_at:
        return "applied"
    return "expired" if planned.expires_at < datetime.now(UTC) else "planned"


def _summary(planned: Import) -> dict[str, Any]:
    return {
        "id": planned.id,
        "vessel": planned.vessel,
        "kind": planned.kind,
        "filename": planned.filename,
        "reason": planned.reason,
        "status": _status(planned),
        "created_at": planned.created_at,
        "expires_at": planned.expires_at,
        "applied_at": planned.applied_at,
        "rows": planned.rows,
        "counts": schemas.Counts(
            create=planned.creates,
            update=planned.updates,
            unchanged=planned.unchanged,
            error=planned.errors,
        ),
    }


def summary(planned: Import) -> schemas.PlanSummary:
    return schemas.PlanSummary(**_summary(planned))


def _column(planned: Import, field: str | None) -> str | None:
    """The file's own name for a field."""
    said = planned.columns.get(field) if field else None
    return said.get("column") if isinstance(said, dict) else said


def _problems(planned: Import, row: ImportRow) -> list[schemas.RowProblem]:
    return [
        schemas.RowProblem(
            row=row.row, column=_column(planned, problem["field"]), **problem
        )
        for problem in row.problems or []
    ]


def _changes(row: ImportRow) -> dict[str, schemas.Change] | None:
    if row.changes is None:
        return None
    return {field: schemas.Change(**change) for field, change in row.changes.items()}


def _kept(planned: Import) -> dict[str, str]:
    """The fields of a file of that kind → the columns in which its rows keep them."""
    if planned.kind is Kind.SENSORS:
        return {"sensor": "code", "equipment": "parent"}
    return ATTRIBUTES if planned.kind is Kind.REGISTER else {}


def _values(planned: Import, row: Row[Any] | ImportRow) -> dict[str, str | None]:
    if row.fields is not None:
        return row.fields
    return {name: getattr(row, kept) for name, kept in _kept(planned).items()}


def row(planned: Import, row: ImportRow) -> schemas.PlanRow:
    return schemas.PlanRow(
        row=row.row,
        action=row.action,
        code=row.code,
        tag=row.tag,
        values=_values(planned, row),
        changes=_changes(row),
        errors=_problems(planned, row),
    )


@dataclass(frozen=True)
class Shown:
    """A plan as JSON, and its address."""

    here: str
    body: bytes


def answer(
    plan: Shown, code: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return Response(plan.body, code, headers, media_type="application/json")


async def plan(session: AsyncSession, planned: Import) -> Shown:
    here = href("imports", str(planned.id))
    head = schemas.PlanHead(
        **_summary(planned),
        columns=planned.columns,
        ignored_columns=planned.ignored_columns,
        details=planned.details,
        errors_truncated=planned.errors > SHOWN,
        updates_truncated=planned.updates > SHOWN,
        links={
            "self": here,
            "rows": f"{here}/rows",
            "errors_csv": f"{here}/errors.csv",
            "apply": f"{here}/apply",
        },
    )
    columns = {field: _column(planned, field) for field in planned.columns}
    db = await driver(session)
    wrong, differ = "[]", "[]"
    if planned.errors:
        wrong = await queries.errors_shown(db, planned.id, columns, SHOWN)
    if planned.updates:
        differ = await queries.updates_shown(db, planned.id, SHOWN)
    body = f'{head.model_dump_json()[:-1]},"errors":{wrong},"updates":{differ}}}'
    return Shown(here, body.encode())


# --- the file of errors ---------------------------------------------------------------


def errors_csv(sessions: Sessions, planned: Import) -> Download:
    """The rows with errors as the user sent them, and the reason, ready to mend."""
    name = f"{planned.vessel}-import-errors.csv"
    produce = partial(_errors, sessions, planned)
    return Download(produce, name, "text/csv; charset=utf-8")


async def _errors(sessions: Sessions, planned: Import, write: Write) -> None:
    # The file may be one of errors itself.
    places = {i: n for i, n in enumerate(planned.header) if n not in REASON}
    absent = _stored(planned)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*map(defuse, places.values()), *REASON])
    wrong = (
        select(ImportRow.row, ImportRow.problems, ImportRow.original, ImportRow.fields)
        .add_columns(*(getattr(ImportRow, name) for name in ATTRIBUTES.values()))
        .where(ImportRow.import_id == planned.id, ImportRow.action == Action.ERROR)
        .order_by(ImportRow.row)
    )
    # A mark that spreadsheet programs want before they believe in UTF-8.
    await write(b"\xef\xbb\xbf")
    async with sessions() as session:
        await be_patient(session, SECONDS)
        result = await session.stream(wrong)
        async for row in result:
            known = dict(enumerate(row.original))
            stored = _values(planned, row)
            cells = []
            for place in places:
                cell = known.get(place)
                if cell is None and place in absent:
                    cell = _spelt(planned, absent[place], stored)
                cells.append(defuse(cell or ""))
            writer.writerow([*cells, row.row, _reason(row.problems)])
            await write(text.getvalue().encode())
            text.seek(0)
            text.truncate()
    await write(text.getvalue().encode())


def _stored(planned: Import) -> dict[int, str]:
    """The field that each column feeds: what is stored stays where a cell is absent.

    CSV has no absent cells, and a blank one would clear the field.
    """
    return {
        planned.header.index(column): field
        for field, said in planned.columns.items()
        if (column := _column(planned, field))
        and (isinstance(said, str) or "refers_to" not in said)
    }


def _spelt(planned: Import, field: str, stored: dict[str, str | None]) -> str | None:
    """What is stored, in the words of which the mapping makes it."""
    value, said = stored.get(field), planned.columns[field]
    words = said.get("values", {}) if isinstance(said, dict) else {}
    if value is None or words.get(value, value) == value:
        return value
    return next((word for word, meant in words.items() if meant == value), value)


def _reason(problems: list[dict[str, Any]]) -> str:
    return " ".join(
        f"{problem['field']}: {problem['message']}"
        if problem["field"]
        else problem["message"]
        for problem in problems
    )
