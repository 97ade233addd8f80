"""Cells of spreadsheets: a text that a spreadsheet would run as a formula is defused.

An apostrophe goes before a text that starts with one of `= + - @ '`, a tab or a line
break, and comes off again when such a cell is read: every text survives the round trip.
"""

_STARTS = ("=", "+", "-", "@", "'", "\t", "\r", "\n")


def defuse(text: str) -> str:
    return f"'{text}" if text.startswith(_STARTS) else text


def defused(column: str) -> str:
    """SQL that does what `defuse` does."""
    starts = ", ".join(f"chr({ord(start)})" for start in _STARTS)
    # All of them come before A: most texts need no look at their first character.
    return (
        f"CASE WHEN {column} COLLATE \"C\" < 'A' AND left({column}, 1) IN ({starts}) "
        f"THEN '''' || {column} ELSE {column} END"
    )


def restore(cell: str) -> str:
    """Take off the apostrophe that `defuse` put there."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_STARTS) else cell
