"""What a list of equipment can be narrowed to."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, any_, bindparam

from app.equipment.models import SEARCHED, Equipment
from app.search import Search, found

# By its name what is wanted: one value, or those allowed; () and None allow all.
Conditions = Mapping[str, Any]
# What conditions have in common that differ in their values alone: the parameters,
# whether each is a list, and how many phrases are searched for.
Shape = tuple[tuple[str, bool], ...]

# Behind every letter of a tag.
_LAST = "\U0010ffff"


def read(conditions: Conditions) -> tuple[Shape, dict[str, Any]]:
    """The shape of the conditions, and the values of its parameters."""
    values: dict[str, Any] = {}
    for name, wanted in conditions.items():
        if wanted is None or wanted == ():
            continue
        if name == "q":
            values |= Search.of(wanted).values()
        elif name == "tag_prefix":
            values |= {"tag_from": wanted, "tag_to": wanted + _LAST}
        elif isinstance(wanted, tuple) and len(wanted) == 1:
            values[name] = wanted[0]
        else:
            values[name] = wanted
    shape = tuple((name, isinstance(each, tuple)) for name, each in values.items())
    return shape, values


def where(shape: Shape) -> Iterator[ColumnElement[bool]]:
    phrases = sum(name.startswith("phrase_") for name, _ in shape)
    for name, several in shape:
        if name == "q":
            yield from found(SEARCHED, phrases)
        elif name == "updated_since":
            yield Equipment.updated_at >= _parameter(name, Equipment.updated_at)
        elif name == "tag_from":
            yield Equipment.tag >= _parameter(name, Equipment.tag)
        elif name == "tag_to":
            yield Equipment.tag < _parameter(name, Equipment.tag)
        elif not name.startswith("phrase_"):
            column = getattr(Equipment, name)
            allowed = _parameter(name, column, several=several)
            yield column == (any_(allowed) if several else allowed)


def _parameter(name: str, column: Any, *, several: bool = False) -> Any:  # noqa: ANN401 SQLAlchemy's
    return bindparam(name, type_=ARRAY(column.type) if several else column.type)
