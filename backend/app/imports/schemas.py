import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, Json, model_validator
from pydantic_core import PydanticCustomError

from app.imports.models import Action, Kind
from app.pagination import PageQuery
from app.values import CodeRef, Input, Label


def _storable(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("control-character", "No text holds a NUL.")
    return text


ColumnName = Annotated[
    str, Field(min_length=1, max_length=500), AfterValidator(_storable)
]
Text = Annotated[str, Field(max_length=500), AfterValidator(_storable)]


class Source(Input):
    """Where a field comes from: a column, or the same text in every row.

    `values` translates what the column holds. `refers_to` names the column of the
    same file in which a parent is looked up.
    """

    column: ColumnName | None = None
    constant: Annotated[Text, Field(min_length=1)] | None = None
    values: Annotated[dict[Text, Text], Field(default_factory=dict)]
    refers_to: ColumnName | None = None

    @model_validator(mode="before")
    @classmethod
    def spell_out(cls, said: object) -> object:
        if isinstance(said, str):
            return {"column": said}
        if isinstance(said, dict):
            return said
        raise PydanticCustomError(
            "invalid-source",
            'Name a column, such as "TAG", or write an object with column or constant.',
        )

    @model_validator(mode="after")
    def be_one_thing(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise PydanticCustomError(
                "invalid-source", "Say either column or constant, not both."
            )
        if self.constant is not None and (self.values or self.refers_to):
            raise PydanticCustomError(
                "invalid-source", "values and refers_to go with column alone."
            )
        return self


class Mapping(Input):
    """Where each field comes from: a column's name, or more said in an object.

    A field that is not named here is read from the column that bears its name or a
    common synonym; null leaves it alone.
    """

    code: Source | None = None
    tag: Source | None = None
    name: Source | None = None
    location: Source | None = None
    group: Source | None = None
    class_: Annotated[Source | None, Field(alias="class")] = None
    parent: Source | None = None
    status: Source | None = None

    @model_validator(mode="after")
    def refer_from_parents(self) -> Self:
        for name, source in self:
            if name != "parent" and source and source.refers_to:
                raise PydanticCustomError(
                    "invalid-source",
                    "{name}: only a parent refers_to another column.",
                    {"name": name},
                )
        return self


Reason = Annotated[
    Label | None, Field(description="Why: for the record of what it changes.")
]


class FileQuery(Input):
    """What every import may say of its file."""

    filename: Annotated[Label | None, Field(description="For the record.")] = None
    reason: Reason = None


class TableQuery(FileQuery):
    delimiter: Annotated[
        Literal[",", ";", "\t", "tab"] | None,
        Field(description="Of CSV; found by itself when not given."),
    ] = None


class ImportQuery(TableQuery):
    mapping: Annotated[
        Json[Mapping] | None,
        Field(
            description="JSON: field → column, or an object with `column` and "
            "`values`, `constant`, or `refers_to`.",
            examples=['{"tag": "WMT_TAG_NAME", "location": {"constant": "M60"}}'],
        ),
    ] = None


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
    code: Annotated[
        str | None, Field(description="None of an issue of the vessel as a whole.")
    ]
    reference: Annotated[str | None, Field(description="Of an order or an issue.")]
    changes: dict[str, Change]


class Counts(BaseModel):
    create: int
    update: int
    unchanged: int
    error: int


class PlanSummary(BaseModel):
    """What a file would do; nothing is changed before it is applied."""

    id: uuid.UUID
    vessel: str
    kind: Annotated[Kind, Field(description="What the file holds.")]
    filename: str | None
    reason: str | None
    status: Literal["planned", "applied", "expired"]
    created_at: datetime
    expires_at: datetime
    applied_at: datetime | None
    rows: int
    counts: Counts


class PlanHead(PlanSummary):
    columns: Annotated[
        dict[str, Any], Field(description="Field → where it was read from.")
    ]
    ignored_columns: list[str]
    details: Annotated[
        dict[str, Any] | None, Field(description="Of a failure log: what is in it.")
    ]
    errors_truncated: bool
    updates_truncated: bool
    links: dict[str, str]


class Plan(PlanHead):
    errors: Annotated[
        list[RowProblem], Field(description="Of the first 10,000 rows with errors.")
    ]
    updates: Annotated[
        list[RowUpdate], Field(description="The first 10,000 rows that differ.")
    ]


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
    kind: tuple[Kind, ...] = ()


class RowsQuery(PageQuery):
    action: tuple[Action, ...] = ()


class ApplyQuery(Input):
    skip_errors: Annotated[
        bool, Field(description="Apply the sound rows and leave the others out.")
    ] = False
    reason: Reason = None
