"""Failures that are reported one by one, with what the sensors read."""

from datetime import datetime

from sqlalchemy import and_, func, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from app.equipment import service as equipment
from app.equipment.models import Equipment
from app.errors import ConflictError, FieldProblem, InvalidError
from app.failures.models import Failure, Level, Reading, Source
from app.failures.schemas import FailureCreate
from app.links import href


async def report(session: AsyncSession, data: FailureCreate) -> Failure:
    """Record that an equipment failed, and what its sensors read.

    What only an issue told of becomes a report. Raises NotFoundError for the equipment,
    ConflictError where it is known otherwise to have failed at that instant,
    InvalidError for sensors that it did not have then.
    """
    failed = await equipment.get(session, data.code)
    numbers = await _numbers(session, failed, data) if data.readings else {}
    count = len(data.readings)
    reporting = postgresql.insert(Failure).values(
        equipment=failed.code,
        vessel=failed.vessel,
        at=data.at,
        level=data.level,
        source=Source.REPORT,
        errors=count if data.level is Level.ERROR else 0,
        warnings=count if data.level is Level.WARNING else 0,
    )
    said = reporting.excluded
    taking_over = reporting.on_conflict_do_update(
        constraint="uq_failures_at_equipment",
        set_={
            "source": said.source,
            "level": func.least(Failure.level, said.level),  # an error comes first
            "errors": said.errors,
            "warnings": said.warnings,
            "version": Failure.version + 1,
            "updated_at": func.now(),
        },
        where=and_(
            Failure.source == Source.ISSUE, Failure.errors + Failure.warnings == 0
        ),
    )
    written = await session.scalars(taking_over.returning(Failure))
    if not (failure := written.one_or_none()):
        raise await _known(session, failed.code, data.at)
    if numbers:
        await session.execute(
            insert(Reading),
            [
                {
                    "at": data.at,
                    "sensor": numbers[reading.sensor],
                    "nth": 1,
                    "level": data.level.rank,
                    "temperature": reading.temperature,
                    "vibration": reading.vibration,
                }
                for reading in data.readings
            ],
        )
    return failure


# Who went to another vessel took its sensors along; those of its vessel come last.
_SENSORS_THEN = text(
    """
SELECT s.code, s.number
FROM (SELECT DISTINCT vessel FROM sensors WHERE equipment = :code) v
CROSS JOIN LATERAL sensor_spans(v.vessel) s
WHERE s.equipment = :code AND :at >= s.since AND :at < s.until
ORDER BY v.vessel = :vessel, s.number
"""
)


async def _numbers(
    session: AsyncSession, failed: Equipment, data: FailureCreate
) -> dict[str, int]:
    """The sensors that the equipment had then: code → number."""
    code = failed.code
    values = {"code": code, "vessel": failed.vessel, "at": data.at}
    rows = await session.execute(_SENSORS_THEN, values)
    known = {row.code: row.number for row in rows}
    wrong: list[FieldProblem] = []
    seen: set[str] = set()
    for place, reading in enumerate(data.readings):
        pointer = f"/readings/{place}/sensor"
        if reading.sensor not in known:
            wrong.append(
                FieldProblem(
                    pointer=pointer,
                    code="unknown-sensor",
                    message=f"{code} had no sensor {reading.sensor} then. "
                    f"GET {href('sensors')}?equipment={code} tells which it has and "
                    f"had; POST {href('equipment', code, 'sensors')} registers one.",
                )
            )
        elif reading.sensor in seen:
            wrong.append(
                FieldProblem(
                    pointer=pointer,
                    code="duplicate-sensor",
                    message="A failure has one reading of each sensor. Keep one.",
                )
            )
        seen.add(reading.sensor)
    if wrong:
        raise InvalidError("Some readings are not acceptable.", errors=wrong)
    return known


async def _known(session: AsyncSession, code: str, at: datetime) -> ConflictError:
    query = select(Failure.id).where(Failure.equipment == code, Failure.at == at)
    existing = await session.scalar(query)
    return ConflictError(
        f"{code} is known to have failed at that instant. Read it: its "
        "address is in `existing`.",
        existing=href("failures", str(existing)),
    )
