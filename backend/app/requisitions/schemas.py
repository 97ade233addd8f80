import uuid
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from app.pagination import ListQuery
from app.parts.schemas import Currency
from app.quantities import Quantity, QuantityRead
from app.requisitions.models import ANONYMOUS, State
from app.stock.schemas import (
    LINES_MAX,
    PartWords,
    Reason,
    StockLine,
    each_part_once,
)
from app.values import Code, CodeRef, Input, Label, Moment, Money, Note

Name = Annotated[
    Label, Field(description="Who does it; `anonymous` until callers have names.")
]
Decider = Annotated[
    Label,
    Field(description="Who decides; must be said where the requester has a name."),
]
Operation = Annotated[
    uuid.UUID | None, Field(description="The operation order that needs the parts.")
]
NeededAt = Annotated[Moment | None, Field(description="When they must be there.")]
Lines = Annotated[
    list[StockLine],
    Field(max_length=LINES_MAX),
    AfterValidator(each_part_once),
]


class RequisitionCreate(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "vessel": "MV102",
                    "store": "MV102-MAIN",
                    "requester": "mechanic, day shift",
                    "lines": [{"part": "SEAL-2207", "quantity": "2"}],
                }
            ]
        }
    )

    vessel: Annotated[Code, Field(description="The vessel that needs the parts.")]
    store: Annotated[Code, Field(description="The store that is to give them.")]
    requester: Name = ANONYMOUS
    operation: Operation = None
    needed_at: NeededAt = None
    note: Note | None = None
    lines: Lines = Field(default_factory=list)


class RequisitionUpdate(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"note": "For the January stop"}]}
    )

    store: Code | None = None
    operation: Operation = None
    needed_at: NeededAt = None
    note: Note | None = None

    @field_validator("store")
    @classmethod
    def keep_a_store(cls, store: str | None) -> str:
        if store is None:
            raise PydanticCustomError("blank", "A requisition keeps a store.")
        return store


class LinePut(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"quantity": "3"}]})

    quantity: Quantity


class Approval(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"by": "maintenance supervisor"}]}
    )

    by: Decider = ANONYMOUS
    reason: Label | None = None


class Rejection(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"by": "maintenance supervisor", "reason": "Two are aboard"}]
        }
    )

    by: Decider = ANONYMOUS
    reason: Label


class Cancellation(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "The pump was replaced whole"}]}
    )

    by: Name = ANONYMOUS
    reason: Label | None = None


class Closing(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "The rest is not made any more"}]}
    )

    by: Name = ANONYMOUS
    reason: Label


OfThem = Annotated[
    Annotated[list[StockLine], Field(min_length=1, max_length=LINES_MAX)] | None,
    AfterValidator(lambda lines: lines and each_part_once(lines)),
    Field(description="How much of which part; without it, all that is reserved."),
]


class Issue(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"lines": [{"part": "SEAL-2207", "quantity": "1"}]}]
        }
    )

    lines: OfThem = None


class Release(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "lines": [{"part": "SEAL-2207", "quantity": "1"}],
                    "reason": "Counted: one is missing",
                }
            ]
        }
    )

    lines: OfThem = None
    reason: Reason = None


class LineRead(BaseModel):
    part: Annotated[str, Field(examples=["SEAL-2207"])]
    name: str
    unit_of_measure: str
    quantity: QuantityRead
    reserved: Annotated[QuantityRead, Field(description="Held in the store for it.")]
    issued: QuantityRead
    backordered: Annotated[
        QuantityRead, Field(description="Neither held nor issued: not in stock.")
    ]
    price: Annotated[
        Money, Field(description="The catalogue's; fixed when it is submitted.")
    ]
    amount: Annotated[
        Money, Field(description="Quantity times price, rounded half-even.")
    ]


class RequisitionSummary(BaseModel):
    id: uuid.UUID
    vessel: str
    store: str
    requester: str
    state: State
    operation: uuid.UUID | None
    needed_at: datetime | None
    note: str | None
    submitted_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    reason: Annotated[
        str | None, Field(description="Of its approval, rejection or end: the latest.")
    ]
    closed_at: datetime | None
    closed_by: str | None
    total: Annotated[Money, Field(description="The sum of the lines' amounts.")]
    issued_total: Annotated[Money, Field(description="Of what was handed out.")]
    currency: Currency
    backordered: Annotated[
        bool, Field(description="Whether it waits for parts that are not in stock.")
    ]
    created_at: datetime
    updated_at: datetime
    version: int


class RequisitionRead(RequisitionSummary):
    lines: list[LineRead]


class RequisitionQuery(ListQuery):
    """Filters are exact; repeat one to allow several values."""

    known: ClassVar[tuple[str, ...]] = tuple(RequisitionSummary.model_fields)

    vessel: tuple[CodeRef, ...] = ()
    store: tuple[CodeRef, ...] = ()
    state: tuple[State, ...] = ()
    requester: Annotated[
        tuple[Label, ...], Field(description="In any case, with any spaces.")
    ] = ()
    operation: tuple[uuid.UUID, ...] = ()
    part: tuple[CodeRef, ...] = ()
    backordered: Annotated[
        bool | None,
        Field(description="Whether it waits for parts that are not in stock."),
    ] = None
    sort: Literal["created_at", "-created_at"] = "-created_at"


class ReorderRead(BaseModel):
    part: Annotated[str, Field(examples=["SEAL-2207"])]
    name: str
    unit_of_measure: Annotated[str, Field(examples=["EA"])]
    manufacturer: str | None
    lead_time_days: int | None
    store: Annotated[str, Field(examples=["MV102-MAIN"])]
    available: QuantityRead
    backordered: Annotated[QuantityRead, Field(description="What requisitions lack.")]
    minimum: QuantityRead
    maximum: QuantityRead
    quantity: Annotated[
        QuantityRead, Field(description="Up to the maximum, and what is lacking.")
    ]
    price: Money
    amount: Money
    currency: Currency


class ReorderQuery(ListQuery):
    """Filters are exact; repeat one to allow several values."""

    known: ClassVar[tuple[str, ...]] = tuple(ReorderRead.model_fields)

    part: tuple[CodeRef, ...] = ()
    store: tuple[CodeRef, ...] = ()
    vessel: tuple[CodeRef, ...] = ()
    q: PartWords = None
