"""Many equipment of one vessel at once, told item by item what is in the way.

Batches of one vessel come one after the other; the rows are locked in the order of
their codes, and written by one statement.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.equipment.schemas import (
    EquipmentCreate,
    EquipmentUpdate,
    ItemResult,
    ItemUpdate,
    ManyResult,
)
from app.equipment.tree import circles
from app.errors import BatchRefusedError, ConflictError, FieldProblem
from app.problems import ProblemField
from app.vessels import service as vessels

# How often a batch judges again because a single writer took a code or a tag.
TRIES = 3
Refused = dict[int, list[FieldProblem]]


class Wanted(NamedTuple):
    """What an item would be, as far as others can be in its way."""

    code: str
    tag: str | None
    parent: str | None


class Batch(NamedTuple):
    """What was found of a batch: what is to be written, and what is wrong."""

    wanted: dict[int, Wanted]
    refused: Refused
    values: dict[int, dict[str, Any]]
    versions: dict[int, int]  # of those that are there as they shall be


async def create(
    session: AsyncSession,
    vessel: str,
    items: Sequence[EquipmentCreate],
    *,
    partial: bool,
) -> ManyResult:
    """Register many; raises NotFoundError, and BatchRefusedError unless `partial`."""

    async def look() -> Batch:
        codes = [item.code for item in items]
        found = await session.execute(_TAKEN, {"codes": codes})
        taken = {row.code: row.vessel for row in found}
        refused = _repeated(codes)
        for index, code in enumerate(codes):
            if code in taken and index not in refused:
                message = f"{code} is registered already, aboard {taken[code]}."
                refused[index] = [_problem(index, "code", "duplicate-code", message)]
        wanted = {
            index: Wanted(item.code, item.tag, item.parent)
            for index, item in enumerate(items)
            if index not in refused
        }
        values = {index: items[index].model_dump() for index in wanted}
        return Batch(wanted, refused, values, {})

    return await _do(session, vessel, items, look, _INSERT, partial=partial)


async def update(
    session: AsyncSession, vessel: str, items: Sequence[ItemUpdate], *, partial: bool
) -> ManyResult:
    """Change many; raises NotFoundError, and BatchRefusedError unless `partial`."""

    async def look() -> Batch:
        codes = [item.code for item in items]
        found = await session.execute(LOCKED, {"vessel": vessel, "codes": codes})
        rows = {row["code"]: dict(row) for row in found.mappings()}
        batch = Batch({}, _repeated(codes), {}, {})
        for index, item in enumerate(items):
            if index in batch.refused:
                continue
            if (row := rows.get(item.code)) is None:
                message = f"{item.code} is not aboard {vessel}. Correct the code."
                problem = _problem(index, "code", "not-found", message)
                batch.refused[index] = [problem]
                continue
            _change(batch, index, item, row)
        return batch

    return await _do(session, vessel, items, look, _UPDATE, partial=partial)


def _change(batch: Batch, index: int, item: ItemUpdate, row: dict[str, Any]) -> None:
    sent = {name: getattr(item, name) for name in item.model_fields_set & {*_CHANGED}}
    then = row | sent
    batch.wanted[index] = Wanted(item.code, then["tag"], then["parent"])
    if item.version != row["version"]:
        message = (
            f"{item.code} was changed since you read it: it has version "
            f"{row['version']} now. Read it again and send that version."
        )
        problem = _problem(index, "version", "stale-version", message)
        batch.refused[index] = [problem]
    elif then == row:
        batch.versions[index] = row["version"]
    else:
        batch.values[index] = then


async def _do(
    session: AsyncSession,
    vessel: str,
    items: Sequence[EquipmentCreate | ItemUpdate],
    look: Callable[[], Awaitable[Batch]],
    write: "_Write",
    *,
    partial: bool,
) -> ManyResult:
    await vessels.get(session, vessel)
    await vessels.lock(session, vessel)
    for _ in range(TRIES):
        batch = await look()
        await _judge(session, vessel, batch, partial=partial)
        if batch.refused and not partial:
            raise _refusal(items, batch.refused)
        values = {i: v for i, v in batch.values.items() if i not in batch.refused}
        try:
            async with session.begin_nested():
                await write.run(session, vessel, list(values.values()))
        except IntegrityError:
            # Whoever writes one at a time was faster, and has committed: look again.
            continue
        return ManyResult(
            items=[
                _result(index, item.code, batch, values, write.result)
                for index, item in enumerate(items)
            ]
        )
    raise ConflictError(
        "Others write the same codes, tags or parents at this moment, and nothing was "
        "changed. Send the batch again."
    )


def _result(
    index: int, code: str, batch: Batch, values: Mapping[int, Any], done: str
) -> ItemResult:
    if index in values:
        version = values[index].get("version", 0) + 1
        return ItemResult.model_validate(
            {"code": code, "result": done, "version": version}
        )
    if index in batch.refused:
        errors = [ProblemField(**problem) for problem in batch.refused[index]]
        return ItemResult(code=code, result="refused", errors=errors)
    return ItemResult(code=code, result="unchanged", version=batch.versions[index])


def _refusal(
    items: Sequence[EquipmentCreate | ItemUpdate], refused: Refused
) -> BatchRefusedError:
    order = sorted(refused)
    return BatchRefusedError(
        f"{len(order)} of {len(items)} items are refused, and nothing was changed: "
        "errors says why. Mend or remove them, or repeat with ?mode=partial.",
        errors=[problem for index in order for problem in refused[index]],
        codes=[items[index].code for index in order],
    )


# --- what is in the way ---------------------------------------------------------------


def _problem(index: int, field: str, code: str, message: str) -> FieldProblem:
    return FieldProblem(pointer=f"/items/{index}/{field}", code=code, message=message)


def _repeated(codes: Sequence[str]) -> Refused:
    first: dict[str, int] = {}
    return {
        index: [
            _problem(
                index,
                "code",
                "repeated-code",
                f"{code} is item {first[code]} already. Send each code once.",
            )
        ]
        for index, code in enumerate(codes)
        if first.setdefault(code, index) != index
    }


async def _judge(
    session: AsyncSession, vessel: str, batch: Batch, *, partial: bool
) -> None:
    """Find what stands in the way of the others.

    All at once for whoever wants all or nothing. Of a partial batch, what is refused
    stays as it is: its old tag may be in the way of another, which is refused then.
    """
    tags = [wanted.tag for wanted in batch.wanted.values() if wanted.tag]
    parents = [wanted.parent for wanted in batch.wanted.values() if wanted.parent]
    given = {"vessel": vessel, "tags": tags}
    holders = {row.tag: row.code for row in await session.execute(_HOLDERS, given)}
    above = await session.execute(_ABOVE, {"vessel": vessel, "parents": parents})
    tree = {row.code: row.parent for row in above}
    standing = {
        index: wanted
        for index, wanted in batch.wanted.items()
        if not (partial and index in batch.refused)
    }
    while found := _clashes(vessel, standing, holders, tree):
        for index, problems in found.items():
            batch.refused.setdefault(index, []).extend(problems)
        if not partial:
            break
        standing = {i: wanted for i, wanted in standing.items() if i not in found}


def _clashes(
    vessel: str,
    standing: Mapping[int, Wanted],
    holders: Mapping[str, str],
    tree: Mapping[str, str | None],
) -> Refused:
    """What is wrong with those that would be done, if all of them were."""
    found: Refused = {}

    def add(index: int, field: str, code: str, message: str) -> None:
        found.setdefault(index, []).append(_problem(index, field, code, message))

    mine = {wanted.code: wanted for wanted in standing.values()}
    taken = {
        tag: code
        for tag, code in holders.items()
        if code not in mine or mine[code].tag == tag
    }
    then = {**tree, **{code: wanted.parent for code, wanted in mine.items()}}
    circling = circles(then)
    for index, (code, tag, parent) in standing.items():
        if tag and (holder := taken.setdefault(tag, code)) != code:
            message = (
                f"The tag {tag} is that of {holder}. Choose another one for {code}."
            )
            add(index, "tag", "duplicate-tag", message)
        if parent and parent not in then:
            message = f"{parent} is not aboard {vessel}: register it there first."
            add(index, "parent", "unknown-parent", message)
        # Who stands on a circle and did not move waits for those who did.
        if code in circling and tree.get(code) != parent:
            message = f"{code} would stand below itself. Choose another parent."
            add(index, "parent", "parent-cycle", message)
    return found


# --- the statements -------------------------------------------------------------------

_CREATED = tuple(EquipmentCreate.model_fields)
_CHANGED = tuple(EquipmentUpdate.model_fields)


def _names(fields: Sequence[str], table: str = "") -> str:
    return ", ".join(f'{table}"{field}"' for field in fields)


def _items(fields: Sequence[str]) -> str:
    """The items as rows: one array a field, whatever their number."""
    arrays = ", ".join(f"CAST(:{field} AS varchar[])" for field in fields)
    return f"unnest({arrays}) AS i ({_names(fields)})"


class _Write(NamedTuple):
    result: str
    statement: str
    fields: Sequence[str]

    async def run(
        self, session: AsyncSession, vessel: str, values: Sequence[Mapping[str, Any]]
    ) -> None:
        if values:
            columns = {name: [row[name] for row in values] for name in self.fields}
            await session.execute(text(self.statement), {"vessel": vessel, **columns})


_INSERT = _Write(
    "created",
    f"INSERT INTO equipment (vessel, {_names(_CREATED)}) "
    f"SELECT :vessel, {_names(_CREATED)} FROM {_items(_CREATED)} ORDER BY i.code",
    _CREATED,
)
_UPDATE = _Write(
    "changed",
    f"UPDATE equipment e SET ({_names(_CHANGED)}, version, updated_at) = "
    f"ROW ({_names(_CHANGED, 'i.')}, e.version + 1, now()) "
    f"FROM {_items(('code', *_CHANGED))} WHERE e.code = i.code AND e.vessel = :vessel",
    ("code", *_CHANGED),
)
_TAKEN = text(
    "SELECT code, vessel FROM equipment WHERE code = ANY (CAST(:codes AS varchar[]))"
)
LOCKED = text(
    f"SELECT code, version, {_names(_CHANGED)} FROM equipment "
    "WHERE vessel = :vessel AND code = ANY (CAST(:codes AS varchar[])) "
    "ORDER BY code FOR NO KEY UPDATE"
)
_HOLDERS = text(
    "SELECT tag, code FROM equipment "
    "WHERE vessel = :vessel AND tag = ANY (CAST(:tags AS varchar[]))"
)
# OFFSET 0 keeps each step a look into an index: a join would read the whole table.
_ABOVE = text("""
WITH RECURSIVE above AS (
    SELECT code, parent FROM equipment
    WHERE vessel = :vessel AND code = ANY (CAST(:parents AS varchar[]))
  UNION
    SELECT e.code, e.parent FROM above a CROSS JOIN LATERAL (
        SELECT code, parent FROM equipment
        WHERE vessel = :vessel AND code = a.parent OFFSET 0
    ) e
)
SELECT code, parent FROM above
""")
