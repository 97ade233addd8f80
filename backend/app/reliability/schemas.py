from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from app.failures.models import Level
from app.pagination import Page, PageQuery
from app.values import CodeRef, Instant, Label
from app.windows import Windowed

TIME_BASE = (
    "calendar hours within the window, from when an equipment was registered; all of "
    "the window if a failure, an issue, an order that was done, a unit or a log of its "
    "sensors is known from before that, or from the first of these where the window "
    "has no start"
)


class By(StrEnum):
    EQUIPMENT = "equipment"
    CLASS = "class"
    GROUP = "group"
    VESSEL = "vessel"


class ReliabilityQuery(PageQuery, Windowed):
    """Filters are exact; repeat one to allow several values."""

    by: By = By.EQUIPMENT
    code: tuple[CodeRef, ...] = ()
    class_: Annotated[tuple[CodeRef, ...], Field(alias="class")] = ()
    group: tuple[Label, ...] = ()
    vessel: tuple[CodeRef, ...] = ()
    from_: Annotated[
        Instant | None, Field(alias="from", description="The window's start.")
    ] = None
    to: Annotated[Instant | None, Field(description="Its end; now at the latest.")] = (
        None
    )
    level: Annotated[
        Level, Field(description="`warning` counts warnings as failures too.")
    ] = Level.ERROR
    confidence: Annotated[
        float, Field(ge=0.5, le=0.9999, description="Of the two-sided bounds.")
    ] = 0.9


Hours = Annotated[float | None, Field(description="In hours; null is unknown.")]


class Reliability(BaseModel):
    """λ = n / τ, MTBF = τ / n; bounds by chi-square for data that end at a time."""

    name: Annotated[str, Field(description="Of the equipment, class, group or vessel.")]
    equipment: Annotated[int, Field(description="How many pieces of equipment.")]
    failures: Annotated[int, Field(description="n: one of an equipment at an instant.")]
    hours: Annotated[float, Field(description="τ: the sum over its equipment.")]
    rate_per_hour: float | None
    rate_low: Annotated[float | None, Field(description="null without any failure.")]
    rate_high: Annotated[
        float | None, Field(description="Without any failure it is one-sided.")
    ]
    mtbf_hours: Annotated[float | None, Field(description="null without any failure.")]
    mtbf_low: Hours
    mtbf_high: Annotated[float | None, Field(description="null without any failure.")]
    down_hours: Annotated[
        float, Field(description="As issues say; times that overlap count once.")
    ]
    mttr_hours: Annotated[
        float | None, Field(description="From down to restored, of what was restored.")
    ]
    mean_repair_hours: Annotated[
        float | None, Field(description="Active repair, without waiting.")
    ]
    mean_down_hours: Annotated[float | None, Field(description="Waiting included.")]
    availability: Annotated[float | None, Field(description="Up / (up + down).")]


class ReliabilityPage(Page[Reliability]):
    by: By
    time_base: Annotated[str, Field(examples=[TIME_BASE])]
    from_: Annotated[datetime | None, Field(serialization_alias="from")]
    to: datetime
    level: Level
    confidence: float
