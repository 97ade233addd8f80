"""Failure logs as plan and apply: streamed, in flat memory, set-wise in PostgreSQL."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Driver, be_patient, driver
from app.errors import ConflictError, PlanStaleError, UnreadableFileError
from app.failures import lines, loads
from app.failures.lines import Block, Context
from app.failures.schemas import LogUpload
from app.imports import service as imports
from app.imports import views
from app.imports.delimited import marked
from app.imports.models import Import, Kind
from app.imports.tables import Text
from app.imports.uploads import File
from app.imports.views import Shown
from app.imports.walks import SECONDS

# What is read at once: each pass over it makes another one of its size.
BLOCK = 256 * 1024
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"7z\xbc\xaf\x27\x1c")
# So many go in one COPY, and two such batches are in memory: a savepoint for each
# block would slow others down.
BLOCKS = 6


async def plan(session: AsyncSession, upload: LogUpload) -> Shown:
    """Read a log and store what it would add; nothing is added yet.

    Raises UnreadableFileError for what is no log, ConflictError where no sensor of the
    vessel is known.
    """
    file, query = upload
    await be_patient(session, SECONDS)
    await imports.forget_expired(session)
    db = await driver(session)
    await loads.forget(db)
    sensors = await loads.sensors(db, file.vessel)
    if not sensors:
        raise ConflictError(
            f"No sensor at equipment aboard {file.vessel} is known, so that no line "
            "could be told apart. Load the map of its sensors first: "
            f"POST /api/v1/vessels/{file.vessel}/sensors/imports."
        )
    planned = Import(
        vessel=file.vessel,
        kind=Kind.FAILURES,
        filename=query.filename,
        reason=query.reason,
        columns={},
        header=["line"],
        ignored_columns=[],
        rows=0,
        creates=0,
        updates=0,
        unchanged=0,
        errors=0,
    )
    session.add(planned)
    await session.flush()
    context = Context(planned.number, file.vessel, sensors, datetime.now(UTC))
    reader = _Reader(file, context)
    await loads.make_room(db)
    planned.rows = await _stage(db, reader)
    planned.errors = await loads.keep_errors(db, planned.id)
    await loads.hash_everything(db)
    plan = (db, planned.number, planned.vessel)
    span = await loads.span(db, planned.number)
    # First of all that is asked: what comes in between makes the plan stale.
    planned.basis = await loads.basis(db, planned.vessel, span)
    planned.unchanged = await loads.leave_out_known(*plan, span)
    planned.details = await loads.describe(*plan)
    planned.creates = planned.details["readings"]
    if planned.creates + planned.unchanged + planned.errors != planned.rows:
        raise RuntimeError("lines of a log went astray")
    await session.flush()
    return await views.plan(session, planned)


async def _stage(db: Driver, reader: "_Reader") -> int:
    """Stage all lines and all that is wrong with some; how many lines they are."""
    rows = unreadable = 0
    # While PostgreSQL takes one batch, the next one is read.
    coming = asyncio.create_task(asyncio.to_thread(reader.next_batch))
    try:
        while (batch := await coming).pieces:
            coming = asyncio.create_task(asyncio.to_thread(reader.next_batch))
            if not await loads.stage(db, batch.texts):
                batch = await asyncio.to_thread(reader.again, batch)
                if not await loads.stage(db, batch.texts):
                    raise RuntimeError("PostgreSQL refuses a line that was read")
            found = [each for block in batch.blocks for each in block.wrong]
            await loads.find(db, found)
            rows += sum(text.count(b"\n") for text in batch.texts) + len(found)
            unreadable += sum(each.field is None for each in found)
            if rows == unreadable and batch.is_binary:
                break  # no text: no need to read all of it
    finally:
        await asyncio.wait([coming])  # whose file is closed after this
    if rows == unreadable:
        raise UnreadableFileError(
            f"None of {rows} lines is one of a failure log, such as: {lines.EXAMPLE}"
            f"{reader.hint}"
        )
    return rows


async def apply(session: AsyncSession, planned: Import) -> None:
    db = await driver(session)
    plan = (db, planned.number, planned.vessel)
    await _refuse_stale(db, planned)
    await loads.hash_everything(db)
    built = await loads.build_months(*plan)
    await loads.add_failures(*plan)
    # Who reports one of these failures waits from now on, or was here before.
    await _refuse_stale(db, planned)
    if await loads.add_readings(*plan, planned.creates, built) != planned.creates:
        raise PlanStaleError(
            "The database was cut off after this plan was made, and lines of the plan "
            f"are lost; nothing was applied. {imports.AGAIN}"
        )
    if built:
        await loads.attach_months(db, built)


async def _refuse_stale(db: Driver, planned: Import) -> None:
    if await loads.is_stale(db, planned.vessel, planned.basis or ""):
        raise PlanStaleError(
            "Sensors, or failures of the same time, changed after the plan was made, "
            f"and nothing was applied. {imports.AGAIN}"
        )


imports.APPLIERS[Kind.FAILURES] = apply


# --- reading the file -----------------------------------------------------------------


class Piece(NamedTuple):
    first: int
    raw: bytes


@dataclass
class Batch:
    """Blocks that go in one COPY, and what they were read from."""

    pieces: list[Piece]
    blocks: list[Block] = field(default_factory=list)

    @property
    def texts(self) -> list[bytes]:
        return [block.copy for block in self.blocks]

    @property
    def is_binary(self) -> bool:
        return any(b"\0" in piece.raw for piece in self.pieces)


class _Reader:
    """Reads a log in batches of blocks of whole lines."""

    def __init__(self, file: File, context: Context) -> None:
        self.file, self.context = file, context
        self._pieces = self._cut()

    def _cut(self) -> Iterator[Piece]:
        """The file in blocks of whole lines."""
        number = 1
        for raw in lines.blocks(self._read()):
            yield Piece(number, raw)
            number += raw.count(b"\n")

    def _read(self) -> Iterator[bytes]:
        self.file.body.seek(0)
        start = self.file.body.read(4)
        self.file.body.seek(0)
        encoding = self.file.encoding or marked(start)
        if encoding in {"utf-8", "utf-8-sig", "ascii"}:
            self.file.body.seek(3 if start.startswith(b"\xef\xbb\xbf") else 0)
            while piece := self.file.body.read(BLOCK):
                yield piece
            return
        text = Text(self.file.body, encoding, errors="replace", newline="")
        while characters := text.read(BLOCK):
            yield characters.removeprefix("\ufeff").encode()

    @property
    def hint(self) -> str:
        """What else may be amiss where no line can be read."""
        self.file.body.seek(0)
        start = self.file.body.read(BLOCK)
        if start.startswith(_ARCHIVES):
            return " An archive has to be unpacked."
        if b"\0" in start:
            return (
                " It holds NUL bytes: if it is UTF-16, send it as such, with "
                "charset=utf-16 in Content-Type, or without any if it has its mark."
            )
        return ""

    def next_batch(self) -> Batch:
        """Read the next blocks; no pieces are the end."""
        batch = Batch(list(islice(self._pieces, BLOCKS)))
        for piece in batch.pieces:
            text = lines.read_alike(piece.raw, self.context)
            if text is None:
                batch.blocks.append(self._each(piece))
            else:
                batch.blocks.append(Block(text))
        return batch

    def again(self, batch: Batch) -> Batch:
        """The same lines one by one: COPY refused what was alike."""
        return Batch(batch.pieces, [self._each(piece) for piece in batch.pieces])

    def _each(self, piece: Piece) -> Block:
        texts = piece.raw.decode(errors="replace").split("\n")[:-1]
        return lines.read_each(texts, piece.first, self.context)
