"""From an uploaded file to staged rows, a thousand at a time, in flat memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from app.imports.files import Row, Table
from app.imports.mapping import Layout, lay_out
from app.imports.rows import Problem, Stager
from app.imports.schemas import Mapping

BATCH = 1000


@dataclass
class Batch:
    records: list[tuple[int | str | None, ...]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class Staging:
    """Reads a table row by row; `layout` and `rows` are final at its end."""

    def __init__(self, table: Table, mapping: Mapping, *, defused: bool) -> None:
        self.table, self.mapping, self.defused = table, mapping, defused
        self.rows = 0
        # JSON names its columns row by row: look at some before deciding.
        first = list(islice(table.rows, BATCH))
        self._rest: Iterator[Row] = chain(first, table.rows)
        self._lay_out()

    @property
    def layout(self) -> Layout:
        return self._stager.layout

    def _lay_out(self) -> None:
        layout = lay_out(self.table.header, self.mapping)
        self._stager = Stager(layout, defused=self.defused)

    def next_batch(self) -> Batch:
        """Read the next rows; an empty batch is the end."""
        batch = Batch()
        for row in islice(self._rest, BATCH):
            if len(self.table.header) > len(self.layout.header):
                self._lay_out()
            staged = self._stager.stage(row)
            batch.records.append(staged.record)
            batch.problems += staged.problems
        self.rows += len(batch.records)
        return batch
