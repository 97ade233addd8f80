"""From an uploaded file to staged rows, a batch at a time, in flat memory."""

from dataclasses import dataclass, field
from itertools import islice

from app.imports.mapping import Layout, concerns, lay_out
from app.imports.rows import Problem, Record, Stager
from app.imports.schemas import Mapping
from app.imports.tables import MIB, Table

# Whichever comes first ends a batch.
BATCH_ROWS = 1000
BATCH_MAX = MIB


@dataclass
class Batch:
    records: list[Record] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class Staging:
    """Reads a table row by row; `layout` and `rows` are final at its end."""

    def __init__(self, table: Table, mapping: Mapping, *, defused: bool) -> None:
        self.table, self.mapping, self.defused = table, mapping, defused
        self.rows = 0
        self._columns = 0
        self._lay_out()

    @property
    def layout(self) -> Layout:
        return self._stager.layout

    def _lay_out(self, *, final: bool = False) -> None:
        grows = self.table.grows and not final
        layout = lay_out(self.table.header, self.mapping, grows=grows)
        self._stager = Stager(layout, defused=self.defused)
        self._columns = len(layout.header)

    def _grow(self) -> None:
        """Lay out again if the columns that a row brought mean anything."""
        further = self.table.header[self._columns :]
        if any(concerns(self.mapping, title) for title in further):
            self._lay_out()
        self._columns = len(self.table.header)

    def next_batch(self) -> Batch:
        """Read the next rows; an empty batch is the end."""
        batch = Batch()
        size = 0
        for row in islice(self.table.rows, BATCH_ROWS):
            if len(self.table.header) > self._columns:
                self._grow()
            staged = self._stager.stage(row)
            batch.records.append(staged.record)
            batch.problems += staged.problems
            size += len(str(staged.record[-1]))
            if size > BATCH_MAX:
                break
        if not batch.records:
            self._lay_out(final=True)
        self.rows += len(batch.records)
        return batch
