"""From an uploaded file to staged rows, a batch at a time, in flat memory."""

from dataclasses import dataclass, field
from itertools import islice

from app.imports.mapping import Layout, lay_out
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
        self._lay_out()

    @property
    def layout(self) -> Layout:
        return self._stager.layout

    def _lay_out(self, *, final: bool = False) -> None:
        grows = self.table.grows and not final
        layout = lay_out(self.table.header, self.mapping, grows=grows)
        self._stager = Stager(layout, defused=self.defused)

    def next_batch(self) -> Batch:
        """Read the next rows; an empty batch is the end."""
        batch = Batch()
        size = 0
        for row in islice(self.table.rows, BATCH_ROWS):
            if len(self.table.header) > len(self.layout.header):
                self._lay_out()
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
