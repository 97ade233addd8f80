"""Reads the rows of a file that is no register, in batches, in flat memory."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from app.cells import restore
from app.imports.mapping import Fields, Layout, Source, lay_out
from app.imports.rows import NO_TEXT, Problem, explain, original
from app.imports.tables import MIB, Row, Table, clean

# Whichever comes first ends a batch.
BATCH = 1000
BATCH_MAX = MIB


class Read(NamedTuple):
    """What a row says: None of a blank cell, nothing of one that it does not have.

    Nothing either of a field with a problem.
    """

    number: int
    said: dict[str, Any]
    original: str


class Reader:
    """`layout` and `rows` are final at the end of the file.

    Each row must name its `keys`.
    """

    def __init__(
        self,
        table: Table,
        mapping: BaseModel,
        fields: Fields,
        *,
        keys: Sequence[str],
        defused: bool,
    ) -> None:
        self.table, self.mapping, self.fields = table, mapping, fields
        self.keys, self.defused = keys, defused
        self.rows = 0
        self.layout = self._lay_out(grows=table.grows)

    def _lay_out(self, *, grows: bool = False) -> Layout:
        self.layout = lay_out(self.table.header, self.mapping, self.fields, grows=grows)
        return self.layout

    def next_batch(self) -> tuple[list[Read], list[Problem]]:
        """Read the next rows; none are the end."""
        found: list[Read] = []
        problems: list[Problem] = []
        size = 0
        for row in islice(self.table.rows, BATCH):
            if len(self.table.header) > len(self.layout.header):
                self._lay_out(grows=True)
            mine: list[Problem] = []
            said = dict(self._read(row, mine))
            wrong = {problem[1] for problem in mine}
            problems += mine
            problems += (
                (row.number, key, "blank", "", f"This row names no {key}. Write it.")
                for key in self.keys
                if not (said.get(key) or key in wrong or row.fault)
            )
            kept = original(row.cells, defused=self.defused)
            found.append(Read(row.number, said, kept))
            size += len(kept)
            if size > BATCH_MAX:
                break
        if not found:
            self._lay_out()
        self.rows += len(found)
        return found, problems

    def _read(self, row: Row, problems: list[Problem]) -> Iterator[tuple[str, Any]]:
        if row.fault:
            code, message, value = row.fault
            value = value and clean(value[:500])
            problems.append((row.number, None, code, value, clean(message)))
            return
        for source in self.layout.sources:
            if source.index in row.nested:
                cell = clean(str(row.cells[source.index])[:500])
                problems.append((row.number, source.field, "nested", cell, NO_TEXT))
                continue
            if (text := self._text(row, source)) is None:
                continue
            try:
                value = self.fields.checks[source.field](text) if text else None
            except PydanticCustomError as wrong:
                problems.append(explain(row.number, source.field, text, wrong))
            else:
                yield source.field, value

    def _text(self, row: Row, source: Source) -> str | None:
        cell = source.constant
        if source.index is not None:
            cell = row.cells[source.index] if source.index < len(row.cells) else None
        if cell is None:
            return None
        text = cell.strip()
        if self.defused and text[:1] == "'":
            text = restore(text).strip()
        return source.values.get(text, text)
