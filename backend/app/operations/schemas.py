import uuid
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from app.operations.models import Category, CostKind, State
from app.pagination import ListQuery
from app.values import (
    Code,
    CodeRef,
    Cost,
    Hours,
    Input,
    Instant,
    Label,
    Moment,
    Money,
    Past,
    SpeltHours,
    Story,
)
from app.windows import Windowed

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


class CostLineCreate(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "parts", "amount": "1250.50"}]}
    )

    kind: CostKind
    amount: Cost
    description: Label | None = None


class CostLineRead(BaseModel):
    id: uuid.UUID
    kind: CostKind
    amount: Money
    currency: Currency
    description: str | None
    created_at: datetime


Activity = Annotated[
    Code | None,
    Field(
        description="Code of a maintenance activity. If not sent, that whose name is "
        "the type, if there is one."
    ),
]
ActiveHours = Annotated[
    Hours | None, Field(description="Hours of work on it, without any waiting.")
]
DownHours = Annotated[
    Hours | None, Field(description="Hours that the equipment could not serve.")
]
Reference = Annotated[
    Label | None,
    Field(description="What the system that it came from knows it by."),
]
Priority = Annotated[
    int, Field(ge=1, le=4, description="1 urgent, 2 high, 3 normal, 4 low.")
]
Package = Annotated[
    Label | None,
    Field(description="The programme or package of work that it belongs to."),
]
OrderedAt = Annotated[
    Past | None,
    Field(description="When it was ordered, if that was not here and now."),
]
DueAt = Annotated[Moment | None, Field(description="When it should be done.")]
CostLines = Annotated[
    tuple[CostLineCreate, ...],
    Field(max_length=500, description="What makes up the cost: their sum is the cost."),
]


class OperationDetails(Input):
    """What an order may say besides its equipment, its state and its cost."""

    type: OperationType
    performed_at: Annotated[
        Past | None,
        Field(
            description="When it was done; now, if not given. What lies ahead is "
            "`planned_at`, of an order that is planned."
        ),
    ] = None
    note: Story | None = None
    category: Category | None = None
    activity: Activity = None
    planned_at: Moment | None = None
    started_at: Past | None = None
    finished_at: Annotated[
        Past | None, Field(description="Another name of `performed_at`.")
    ] = None
    active_maintenance_hours: ActiveHours = None
    down_hours: DownHours = None
    costs: CostLines = ()
    cancel_reason: Annotated[
        Label | None, Field(description="Of an order that is cancelled: why.")
    ] = None
    title: Label | None = None
    reference: Reference = None
    priority: Priority | None = None
    package: Package = None
    ordered_at: OrderedAt = None
    due_at: DueAt = None


class OperationCreate(OperationDetails):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"code": "5310B9D7", "type": "replacement", "cost": "10000"}]
        }
    )

    code: Annotated[Code, Field(description="Code of the equipment.")]
    cost: Cost
    state: Annotated[
        State, Field(description="Whether it is done, or still to be.")
    ] = State.DONE


class OperationUpdate(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"active_maintenance_hours": "4.5"}]}
    )

    type: OperationType | None = None
    cost: Cost | None = None
    performed_at: Annotated[
        Past | None, Field(description="Of an order that is done.")
    ] = None
    note: Story | None = None
    category: Category | None = None
    activity: Annotated[
        Code | None, Field(description="Code of a maintenance activity.")
    ] = None
    planned_at: Moment | None = None
    started_at: Annotated[
        Past | None, Field(description="Of an order that was begun.")
    ] = None
    active_maintenance_hours: ActiveHours = None
    down_hours: DownHours = None
    costs: Annotated[CostLines | None, Field(description="All of its lines anew.")] = (
        None
    )
    title: Label | None = None
    reference: Reference = None
    priority: Priority | None = None
    package: Package = None
    ordered_at: OrderedAt = None
    due_at: DueAt = None

    @field_validator("type", "cost", "performed_at", "costs")
    @classmethod
    def keep_it(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("blank", "It keeps one: leave the field out.")
        return value


class OperationStart(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"at": "2026-01-31T08:00:00Z"}]}
    )

    at: Annotated[Past | None, Field(description="Now, if not given.")] = None


class OperationFinish(OperationStart):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"active_maintenance_hours": "4.5", "down_hours": "11"}]
        }
    )

    active_maintenance_hours: ActiveHours = None
    down_hours: DownHours = None


class OperationCancel(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "The spare did not fit"}]}
    )

    reason: Label


class OperationRead(BaseModel):
    id: uuid.UUID
    code: Annotated[str, Field(description="Code of the equipment.")]
    vessel: str
    type: str
    cost: Money
    currency: Currency
    performed_at: Annotated[
        datetime,
        Field(
            description="When it was done, or was said to be, or, from another system, "
            "cancelled; of what is none, when it was begun, planned for or ordered."
        ),
    ]
    title: str | None
    note: str | None
    created_at: datetime
    state: State
    category: Category | None
    activity: str | None
    priority: int | None
    package: str | None
    reference: str | None
    ordered_at: datetime | None
    due_at: datetime | None
    planned_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    active_maintenance_hours: SpeltHours | None
    down_hours: SpeltHours | None
    cancel_reason: str | None
    issue: Annotated[
        int | None, Field(description="Number of the issue that it was ordered for.")
    ]
    updated_at: datetime
    version: int


class OperationClosed(OperationRead):
    resolve_issue: Annotated[
        str | None,
        Field(
            description="If it was the last open order of an issue that can be "
            "resolved now: what to POST next."
        ),
    ]


Overdue = Annotated[
    bool, Field(description="Only what is due by now and still to be done.")
]


class OperationQuery(ListQuery, Windowed):
    """Filters are exact; repeat one to allow several values."""

    known: ClassVar[tuple[str, ...]] = tuple(OperationRead.model_fields)

    code: tuple[CodeRef, ...] = ()
    vessel: tuple[CodeRef, ...] = ()
    type: tuple[Label, ...] = ()
    state: tuple[State, ...] = ()
    category: tuple[Category, ...] = ()
    activity: tuple[CodeRef, ...] = ()
    issue: tuple[Annotated[int, Field(ge=1, le=2**53)], ...] = ()
    from_: Annotated[
        Instant | None, Field(alias="from", description="Performed at or after.")
    ] = None
    to: Annotated[Instant | None, Field(description="Performed before.")] = None
    reference: tuple[Label, ...] = ()
    package: tuple[Label, ...] = ()
    due_before: Annotated[Instant | None, Field(description="Due before.")] = None
    overdue: Overdue = False
    sort: Annotated[
        Literal[
            "performed_at",
            "-performed_at",
            "created_at",
            "-created_at",
            "due_at",
            "-due_at",
        ],
        Field(description="By `due_at`: those that are due at all."),
    ] = "-performed_at"


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
