from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.pagination import ListQuery
from app.search import Searched
from app.values import Code, Input, Instant, Label


class VesselCreate(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "MV102"}]})

    code: Code
    name: Label | None = None


class VesselUpdate(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Baía"}]})

    name: Label | None = None


class VesselRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    code: Annotated[str, Field(examples=["MV102"])]
    name: str | None
    created_at: datetime
    updated_at: datetime
    version: int


class VesselQuery(ListQuery):
    known: ClassVar[tuple[str, ...]] = tuple(VesselRead.model_fields)

    updated_since: Annotated[
        Instant | None, Field(description="Updated at or after.")
    ] = None
    q: Annotated[
        Searched | None, Field(description="Beginnings of words of a code or name.")
    ] = None
    sort: Literal["code", "-code", "updated_at", "-updated_at"] = "code"
