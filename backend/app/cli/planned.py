"""What the server says of a plan, as far as it is shown."""

from datetime import datetime

from pydantic import BaseModel


class Source(BaseModel):
    column: str | None = None
    constant: str | None = None
    values: dict[str, str] = {}
    refers_to: str | None = None


class Counts(BaseModel):
    create: int
    update: int
    unchanged: int
    error: int


class RowError(BaseModel):
    row: int
    column: str | None = None
    value: object = None
    message: str


class Change(BaseModel):
    before: str | None
    after: str | None


class Update(BaseModel):
    row: int
    code: str | None
    reference: str | None = None
    changes: dict[str, Change]


class PlannedRow(BaseModel):
    row: int
    code: str | None
    tag: str | None
    values: dict[str, str | None]


class Log(BaseModel):
    """What a failure log holds that is new."""

    readings: int
    failures: int
    errors: int
    warnings: int
    equipment: int
    first: datetime | None
    last: datetime | None


class Plan(BaseModel):
    id: str
    vessel: str
    filename: str | None
    status: str
    expires_at: datetime
    rows: int
    counts: Counts
    columns: dict[str, str | Source]
    ignored_columns: list[str]
    details: Log | None = None
    errors: list[RowError]
    updates: list[Update]
