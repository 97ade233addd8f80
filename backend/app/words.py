"""What callers read, in plain words."""

from collections.abc import Sequence


def few(names: Sequence[str], most: int = 3) -> str:
    """The first of them, and how many more there are."""
    others = len(names) - most
    said = ", ".join(names[:most])
    return f"{said} and {others} more" if others > 0 else said
