"""SQL of lists whose rows say fields of what is stored.

A row is `s` as it was staged, in a temporary table, and `m` as it will be, in the table
`merged`; what is stored is `o`. `s.given` has the bits of the fields that the row says:
the others stay as they are.
"""

from collections.abc import Iterable, Mapping, Sequence

from app.database import Driver
from app.imports import lists
from app.imports.reading import Read
from app.imports.rows import Problem
from app.imports.walks import SECONDS

# field, code, value, message, of which rows of `merged`
Rule = tuple[str, str, str, str, str]

# The first of equal rows stands. `{key}`: what two rows have not in common.
_TWICE = """
INSERT INTO found
SELECT "row", 'reference', 'duplicate-row', reference, 'Row ' || first || ' {said}'
FROM (
    SELECT "row", reference, min("row") OVER (PARTITION BY {key}) AS first
    FROM {staged} WHERE {named}
) named WHERE "row" > first
"""
# What a cell already has a problem with is no news.
_JUDGED = """
INSERT INTO found
SELECT m."row", $1::text, $2::text, {value}, $3::text FROM merged m
WHERE ({rows}) AND NOT EXISTS (
    SELECT FROM found f WHERE f."row" = m."row" AND (f.field = $1 OR f.field = 'state'))
"""
_KEEP = """
WITH kept AS (
    INSERT INTO import_rows (import_id, "row", action, planned_version, code,
        fields, changes, problems, original)
    SELECT $1, s."row", a.action, m.version, coalesce(m.equipment, s.equipment),
        CASE WHEN a.action <> 'error' THEN jsonb_build_object(
            'equipment', m.equipment, {fields})
            -- What stays where the row says nothing.
            WHEN o.id IS NOT NULL THEN jsonb_build_object({stays}) END,
        CASE WHEN a.action = 'update' THEN {changes} END,
        f.problems,
        CASE WHEN a.action = 'error' THEN string_to_array(s.original, $2, $3) END
    FROM {staged} s
    LEFT JOIN merged m USING ("row")
    LEFT JOIN {stored} o ON o.id = m.id
    {wrong}
    CROSS JOIN LATERAL (SELECT CASE
        WHEN f."row" IS NOT NULL THEN 'error'
        WHEN m.id IS NULL THEN 'create'
        WHEN {differs} THEN 'update'
        ELSE 'unchanged' END AS action) a
    RETURNING action
)
SELECT action, count(*) FROM kept GROUP BY action
"""


def bits(fields: Iterable[str]) -> dict[str, int]:
    return {field: 1 << place for place, field in enumerate(fields)}


async def stage(
    db: Driver,
    table: str,
    given: Mapping[str, int],
    rows: Sequence[Read],
    problems: Sequence[Problem],
) -> None:
    """`given`: the bit of each field, in the order of the table's columns."""
    records = [
        (
            row.number,
            *(row.said.get(field) for field in given),
            sum(bit for field, bit in given.items() if field in row.said),
            row.original,
        )
        for row in rows
    ]
    columns = ("row", *given, "given", "original")
    await lists.stage(db, table, columns, records, problems)


def then(field: str, bit: int) -> str:
    """SQL: the field as it will be, from the row where that gives it."""
    return f"CASE WHEN s.given & {bit} > 0 THEN s.{field} ELSE o.{field} END"


def whole_day(end: str, begin: str) -> str:
    """SQL: an end; a day without a time is no sooner than what began on it."""
    same = f"{end} = date_trunc('day', {begin}, 'UTC')"
    return f"CASE WHEN {same} THEN {begin} ELSE {end} END"


def not_to_come(fields: Iterable[str]) -> tuple[Rule, ...]:
    """What is said to have happened has."""
    said = "This is in the future. Write when it was; without an offset it is in UTC."
    return tuple(
        (
            field,
            "invalid-instant",
            f"{field}::text",
            said,
            f"{field} > clock_timestamp()",
        )
        for field in fields
    )


def text(value: str) -> str:
    """SQL: a value as the API would spell it."""
    return f"to_jsonb({value}) #>> '{{}}'"


def spelt(row: str, columns: Iterable[str]) -> str:
    """SQL: names and texts, for an object of JSON."""
    return ", ".join(f"'{column}', {text(f'{row}.{column}')}" for column in columns)


def keeping(
    staged: str,
    stored: str,
    columns: Sequence[str],
    *,
    said: Sequence[str],
    more: Sequence[str] = (),
) -> str:
    """SQL that keeps the judged rows as a plan, and counts them by their action.

    `columns` are those that are written, `more` is kept beside them; `said` are those
    that a row has under the same name.
    """
    differs = " OR ".join(f"m.{c} IS DISTINCT FROM o.{c}" for c in columns)
    changes = " || ".join(
        f"CASE WHEN m.{c} IS DISTINCT FROM o.{c} THEN jsonb_build_object('{c}', "
        f"jsonb_build_object('before', {text(f'o.{c}')}, 'after', {text(f'm.{c}')})) "
        "ELSE '{}' END"
        for c in columns
    )
    return _KEEP.format(
        staged=staged,
        stored=stored,
        fields=spelt("m", (*columns, *more)),
        stays=spelt("o", said),
        changes=changes,
        wrong=lists.WRONG,
        differs=differs,
    )


async def find_twice(db: Driver, staged: str, key: Sequence[str], said: str) -> None:
    named = " AND ".join(f"{column} IS NOT NULL" for column in key)
    rule = _TWICE.format(staged=staged, key=", ".join(key), named=named, said=said)
    await db.execute(rule, timeout=SECONDS)


async def judge(db: Driver, rules: Iterable[Rule]) -> None:
    for field, code, value, message, rows in rules:
        rule = _JUDGED.format(value=value, rows=rows)
        await db.execute(rule, field, code, message, timeout=SECONDS)
