from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.changes.models import Action
from app.values import CodeRef, Input

WAIT_MAX = 30


class ChangeRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    who: Annotated[str, Field(examples=["anonymous"])]
    request_id: str | None
    reason: str | None
    entity: Annotated[str, Field(examples=["equipment"])]
    vessel: Annotated[
        str,
        Field(examples=["MV102"], description="Empty of what is the whole fleet's."),
    ]
    code: Annotated[
        str,
        Field(
            examples=["5310B9D7"],
            description="Its id where it has no code, such as an operation order.",
        ),
    ]
    action: Action
    version: Annotated[int, Field(description="The row's, after the change.")]
    before: Annotated[
        dict[str, Any] | None, Field(description="The changed fields as they were.")
    ]
    after: Annotated[
        dict[str, Any] | None, Field(description="The changed fields as they became.")
    ]


class FeedQuery(Input):
    vessel: tuple[CodeRef, ...] = ()
    after: Annotated[
        str | None,
        Field(
            max_length=8000,
            description="`next_cursor` of the answer before, or `now` for what is to "
            "come; without it, from the first change that is kept.",
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=500, description="Changes an answer.")] = 100
    wait: Annotated[
        int,
        Field(ge=0, le=WAIT_MAX, description="Seconds to wait where nothing is new."),
    ] = 0


class Feed(BaseModel):
    items: list[ChangeRead]
    next_cursor: Annotated[
        str, Field(description="Send it as `after`, also when nothing was new.")
    ]
