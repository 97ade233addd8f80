"""Search by the words that an index holds; `search_text` (0006) makes them of a row."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple
from unicodedata import normalize

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, Select, Text, bindparam, func, literal_column
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession

from app.values import Label

# The end of a Greek word has a sigma of its own; i without a dot is Turkish.
_LETTERS = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "đ": "d", "ł": "l"}
    | {"\u0131": "i", "\u03c2": "\u03c3"}
)
_MARKS = re.compile("[\u0300-\u036f]")
_BREAKS = re.compile(
    "[\x01-/:-@\\[-`{-\u00bf\u00d7\u00f7\u2000-\u206f\u2190-\u2bff\u3000-\u303f]+"
)
_LONG = re.compile("([^ ]{200})[^ ]+")


def fold(text: str) -> str:
    """Words of small letters and digits, one space between: 23-KA becomes 23 ka."""
    # One letter at a time, as PostgreSQL does.
    small = "".join(letter.lower() for letter in normalize("NFKD", text))
    plain = _MARKS.sub("", small).translate(_LETTERS)
    return _LONG.sub(r"\1", _BREAKS.sub(" ", plain)).strip()


def _check(text: str) -> str:
    if not fold(text):
        raise PydanticCustomError("blank", "Write at least one letter or digit.")
    return text


Searched = Annotated[Label, AfterValidator(_check)]


class Search(NamedTuple):
    """All words of `q` must be found, each from its beginning.

    `words` is a tsquery, which the index answers. Of a word that signs divide, such as
    23-KA-91, the parts must also follow each other: those are the `phrases`, which
    the text holds after a space.
    """

    words: str
    phrases: list[str]

    @classmethod
    def of(cls, q: str) -> "Search":
        asked = [parts for word in q.split() if (parts := fold(word).split())]
        lexemes = [f"'{part}'" for parts in asked for part in parts[:-1]]
        lexemes += [f"'{parts[-1]}':*" for parts in asked]
        return cls(
            words=" & ".join(dict.fromkeys(lexemes)),
            phrases=[f" {' '.join(parts)}" for parts in asked if len(parts) > 1],
        )

    def values(self) -> dict[str, str]:
        """Those of the parameters of `found`."""
        return {"q": self.words} | {
            f"phrase_{number}": phrase for number, phrase in enumerate(self.phrases)
        }


def words(text: str) -> str:
    """The words of a folded text, as the index on them spells it."""
    return f"array_to_tsvector(string_to_array({text}, ' '))"


def found(text: str, phrases: int) -> Iterator[ColumnElement[bool]]:
    """What holds of the rows whose `text`, by `search_text`, is found."""
    asked = bindparam("q", type_=TSQUERY())
    yield literal_column(words(text)).op("@@", is_comparison=True)(asked)
    for number in range(phrases):
        phrase = bindparam(f"phrase_{number}", type_=Text())
        # LIKE would say the same, but the planner takes it for a rarity, and reads and
        # sorts all that has the words.
        place = func.strpos(literal_column(f"' ' || {text}"), phrase)
        yield place > literal_column("0")


async def narrow(
    session: AsyncSession, query: Select[Any], text: str, q: str
) -> Select[Any]:
    """What of the query has the words of `q` in `text`, of which there is an index."""
    # How many rows have them is for the words to tell: one plan for all does not know.
    await session.execute(sql("SET LOCAL plan_cache_mode = force_custom_plan"))
    asked = Search.of(q)
    narrowed = query.where(*found(text, len(asked.phrases)))
    return narrowed.params(asked.values())
