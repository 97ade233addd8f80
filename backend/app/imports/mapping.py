"""Which column of a file feeds which field."""

import dataclasses
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from app.errors import FieldProblem, InvalidError, UnreadableFileError
from app.imports import schemas
from app.imports.fields import CHECKS, FIELDS, attribute
from app.imports.schemas import Mapping

# Header names that mean a field, letters and digits alone, in lower case.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "code": ("equipmentcode", "assetcode", "equipmentnumber", "equipmentno"),
    "tag": ("tagname", "tagno", "tagnumber", "tagid", "functionallocation", "assettag"),
    "name": (
        *("equipmentname", "assetname", "description", "desc"),
        *("tagdescription", "tagdesc", "equipmentdescription"),
    ),
    "location": ("place", "area", "module"),
    "group": ("groupname", "equipmentgroup"),
    "class": ("classcode", "equipmentclass", "equipmentclasscode"),
    "parent": ("parentcode", "parenttag", "parentequipment"),
    "status": ("state", "equipmentstatus"),
}


@dataclasses.dataclass(frozen=True)
class Source:
    """Where one field comes from: `index` counts the file's columns from 0."""

    field: str
    index: int | None = None
    constant: str | None = None
    values: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Layout:
    """How to read each row of a file with this header."""

    header: tuple[str, ...]
    sources: tuple[Source, ...]
    # The column in which a parent is looked up, when that is not code or tag.
    key: int | None
    by_key: bool

    @property
    def ignored(self) -> list[str]:
        used = {source.index for source in self.sources} | {self.key}
        return [name for i, name in enumerate(self.header) if i not in used and name]

    def describe(self) -> dict[str, object]:
        """The layout in the words of a mapping."""
        described: dict[str, object] = {}
        for source in self.sources:
            if source.index is None:
                described[source.field] = {"constant": source.constant}
                continue
            name = self.header[source.index]
            said: dict[str, object] = {"column": name}
            if source.values:
                said["values"] = source.values
            if source.field == "parent" and self.key is not None:
                said["refers_to"] = self.header[self.key]
            described[source.field] = name if len(said) == 1 else said
        return described


class _Search:
    """Finds the columns that a mapping names, and collects what it cannot find."""

    def __init__(self, header: Sequence[str], *, grows: bool) -> None:
        self.header, self.grows = header, grows
        self.problems: list[FieldProblem] = []

    def find(self, wanted: str, pointer: str) -> int | None:
        for same in (str, str.casefold):
            found = [i for i, n in enumerate(self.header) if same(n) == same(wanted)]
            if len(found) == 1:
                return found[0]
            if found:
                problem = f"The file has {len(found)} columns {wanted!r}. Rename one."
                self.wrong(pointer, "ambiguous-column", problem)
                return None
        if not self.grows:
            problem = f"The file has no column {wanted!r}. It has: {self.shown}."
            self.wrong(pointer, "unknown-column", problem)
        return None

    def wrong(self, pointer: str, code: str, message: str) -> None:
        self.problems.append(FieldProblem(pointer=pointer, code=code, message=message))

    def settle(self) -> None:
        if self.problems:
            first = self.problems[0]
            raise InvalidError(
                f"{first['pointer']}: {first['message']}", errors=self.problems
            )

    @property
    def shown(self) -> str:
        names = [name for name in self.header if name]
        return ", ".join(names[:60]) + (", …" if len(names) > 60 else "")  # noqa: PLR2004 enough to find it


@dataclasses.dataclass(frozen=True)
class Fields:
    """The fields of a kind of file: what each may hold, and its other names."""

    checks: dict[str, Callable[[str], Any]]
    synonyms: dict[str, tuple[str, ...]]
    # In each group one field must be there, or rows mean nothing: and what to say then.
    needed: tuple[tuple[frozenset[str], str], ...]

    def __iter__(self) -> Iterator[str]:
        return iter(self.checks)


REGISTER = Fields(
    {name: CHECKS[name] for name in FIELDS},
    SYNONYMS,
    needed=(
        (
            frozenset({"code", "tag"}),
            (
                "No column is a code or a tag, so that the rows cannot be told apart. "
                'Say which is, such as ?mapping={"tag": "…"}.'
            ),
        ),
    ),
)


def lay_out(
    header: Sequence[str],
    mapping: BaseModel,
    fields: Fields = REGISTER,
    *,
    grows: bool = False,
) -> Layout:
    """Decide where each field comes from; raises InvalidError, UnreadableFileError.

    Of a file that still grows columns, those that are not there yet may come.
    """
    search = _Search(header, grows=grows)
    sources: list[Source] = []
    key = None
    by_key = False
    taken = _named(mapping, fields)
    for name in fields:
        said: schemas.Source | None = getattr(mapping, attribute(name))
        pointer = f"?mapping.{name}"
        if said is None:
            place = None
            if attribute(name) not in mapping.model_fields_set:
                known = {*fields.synonyms[name]} - taken
                place = _by_name(header, name, known)
            if place is not None:
                sources.append(Source(name, place))
            continue
        _check_texts(search, name, said, fields.checks[name])
        if said.refers_to:
            by_key = True
            key = search.find(said.refers_to, f"{pointer}.refers_to")
        if said.column is None:
            sources.append(Source(name, constant=said.constant))
        elif (place := search.find(said.column, pointer)) is not None:
            sources.append(Source(name, place, values=said.values))
    search.settle()
    found = {source.field for source in sources}
    for names, lacking in fields.needed:
        if not grows and not names & found:
            raise UnreadableFileError(
                f"{lacking} The file has: {search.shown or 'no columns'}."
            )
    return Layout(tuple(header), tuple(sources), key, by_key)


def _check_texts(
    search: _Search, name: str, said: schemas.Source, check: Callable[[str], Any]
) -> None:
    """Refuse what would be wrong in every row that bears it."""
    if said.refers_to:
        return  # what is looked up in another column may be any text
    pointer = f"?mapping.{name}"
    texts = [(f"{pointer}.constant", said.constant)]
    texts += [(f"{pointer}.values", text) for text in said.values.values()]
    for place, text in texts:
        try:
            if text:
                check(text)
        except PydanticCustomError as wrong:
            search.wrong(place, wrong.type, f"{text!r}: {wrong.message()}")


def _by_name(header: Sequence[str], name: str, synonyms: set[str]) -> int | None:
    """The column that bears a field's own name, else a synonym that feeds no other."""
    for known in ({_plain(name)}, synonyms):
        found = [i for i, title in enumerate(header) if _plain(title) in known]
        if len(found) > 1:
            titles = " and ".join(repr(header[i]) for i in found)
            raise UnreadableFileError(
                f"Both {titles} could be {name}. Say which in the mapping, such as "
                f'{{"{name}": "{header[found[0]]}"}}.'
            )
        if found:
            return found[0]
    return None


def concerns(mapping: Mapping, title: str) -> bool:
    """Whether a column of this name could feed a field."""
    known = {*FIELDS}.union(*SYNONYMS.values())
    return _plain(title) in known or _plain(title) in _named(mapping, REGISTER)


@functools.lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.casefold())


def _named(mapping: BaseModel, fields: Fields) -> set[str]:
    """The columns that the mapping names: they mean what it says."""
    said: list[schemas.Source | None] = [
        getattr(mapping, attribute(name)) for name in fields
    ]
    return {
        _plain(column)
        for source in said
        if source
        for column in (source.column, source.refers_to)
        if column
    }
