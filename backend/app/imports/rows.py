"""From a file's row to a staged record: mapped, normalised, checked cell by cell."""

from typing import NamedTuple

from pydantic_core import PydanticCustomError

from app.cells import restore
from app.imports.fields import CHECKS, FIELDS
from app.imports.mapping import Layout
from app.imports.tables import Row, clean
from app.values import normal_code

# Between the cells of an original row, and for one that it does not have: no
# spreadsheet lets one type them.
SEPARATOR = "\x1f"
ABSENT = "\x1e"

NO_NAME = "The name is blank. Write one, or leave the column out."
NO_KEY = "This row has neither a code nor a tag, so that it is no equipment. Add one."
EMPTY = "This row is empty. Remove it."
NO_TEXT = "This is a JSON object or array. Write one text or number."
NOT_TEXT = (
    "This cell is not in the encoding of the file. Declare the right one, such as "
    "Content-Type: text/csv; charset=windows-1252."
)

# Registers repeat their locations and groups: so many different ones are remembered.
KNOWN = 2000

_CODE, _TAG, _PARENT = map(FIELDS.index, ("code", "tag", "parent"))
_NOTHING: frozenset[str | None] = frozenset()

# row, field, code, value, message
Problem = tuple[int, str | None, str, str | None, str]
# row, the eight fields, key, given, original
Record = tuple[int | str | None, ...]


class Staged(NamedTuple):
    record: Record
    problems: list[Problem]


class _Step(NamedTuple):
    """How one field is read; `known` are cells that were read and found good."""

    place: int
    field: str
    column: int | None
    constant: str | None
    known: dict[str, str]


class Stager:
    """Turns the rows of one layout into records."""

    def __init__(self, layout: Layout, *, defused: bool) -> None:
        self.layout = layout
        self.defused = defused
        checks = CHECKS | {"parent": clean} if layout.by_key else CHECKS
        self.checks = [checks[field] for field in FIELDS]
        self.values: dict[int, dict[str, str]] = {}
        self.steps: list[_Step] = []
        for source in layout.sources:
            place = FIELDS.index(source.field)
            self.values[place] = source.values
            self.steps.append(
                _Step(place, source.field, source.index, source.constant, {})
            )
        # A key that is a code or a tag compares as those do.
        self.coded = any(
            source.index == layout.key and not source.values
            for source in layout.sources
            if source.field in {"code", "tag"}
        )

    def stage(self, row: Row) -> Staged:
        if row.fault:
            code, message, value = row.fault
            # Words of Python's own parsers, which may quote the file.
            value = value and clean(value[:500])
            problem = (row.number, None, code, value, clean(message))
            return self._refused(row, [problem])
        found: list[str | None] = [None] * len(FIELDS)
        given, problems = self._read(row, found)
        key = None if self.layout.key is None else self._key(row.cells)
        wrong = {problem[1] for problem in problems} if problems else _NOTHING
        if "code" in wrong:
            # Not another equipment, which has the tag: nobody knows which is meant.
            found[_CODE] = found[_TAG] = None
        elif not (found[_CODE] or found[_TAG] or "tag" in wrong):
            empty = not any(cell and cell.strip() for cell in row.cells)
            problem = (row.number, None, "no-key", None, EMPTY if empty else NO_KEY)
            return self._refused(row, [problem], key)
        if self.coded and self.layout.by_key and (parent := found[_PARENT]):
            found[_PARENT] = normal_code(parent)
        kept = original(row.cells, defused=self.defused)
        return Staged((row.number, *found, key, given, kept), problems)

    def _read(self, row: Row, found: list[str | None]) -> tuple[int, list[Problem]]:
        """Fill in what the row says; which fields it gives, and what is wrong."""
        # The innermost loop of an import, and a third of its time.
        problems: list[Problem] = []
        given = 0
        number, cells, _, nested = row
        width = len(cells)
        for place, field, column, constant, known in self.steps:
            if column is None:
                cell = constant
            else:
                cell = cells[column] if column < width else None
            if cell is None:
                continue
            if column in nested:
                given |= 1 << place
                problems.append((number, field, "nested", clean(cell[:500]), NO_TEXT))
                continue
            if (text := known.get(cell)) is None:
                text = self._meant(place, cell)
                if not text and field == "status":
                    continue
                text, problem = self._check(number, place, text)
                if problem:
                    problems.append(problem)
                elif text and len(known) < KNOWN:
                    known[cell] = text
            given |= 1 << place
            found[place] = text or None
        return given, problems

    def _check(self, number: int, place: int, text: str) -> tuple[str, Problem | None]:
        """The text as it is stored, or what is wrong with it."""
        field = FIELDS[place]
        if not text:
            blank = (number, field, "blank", "", NO_NAME)
            return text, blank if field == "name" else None
        try:
            return self.checks[place](text), None
        except PydanticCustomError as wrong:
            return "", explain(number, field, text, wrong)

    def _meant(self, place: int, cell: str) -> str:
        """What a cell means for a field, before it is checked."""
        text = self._bare(cell)
        return self.values[place].get(text, text)

    def _bare(self, cell: str) -> str:
        text = cell.strip()
        if self.defused and text[:1] == "'":
            return restore(text).strip()
        return text

    def _key(self, cells: list[str | None]) -> str | None:
        index = self.layout.key
        cell = cells[index] if index is not None and index < len(cells) else None
        text = clean(self._bare(cell)) if cell else ""
        return (normal_code(text) if self.coded else text) or None

    def _refused(
        self, row: Row, problems: list[Problem], key: str | None = None
    ) -> Staged:
        nothing = (None,) * len(FIELDS)
        kept = original(row.cells, defused=self.defused)
        record = (row.number, *nothing, key, 0, kept)
        return Staged(record, problems)


def original(cells: list[str | None], *, defused: bool) -> str:
    """The cells as they were meant, to be given back if the row is in error."""
    texts = [ABSENT if cell is None else cell for cell in cells]
    joined = SEPARATOR.join(texts)
    if defused and "'" in joined:
        texts = [restore(text) for text in texts]
        joined = SEPARATOR.join(texts)
    if joined.count(SEPARATOR) != max(len(texts) - 1, 0):
        joined = SEPARATOR.join(text.replace(SEPARATOR, "\ufffd") for text in texts)
    return clean(joined)


def explain(number: int, name: str, text: str, wrong: PydanticCustomError) -> Problem:
    """What is wrong with a text that a field cannot hold."""
    value = clean(text[:500])
    if not text.isascii() and any("\udc80" <= c <= "\udcff" for c in text):
        return (number, name, "wrong-encoding", value, NOT_TEXT)
    return (number, name, wrong.type, value, clean(wrong.message()))
