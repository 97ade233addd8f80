import re
import uuid
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from app.issues.models import Impact, Kind, State
from app.operations.models import State as OrderState
from app.operations.schemas import (
    DueAt,
    OperationDetails,
    Overdue,
    Priority,
    Reference,
)
from app.pagination import ListQuery
from app.values import Code, CodeRef, Cost, Input, Instant, Label, Note, Past, Story
from app.windows import Windowed

_ADDRESS = re.compile(r"https?://[!-~]*")
_MEDIA_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9!#$&^_.+-]+")
_EXAMPLE: dict[str, JsonValue] = {
    "equipment": "5310B9D7",
    "title": "Dry gas seal leaks",
    "kind": "failure",
    "priority": 1,
    "failure_mode": "ELP",
}

FailureMode = Annotated[
    Code | None, Field(description="One that the equipment's class can have.")
]


class IssueCreate(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    equipment: Annotated[Code | None, Field(description="Its code.")] = None
    vessel: Annotated[
        Code | None,
        Field(description="Instead of an equipment: the vessel as a whole."),
    ] = None
    title: Label
    description: Story | None = None
    reporter: Annotated[Label | None, Field(description="Who reports it.")] = None
    priority: Priority = 3
    kind: Kind
    failure_mode: FailureMode = None
    mechanism: Code | None = None
    cause: Code | None = None
    detection_method: Code | None = None
    impact: Impact | None = None
    observed_at: Annotated[
        Past | None, Field(description="When it was seen; now, if not given.")
    ] = None
    down_since: Annotated[
        Past | None, Field(description="Since when the equipment cannot serve.")
    ] = None
    down_until: Annotated[
        Past | None, Field(description="Until when; null while it still cannot.")
    ] = None
    reference: Reference = None
    due_at: DueAt = None


class IssueUpdate(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"priority": 2}]})

    title: Label | None = None
    description: Story | None = None
    reporter: Label | None = None
    priority: Priority | None = None
    kind: Kind | None = None
    failure_mode: FailureMode = None
    mechanism: Code | None = None
    cause: Code | None = None
    detection_method: Code | None = None
    impact: Impact | None = None
    observed_at: Past | None = None
    down_since: Past | None = None
    down_until: Past | None = None
    reference: Reference = None
    due_at: DueAt = None

    @field_validator("title", "priority", "kind", "observed_at")
    @classmethod
    def keep_it(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("blank", "It keeps one: leave the field out.")
        return value


class Move(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"comment": "Seen on the evening round"}]}
    )

    comment: Note | None = None
    at: Annotated[Past | None, Field(description="Now, if not given.")] = None


class Resolve(Move):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"comment": "Seal cartridge replaced"}]}
    )

    down_until: Annotated[
        Past | None,
        Field(
            description="When the equipment could serve again; if not given and it is "
            "down, the instant of resolving."
        ),
    ] = None


class Reopen(Move):
    still_down: Annotated[
        bool,
        Field(
            description="The equipment did not serve meanwhile: `down_until` is taken "
            "back, and it is down until the issue is resolved again."
        ),
    ] = False


class Cancel(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "A false alarm"}]}
    )

    reason: Annotated[Note, Field(min_length=1)]
    at: Annotated[Past | None, Field(description="Now, if not given.")] = None


class Repeat(Move):
    model_config = ConfigDict(json_schema_extra={"examples": [{"of": 7}]})

    of: Annotated[int, Field(ge=1, le=2**53, description="Number of the other issue.")]


class IssueOrder(OperationDetails):
    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "repair"}]})

    code: Annotated[
        Code | None,
        Field(
            description="Of an equipment aboard the same vessel; the issue's, if not "
            "given."
        ),
    ] = None
    cost: Annotated[
        Cost | None, Field(description="The sum of `costs`, if not given.")
    ] = None
    state: Annotated[
        OrderState, Field(description="Whether it is done, or still to be.")
    ] = OrderState.PLANNED


class IssueRead(BaseModel):
    number: int
    vessel: str
    equipment: str | None
    title: str
    description: str | None
    reporter: str | None
    priority: Priority
    kind: Kind
    state: State
    failure_mode: str | None
    mechanism: str | None
    cause: str | None
    detection_method: str | None
    impact: Impact | None
    observed_at: datetime
    down_since: datetime | None
    down_until: datetime | None
    duplicate_of: int | None
    orders: Annotated[int, Field(description="How many operation orders it has.")]
    open_orders: Annotated[int, Field(description="Those planned or in progress.")]
    offer: Annotated[
        Literal["resolve"] | None,
        Field(description="What can be done next: its orders are closed."),
    ]
    created_at: datetime
    updated_at: datetime
    version: int
    reference: str | None
    due_at: datetime | None


class IssueFilter(Windowed):
    """Filters are exact; repeat one to allow several values."""

    vessel: tuple[CodeRef, ...] = ()
    equipment: tuple[CodeRef, ...] = ()
    below: Annotated[
        bool, Field(description="Also of all that stands below the equipment.")
    ] = False

    priority: tuple[Priority, ...] = ()
    kind: tuple[Kind, ...] = ()
    failure_mode: tuple[CodeRef, ...] = ()
    from_: Annotated[
        Instant | None, Field(alias="from", description="Observed at or after.")
    ] = None
    to: Annotated[Instant | None, Field(description="Observed before.")] = None
    older_than: Annotated[
        int | None,
        Field(ge=0, le=100_000, description="Observed at least so many days ago."),
    ] = None
    reference: tuple[Label, ...] = ()
    due_before: Annotated[Instant | None, Field(description="Due before.")] = None
    overdue: Overdue = False

    @field_validator("below")
    @classmethod
    def have_equipment(cls, below: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 pydantic passes it so
        if below and not info.data.get("equipment"):
            raise PydanticCustomError(
                "of-nothing", "Say of what: send equipment too, or leave this out."
            )
        return below


class IssueQuery(IssueFilter, ListQuery):
    known: ClassVar[tuple[str, ...]] = tuple(IssueRead.model_fields)

    state: tuple[State, ...] = ()
    sort: Annotated[
        Literal[
            "number",
            "-number",
            "observed_at",
            "-observed_at",
            "priority",
            "-priority",
            "updated_at",
            "-updated_at",
            "due_at",
            "-due_at",
        ],
        Field(description="By `due_at`: those that are due at all."),
    ] = "-number"


class IssueCounts(BaseModel):
    open: int
    triaged: int
    in_progress: int
    resolved: int
    closed: int
    reopened: int
    cancelled: int
    duplicate: int
    total: int


class MoveRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    before: State
    after: State
    at: datetime
    comment: str | None
    created_at: datetime


class CommentCreate(Input):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "The spare is ashore"}]}
    )

    text: Annotated[Note, Field(min_length=1)]
    author: Label | None = None


class CommentRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    text: str
    author: str | None
    created_at: datetime


def _address(url: str) -> str:
    if not _ADDRESS.fullmatch(url):
        raise PydanticCustomError(
            "invalid-url",
            "Write an address that begins with https:// or http://, in ASCII and "
            "without spaces: percent-encode the others.",
        )
    return url


def _media_type(text: str) -> str:
    if not _MEDIA_TYPE.fullmatch(text):
        raise PydanticCustomError(
            "invalid-media-type", "Write a media type such as image/jpeg."
        )
    return text


class AttachmentCreate(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://files.example.com/seal.jpg",
                    "title": "The seal",
                    "media_type": "image/jpeg",
                }
            ]
        }
    )

    url: Annotated[
        str,
        Field(max_length=2000, json_schema_extra={"pattern": "^[!-~]+$"}),
        AfterValidator(_address),
    ]
    title: Label
    media_type: Annotated[
        str,
        Field(
            max_length=200, json_schema_extra={"pattern": f"^{_MEDIA_TYPE.pattern}$"}
        ),
        AfterValidator(_media_type),
    ]


class AttachmentRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    url: str
    title: str
    media_type: str
    created_at: datetime
