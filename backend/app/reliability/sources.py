"""What reliability reads besides failures: down time and repair, a statement for each.

`DOWN` gives (equipment, since, until), with until NULL of what is down still; `REPAIR`
gives (equipment, at, hours) of active repair. None: no feature keeps it yet, so that
what follows from it is unknown, and the answer says so.
"""

from typing import NamedTuple


class Sources(NamedTuple):
    down: str | None
    repair: str | None

    @property
    def without(self) -> list[str]:
        """What cannot be told, in the words of the answer."""
        lacking = []
        if not self.down:
            lacking.append(
                "down time is not kept: no MTTR, mean down time, availability"
            )
        if not self.repair:
            lacking.append("active repair time is not kept: no mean repair time")
        return lacking


SOURCES = Sources(down=None, repair=None)
