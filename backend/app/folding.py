"""Names that are one however they are spelt: in any case, with any spaces."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import InstrumentedAttribute


def spelt_as(
    column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None],
    names: Iterable[str],
) -> ColumnElement[bool]:
    """Whether it is one of the names; their indexes are of `folded` (0024) as well."""
    return func.folded(column).in_([func.folded(name) for name in names])
