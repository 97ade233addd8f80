from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from app.pagination import PageQuery
from app.values import Code, Input, Label

Modes = Annotated[
    list[Code],
    Field(
        max_length=500,
        description="Of an equipment class alone: the failure modes that its "
        "equipment can have. Without any, it can have them all.",
    ),
]


class TermCreate(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"code": "WH", "name": "Water heaters"}]}
    )

    code: Code
    name: Annotated[Label, Field(description="What it means, in your own words.")]
    source: Annotated[Label, Field(description="Where it is from.")] = "added here"
    verified: Annotated[
        bool, Field(description="Whether somebody held it against its source.")
    ] = False
    failure_modes: Modes | None = None


class TermUpdate(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"verified": True}]})

    name: Label | None = None
    source: Label | None = None
    verified: bool | None = None
    failure_modes: Modes | None = None

    @field_validator("name", "source", "verified")
    @classmethod
    def keep_it(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("blank", "It keeps one: leave the field out.")
        return value


class TermRead(BaseModel):
    code: Annotated[str, Field(examples=["PU"])]
    name: Annotated[str, Field(examples=["Pumps"])]
    source: str
    verified: bool
    failure_modes: Annotated[
        list[str] | None, Field(description="Null but for equipment classes.")
    ]
    created_at: datetime
    updated_at: datetime
    version: int


class TermQuery(PageQuery):
    verified: bool | None = None
