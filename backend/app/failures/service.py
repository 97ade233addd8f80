"""Sensors, failures and readings. Never commits: the caller's transaction does."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, func, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import problems
from app.equipment import service as equipment
from app.errors import (
    ConflictError,
    DuplicateError,
    NotFoundError,
)
from app.failures.models import Failure, Level, Reading, Sensor, Source
from app.failures.schemas import (
    FailureDetail,
    FailureQuery,
    FailureRead,
    ReadingRead,
    SensorCreate,
    SensorsListQuery,
)
from app.links import href
from app.pagination import paginate

problems.CONSTRAINTS |= {
    "uq_sensors_vessel_code": ConflictError("The sensor was registered meanwhile."),
}

# --- sensors --------------------------------------------------------------------------


async def add_sensor(session: AsyncSession, code: str, data: SensorCreate) -> Sensor:
    """Register a sensor of an equipment; raises NotFoundError, DuplicateError."""
    bearer = await equipment.get(session, code)
    sensor = Sensor(vessel=bearer.vessel, code=data.code, equipment=bearer.code)
    try:
        async with session.begin_nested():
            session.add(sensor)
    except IntegrityError as refusal:
        if problems.constraint(refusal) != "uq_sensors_vessel_code":
            raise
        query = f"?vessel={bearer.vessel}&code={data.code}&current=true"
        raise DuplicateError.of(
            "code", data.code, existing=href("sensors") + query
        ) from None
    return sensor


async def sensors(
    session: AsyncSession, query: SensorsListQuery
) -> tuple[Sequence[Row[Any]], str | None]:
    found = select(Sensor)
    for column, values in (
        (Sensor.vessel, query.vessel),
        (Sensor.equipment, query.equipment),
        (Sensor.code, query.code),
    ):
        if values:
            found = found.where(column.in_(values))
    if query.current:
        found = found.where(Sensor.until.is_(None))
    return await paginate(
        session,
        found,
        query,
        sort="code",
        columns={"code": Sensor.code},
        unique=Sensor.number,
    )


# --- failures -------------------------------------------------------------------------


async def tell(session: AsyncSession, code: str, vessel: str, at: datetime) -> None:
    """Let an issue tell of a failure; one that was known as a warning is an error now.

    It is held: nobody takes it back before the issue is there to be seen.
    """
    event = {"equipment": code, "vessel": vessel, "at": at, "level": Level.ERROR}
    telling = postgresql.insert(Failure).values(**event, source=Source.ISSUE)
    held = telling.on_conflict_do_update(
        constraint="uq_failures_at_equipment",
        set_={
            "level": Level.ERROR,
            "version": Failure.version + 1,
            "updated_at": func.now(),
        },
        where=Failure.level == Level.WARNING,
    )
    await session.execute(held)


async def hold(session: AsyncSession, code: str, at: datetime) -> None:
    """Let nobody else say or take back this failure before the transaction ends."""
    known = select(Failure.id).where(Failure.equipment == code, Failure.at == at)
    await session.execute(known.with_for_update(key_share=True))


async def take_back(session: AsyncSession, code: str, at: datetime) -> None:
    """Take back what an issue told; what a log told of as well stays as that says.

    What was reported stays an error: nobody knows whether the report said less.
    """
    known = (Failure.equipment == code, Failure.at == at, Failure.errors == 0)
    untold = (Failure.source == Source.ISSUE, Failure.warnings == 0)
    await session.execute(delete(Failure).where(*known, *untold))
    only_warned = (Failure.source != Source.REPORT, Failure.level == Level.ERROR)
    await session.execute(
        update(Failure)
        .where(*known, *only_warned)
        .values(level=Level.WARNING, version=Failure.version + 1)
    )


async def get(session: AsyncSession, identity: uuid.UUID) -> Failure:
    if failure := await session.get(Failure, identity):
        return failure
    raise NotFoundError(
        f"There is no failure {identity}. GET /api/v1/failures lists them."
    )


def show(failure: Failure) -> FailureRead:
    return FailureRead(
        id=failure.id,
        code=failure.equipment,
        vessel=failure.vessel,
        at=failure.at,
        level=failure.level,
        source=failure.source,
        readings=failure.errors + failure.warnings,
        created_at=failure.created_at,
    )


async def detail(session: AsyncSession, failure: Failure) -> FailureDetail:
    """The failure and what the sensors of its equipment read then."""
    query = (
        select(Sensor.code, Reading.level, Reading.temperature, Reading.vibration)
        .join(Reading, Reading.sensor == Sensor.number)
        .where(Sensor.equipment == failure.equipment, Reading.at == failure.at)
        .order_by(Sensor.code, Reading.sensor, Reading.nth)
    )
    readings = [
        ReadingRead(
            sensor=row.code,
            level=Level.of(row.level),
            temperature=row.temperature,
            vibration=row.vibration,
        )
        for row in await session.execute(query)
    ]
    return FailureDetail(**dict(show(failure)), sensors=readings)


async def listing(
    session: AsyncSession, query: FailureQuery
) -> tuple[list[FailureRead], str | None]:
    """One page of failures, the latest first unless it is asked for otherwise."""
    rows, next_cursor = await paginate(
        session,
        _chosen(query),
        query,
        sort=query.sort,
        columns={"at": Failure.at},
        unique=Failure.id,
    )
    return [show(row[0]) for row in rows], next_cursor


def _chosen(query: FailureQuery) -> Select[Failure]:
    found = select(Failure)
    for column, values in (
        (Failure.equipment, query.code),
        (Failure.vessel, query.vessel),
        (Failure.level, query.level),
    ):
        if values:
            found = found.where(column.in_(values))
    if query.from_:
        found = found.where(Failure.at >= query.from_)
    if query.to:
        found = found.where(Failure.at < query.to)
    return found
