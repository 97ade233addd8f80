"""The hot paths of equipment: one statement a request, no ORM.

Through the ORM each reached 6 to 8 % of the floor (W1 to W3 of docs/performance.md):
entities, their pydantic models and the check of these made up nine tenths of the time.
"""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from datetime import datetime
from functools import lru_cache
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    cast,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    tuple_,
)

from app.drivers import Drivers, Statement
from app.equipment import filters
from app.equipment.models import Equipment, Status
from app.equipment.schemas import EquipmentCreate
from app.pagination import Column, PageQuery, cursor_after, place
from app.recording import SAID, Cause
from app.vessels.models import Vessel


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
    total: int | msgspec.UnsetType = msgspec.UNSET


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

# PostgreSQL keeps one plan for all values of a parameter. Along the codes of a vessel
# it is the best for all; how much a filter lets pass is for its values to tell. None is
# worth reading the whole table for.
_BY_ITS_VALUES = (
    "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = off"
)
_PLAIN: tuple[filters.Shape, ...] = ((), (("vessel", False),))


async def page(
    drivers: Drivers,
    query: PageQuery,
    conditions: filters.Conditions,
    *,
    sort: str = "code",
    count: bool = False,
) -> EquipmentPage:
    """One page of the equipment that meets all conditions; how many do, if asked."""
    key = list(dict.fromkeys([SORTS[sort.removeprefix("-")], Equipment.code]))
    after = place(query, sort, key)
    given = dict(conditions)
    statuses: tuple[Status, ...] = given.pop("status", ())
    shape, values = filters.read(given)
    values |= {f"after_{number}": value for number, value in enumerate(after or ())}
    statement = _page(sort, query.limit, statuses, shape, later=after is not None)
    plain = shape in _PLAIN and len(key) == 1 and not count
    total: int | msgspec.UnsetType = msgspec.UNSET
    async with (
        drivers() as connection,
        nullcontext() if plain else connection.transaction(),
    ):
        if not plain:
            await connection.execute(_BY_ITS_VALUES)
        found = await connection.fetch(statement.text, *statement.values(values))
        if count:
            counting = _count(statuses, shape)
            total = await connection.fetchval(counting.text, *counting.values(values))
    items = [EquipmentRow(*row) for row in found[: query.limit]]
    more = len(found) > query.limit
    next_cursor = cursor_after(items[-1], sort, key) if more else None
    return EquipmentPage(items, next_cursor, total)


@lru_cache(maxsize=256)
def _page(
    sort: str,
    limit: int,
    statuses: tuple[Status, ...],
    shape: filters.Shape,
    *,
    later: bool,
) -> Statement:
    """The statement for one kind of page.

    The limit and the status are part of its text: PostgreSQL keeps one plan for all
    values of a parameter, and without the two it may sort the whole vessel (57 ms).
    """
    query: Select[Any] = select(*COLUMNS).where(*_all_of(statuses, shape))
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


@lru_cache(maxsize=256)
def _count(statuses: tuple[Status, ...], shape: filters.Shape) -> Statement:
    counting = select(func.count()).select_from(Equipment)
    return Statement(counting.where(*_all_of(statuses, shape)))


def _all_of(
    statuses: tuple[Status, ...], shape: filters.Shape
) -> Iterator[ColumnElement[bool]]:
    if statuses:
        words: list[ColumnElement[str]] = [
            literal_column(f"'{Status(each).value}'") for each in statuses
        ]
        yield or_(*(Equipment.status == word for word in words))
    yield from filters.where(shape)


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
