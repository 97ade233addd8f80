"""What the server says of failures and what they come to, as far as it is shown."""

from datetime import datetime

from pydantic import BaseModel, Field


class Sensor(BaseModel):
    code: str
    vessel: str
    equipment: str
    until: datetime | None


class Failure(BaseModel):
    code: str
    at: datetime
    level: str
    source: str
    readings: int


class Counted(BaseModel):
    failures: int
    readings: int


class CountedItem(Counted):
    code: str | None = None
    group: str | None = None
    sensor: str | None = None
    month: str | None = None
    vessel: str | None = None
    equipment: int | None = None
    registered: int | None = None
    failures_per_equipment: float | None = None
    readings_per_equipment: float | None = None


class FailureSummary(Counted):
    units: dict[str, str]
    all: int
    items: list[CountedItem]


class RankedSensor(Counted):
    group: str | None
    code: str
    sensor: str
    rank: int


class SensorRanking(BaseModel):
    units: dict[str, str]
    all: int
    items: list[RankedSensor]


class Reliability(BaseModel):
    name: str
    failures: int
    hours: float
    rate_per_hour: float | None
    mtbf_hours: float | None
    mtbf_low: float | None
    mtbf_high: float | None
    mttr_hours: float | None
    availability: float | None


class Stated(BaseModel):
    """What the figures of a page are of."""

    time_base: str
    from_: datetime | None = Field(alias="from")
    to: datetime
    level: str
    confidence: float
