import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json
from pydantic_core import PydanticCustomError

from app.failures.models import Level, Source
from app.imports.schemas import FileQuery, TableQuery
from app.imports.schemas import Source as From
from app.imports.uploads import File
from app.pagination import PageQuery
from app.values import Code, CodeRef, Input, Instant, Label
from app.windows import Windowed

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# --- files ----------------------------------------------------------------------------


class SensorMapping(Input):
    """Where the two fields come from: a column's name, or more said in an object."""

    sensor: From | None = None
    equipment: From | None = None


class SensorsQuery(TableQuery):
    mapping: Annotated[
        Json[SensorMapping] | None,
        Field(
            description="JSON: field → column, or one with `column` and `values`.",
            examples=[
                '{"equipment": {"column": "equipment_id", "values": {"1": "5310B9D7"}}}'
            ],
        ),
    ] = None


class LogQuery(FileQuery):
    pass


class SensorsUpload(NamedTuple):
    file: File
    query: SensorsQuery


class LogUpload(NamedTuple):
    file: File
    query: LogQuery


# --- sensors --------------------------------------------------------------------------


class SensorCreate(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "43"}]})

    code: Annotated[Code, Field(description="As the vessel's failure log names it.")]


class SensorRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    code: Annotated[str, Field(examples=["43"])]
    vessel: Annotated[str, Field(description="Whose log names it so.")]
    equipment: str
    until: Annotated[
        datetime | None, Field(description="When it was moved from there; null: it is.")
    ]
    created_at: datetime
    updated_at: datetime
    version: int


class SensorsListQuery(PageQuery):
    """Filters are exact; repeat one to allow several values."""

    vessel: tuple[CodeRef, ...] = ()
    equipment: tuple[CodeRef, ...] = ()
    code: tuple[CodeRef, ...] = ()
    current: Annotated[
        bool, Field(description="Without those that were moved since.")
    ] = False


# --- failures -------------------------------------------------------------------------


def _happened(at: datetime) -> datetime:
    if EPOCH <= at <= datetime.now(UTC):
        return at
    raise PydanticCustomError(
        "invalid-instant",
        "No failure is known before it happens, nor before 1970. Write when it was.",
    )


Number = Annotated[
    float | None, Field(allow_inf_nan=False, description="null: the sensor gave none.")
]


class ReadingCreate(Input):
    sensor: Annotated[Code, Field(description="Of this equipment.")]
    temperature: Number = None
    vibration: Number = None


class FailureCreate(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "5310B9D7",
                    "at": "2026-01-31T08:00:00Z",
                    "readings": [{"sensor": "43", "temperature": 58.4}],
                }
            ]
        }
    )

    code: Annotated[Code, Field(description="Code of the equipment.")]
    at: Annotated[Instant, AfterValidator(_happened)]
    level: Level = Level.ERROR
    readings: Annotated[
        tuple[ReadingCreate, ...], Field(max_length=1000, description="One a sensor.")
    ] = ()


class FailureRead(BaseModel):
    id: uuid.UUID
    code: Annotated[str, Field(description="Code of the equipment.")]
    vessel: Annotated[str, Field(description="Where it happened.")]
    at: datetime
    level: Annotated[Level, Field(description="The worst of its readings.")]
    source: Annotated[Source, Field(description="A log, a report, or an issue.")]
    readings: Annotated[int, Field(description="How many: the lines of a log.")]
    created_at: datetime


class ReadingRead(BaseModel):
    sensor: str
    level: Level
    temperature: float | None
    vibration: float | None


class FailureDetail(FailureRead):
    sensors: list[ReadingRead]


class FailureQuery(PageQuery, Windowed):
    """Filters are exact; repeat one to allow several values."""

    code: tuple[CodeRef, ...] = ()
    vessel: tuple[CodeRef, ...] = ()
    level: tuple[Level, ...] = ()
    sort: Literal["at", "-at"] = "-at"


# --- counts ---------------------------------------------------------------------------


class By(StrEnum):
    EQUIPMENT = "equipment"
    GROUP = "group"
    SENSOR = "sensor"
    MONTH = "month"
    VESSEL = "vessel"


Unit = Annotated[
    Literal["failures", "readings"],
    Field(description="What the worst has the most of."),
]
# Sums and ranks are of all that there is: what is shown of them has no pages.
SHOWN_MAX = 10_000
UNITS = {
    "failures": "distinct failures: one of an equipment at an instant",
    "readings": "lines of a log: one of each sensor at a failure",
}


class Window(Windowed):
    """Filters are exact; repeat one to allow several values."""

    code: tuple[CodeRef, ...] = ()
    group: tuple[Label, ...] = ()
    vessel: tuple[CodeRef, ...] = ()
    level: Annotated[
        Level | None, Field(description="Readings of it, and failures that have some.")
    ] = None
    unit: Unit = "readings"
    limit: Annotated[int, Field(ge=1, le=SHOWN_MAX, description="Items.")] = 100


class SummaryQuery(Window):
    by: By = By.EQUIPMENT


class RankingQuery(Window):
    top: Annotated[
        int,
        Field(ge=1, le=SHOWN_MAX, description="The rank of the last of an equipment."),
    ] = SHOWN_MAX


class Counted(BaseModel):
    failures: Annotated[int, Field(description=f"Counts {UNITS['failures']}.")]
    readings: Annotated[int, Field(description=f"Counts {UNITS['readings']}.")]


class SummaryItem(Counted):
    """What `by` names, with its counts."""

    code: Annotated[str | None, Field(description="Of the equipment.")] = None
    group: str | None = None
    sensor: str | None = None
    month: Annotated[str | None, Field(examples=["2020-02"])] = None
    vessel: str | None = None
    equipment: Annotated[
        int | None, Field(description="Of a group: how many of it have failed.")
    ] = None
    registered: Annotated[
        int | None, Field(description="Of a group: how many there are, or failed.")
    ] = None
    failures_per_equipment: Annotated[
        float | None, Field(description="Of those that have failed.")
    ] = None
    readings_per_equipment: Annotated[
        float | None, Field(description="Of those that have failed.")
    ] = None
    failures_per_registered: float | None = None
    readings_per_registered: float | None = None


class Answered(BaseModel):
    """What was asked for, so that the answer stands for itself."""

    units: Annotated[
        dict[str, str], Field(description="What is counted.", examples=[UNITS])
    ]
    unit: Unit
    from_: Annotated[datetime | None, Field(serialization_alias="from")]
    to: datetime | None
    level: Level | None


class Summary(Answered, Counted):
    by: By
    all: Annotated[int, Field(description="How many items there are.")]
    items: Annotated[list[SummaryItem], Field(description="The worst first.")]


class RankedSensor(Counted):
    group: str | None
    code: Annotated[str, Field(description="Of the equipment.")]
    vessel: str
    sensor: str
    rank: Annotated[int, Field(description="Within its equipment; 1 is the worst.")]


class Ranking(Answered):
    all: Annotated[int, Field(description="How many sensors are ranked so.")]
    items: Annotated[
        list[RankedSensor],
        Field(description="The worst group first, in it the worst equipment."),
    ]
