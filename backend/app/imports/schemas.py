import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, Json

from app.imports.models import Action
from app.pagination import PageQuery
from app.values import CodeRef, Input, Label

ColumnName = Annotated[str, Field(min_length=1, max_length=500)]


class Column(Input):
    """A field is what a column holds, translated by `values` where they name it."""

    column: ColumnName
    values: Annotated[
        dict[str, str],
        Field(
            default_factory=dict, description="Text in the file → value of the field."
        ),
    ]


class ParentColumn(Column):
    """`refers_to`: the column of the same file in which the parent is looked up."""

    refers_to: ColumnName | None = None


class Constant(Input):
    """A field is the same in every row."""

    constant: Annotated[str, Field(min_length=1, max_length=500)]


Source = ColumnName | Column | Constant | None
ParentSource = ColumnName | ParentColumn | Constant | None


class Mapping(Input):
    """Where each field comes from: a column's name, or more said in an object.

    A field that is not named here is read from the column that bears its name or a
    common synonym; null leaves it alone.
    """

    code: Source = None
    tag: Source = None
    name: Source = None
    location: Source = None
    group: Source = None
    parent: ParentSource = None
    status: Source = None


class ImportQuery(Input):
    mapping: Annotated[
        Json[Mapping] | None,
        Field(
            description="JSON: field → column, or an object with `column` and "
            "`values`, `constant`, or `refers_to`.",
            examples=['{"tag": "WMT_TAG_NAME", "location": {"constant": "M60"}}'],
        ),
    ] = None
    delimiter: Annotated[
        Literal[",", ";", "\t", "tab"] | None,
        Field(description="Of CSV; found by itself when not given."),
    ] = None
    filename: Annotated[Label | None, Field(description="For the record.")] = None


class RowProblem(BaseModel):
    row: Annotated[int, Field(description="As a spreadsheet counts; header is 1.")]
    column: Annotated[str | None, Field(description="The file's own column.")]
    field: str | None
    code: str
    value: str | None
    message: str


class Change(BaseModel):
    before: str | None
    after: str | None


class RowUpdate(BaseModel):
    row: int
    code: str
    changes: dict[str, Change]


class Counts(BaseModel):
    create: int
    update: int
    unchanged: int
    error: int


class Plan(BaseModel):
    """What a file would do; nothing is changed before it is applied."""

    id: uuid.UUID
    vessel: str
    filename: str | None
    status: Literal["planned", "applied", "expired"]
    created_at: datetime
    expires_at: datetime
    applied_at: datetime | None
    rows: int
    counts: Counts
    columns: Annotated[
        dict[str, Any], Field(description="Field → where it was read from.")
    ]
    ignored_columns: list[str]
    errors: Annotated[
        list[RowProblem], Field(description="Of the first 10,000 rows with errors.")
    ]
    updates: Annotated[
        list[RowUpdate], Field(description="The first 10,000 rows that differ.")
    ]
    errors_truncated: bool
    updates_truncated: bool
    links: dict[str, str]


class PlanSummary(BaseModel):
    id: uuid.UUID
    vessel: str
    filename: str | None
    status: Literal["planned", "applied", "expired"]
    created_at: datetime
    expires_at: datetime
    applied_at: datetime | None
    rows: int
    counts: Counts


class PlanRow(BaseModel):
    row: int
    action: Action
    code: str | None
    tag: str | None
    values: Annotated[
        dict[str, str | None], Field(description="As they will be stored.")
    ]
    changes: dict[str, Change] | None
    errors: list[RowProblem]


class ImportsQuery(PageQuery):
    vessel: tuple[CodeRef, ...] = ()


class RowsQuery(PageQuery):
    action: tuple[Action, ...] = ()


class ApplyQuery(Input):
    skip_errors: Annotated[
        bool, Field(description="Apply the sound rows and leave the others out.")
    ] = False
