import uuid
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from app.pagination import ListQuery
from app.search import Searched
from app.values import Code, CodeRef, Cost, Input, Label, Money

UnitOfMeasure = Annotated[
    Label,
    Field(
        max_length=16,
        description="What is counted, such as `EA`, `M`, `L` or `KG`. It stays once "
        "the part was moved or asked for.",
    ),
]
LeadTime = Annotated[
    int,
    Field(
        strict=True, ge=0, le=10_000, description="Days from the order to its arrival."
    ),
]
Currency = Annotated[str, Field(examples=["USD"])]


class PartCreate(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "number": "SEAL-2207",
                    "name": "Mechanical seal",
                    "unit_of_measure": "EA",
                    "price": "1250.00",
                }
            ]
        }
    )

    number: Annotated[Code, Field(description="Part number, unique in the fleet.")]
    name: Label
    manufacturer: Label | None = None
    unit_of_measure: UnitOfMeasure
    price: Annotated[Cost, Field(description="Of one unit of measure.")]
    lead_time_days: LeadTime | None = None


class PartUpdate(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"price": "1310.00"}]})

    name: Label | None = None
    manufacturer: Label | None = None
    unit_of_measure: UnitOfMeasure | None = None
    price: Cost | None = None
    lead_time_days: LeadTime | None = None

    @field_validator("name", "unit_of_measure", "price")
    @classmethod
    def keep_them(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError(
                "blank", "A part keeps a name, a unit of measure and a price."
            )
        return value


class PartRead(BaseModel):
    number: Annotated[str, Field(examples=["SEAL-2207"])]
    name: Annotated[str, Field(examples=["Mechanical seal"])]
    manufacturer: str | None
    unit_of_measure: Annotated[str, Field(examples=["EA"])]
    price: Money
    currency: Currency
    lead_time_days: int | None
    created_at: datetime
    updated_at: datetime
    version: int


class FittingQuery(ListQuery):
    known: ClassVar[tuple[str, ...]] = tuple(PartRead.model_fields)


class PartQuery(FittingQuery):
    """Filters are exact; repeat one to allow several values."""

    manufacturer: tuple[Label, ...] = ()
    class_: Annotated[
        tuple[CodeRef, ...],
        Field(alias="class", description="That fit equipment of this class."),
    ] = ()
    model: Annotated[
        tuple[Label, ...],
        Field(
            description="That fit hardware of this model, in any case, with any spaces."
        ),
    ] = ()
    q: Annotated[
        Searched | None,
        Field(description="Words of its number, name and manufacturer."),
    ] = None
    sort: Literal["number", "-number", "name", "-name", "updated_at", "-updated_at"] = (
        "number"
    )


class FitCreate(Input):
    """Exactly one of the three."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"equipment": "A1"}]})

    equipment: Annotated[
        Code | None, Field(description="Code of the equipment that it fits.")
    ] = None
    class_: Annotated[
        Code | None, Field(alias="class", description="Equipment class, such as `PU`.")
    ] = None
    model: Annotated[
        Label | None, Field(description="Model of hardware, as its maker calls it.")
    ] = None

    @model_validator(mode="after")
    def name_one(self) -> "FitCreate":
        if sum(it is not None for it in (self.equipment, self.class_, self.model)) != 1:
            raise PydanticCustomError(
                "one-of", "Name one of equipment, class and model: what the part fits."
            )
        return self


class FitRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    part: str
    equipment: str | None
    class_: Annotated[str | None, Field(serialization_alias="class")]
    model: str | None
    created_at: datetime
