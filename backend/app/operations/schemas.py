import uuid
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.pagination import ListQuery
from app.values import Code, CodeRef, Cost, Input, Instant, Label, Money, Note


def _in_our_time(instant: datetime) -> datetime:
    """Refuse slips such as the year 26, and what the driver takes for infinity."""
    if 1900 <= instant.year < 3000:  # noqa: PLR2004 the message says what they are
        return instant
    raise PydanticCustomError(
        "invalid-instant", "Write an instant between the years 1900 and 2999."
    )


OperationType = Annotated[
    Label,
    Field(
        max_length=64, description="What was done, such as `replacement` or `repair`."
    ),
]
Average = Annotated[
    Money | None,
    Field(description="Over operation orders, rounded half-even; null without any."),
]
Currency = Annotated[str, Field(examples=["USD"])]


class OperationCreate(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"code": "5310B9D7", "type": "replacement", "cost": "10000"}]
        }
    )

    code: Annotated[Code, Field(description="Code of the equipment.")]
    type: OperationType
    cost: Cost
    performed_at: Annotated[
        Annotated[Instant, AfterValidator(_in_our_time)] | None,
        Field(description="When it was done; now, if not given."),
    ] = None
    note: Note | None = None


class OperationRead(BaseModel):
    id: uuid.UUID
    code: Annotated[str, Field(description="Code of the equipment.")]
    vessel: str
    type: str
    cost: Money
    currency: Currency
    performed_at: datetime
    note: str | None
    created_at: datetime


class OperationQuery(ListQuery):
    """Filters are exact; repeat one to allow several values."""

    known: ClassVar[tuple[str, ...]] = tuple(OperationRead.model_fields)

    code: tuple[CodeRef, ...] = ()
    vessel: tuple[CodeRef, ...] = ()
    type: tuple[Label, ...] = ()
    from_: Annotated[
        Instant | None, Field(alias="from", description="Performed at or after.")
    ] = None
    to: Annotated[Instant | None, Field(description="Performed before.")] = None
    sort: Literal["performed_at", "-performed_at", "created_at", "-created_at"] = (
        "-performed_at"
    )


class EquipmentCost(BaseModel):
    code: str
    total: Money
    average: Average
    operations: int
    currency: Currency


class NameQuery(Input):
    name: Annotated[Label, Field(examples=["compressor"])]


class NameCost(BaseModel):
    name: str
    total: Money
    average: Average
    operations: int
    equipment: Annotated[int, Field(description="How many bear the name.")]
    currency: Currency


class VesselCost(BaseModel):
    vessel: str
    average: Average
    total: Money
    operations: int
    equipment: int
    average_per_equipment: Annotated[
        Money | None, Field(description="Total over equipment; null without any.")
    ]
    currency: Currency
