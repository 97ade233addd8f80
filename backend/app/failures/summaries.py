"""Counts of failures and of readings, the worst first."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    SQLColumnExpression,
    Subquery,
    distinct,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.equipment.models import Equipment
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


async def summary(session: AsyncSession, query: SummaryQuery) -> Summary:
    each = _of_sensors(query) if query.by is By.SENSOR else _of_failures(query)
    names = [column for column in each.c if column.name not in {"failures", "readings"}]
    found = await session.execute(
        select(each, func.count().over().label("all"))
        .order_by(*_worst(query, each), *names)
        .limit(query.limit)
    )
    rows = found.all()
    registered = await _registered(session, query) if query.by is By.GROUP else {}
    whole = _of_failures(query, {})
    total = (await session.execute(select(whole))).one()
    return Summary(
        by=query.by,
        **_said(query),
        all=rows[0].all if rows else 0,
        failures=total.failures,
        readings=total.readings,
        items=[_item(row, registered) for row in rows],
    )


def _worst(query: Window, each: Subquery) -> list[ColumnElement[Any]]:
    return [each.c[query.unit].desc(), each.c.failures.desc(), each.c.readings.desc()]


def _said(query: Window) -> dict[str, Any]:
    names = ("unit", "from_", "to", "level")
    return {"units": UNITS, **{name: getattr(query, name) for name in names}}


def _item(row: Row[Any], registered: Mapping[str | None, int]) -> SummaryItem:
    said = dict(row._mapping)  # noqa: SLF001 SQLAlchemy's public name
    del said["all"]
    if "month" in said:
        said["month"] = f"{row.month:%Y-%m}"
    if registered:
        size = registered.get(row.group, row.equipment)
        said |= {
            "registered": size,
            "failures_per_equipment": round(row.failures / row.equipment, 2),
            "readings_per_equipment": round(row.readings / row.equipment, 2),
            "failures_per_registered": round(row.failures / size, 2),
            "readings_per_registered": round(row.readings / size, 2),
        }
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


def _of_failures(query: SummaryQuery, names: Names | None = None) -> Subquery:
    """Counts by `names`, which are those that the query says; {} for all in one."""
    named = NAMES[query.by] if names is None else names
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
    return (
        sensors.with_only_columns(
            Sensor.code.label("sensor"),
            Equipment.code.label("code"),
            Equipment.group.label("group"),
            Sensor.vessel.label("vessel"),
            failures.label("failures"),
            each.c.readings,
        )
        .join(Equipment, Equipment.code == Sensor.equipment)
        .where(*_chosen(query, Equipment.code, Sensor.vessel.in_(query.vessel)))
        .subquery()
    )


async def ranking(session: AsyncSession, query: RankingQuery) -> Ranking:
    """The sensors of each equipment of each group, the worst of all three first."""
    each = _of_sensors(query)
    count = each.c[query.unit]
    total = func.sum(count).over
    place = func.rank().over(
        partition_by=(each.c.group, each.c.code), order_by=count.desc()
    )
    ranked = select(
        each,
        place.label("rank"),
        total(partition_by=each.c.group).label("of_group"),
        total(partition_by=(each.c.group, each.c.code)).label("of_equipment"),
    ).subquery()
    rows = await session.execute(
        select(ranked)
        .where(ranked.c.rank <= query.top)
        .order_by(
            ranked.c.of_group.desc(),
            ranked.c.group,
            ranked.c.of_equipment.desc(),
            ranked.c.code,
            ranked.c.rank,
            ranked.c.vessel,
            ranked.c.sensor,
        )
        .limit(query.limit)
    )
    items = [RankedSensor.model_validate(row, from_attributes=True) for row in rows]
    return Ranking(**_said(query), items=items)
