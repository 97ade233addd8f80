"""Failure rates, times between failures and availability, ISO 14224-aligned."""

import math
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import be_patient, driver
from app.equipment.models import Equipment
from app.equipment.named import refuse_unknown
from app.pagination import paginate
from app.reliability import queries
from app.reliability.bounds import quantile
from app.reliability.queries import SECONDS, Sums
from app.reliability.schemas import (
    TIME_BASE,
    By,
    Reliability,
    ReliabilityPage,
    ReliabilityQuery,
)


async def listing(session: AsyncSession, query: ReliabilityQuery) -> ReliabilityPage:
    """One page of what is asked for, by name; what never failed is there too.

    Raises NotFoundError for what is named and is not there.
    """
    await refuse_unknown(
        session,
        code=query.code,
        group=query.group,
        vessel=query.vessel,
        class_=query.class_,
    )
    await be_patient(session, SECONDS)
    until = min(query.to or datetime.max.replace(tzinfo=UTC), datetime.now(UTC))
    names, next_cursor = await _names(session, query)
    db = await driver(session)
    known = await queries.sums(db, query, names, until)
    return ReliabilityPage(
        by=query.by,
        time_base=TIME_BASE,
        from_=query.from_,
        to=until,
        level=query.level,
        confidence=query.confidence,
        items=[
            _figures(name, known[name], 1 - query.confidence)
            for name in names
            if name in known
        ],
        next_cursor=next_cursor,
    )


async def _names(
    session: AsyncSession, query: ReliabilityQuery
) -> tuple[list[str], str | None]:
    """One page of codes, groups or vessels of the equipment that is asked for."""
    column = {
        By.EQUIPMENT: Equipment.code,
        By.CLASS: Equipment.class_,
        By.GROUP: Equipment.group,
        By.VESSEL: Equipment.vessel,
    }[query.by]
    found = select(column).where(column.is_not(None)).group_by(column)
    for filtered, values in (
        (Equipment.code, query.code),
        (Equipment.class_, query.class_),
        (Equipment.group, query.group),
        (Equipment.vessel, query.vessel),
    ):
        if values:
            found = found.where(filtered.in_(values))
    rows, next_cursor = await paginate(
        session, found, query, sort=query.by, columns={query.by: column}, unique=column
    )
    return [row[0] for row in rows], next_cursor


def _figures(name: str, sums: Sums, alpha: float) -> Reliability:
    n, hours = sums.failures, sums.hours
    low = high = None
    if hours:
        # Without failures there is no lower bound, and alpha is all on one side.
        low = quantile(alpha / 2, n) / hours if n else None
        high = (quantile(1 - alpha / 2, n + 1) if n else -math.log(alpha)) / hours
    return Reliability(
        name=name,
        equipment=sums.equipment,
        failures=n,
        hours=hours,
        rate_per_hour=n / hours if hours else None,
        rate_low=low,
        rate_high=high,
        mtbf_hours=hours / n if n and hours else None,
        mtbf_low=1 / high if high else None,
        mtbf_high=1 / low if low else None,
        down_hours=sums.down_hours,
        mttr_hours=_mean(sums.restored_hours, sums.restored),
        mean_repair_hours=_mean(sums.repair_hours, sums.repairs),
        mean_down_hours=_mean(sums.down_hours, sums.downs),
        availability=(hours - sums.down_hours) / hours if hours else None,
    )


def _mean(hours: float, times: int) -> float | None:
    return hours / times if times else None
