"""PostgreSQL folds what is stored and we what is asked for: both alike."""

import unicodedata

from httpx2 import AsyncClient
from sqlalchemy import text

from app.database import Sessions
from app.search import fold
from app.tests.factories import equipment, listed, vessel

# Latin, Greek, Cyrillic, Armenian, signs, compatibility forms, Han and Hangul.
LETTERS = [
    letter
    for start, end in (
        *((0x20, 0x590), (0x1E00, 0x2C00), (0x3000, 0x3400)),
        *((0x4E00, 0x4E20), (0xAC00, 0xAC20), (0xFB00, 0xFB07), (0xFF00, 0xFFEF)),
    )
    for letter in map(chr, range(start, end))
    if unicodedata.category(letter)[0] in "LNPSZM"
]


async def test_both_fold_alike(sessions: Sessions) -> None:
    asked = text("SELECT search_text(:code, NULL, :name, 'Deck')")
    async with sessions() as session:
        for start in range(0, len(LETTERS), 100):
            name = "Ax".join(LETTERS[start : start + 100])
            given = {"code": "23-KA_9101 (2)", "name": name}
            stored = await session.scalar(asked, given)
            assert stored == fold(f"23-KA_9101 (2) {name} Deck")
            assert stored.startswith("23 ka 9101 2 ")


async def test_words_of_many_scripts_are_found(client: AsyncClient) -> None:
    await vessel(client)
    for code, name in {
        "A1": "Smørolje-kjøler",
        "A2": "ΔΦΣ öl",
        "A3": "Щит №5",
        "A4": "圧縮機 \uff12\uff13",
        "A5": "\u3300" * 200,  # five letters each: longer than an index takes
        "A6": "½ crème",
    }.items():
        await equipment(client, code, name=name, location="- —")
    for q, code in {
        "SMOROLJE": "A1",
        "smørolje-kjo": "A1",
        "kjøler smør": "A1",
        "δφς": "A2",
        "ÖL": "A2",
        "щит no5": "A3",
        "圧縮": "A4",
        "23": "A4",
        "\u3300" * 200: "A5",
        "1-2 creme": "A6",
    }.items():
        assert await listed(client, "equipment", q=q) == [code], q
