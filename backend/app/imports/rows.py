"""From a file's row to a staged record: mapped, normalised, checked cell by cell."""

from dataclasses import dataclass

from pydantic_core import PydanticCustomError

from app.cells import restore
from app.equipment.models import Status
from app.imports.files import Row
from app.imports.mapping import FIELDS, Layout, Source
from app.values import CODE_PATTERN, LABEL_MAX, check_code, check_label

# Which fields a row gives at all, as bits: the others stay as they are.
BITS = {name: 1 << place for place, name in enumerate(FIELDS)}

# Between the cells of an original row: no spreadsheet lets one type it.
SEPARATOR = "\x1f"

Problem = tuple[int, str | None, str, str | None, str]


@dataclass(frozen=True)
class Staged:
    """`record`: row, the seven fields, key, given, original; and what is wrong."""

    record: tuple[int | str | None, ...]
    problems: list[Problem]


def _code(text: str) -> str:
    code = text.upper()
    return code if CODE_PATTERN.fullmatch(code) else check_code(text)


def _label(text: str) -> str:
    # isprintable refuses more than the rule does, but is fast where it does not.
    if len(text) <= LABEL_MAX and text.isprintable():
        return text
    return check_label(text)


def _status(text: str) -> str:
    status = text.lower()
    if status in {Status.ACTIVE, Status.INACTIVE}:
        return status
    raise PydanticCustomError(
        "invalid-status",
        'Write active or inactive, or translate it in the mapping: "values": '
        '{{"{text}": "active"}}.',
        {"text": text[:40]},
    )


CHECKS = {
    "code": _code,
    "tag": _code,
    "name": _label,
    "location": _label,
    "group": _label,
    "parent": _code,
    "status": _status,
}


class Stager:
    """Turns the rows of one layout into records."""

    def __init__(self, layout: Layout, *, defused: bool) -> None:
        self.layout = layout
        self.defused = defused
        checks = CHECKS if layout.key is None else CHECKS | {"parent": _clean}
        self.steps = [(source, checks[source.field]) for source in layout.sources]
        self.key = None if layout.key is None else Source("key", layout.key)

    def stage(self, row: Row) -> Staged:
        if row.problem:
            # Words of Python's own parser, which may quote the file.
            problem = (row.number, None, "unreadable-row", None, _clean(row.problem))
            return self._refused(row, [problem])
        cells = row.cells
        width = len(self.layout.header)
        if len(cells) > width and any(cells[width:]):
            message = (
                f"This row has {len(cells)} cells, the header {width} columns. Put "
                "quotes around cells that hold the delimiter."
            )
            problem = (row.number, None, "too-many-cells", None, message)
            return self._refused(row, [problem])
        return self._read(row)

    def _read(self, row: Row) -> Staged:
        found: dict[str, str | None] = dict.fromkeys(FIELDS)
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
            try:
                found[name] = check(text)
            except PydanticCustomError as wrong:
                problems.append(_explain(row.number, source, text, wrong))
        if any(problem[1] in {"code", "tag"} for problem in problems):
            found["code"] = found["tag"] = None
        elif not (found["code"] or found["tag"]):
            empty = not any(cell and cell.strip() for cell in row.cells)
            message = EMPTY if empty else NO_KEY
            return self._refused(row, [(row.number, None, "no-key", None, message)])
        key = self._text(self.key, row.cells) if self.key else None
        fields = (found[name] for name in FIELDS)
        record = (
            row.number,
            *fields,
            _clean(key) if key else None,
            given,
            _original(row.cells),
        )
        return Staged(record, problems)

    def _text(self, source: Source, cells: list[str | None]) -> str | None:
        """What the row says for a source; None where it has no such cell."""
        if source.index is None:
            return source.constant
        text = cells[source.index] if source.index < len(cells) else None
        if text is None:
            return None
        text = (restore(text) if self.defused else text).strip()
        return source.values.get(text, text).strip() if source.values else text

    def _refused(self, row: Row, problems: list[Problem]) -> Staged:
        nothing = (None,) * len(FIELDS)
        record = (row.number, *nothing, None, 0, _original(row.cells))
        return Staged(record, problems)


NO_NAME = "The name is blank. Write one, or leave the column out."
NO_KEY = "This row has neither a code nor a tag, so that it is no equipment. Add one."
EMPTY = "This row is empty. Remove it."
NOT_TEXT = (
    "This cell is not in the encoding of the file. Declare the right one, such as "
    "Content-Type: text/csv; charset=windows-1252."
)


def _explain(
    number: int, source: Source, text: str, wrong: PydanticCustomError
) -> Problem:
    value = _clean(text[:500])
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        return (number, source.field, "wrong-encoding", value, NOT_TEXT)
    return (number, source.field, wrong.type, value, wrong.message())


def _clean(text: str) -> str:
    """The text as PostgreSQL can store it."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _original(cells: list[str | None]) -> str:
    texts = [cell or "" for cell in cells]
    joined = SEPARATOR.join(texts)
    if joined.count(SEPARATOR) != max(len(texts) - 1, 0):
        joined = SEPARATOR.join(text.replace(SEPARATOR, "\ufffd") for text in texts)
    return _clean(joined)
