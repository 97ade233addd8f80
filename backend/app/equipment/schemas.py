from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from app.equipment.models import Status
from app.pagination import PageQuery
from app.values import Code, CodeRef, Input, Label


class EquipmentCreate(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "compressor", "code": "5310B9D7", "location": "Brazil"}
            ]
        }
    )

    code: Code
    name: Label
    location: Label
    tag: Annotated[
        Code | None, Field(description="Functional tag, unique aboard the vessel.")
    ] = None
    group: Label | None = None
    class_: Annotated[
        Code | None,
        Field(alias="class", description="Such as PU: see the taxonomy's classes."),
    ] = None
    parent: Annotated[
        Code | None, Field(description="Code of an equipment of the same vessel.")
    ] = None


class EquipmentUpdate(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"location": "Module M60", "parent": None}]}
    )

    name: Label | None = None
    location: Label | None = None
    tag: Code | None = None
    group: Label | None = None
    class_: Annotated[Code | None, Field(alias="class")] = None
    parent: Code | None = None

    @field_validator("name")
    @classmethod
    def keep_a_name(cls, name: str | None) -> str:
        if name is None:
            raise PydanticCustomError("blank", "An equipment keeps a name.")
        return name


class EquipmentRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    code: Annotated[str, Field(examples=["5310B9D7"])]
    vessel: Annotated[str, Field(examples=["MV102"])]
    tag: Annotated[str | None, Field(examples=["23-KA-9101"])]
    name: Annotated[str, Field(examples=["compressor"])]
    location: Annotated[str | None, Field(examples=["Brazil"])]
    group: str | None
    class_: Annotated[str | None, Field(serialization_alias="class", examples=["PU"])]
    parent: str | None
    status: Status
    created_at: datetime
    updated_at: datetime
    version: int


class EquipmentQuery(PageQuery):
    """Filters are exact; repeat one to allow several values."""

    status: tuple[Status, ...] = ()
    name: tuple[Label, ...] = ()
    location: tuple[Label, ...] = ()
    group: tuple[Label, ...] = ()
    class_: Annotated[tuple[CodeRef, ...], Field(alias="class")] = ()
    tag: tuple[CodeRef, ...] = ()
    parent: tuple[CodeRef, ...] = ()
    q: Annotated[
        Label | None,
        Field(description="Part of a code, tag, name or location, in any case."),
    ] = None
    sort: Literal["code", "-code", "name", "-name", "updated_at", "-updated_at"] = (
        "code"
    )


class FleetQuery(EquipmentQuery):
    vessel: tuple[CodeRef, ...] = ()


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Codes(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"codes": ["5310B9D7", "E1AD07D4"]}]}
    )

    codes: Annotated[
        list[Code],
        Field(min_length=1, max_length=10_000),
        BeforeValidator(_as_list, json_schema_input_type=Code | list[Code]),
    ]


class BatchQuery(Input):
    mode: Annotated[
        Literal["atomic", "partial"],
        Field(description="`partial` changes the known codes and lists the others."),
    ] = "atomic"


class Batch(BaseModel):
    changed: list[str]
    unchanged: list[str]
    missing: Annotated[
        list[str] | None, Field(description="With `mode=partial` only.")
    ] = None


class EquipmentPath(BaseModel):
    items: Annotated[
        list[EquipmentRead], Field(description="From the root to the equipment.")
    ]
