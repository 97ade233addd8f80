"""From a file's row to a staged record: mapped, normalised, checked cell by cell."""

from typing import NamedTuple

from pydantic_core import PydanticCustomError

from app.cells import restore
from app.imports.fields import BITS, CHECKS, FIELDS
from app.imports.mapping import Layout, Source
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

# row, field, code, value, message
Problem = tuple[int, str | None, str, str | None, str]
# row, the seven fields, key, given, original
Record = tuple[int | str | None, ...]


class Staged(NamedTuple):
    record: Record
    problems: list[Problem]


class Stager:
    """Turns the rows of one layout into records."""

    def __init__(self, layout: Layout, *, defused: bool) -> None:
        self.layout = layout
        self.defused = defused
        checks = CHECKS | {"parent": clean} if layout.by_key else CHECKS
        self.steps = [(source, checks[source.field]) for source in layout.sources]
        self.key = None if layout.key is None else Source("key", layout.key)
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
        found: dict[str, str | None] = dict.fromkeys(FIELDS)
        given, problems = self._read(row, found)
        key = self._key(row.cells)
        wrong = {problem[1] for problem in problems}
        if "code" in wrong:
            # Not another equipment, which has the tag: nobody knows which is meant.
            found["code"] = found["tag"] = None
        elif not (found["code"] or found["tag"] or "tag" in wrong):
            empty = not any(cell and cell.strip() for cell in row.cells)
            problem = (row.number, None, "no-key", None, EMPTY if empty else NO_KEY)
            return self._refused(row, [problem], key)
        if self.layout.by_key and self.coded and (parent := found["parent"]):
            found["parent"] = normal_code(parent)
        fields = (found[name] for name in FIELDS)
        record = (row.number, *fields, key, given, self._original(row.cells))
        return Staged(record, problems)

    def _read(
        self, row: Row, found: dict[str, str | None]
    ) -> tuple[int, list[Problem]]:
        """Fill in what the row says; which fields it gives, and what is wrong."""
        problems: list[Problem] = []
        given = 0
        for source, check in self.steps:
            name = source.field
            text = self._text(source, row.cells)
            if text is None or (name == "status" and not text):
                continue
            given |= BITS[name]
            if not text:
                if name == "name":
                    problems.append((row.number, name, "blank", "", NO_NAME))
                continue
            if row.nested and source.index in row.nested:
                problems.append((row.number, name, "nested", text[:500], NO_TEXT))
                continue
            try:
                found[name] = check(text)
            except PydanticCustomError as wrong:
                problems.append(_explain(row.number, name, text, wrong))
        return given, problems

    def _text(self, source: Source, cells: list[str | None]) -> str | None:
        """What the row says for a source; None where it has no such cell."""
        if source.index is None:
            return source.constant
        text = cells[source.index] if source.index < len(cells) else None
        if text is None:
            return None
        text = text.strip()
        if self.defused and text[:1] == "'":
            text = restore(text).strip()
        return source.values.get(text, text) if source.values else text

    def _key(self, cells: list[str | None]) -> str | None:
        text = self._text(self.key, cells) if self.key else None
        if not text:
            return None
        return normal_code(clean(text)) if self.coded else clean(text)

    def _refused(
        self, row: Row, problems: list[Problem], key: str | None = None
    ) -> Staged:
        nothing = (None,) * len(FIELDS)
        record = (row.number, *nothing, key, 0, self._original(row.cells))
        return Staged(record, problems)

    def _original(self, cells: list[str | None]) -> str:
        """The cells as they were meant, to be given back if the row is in error."""
        texts = [ABSENT if cell is None else cell for cell in cells]
        joined = SEPARATOR.join(texts)
        if self.defused and "'" in joined:
            texts = [restore(text) for text in texts]
            joined = SEPARATOR.join(texts)
        if joined.count(SEPARATOR) != max(len(texts) - 1, 0):
            joined = SEPARATOR.join(text.replace(SEPARATOR, "\ufffd") for text in texts)
        return clean(joined)


def _explain(number: int, name: str, text: str, wrong: PydanticCustomError) -> Problem:
    value = clean(text[:500])
    if not text.isascii() and any("\udc80" <= c <= "\udcff" for c in text):
        return (number, name, "wrong-encoding", value, NOT_TEXT)
    return (number, name, wrong.type, value, clean(wrong.message()))
