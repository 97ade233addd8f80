"""The hot paths of equipment: one statement a request, no ORM.

Through the ORM each reached 6 to 8 % of the floor (W1 to W3 of docs/performance.md):
entities, their pydantic models and the check of these made up nine tenths of the time.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    any_,
    bindparam,
    cast,
    collate,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    tuple_,
)

from app.drivers import Drivers, Statement
from app.equipment.models import Equipment, Status
from app.equipment.schemas import EquipmentCreate
from app.pagination import Column, PageQuery, cursor_after, place
from app.recording import SAID, Cause
from app.vessels.models import Vessel

# The columns sort by byte, where only A to Z have a lower case; this knows å and ç.
ANY_CASE = "pg_c_utf8"


class EquipmentRow(msgspec.Struct):
    """EquipmentRead in a tenth of its time; a test holds the two equal."""

    code: str
    vessel: str
    tag: str | None
    name: str
    location: str | None
    group: str | None
    parent: str | None
    status: Status
    created_at: datetime
    updated_at: datetime
    version: int


class EquipmentPage(msgspec.Struct):
    items: list[EquipmentRow]
    next_cursor: str | None


FIELDS = EquipmentRow.__struct_fields__
COLUMNS = [getattr(Equipment, name) for name in FIELDS]
SORTS: Mapping[str, Column] = {
    "code": Equipment.code,
    "name": Equipment.name,
    "updated_at": Equipment.updated_at,
}

_ONE = Statement(select(*COLUMNS).where(Equipment.code == bindparam("code")))


async def one(drivers: Drivers, code: str) -> EquipmentRow | None:
    async with drivers() as connection:
        row = await connection.fetchrow(_ONE.text, code)
    return EquipmentRow(*row) if row else None


# --- pages ------------------------------------------------------------------------

Conditions = Mapping[str, str | Sequence[str]]


async def page(
    drivers: Drivers,
    query: PageQuery,
    conditions: Conditions,
    *,
    sort: str = "code",
    q: str | None = None,
) -> EquipmentPage:
    """One page of the equipment that meets all conditions.

    A condition is a column with its one value, or with those allowed; () allows all.
    """
    key = list(dict.fromkeys([SORTS[sort.removeprefix("-")], Equipment.code]))
    after = place(query, sort, key)
    given: dict[str, Any] = {
        name: each for name, each in conditions.items() if each != ()
    }
    statuses = tuple(given.pop("status", ()))
    single = tuple(name for name, each in given.items() if isinstance(each, str))
    several = tuple(name for name in given if name not in single)
    if q:
        given["q"] = f"%{_WILD.sub(_escaped, q)}%"
    given |= {f"after_{number}": value for number, value in enumerate(after or ())}
    statement = _page(
        *(sort, query.limit, statuses, single, several),
        search=bool(q),
        later=after is not None,
    )
    async with drivers() as connection:
        found = await connection.fetch(statement.text, *statement.values(given))
    items = [EquipmentRow(*row) for row in found[: query.limit]]
    more = len(found) > query.limit
    return EquipmentPage(items, cursor_after(items[-1], sort, key) if more else None)


@lru_cache(maxsize=256)
def _page(
    sort: str,
    limit: int,
    statuses: tuple[Status, ...],
    single: tuple[str, ...],
    several: tuple[str, ...],
    *,
    search: bool,
    later: bool,
) -> Statement:
    """The statement for one kind of page.

    The limit and the status are part of its text: PostgreSQL keeps one plan for all
    values of a parameter, and without the two it may sort the whole vessel (57 ms).
    """
    query: Select[Any] = select(*COLUMNS)
    if statuses:
        words: list[ColumnElement[str]] = [
            literal_column(f"'{Status(each).value}'") for each in statuses
        ]
        query = query.where(or_(*(Equipment.status == word for word in words)))
    for name in single:
        column = getattr(Equipment, name)
        query = query.where(column == bindparam(name, type_=column.type))
    for name in several:
        column = getattr(Equipment, name)
        values = bindparam(name, type_=ARRAY(column.type))
        query = query.where(column == any_(values))
    if search:
        query = query.where(_found())
    key = list(dict.fromkeys([SORTS[sort.removeprefix("-")], Equipment.code]))
    descending = sort.startswith("-")
    if later:
        last = tuple_(
            *(bindparam(f"after_{n}", type_=c.type) for n, c in enumerate(key))
        )
        here = tuple_(*key)
        query = query.where(here < last if descending else here > last)
    order = (column.desc() if descending else column.asc() for column in key)
    return Statement(query.order_by(*order).limit(literal_column(str(limit + 1))))


_WILD = re.compile("[%_/]")


def _escaped(wild: "re.Match[str]") -> str:
    return f"/{wild[0]}"


def _found() -> ColumnElement[bool]:
    pattern = func.lower(collate(bindparam("q", type_=Text()), ANY_CASE))
    searched = (Equipment.code, Equipment.tag, Equipment.name, Equipment.location)
    texts = [func.lower(column.collate(ANY_CASE)) for column in searched]
    return or_(*(text.like(pattern, escape="/") for text in texts))


# --- changes ------------------------------------------------------------------------

SENT = ("code", "tag", "name", "location", "group", "parent")

# One round trip and no read first: of an unknown vessel nothing is selected. What is
# taken is left to the constraints.
_CREATE = Statement(
    insert(Equipment)
    .from_select(
        ["vessel", "status", *SENT],
        select(
            Vessel.code,
            literal_column("'active'"),
            *(cast(bindparam(name), getattr(Equipment, name).type) for name in SENT),
        )
        .where(Vessel.code == bindparam("vessel", type_=Vessel.code.type))
        .where(text(SAID)),
    )
    .returning(*COLUMNS)
)


async def create(
    drivers: Drivers, cause: Cause, vessel: str, data: EquipmentCreate
) -> EquipmentRow | None:
    """Insert it; None if the vessel is unknown or something stands in its way."""
    given = {"vessel": vessel, **dict(data), **cause.values()}
    try:
        async with drivers() as connection:
            row = await connection.fetchrow(_CREATE.text, *_CREATE.values(given))
    except asyncpg.IntegrityConstraintViolationError:
        return None
    return EquipmentRow(*row) if row else None


# One statement: the rows are locked in one order for all, so that two batches never
# wait for each other, and if a code is unknown nothing changes unless that is allowed.
SET_STATUS = Statement(
    text(f"""
WITH asked AS MATERIALIZED (
  SELECT code, status FROM equipment WHERE code = ANY (:codes)
  ORDER BY code FOR NO KEY UPDATE
), changed AS (
  UPDATE equipment SET status = :status, version = version + 1, updated_at = now()
  WHERE code = ANY (ARRAY(SELECT code FROM asked WHERE status <> :status))
    AND (:partial OR (SELECT count(*) FROM asked) = cardinality(:codes))
    AND {SAID}
)
SELECT code, status FROM asked
""")
)


async def set_status(
    drivers: Drivers, cause: Cause, codes: list[str], status: Status, *, partial: bool
) -> dict[str, str]:
    """Change those that differ; give the statuses that were found, by code."""
    given = {"codes": codes, "status": status.value, "partial": partial}
    values = SET_STATUS.values({**given, **cause.values()})
    async with drivers() as connection:
        found = await connection.fetch(SET_STATUS.text, *values)
    return {row[0]: row[1] for row in found}
