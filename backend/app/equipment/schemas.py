from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from app.equipment.models import Status
from app.pagination import ListQuery
from app.problems import ProblemField
from app.search import Searched
from app.values import Code, CodeRef, Input, Instant, Label

AsOf = Annotated[
    Instant | None,
    Field(description="As it stood at this instant, by the record of changes."),
]


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
    parent: Code | None = None

    @field_validator("name")
    @classmethod
    def keep_a_name(cls, name: str | None) -> str:
        if name is None:
            raise PydanticCustomError("blank", "An equipment keeps a name.")
        return name


Mode = Literal["atomic", "partial"]
ITEMS_MAX = 1000


class ManyCreate(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"items": [{"name": "pump", "code": "E1AD07D4", "location": "Brazil"}]}
            ]
        }
    )

    items: Annotated[list[EquipmentCreate], Field(min_length=1, max_length=ITEMS_MAX)]


class ItemUpdate(EquipmentUpdate):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"code": "5310B9D7", "version": 3, "location": "M60"}]
        }
    )

    code: Code
    version: Annotated[
        int, Field(ge=1, strict=True, description="The one that you last read.")
    ]


class ManyUpdate(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"items": [{"code": "5310B9D7", "version": 3, "location": "M60"}]}
            ]
        }
    )

    items: Annotated[list[ItemUpdate], Field(min_length=1, max_length=ITEMS_MAX)]


class ManyQuery(Input):
    mode: Annotated[
        Mode,
        Field(description="`partial` does what can be done and tells of the others."),
    ] = "atomic"


class ItemResult(BaseModel):
    code: Annotated[str, Field(examples=["5310B9D7"])]
    result: Literal["created", "changed", "unchanged", "refused"]
    version: Annotated[
        int | None, Field(description="The one that it has now; null if refused.")
    ] = None
    errors: Annotated[list[ProblemField], Field(description="Why it was refused.")] = []


class ManyResult(BaseModel):
    items: Annotated[
        list[ItemResult], Field(description="In the order in which they were sent.")
    ]


class EquipmentMove(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"vessel": "MV102", "location": "Brazil"}]}
    )

    vessel: Annotated[Code, Field(description="Where it goes.")]
    parent: Annotated[
        Code | None, Field(description="What it stands below there; nothing if null.")
    ] = None
    tag: Annotated[
        Code | None, Field(description="Its tag there; not sent, it keeps its own.")
    ] = None
    location: Annotated[
        Label | None, Field(description="Not sent, it stays as it is.")
    ] = None


class MoveQuery(Input):
    subtree: Annotated[bool, Field(description="Take along what stands below it.")] = (
        False
    )


class EquipmentRestore(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 1}]})

    version: Annotated[
        int, Field(ge=1, strict=True, description="The version to go back to.")
    ]


class EquipmentRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    code: Annotated[str, Field(examples=["5310B9D7"])]
    vessel: Annotated[str, Field(examples=["MV102"])]
    tag: Annotated[str | None, Field(examples=["23-KA-9101"])]
    name: Annotated[str, Field(examples=["compressor"])]
    location: Annotated[str | None, Field(examples=["Brazil"])]
    group: str | None
    parent: str | None
    status: Status
    created_at: datetime
    updated_at: datetime
    version: int


class ChildrenQuery(ListQuery):
    known: ClassVar[tuple[str, ...]] = tuple(EquipmentRead.model_fields)


class EquipmentQuery(ChildrenQuery):
    """Filters are exact; repeat one to allow several values."""

    status: tuple[Status, ...] = ()
    name: tuple[Label, ...] = ()
    location: tuple[Label, ...] = ()
    group: tuple[Label, ...] = ()
    tag: tuple[CodeRef, ...] = ()
    tag_prefix: Annotated[
        CodeRef | None, Field(min_length=1, description="How a tag begins.")
    ] = None
    parent: tuple[CodeRef, ...] = ()
    updated_since: Annotated[
        Instant | None, Field(description="Updated at or after.")
    ] = None
    q: Annotated[
        Searched | None,
        Field(description="Beginnings of words of a code, tag, name or location."),
    ] = None
    sort: Literal["code", "-code", "name", "-name", "updated_at", "-updated_at"] = (
        "code"
    )


class VesselQuery(EquipmentQuery):
    as_of: AsOf = None


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
        Mode,
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
