"""Windows of time that are asked for: `from` is part of one, `to` is not."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.values import Input, Instant


class Windowed(Input):
    """What is asked of a window of time, which may be open at both ends."""

    from_: Annotated[
        Instant | None, Field(alias="from", description="At or after.")
    ] = None
    to: Annotated[Instant | None, Field(description="Before.")] = None

    @field_validator("to")
    @classmethod
    def end_later(cls, to: datetime | None, info: ValidationInfo) -> datetime | None:
        """Nothing is in an empty window: an answer of zeros would mislead."""
        begins = info.data.get("from_")
        if to and begins and to <= begins:
            raise PydanticCustomError(
                "empty-window",
                "The window ends before anything is in it: send an instant after "
                "`from`, or swap the two.",
            )
        return to
