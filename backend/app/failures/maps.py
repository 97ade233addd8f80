"""Maps of sensors: files that say which sensor sits at which equipment."""

import asyncio
from collections.abc import Iterator
from itertools import islice

import asyncpg
from pydantic_core import PydanticCustomError
from sqlalchemy.ext.asyncio import AsyncSession

from app.cells import restore
from app.database import be_patient, driver
from app.errors import PlanStaleError
from app.failures import mapped
from app.failures.mapped import Record
from app.failures.schemas import SensorMapping, SensorsUpload
from app.imports import service as imports
from app.imports import views
from app.imports.fields import CHECKS
from app.imports.mapping import Fields, Layout, Source, lay_out
from app.imports.models import Action, Import, Kind
from app.imports.rows import ABSENT, SEPARATOR, Problem
from app.imports.tables import Row, Table, clean
from app.imports.views import Shown
from app.imports.walks import SECONDS

SAY_WHICH = 'Say which is, such as ?mapping={"sensor": "…", "equipment": "…"}.'
FIELDS = Fields(
    {"sensor": CHECKS["code"], "equipment": CHECKS["parent"]},
    {
        "sensor": ("sensorid", "sensorcode", "sensornumber", "sensorno"),
        "equipment": (
            *("equipmentid", "equipmentcode", "equipmentnumber", "equipmentno"),
            *("equipmenttag", "code", "tag"),
        ),
    },
    needed=(
        (
            frozenset({"sensor"}),
            f"No column is a sensor. {SAY_WHICH}",
        ),
        (
            frozenset({"equipment"}),
            f"No column is an equipment. {SAY_WHICH}",
        ),
    ),
)
BATCH = 1000


async def plan(session: AsyncSession, upload: SensorsUpload) -> Shown:
    """Read a map and store what it would change; nothing is changed."""
    file, query = upload
    table = await asyncio.to_thread(imports.read_table, file, query.delimiter)
    reader = _Reader(table, query.mapping, defused=imports.is_defused(file))
    await be_patient(session, SECONDS)
    await imports.forget_expired(session)
    db = await driver(session)
    await mapped.make_room(db)
    while (batch := await asyncio.to_thread(reader.next_batch))[0]:
        await mapped.stage(db, *batch)
    layout = reader.lay_out()
    planned = Import(
        vessel=file.vessel,
        kind=Kind.SENSORS,
        filename=query.filename,
        reason=query.reason,
        columns=layout.describe(),
        header=list(layout.header),
        ignored_columns=layout.ignored,
        rows=reader.rows,
        creates=0,
        updates=0,
        unchanged=0,
        errors=0,
    )
    session.add(planned)
    await session.flush()
    counts = await mapped.keep(db, planned.id, file.vessel)
    planned.creates = counts.get(Action.CREATE, 0)
    planned.updates = counts.get(Action.UPDATE, 0)
    planned.unchanged = counts.get(Action.UNCHANGED, 0)
    planned.errors = counts.get(Action.ERROR, 0)
    await session.flush()
    return await views.plan(session, planned)


async def apply(session: AsyncSession, planned: Import) -> None:
    db = await driver(session)
    if changed := await mapped.stale(db, planned.id, planned.vessel):
        raise PlanStaleError(
            f"{changed} of the plan's sensors or their equipment changed after it was "
            f"made, and nothing was applied. {imports.AGAIN}"
        )
    try:
        await mapped.apply(db, planned.id, planned.vessel)
    except asyncpg.IntegrityConstraintViolationError:
        raise PlanStaleError(
            "A sensor of the plan was registered after it was made, and nothing was "
            f"applied. {imports.AGAIN}"
        ) from None


imports.APPLIERS[Kind.SENSORS] = apply


class _Reader:
    """Reads a map's rows in batches, in flat memory."""

    def __init__(
        self, table: Table, mapping: SensorMapping | None, *, defused: bool
    ) -> None:
        self.table, self.defused = table, defused
        self.mapping = mapping or SensorMapping()
        self.rows = 0
        self.layout = self.lay_out(grows=table.grows)

    def lay_out(self, *, grows: bool = False) -> Layout:
        self.layout = lay_out(self.table.header, self.mapping, FIELDS, grows=grows)
        return self.layout

    def next_batch(self) -> tuple[list[Record], list[Problem]]:
        records: list[Record] = []
        problems: list[Problem] = []
        for row in islice(self.table.rows, BATCH):
            if len(self.table.header) > len(self.layout.header):
                self.lay_out(grows=True)
            found = dict(self._read(row, problems))
            cells = (ABSENT if cell is None else cell for cell in row.cells)
            original = SEPARATOR.join(cells)
            records.append(
                (
                    row.number,
                    found.get("sensor"),
                    found.get("equipment"),
                    clean(original),
                )
            )
        self.rows += len(records)
        return records, problems

    def _read(self, row: Row, problems: list[Problem]) -> Iterator[tuple[str, str]]:
        if row.fault:
            code, message, value = row.fault
            value = value and clean(value[:500])
            problems.append((row.number, None, code, value, clean(message)))
            return
        sources = {source.field: source for source in self.layout.sources}
        for name, check in FIELDS.checks.items():
            text = self._text(row, sources.get(name))
            if not text:
                message = f"This row names no {name}. Write its code."
                problems.append((row.number, name, "blank", "", message))
                continue
            try:
                yield name, check(text)
            except PydanticCustomError as wrong:
                value = clean(text[:500])
                message = clean(wrong.message())
                problems.append((row.number, name, wrong.type, value, message))

    def _text(self, row: Row, source: Source | None) -> str:
        if source is None:
            return ""
        cell = source.constant
        if source.index is not None:
            cell = row.cells[source.index] if source.index < len(row.cells) else None
        text = (cell or "").strip()
        if self.defused and text[:1] == "'":
            text = restore(text).strip()
        return source.values.get(text, text)
