"""Counts of failures and of readings, the worst first."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    SQLColumnExpression,
    Subquery,
    cast,
    distinct,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.drivers import patiently
from app.equipment.models import Equipment
from app.equipment.named import refuse_unknown
from app.failures.models import Failure, Level, Reading, Sensor
from app.failures.schemas import (
    UNITS,
    By,
    RankedSensor,
    Ranking,
    RankingQuery,
    Summary,
    SummaryItem,
    SummaryQuery,
    Window,
)

SECONDS = 60


async def summary(session: AsyncSession, query: SummaryQuery) -> Summary:
    """Count; raises NotFoundError for what is named and is not there."""
    await _refuse_unknown(session, query)
    if query.by is By.SENSOR:
        each = _of_sensors(query)
    else:
        each = _of_failures(query, NAMES[query.by])
    names = [column for column in each.c if column.name not in {"failures", "readings"}]
    worst = (
        select(each, func.count().over().label("all"))
        .order_by(*_worst(query, each), *names)
        .limit(query.limit)
    )
    rows = await patiently(session, worst, SECONDS)
    registered = await _registered(session, query) if query.by is By.GROUP else {}
    [total] = await patiently(session, select(_of_failures(query, {})), SECONDS)
    return Summary(
        by=query.by,
        **_said(query),
        all=_all(rows),
        **total,
        items=[_item(row, registered) for row in rows],
    )


async def _refuse_unknown(session: AsyncSession, query: Window) -> None:
    await refuse_unknown(
        session, code=query.code, group=query.group, vessel=query.vessel
    )


def _worst(query: Window, each: Subquery) -> list[ColumnElement[Any]]:
    return [each.c[query.unit].desc(), each.c.failures.desc(), each.c.readings.desc()]


def _all(rows: Sequence[asyncpg.Record]) -> int:
    """How many there are, of which these are shown."""
    return rows[0]["all"] if rows else 0


def _said(query: Window) -> dict[str, Any]:
    names = ("unit", "from_", "to", "level")
    return {"units": UNITS, **{name: getattr(query, name) for name in names}}


def _item(row: asyncpg.Record, registered: Mapping[str | None, int]) -> SummaryItem:
    said: dict[str, Any] = dict(row)
    del said["all"]
    if "month" in said:
        said["month"] = f"{said['month']:%Y-%m}"
    if registered:
        failed = said["equipment"]
        size = said["registered"] = registered.get(said["group"], failed)
        for unit in UNITS:
            said[f"{unit}_per_equipment"] = round(said[unit] / failed, 2)
            said[f"{unit}_per_registered"] = round(said[unit] / size, 2)
    return SummaryItem(**said)


async def _registered(session: AsyncSession, query: Window) -> dict[str | None, int]:
    """How many pieces of equipment each group has, those that never failed included.

    Of a vessel: those that are aboard, or failed aboard before they went elsewhere.
    """
    failed = exists().where(
        Failure.equipment == Equipment.code, Failure.vessel.in_(query.vessel)
    )
    there = or_(Equipment.vessel.in_(query.vessel), failed)
    found = (
        select(Equipment.group, func.count())
        .where(*_chosen(query, Equipment.code, there))
        .group_by(Equipment.group)
    )
    return {row[0]: row[1] for row in await session.execute(found)}


def _chosen(
    query: Window, code: SQLColumnExpression[Any], there: ColumnElement[bool]
) -> list[ColumnElement[bool]]:
    """The conditions on what failed and, if vessels are asked for, where."""
    found: list[ColumnElement[bool]] = []
    if query.code:
        found.append(code.in_(query.code))
    if query.vessel:
        found.append(there)
    if query.group:
        found.append(Equipment.group.in_(query.group))
    return found


def _within(query: Window, at: SQLColumnExpression[Any]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.from_:
        found.append(at >= query.from_)
    if query.to:
        found.append(at < query.to)
    return found


# --- out of failures ------------------------------------------------------------------


Names = dict[str, SQLColumnExpression[Any]]
NAMES: dict[By, Names] = {
    By.EQUIPMENT: {"code": Equipment.code, "group": Equipment.group},
    By.GROUP: {"group": Equipment.group},
    By.MONTH: {"month": func.date_trunc("month", Failure.at, "UTC")},
    By.VESSEL: {"vessel": Failure.vessel},
}


def _of_failures(query: Window, named: Names) -> Subquery:
    """Counts by what is named; {} for all in one."""
    lines: SQLColumnExpression[int] = Failure.errors + Failure.warnings
    conditions = _chosen(query, Failure.equipment, Failure.vessel.in_(query.vessel))
    conditions += _within(query, Failure.at)
    if query.level:
        lines = Failure.errors if query.level is Level.ERROR else Failure.warnings
        # A failure that is an error may have warnings besides.
        conditions.append(or_(Failure.level == query.level, lines > 0))
    places: list[ColumnElement[Any]] = [
        column.label(name) for name, column in named.items()
    ]
    if "group" in named and "code" not in named:
        places.append(func.count(distinct(Failure.equipment)).label("equipment"))
    counted = select(
        *places,
        func.count().label("failures"),
        func.coalesce(func.sum(lines), 0).label("readings"),
    ).select_from(Failure)
    if "group" in named or query.group:
        counted = counted.join(Equipment, Equipment.code == Failure.equipment)
    return counted.where(*conditions).group_by(*named.values()).subquery()


# --- out of readings ------------------------------------------------------------------


def _of_sensors(query: Window) -> Subquery:
    conditions = _within(query, Reading.at)
    if query.level:
        conditions.append(Reading.level == query.level.rank)
    each = (
        select(
            Reading.sensor,
            func.count().filter(Reading.nth == 1).label("failures"),
            func.count().label("readings"),
        )
        .where(*conditions)
        .group_by(Reading.sensor)
        .subquery()
    )
    failures: ColumnElement[int] = each.c.failures
    sensors = select(Sensor).join(each, Sensor.number == each.c.sensor)
    if query.level:
        # Each instant of a sensor has a first reading; of one level it may be another.
        before = aliased(Reading)
        same = (before.at == Reading.at, before.sensor == Reading.sensor)
        earlier = (before.nth < Reading.nth, before.level == Reading.level)
        late = (
            select(Reading.sensor, func.count().label("failures"))
            .where(*conditions, Reading.nth > 1, ~exists().where(*same, *earlier))
            .group_by(Reading.sensor)
            .subquery()
        )
        failures += func.coalesce(late.c.failures, 0)
        sensors = sensors.outerjoin(late, late.c.sensor == each.c.sensor)
    names: Names = {
        "sensor": Sensor.code,
        "code": Equipment.code,
        "group": Equipment.group,
        "vessel": Sensor.vessel,
    }
    # One that went elsewhere and came back is several rows, and one sensor.
    return (
        sensors.with_only_columns(
            *(column.label(name) for name, column in names.items()),
            cast(func.sum(failures), BigInteger).label("failures"),
            cast(func.sum(each.c.readings), BigInteger).label("readings"),
        )
        .join(Equipment, Equipment.code == Sensor.equipment)
        .group_by(*names.values())
        .where(*_chosen(query, Equipment.code, Sensor.vessel.in_(query.vessel)))
        .subquery()
    )


async def ranking(session: AsyncSession, query: RankingQuery) -> Ranking:
    """The sensors of each equipment of each group, the worst of all three first.

    How bad groups and equipment are, failures say: the sensors of one share them.
    Raises NotFoundError for what is named and is not there.
    """
    await _refuse_unknown(session, query)
    each = _of_sensors(query)
    failed = _of_failures(query, NAMES[By.EQUIPMENT])
    count = failed.c[query.unit]
    bad = select(
        failed.c.code,
        count.label("of_equipment"),
        func.sum(count).over(partition_by=failed.c.group).label("of_group"),
    ).subquery()
    place = func.rank().over(
        partition_by=(each.c.group, each.c.code), order_by=each.c[query.unit].desc()
    )
    ranked = select(each, place.label("rank")).subquery()
    rows = await patiently(
        session,
        select(ranked, func.count().over().label("all"))
        .outerjoin(bad, bad.c.code == ranked.c.code)
        .where(ranked.c.rank <= query.top)
        .order_by(
            bad.c.of_group.desc().nulls_last(),
            ranked.c.group,
            bad.c.of_equipment.desc().nulls_last(),
            ranked.c.code,
            ranked.c.rank,
            ranked.c.vessel,
            ranked.c.sensor,
        )
        .limit(query.limit),
        SECONDS,
    )
    return Ranking(
        **_said(query),
        all=_all(rows),
        items=[RankedSensor(**row) for row in rows],
    )
