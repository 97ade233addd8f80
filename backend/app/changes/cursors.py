"""Where a reader of the feed stands: what it has seen, by snapshots of PostgreSQL.

`id` is given out before a transaction commits, so that "everything after the last id"
skips those that commit late. A snapshot says exactly which transactions had ended: what
is visible in a later one and was not in the one before is what is new, whole and once.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from app.errors import BadCursorError

_BAD = (
    "The cursor is not one of this feed. Send next_cursor of the answer before, or "
    "start again without `after`."
)
_SNAPSHOT = re.compile(r"(\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?)", re.ASCII)
_LARGEST = 2**63 - 1


def _check_snapshot(text: str) -> str:
    """Refuse what PostgreSQL would not read: xmin:xmax:xip, in order."""
    parts = _SNAPSHOT.fullmatch(text)
    if not parts:
        raise ValueError(text)
    low, high = int(parts[1]), int(parts[2])
    running = [int(number) for number in parts[3].split(",") if number]
    if not (
        0 < low <= high <= _LARGEST
        and all(low <= number < high for number in running)
        and all(one < other for one, other in pairwise(running))
    ):
        raise ValueError(text)
    return text


Snapshot = Annotated[str, AfterValidator(_check_snapshot)]


class Cursor(BaseModel):
    """`seen` is done with; `until` and `last` say how far a batch after it was read.

    Nothing that is still to come was made before `since`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seen: Snapshot | None
    until: Snapshot | None = None
    last: Annotated[int, Field(ge=0, le=_LARGEST)] = 0
    since: AwareDatetime

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what `encode` wrote; raises BadCursorError for anything else."""
        try:
            padded = text + "=" * (-len(text) % 4)
            return cls.model_validate_json(urlsafe_b64decode(padded))
        except ValueError:
            raise BadCursorError(_BAD) from None

    @property
    def end(self) -> int:
        """No transaction from this one on has been seen."""
        return int((self.until or self.seen or "0:0:").split(":")[1])

    def encode(self) -> str:
        said = self.model_dump(mode="json", exclude_defaults=True) | {"seen": self.seen}
        text = json.dumps(said, separators=(",", ":"))
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")
