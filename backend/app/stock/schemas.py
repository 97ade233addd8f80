import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Protocol, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from app.pagination import ListQuery
from app.quantities import Difference, Quantity, QuantityRead, StockLevel
from app.search import Searched
from app.stock.models import Kind, Place
from app.values import Code, CodeRef, Input, Label
from app.windows import Windowed

LINES_MAX = 500


class _OfPart(Protocol):
    part: str


L = TypeVar("L", bound=Sequence[_OfPart])


def each_part_once(lines: L) -> L:
    often = Counter(line.part for line in lines)
    if twice := sorted(part for part, times in often.items() if times > 1):
        raise PydanticCustomError(
            "repeated-part",
            "Name each part once: {parts} is there more often.",
            {"parts": ", ".join(twice[:10])},
        )
    return lines


# --- stores --------------------------------------------------------------------------


class StoreCreate(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"code": "MV102-MAIN", "place": "aboard", "vessel": "MV102"}]
        }
    )

    code: Code
    name: Label | None = None
    place: Place
    vessel: Annotated[
        Code | None, Field(description="Of a store aboard, and of no other.")
    ] = None

    @model_validator(mode="after")
    def be_somewhere(self) -> "StoreCreate":
        if (self.place is Place.ABOARD) != (self.vessel is not None):
            raise PydanticCustomError(
                "place",
                "A store that is aboard names its vessel, and any other names none.",
            )
        return self


class StoreUpdate(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Main store"}]})

    name: Label | None = None


class StoreRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    code: Annotated[str, Field(examples=["MV102-MAIN"])]
    name: str | None
    place: Place
    vessel: str | None
    created_at: datetime
    updated_at: datetime
    version: int


class StoreQuery(ListQuery):
    """Filters are exact; repeat one to allow several values."""

    known: ClassVar[tuple[str, ...]] = tuple(StoreRead.model_fields)

    vessel: tuple[CodeRef, ...] = ()
    place: tuple[Place, ...] = ()
    q: Annotated[Searched | None, Field(description="Words of its code and name.")] = (
        None
    )


# --- levels --------------------------------------------------------------------------

Minimum = Annotated[
    StockLevel, Field(description="Fewer than this, and more must be ordered.")
]
Maximum = Annotated[StockLevel, Field(description="Up to how much is ordered then.")]


class LevelCreate(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"part": "SEAL-2207", "minimum": "2", "maximum": "6"}]
        }
    )

    part: Code
    minimum: Minimum
    maximum: Maximum


class LevelUpdate(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"maximum": "8"}]})

    minimum: Minimum | None = None
    maximum: Maximum | None = None

    @field_validator("minimum", "maximum")
    @classmethod
    def keep_both(cls, value: Decimal | None) -> Decimal:
        if value is None:
            raise PydanticCustomError("blank", "A level keeps both: 0 is none.")
        return value


class LevelRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    part: str
    store: str
    minimum: QuantityRead
    maximum: QuantityRead
    created_at: datetime
    updated_at: datetime
    version: int


# --- stock ---------------------------------------------------------------------------


class StockRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    part: Annotated[str, Field(examples=["SEAL-2207"])]
    name: str
    unit_of_measure: Annotated[str, Field(examples=["EA"])]
    store: Annotated[str, Field(examples=["MV102-MAIN"])]
    on_hand: QuantityRead
    reserved: Annotated[QuantityRead, Field(description="For requisitions.")]
    available: Annotated[QuantityRead, Field(description="On hand and not reserved.")]
    minimum: QuantityRead | None
    maximum: QuantityRead | None


PartWords = Annotated[
    Searched | None,
    Field(description="Words of the part's number, name and manufacturer."),
]


class StockQuery(ListQuery):
    """Filters are exact; repeat one to allow several values."""

    known: ClassVar[tuple[str, ...]] = tuple(StockRead.model_fields)

    part: tuple[CodeRef, ...] = ()
    store: tuple[CodeRef, ...] = ()
    vessel: tuple[CodeRef, ...] = ()
    place: tuple[Place, ...] = ()
    q: PartWords = None


class StockLine(Input):
    part: Code
    quantity: Quantity


Lines = Annotated[
    list[StockLine],
    Field(min_length=1, max_length=LINES_MAX),
    AfterValidator(each_part_once),
]
Reference = Annotated[
    Label | None, Field(description="Of a paper, such as a delivery note.")
]
Reason = Annotated[Label | None, Field(description="Why, for the ledger.")]
_EXAMPLE: JsonDict = {
    "store": "MV102-MAIN",
    "lines": [{"part": "SEAL-2207", "quantity": "4"}],
}


class Receipt(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    store: Code
    lines: Lines
    reference: Reference = None
    reason: Reason = None


class Withdrawal(Receipt):
    """Taken from the store without a requisition."""


class Transfer(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_EXAMPLE, "to": "MV102-DECK"}]}
    )

    store: Annotated[Code, Field(description="The store that gives.")]
    to: Annotated[Code, Field(description="The store that takes.")]
    lines: Lines
    reference: Reference = None
    reason: Reason = None

    @model_validator(mode="after")
    def go_somewhere(self) -> "Transfer":
        if self.store == self.to:
            raise PydanticCustomError(
                "same-store", "Name another store in `to` than the one that gives."
            )
        return self


class DifferenceLine(Input):
    part: Code
    difference: Difference


class Adjustment(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "store": "MV102-MAIN",
                    "lines": [{"part": "SEAL-2207", "difference": "-1"}],
                    "reason": "Counted 2026-11-21: one is missing",
                }
            ]
        }
    )

    store: Code
    lines: Annotated[
        list[DifferenceLine],
        Field(min_length=1, max_length=LINES_MAX),
        AfterValidator(each_part_once),
    ]
    reason: Annotated[Label, Field(description="Why, for the ledger.")]
    reference: Reference = None


class Moved(BaseModel):
    items: Annotated[
        list[StockRead], Field(description="What there is now, by part and store.")
    ]


# --- the ledger ----------------------------------------------------------------------


class MovementRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    kind: Kind
    part: str
    store: str
    on_hand: Annotated[QuantityRead, Field(description="By how much it changed.")]
    reserved: Annotated[QuantityRead, Field(description="By how much it changed.")]
    other_store: Annotated[
        str | None, Field(description="Of a transfer, where it came from or went.")
    ]
    requisition: uuid.UUID | None
    reference: str | None
    reason: str | None
    who: Annotated[str, Field(examples=["anonymous"])]
    request_id: str | None


class MovementQuery(ListQuery, Windowed):
    """Filters are exact; repeat one to allow several values."""

    known: ClassVar[tuple[str, ...]] = tuple(MovementRead.model_fields)

    part: tuple[CodeRef, ...] = ()
    store: tuple[CodeRef, ...] = ()
    kind: tuple[Kind, ...] = ()
    requisition: tuple[uuid.UUID, ...] = ()
    sort: Literal["id", "-id"] = "-id"
