"""What the server says, as far as the commands show it; the rest passes by."""

from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar

from pydantic import BaseModel, Field, RootModel

Item = TypeVar("Item", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    next_cursor: str | None


class Vessel(BaseModel):
    code: str
    name: str | None
    created_at: datetime


class Equipment(BaseModel):
    code: str
    vessel: str
    tag: str | None
    name: str
    location: str | None
    group: str | None
    class_: str | None = Field(alias="class")
    parent: str | None
    status: str
    updated_at: datetime
    version: int


class Path(BaseModel):
    items: list[Equipment]


class Term(BaseModel):
    code: str
    name: str
    source: str
    verified: bool


class StatusChange(BaseModel):
    changed: list[str]
    unchanged: list[str]
    missing: list[str] | None = None


class Operation(BaseModel):
    id: str
    code: str
    vessel: str
    type: str
    cost: Decimal
    currency: str
    performed_at: datetime
    title: str | None
    note: str | None
    state: str
    category: str | None
    activity: str | None
    priority: int | None
    package: str | None
    reference: str | None
    ordered_at: datetime | None
    due_at: datetime | None
    planned_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    active_maintenance_hours: Decimal | None
    down_hours: Decimal | None
    cancel_reason: str | None
    issue: int | None


class ClosedOrder(Operation):
    resolve_issue: str | None


class CostLine(BaseModel):
    kind: str
    amount: Decimal
    currency: str
    description: str | None


class Issue(BaseModel):
    number: int
    equipment: str | None
    vessel: str
    title: str
    kind: str
    priority: int
    description: str | None
    reporter: str | None
    failure_mode: str | None
    mechanism: str | None
    cause: str | None
    detection_method: str | None
    impact: str | None
    reference: str | None
    duplicate_of: int | None
    state: str
    observed_at: datetime
    due_at: datetime | None
    down_since: datetime | None
    down_until: datetime | None
    orders: int
    open_orders: int
    offer: str | None


class IssueCounts(RootModel[dict[str, int]]):
    """By state, and in all."""


class Move(BaseModel):
    at: datetime
    after: str
    comment: str | None


class Comment(BaseModel):
    created_at: datetime
    author: str | None
    text: str


class Attachment(BaseModel):
    title: str
    url: str


class Hardware(BaseModel):
    manufacturer: str
    model: str
    serial_number: str


class Unit(Hardware):
    equipment: str | None


class Installed(Hardware):
    id: str


class Installation(BaseModel):
    id: str
    equipment: str
    unit: Installed
    installed_at: datetime
    removed_at: datetime | None
    removed_because: str | None


class Swap(BaseModel):
    installed: Installation
    removed: Installation | None


class Cost(BaseModel):
    total: Decimal
    average: Decimal | None
    operations: int
    currency: str


class NamedCost(Cost):
    name: str
    equipment: int


class VesselCost(Cost):
    vessel: str
    equipment: int
    average_per_equipment: Decimal | None


class Part(BaseModel):
    number: str
    name: str
    manufacturer: str | None
    unit_of_measure: str
    price: Decimal
    currency: str
    lead_time_days: int | None


class Fit(BaseModel):
    equipment: str | None
    class_: str | None = Field(alias="class")
    model: str | None


class Store(BaseModel):
    code: str
    name: str | None
    place: str
    vessel: str | None


class Stock(BaseModel):
    part: str
    name: str
    unit_of_measure: str
    store: str
    on_hand: Decimal
    reserved: Decimal
    available: Decimal


class Level(BaseModel):
    part: str
    store: str
    minimum: Decimal
    maximum: Decimal


class Moved(BaseModel):
    items: list[Stock]


class Movement(BaseModel):
    at: datetime
    kind: str
    part: str
    store: str
    on_hand: Decimal
    reserved: Decimal
    other_store: str | None
    requisition: str | None
    reference: str | None
    reason: str | None
    who: str


class Reorder(BaseModel):
    part: str
    name: str
    unit_of_measure: str
    store: str
    available: Decimal
    backordered: Decimal
    minimum: Decimal
    quantity: Decimal
    amount: Decimal
    currency: str


class RequisitionLine(BaseModel):
    part: str
    name: str
    unit_of_measure: str
    quantity: Decimal
    reserved: Decimal
    issued: Decimal
    backordered: Decimal
    amount: Decimal


class RequisitionSummary(BaseModel):
    id: str
    vessel: str
    store: str
    requester: str
    state: str
    operation: str | None
    needed_at: datetime | None
    note: str | None
    decided_by: str | None
    closed_by: str | None
    backordered: bool
    total: Decimal
    currency: str
    reason: str | None
    created_at: datetime


class Requisition(RequisitionSummary):
    lines: list[RequisitionLine]


class FieldError(BaseModel):
    pointer: str | None = None
    message: str


class Problem(BaseModel):
    title: str
    status: int
    detail: str | None = None
    request_id: str | None = None
    errors: list[FieldError] = []
    codes: list[str] = []  # those that `unknown-codes` is about
