"""The codes of the field's language. Never commits: the caller's transaction does."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag, problems
from app.errors import (
    ConflictError,
    DuplicateError,
    FieldProblem,
    InvalidError,
    NotFoundError,
)
from app.links import href
from app.pagination import paginate
from app.taxonomy.models import (
    TABLES,
    AllowedMode,
    FailureMode,
    Kind,
    MaintenanceActivity,
    Term,
)
from app.taxonomy.schemas import TermCreate, TermQuery, TermRead, TermUpdate

problems.CONSTRAINTS |= {
    "uq_class_failure_modes_class_mode": ConflictError(
        "Another request allowed one of these failure modes meanwhile. Try again."
    ),
}


async def add(session: AsyncSession, kind: Kind, data: TermCreate) -> Term:
    term = TABLES[kind](**data.model_dump(exclude={"failure_modes"}))
    try:
        async with session.begin_nested():
            session.add(term)
    except IntegrityError:
        existing = href("taxonomy", kind, data.code)
        raise DuplicateError.of("code", data.code, existing=existing) from None
    if data.failure_modes is not None:
        await _allow(session, kind, data.code, data.failure_modes)
    return term


async def get(session: AsyncSession, kind: Kind, code: str) -> Term:
    """Return the term; raises NotFoundError."""
    table = TABLES[kind]
    if term := await session.scalar(select(table).where(table.code == code)):
        return term
    raise NotFoundError(
        f"There is no {code!r} among the {kind}. "
        f"GET /api/v1/taxonomy/{kind} lists those that there are."
    )


async def listing(
    session: AsyncSession, kind: Kind, query: TermQuery
) -> tuple[list[Term], str | None]:
    table = TABLES[kind]
    found = select(table)
    if query.verified is not None:
        found = found.where(table.verified == query.verified)
    rows, next_cursor = await paginate(
        session,
        found,
        query,
        sort="code",
        columns={"code": table.code},
        unique=table.code,
    )
    return [row[0] for row in rows], next_cursor


async def update(
    session: AsyncSession,
    kind: Kind,
    code: str,
    data: TermUpdate,
    expected: int | None,
) -> Term:
    term = await get(session, kind, code)
    etag.check(term, expected)
    if expected is None:
        await etag.wait(session, term)
    values = data.model_dump(exclude_unset=True)
    modes = values.pop("failure_modes", None)
    for field, value in values.items():
        setattr(term, field, value)
    if modes is not None and await _allow(session, kind, code, modes):
        # The class says which they are: who read it before read something else.
        term.updated_at = func.now()
    await session.flush()
    return term


async def show(
    session: AsyncSession, kind: Kind, terms: Sequence[Term]
) -> list[TermRead]:
    """The terms as callers see them, classes with their failure modes."""
    modes = await _modes(session, kind, [term.code for term in terms])
    shown = {name for name in TermRead.model_fields if name != "failure_modes"}
    return [
        TermRead(
            **{name: getattr(term, name) for name in shown},
            failure_modes=None if modes is None else modes.get(term.code, []),
        )
        for term in terms
    ]


async def modes_of(session: AsyncSession, code: str) -> list[str]:
    """The failure modes that equipment of a class can have; empty means all."""
    known = await _modes(session, Kind.EQUIPMENT_CLASSES, [code])
    return (known or {}).get(code, [])


async def activity_called(session: AsyncSession, name: str) -> str | None:
    """The code of the maintenance activity of this name, in any case."""
    code = select(MaintenanceActivity.code)
    named = code.where(func.lower(MaintenanceActivity.name) == func.lower(name))
    found: str | None = await session.scalar(named.order_by(MaintenanceActivity.code))
    return found


def unknown(field: str, kind: Kind, code: object) -> InvalidError:
    """Say that a field names a term that there is not."""
    message = (
        f"{code} is none of the {kind}. GET /api/v1/taxonomy/{kind} lists them; "
        "POST there adds one of your own."
    )
    return InvalidError.of(f"/{field}", "unknown-code", message)


@asynccontextmanager
async def telling_all(
    session: AsyncSession, named: Mapping[str, tuple[Kind, str | None]]
) -> AsyncGenerator[None]:
    """Let a refusal tell of all fields that name terms which there are not."""
    try:
        yield
    except InvalidError as refusal:
        told = {problem["pointer"] for problem in refusal.errors}
        wrong = list(refusal.errors)
        for field, (kind, code) in named.items():
            if (
                code
                and f"/{field}" not in told
                and not await _is_known(session, kind, code)
            ):
                wrong += unknown(field, kind, code).errors
        raise InvalidError.of_all(wrong) from None


async def _is_known(session: AsyncSession, kind: Kind, code: str) -> bool:
    table = TABLES[kind]
    found = select(table.code).where(table.code == code)
    return await session.scalar(found) is not None


async def _modes(
    session: AsyncSession, kind: Kind, codes: Iterable[str]
) -> dict[str, list[str]] | None:
    if kind is not Kind.EQUIPMENT_CLASSES:
        return None
    grouped = (
        select(AllowedMode.class_, func.array_agg(AllowedMode.mode.distinct()))
        .where(AllowedMode.class_.in_(codes))
        .group_by(AllowedMode.class_)
    )
    found: dict[str, Any] = dict((await session.execute(grouped)).all())
    return found


async def _allow(
    session: AsyncSession, kind: Kind, code: str, modes: Sequence[str]
) -> bool:
    """Let a class have these failure modes and no other; whether that changes any."""
    if kind is not Kind.EQUIPMENT_CLASSES:
        message = "Only an equipment class has failure modes. Remove the field."
        raise InvalidError.of("/failure_modes", "extra-forbidden", message)
    known = set(
        await session.scalars(
            select(FailureMode.code).where(FailureMode.code.in_(modes))
        )
    )
    wrong = [
        FieldProblem(
            pointer=f"/failure_modes/{place}",
            code="unknown-code",
            message=f"{mode} is no failure mode. POST /api/v1/taxonomy/failure-modes "
            "adds one.",
        )
        for place, mode in enumerate(modes)
        if mode not in known
    ]
    if wrong:
        raise InvalidError.of_all(wrong)
    before = set(await modes_of(session, code))
    if gone := before - known:
        await session.execute(
            delete(AllowedMode).where(
                AllowedMode.class_ == code, AllowedMode.mode.in_(gone)
            )
        )
    if new := sorted(known - before):
        await session.execute(
            insert(AllowedMode), [{"class_": code, "mode": mode} for mode in new]
        )
    return known != before
