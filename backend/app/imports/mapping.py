"""Which column of a file feeds which field."""

import dataclasses
import re
from collections.abc import Sequence

from app.errors import FieldProblem, InvalidError, UnreadableFileError
from app.imports.schemas import Column, Constant, Mapping, ParentColumn

FIELDS = ("code", "tag", "name", "location", "group", "parent", "status")

# Header names that mean a field, letters and digits alone, in lower case.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "code": ("equipmentcode", "assetcode", "equipmentnumber", "equipmentno"),
    "tag": ("tagname", "tagno", "tagnumber", "tagid", "functionallocation"),
    "name": ("equipmentname", "description", "desc", "tagdescription"),
    "location": ("place", "area", "module"),
    "group": ("groupname", "equipmentgroup"),
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

    def column(self, name: str | None) -> str | None:
        """The file's own name for a field."""
        for source in self.sources:
            if source.field == name and source.index is not None:
                return self.header[source.index]
        return None

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


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.casefold())


def _find(header: Sequence[str], wanted: str, pointer: str) -> int:
    """The place of a column that the mapping names; raises InvalidError."""
    for same in (str, str.casefold):
        found = [i for i, name in enumerate(header) if same(name) == same(wanted)]
        if len(found) == 1:
            return found[0]
        if found:
            problem = f"The file has {len(found)} columns {wanted!r}. Rename one."
            break
    else:
        shown = ", ".join(name for name in header[:60] if name)
        problem = f"The file has no column {wanted!r}. It has: {shown}."
    raise InvalidError(
        f"{pointer}: {problem}",
        errors=[FieldProblem(pointer=pointer, code="unknown-column", message=problem)],
    )


def _by_name(header: Sequence[str], name: str, taken: set[str]) -> int | None:
    """The column that bears a field's own name, else a synonym that feeds no other."""
    for known in ({name}, {*SYNONYMS[name]} - taken):
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


def lay_out(header: Sequence[str], mapping: Mapping) -> Layout:
    """Decide where each field comes from; raises InvalidError, UnreadableFileError."""
    sources: list[Source] = []
    key = None
    taken = _named(mapping)
    for name in FIELDS:
        said = getattr(mapping, name)
        pointer = f"?mapping/{name}"
        if isinstance(said, Constant):
            sources.append(Source(name, constant=said.constant))
        elif isinstance(said, str):
            sources.append(Source(name, _find(header, said, pointer)))
        elif isinstance(said, Column):
            index = _find(header, said.column, pointer)
            sources.append(Source(name, index, values=said.values))
            if isinstance(said, ParentColumn) and said.refers_to:
                key = _find(header, said.refers_to, pointer)
        elif name not in mapping.model_fields_set:
            place = _by_name(header, name, taken)
            if place is not None:
                sources.append(Source(name, place))
    if not {"code", "tag"} & {source.field for source in sources}:
        shown = ", ".join(name for name in header[:60] if name)
        raise UnreadableFileError(
            "No column is a code or a tag, so that the rows cannot be told apart. Say "
            f'which is, such as ?mapping={{"tag": "…"}}. The file has: {shown}.'
        )
    return Layout(tuple(header), tuple(sources), key)


def _named(mapping: Mapping) -> set[str]:
    """The columns that the mapping names: they mean what it says."""
    said = [getattr(mapping, name) for name in FIELDS]
    columns = [s.column if isinstance(s, Column) else s for s in said]
    return {_plain(column) for column in columns if isinstance(column, str)}
