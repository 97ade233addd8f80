from typing import Annotated, NamedTuple, Self

from pydantic import Field, Json, model_validator
from pydantic_core import PydanticCustomError

from app.imports.schemas import Source, TableQuery
from app.imports.uploads import File
from app.orders.dates import DateOrder
from app.values import Input

_EXAMPLE = """{"reference": "WONUM", "type": {"constant": "repair"}, \
"state": {"column": "STATUS", "values": {"CLSD": "done", "CNCL": "cancelled"}}}"""


class FlatMapping(Input):
    """One that knows no parents."""

    @model_validator(mode="after")
    def refer_nowhere(self) -> Self:
        for name, source in self:
            if source and source.refers_to:
                raise PydanticCustomError(
                    "invalid-source",
                    "{name}: only a parent in a register refers_to another column.",
                    {"name": name},
                )
        return self


class DatedQuery(TableQuery):
    dates: Annotated[
        DateOrder | None,
        Field(description="What comes first in dates such as 02/01/2010."),
    ] = None


class OrderMapping(FlatMapping):
    """Where each field comes from: a column's name, or more said in an object.

    A field that is not named here is read from the column that bears its name or a
    common synonym; null leaves it alone.
    """

    equipment: Source | None = None
    reference: Source | None = None
    type: Source | None = None
    title: Source | None = None
    note: Source | None = None
    state: Source | None = None
    category: Source | None = None
    activity: Source | None = None
    priority: Source | None = None
    package: Source | None = None
    issue: Source | None = None
    cost: Source | None = None
    ordered_at: Source | None = None
    due_at: Source | None = None
    planned_at: Source | None = None
    started_at: Source | None = None
    finished_at: Source | None = None
    active_maintenance_hours: Source | None = None
    down_hours: Source | None = None
    cancel_reason: Source | None = None


class OrdersQuery(DatedQuery):
    mapping: Annotated[
        Json[OrderMapping] | None,
        Field(
            description="JSON: field → column, or an object with `column` and "
            "`values`, or with `constant`.",
            examples=[_EXAMPLE],
        ),
    ] = None


class OrdersUpload(NamedTuple):
    file: File
    query: OrdersQuery
