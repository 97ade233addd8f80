import uuid
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator
from pydantic_core import PydanticCustomError

from app.pagination import PageQuery
from app.values import Input, Label, Note, Past

Manufacturer = Annotated[Label, Field(examples=["Maker"])]
Model = Annotated[Label, Field(examples=["M-40"])]
SerialNumber = Annotated[Label, Field(examples=["OHL-0471"])]

_EXAMPLE: dict[str, JsonValue] = {
    "manufacturer": "Maker",
    "model": "M-40",
    "serial_number": "OHL-0471",
}


class UnitCreate(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    manufacturer: Manufacturer
    model: Model
    serial_number: SerialNumber
    note: Note | None = None


class UnitUpdate(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"note": "Overhauled in 2026"}]}
    )

    manufacturer: Manufacturer | None = None
    model: Model | None = None
    serial_number: SerialNumber | None = None
    note: Note | None = None

    @field_validator("manufacturer", "model", "serial_number")
    @classmethod
    def keep_it(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("blank", "It keeps one: leave the field out.")
        return value


class UnitSwap(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{**_EXAMPLE, "reason": "Dry gas seal leaks"}],
        }
    )

    manufacturer: Manufacturer
    model: Model
    serial_number: SerialNumber
    at: Annotated[
        Past | None, Field(description="When it came; now, if not given.")
    ] = None
    until: Annotated[
        Past | None,
        Field(description="When it left again: for what was long ago."),
    ] = None
    reason: Annotated[
        Label | None,
        Field(
            description="Why what sat there was taken out; with `until`, why it left."
        ),
    ] = None


class UnitRemove(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "Sent ashore for overhaul"}]}
    )

    at: Annotated[Past | None, Field(description="Now, if not given.")] = None
    reason: Label | None = None


class InstallationUpdate(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"installed_at": "2026-02-02T12:00:00Z"}]}
    )

    installed_at: Past | None = None
    removed_at: Annotated[
        Past | None, Field(description="Null: it sits there still.")
    ] = None
    removed_because: Label | None = None

    @field_validator("installed_at")
    @classmethod
    def keep_it(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("blank", "It keeps one: leave the field out.")
        return value


class UnitRead(BaseModel):
    id: uuid.UUID
    manufacturer: str
    model: str
    serial_number: str
    note: str | None
    equipment: Annotated[
        str | None, Field(description="Code of the equipment in which it sits now.")
    ]
    created_at: datetime
    updated_at: datetime
    version: int


class UnitQuery(PageQuery):
    """Names in any case, with any spaces; repeat one to allow several values."""

    manufacturer: tuple[Label, ...] = ()
    model: tuple[Label, ...] = ()
    serial_number: tuple[Label, ...] = ()
    installed: Annotated[
        bool | None, Field(description="Whether it sits in an equipment now.")
    ] = None


class InstalledUnit(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    manufacturer: str
    model: str
    serial_number: str


class InstallationRead(BaseModel):
    id: uuid.UUID
    equipment: str
    unit: InstalledUnit
    installed_at: datetime
    removed_at: Annotated[
        datetime | None, Field(description="Null while it sits there.")
    ]
    removed_because: str | None
    version: int


class Swap(BaseModel):
    installed: InstallationRead
    removed: Annotated[
        InstallationRead | None, Field(description="What sat there until then.")
    ]
