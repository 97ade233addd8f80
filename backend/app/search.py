"""What is searched for, in the words that the index holds (search_text, 0006)."""

import re
from typing import NamedTuple
from unicodedata import normalize

from pydantic_core import PydanticCustomError

_MARKS = re.compile("[\u0300-\u036f]")
_LETTERS = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "đ": "d", "ł": "l", "ı": "i"}
)
_BREAKS = re.compile(
    "[\x01-/:-@\\[-`{-\u00bf\u00d7\u00f7\u2000-\u206f\u2190-\u2bff\u3000-\u303f]+"
)


def fold(text: str) -> str:
    """Words of small letters and digits, one space between: 23-KA becomes 23 ka."""
    # One letter at a time, as PostgreSQL does: at the end of a word Σ has its own.
    small = "".join(letter.lower() for letter in normalize("NFKD", text))
    plain = _MARKS.sub("", small).translate(_LETTERS)
    return _BREAKS.sub(" ", plain).strip()


def check_search(text: str) -> str:
    if not fold(text):
        raise PydanticCustomError("blank", "Write at least one letter or digit.")
    return text


class Search(NamedTuple):
    """Every word of `q` must be found; its last part may be the beginning of one.

    `words` is a tsquery, which the index answers. `patterns` are for LIKE on the text
    with a space before it. Where `exact`, the words alone decide.
    """

    words: str
    patterns: list[str]
    exact: bool


def search(q: str) -> Search:
    asked = [parts for word in q.split() if (parts := fold(word).split())]
    lexemes = [f"'{part}'" for parts in asked for part in parts[:-1]]
    lexemes += [f"'{parts[-1]}':*" for parts in asked]
    return Search(
        words=" & ".join(lexemes),
        patterns=[f"% {' '.join(parts)}%" for parts in asked],
        exact=all(len(parts) == 1 for parts in asked),
    )
