import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json
from pydantic_core import PydanticCustomError

from app.failures.models import Level, Source
from app.imports.schemas import FileQuery, TableQuery
from app.imports.schemas import Source as From
from app.imports.uploads import File
from app.pagination import PageQuery
from app.values import Code, CodeRef, Input, Instant

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
    source: Annotated[Source, Field(description="A log, or a report of its own.")]
    readings: Annotated[int, Field(description="How many: the lines of a log.")]
    created_at: datetime


class ReadingRead(BaseModel):
    sensor: str
    level: Level
    temperature: float | None
    vibration: float | None


class FailureDetail(FailureRead):
    sensors: list[ReadingRead]


class FailureQuery(PageQuery):
    """Filters are exact; repeat one to allow several values."""

    code: tuple[CodeRef, ...] = ()
    vessel: tuple[CodeRef, ...] = ()
    level: tuple[Level, ...] = ()
    from_: Annotated[
        Instant | None, Field(alias="from", description="At or after.")
    ] = None
    to: Annotated[Instant | None, Field(description="Before.")] = None
    sort: Literal["at", "-at"] = "-at"
