"""Problems and what becomes of them. Never commits: the caller's transaction does."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import etag, problems, recording
from app.equipment import service as equipment
from app.errors import (
    AppError,
    ConflictError,
    DuplicateError,
    InvalidError,
    NotFoundError,
)
from app.failures import service as failures
from app.issues import queries, rules, schemas
from app.issues.models import (
    Issue,
    IssueAttachment,
    IssueComment,
    IssueMove,
    Kind,
)
from app.links import href
from app.operations import service as operations
from app.operations.models import Category, Operation
from app.operations.rules import total
from app.operations.schemas import OperationCreate
from app.pagination import PageQuery, count, paginate
from app.taxonomy import service as taxonomy
from app.taxonomy.models import Kind as Terms
from app.vessels import service as vessels

Listing = tuple[Sequence[Any], str | None]
Note = TypeVar("Note", IssueMove, IssueComment, IssueAttachment)

TERMS = {
    "failure_mode": Terms.FAILURE_MODES,
    "mechanism": Terms.FAILURE_MECHANISMS,
    "cause": Terms.FAILURE_CAUSES,
    "detection_method": Terms.DETECTION_METHODS,
}


async def report(session: AsyncSession, data: schemas.IssueCreate) -> Issue:
    """Report a problem; raises NotFoundError for the equipment or the vessel."""
    values = data.model_dump(exclude_none=True)
    async with taxonomy.telling_all(session, _terms(values)):
        if data.equipment:
            affected = await equipment.get(session, data.equipment)
            if data.vessel not in {None, affected.vessel}:
                message = f"{affected.code} is aboard {affected.vessel}. Leave it out."
                raise InvalidError.of("/vessel", "not-aboard", message)
            values["vessel"] = affected.vessel
        elif data.vessel:
            await vessels.get(session, data.vessel)
        else:
            message = "Name the equipment, or the vessel if it is that as a whole."
            raise InvalidError.of("/equipment", "missing", message)
        issue = Issue()
        await _write(session, issue, values)
    return issue


async def get(session: AsyncSession, number: int) -> Issue:
    """Return the issue; raises NotFoundError."""
    if issue := await session.scalar(select(Issue).where(Issue.number == number)):
        return issue
    raise NotFoundError(f"There is no issue {number}. GET /api/v1/issues lists them.")


async def lock(session: AsyncSession, number: int) -> Issue:
    """Read it as it is when all who changed it before have done so."""
    issue = await get(session, number)
    await etag.wait(session, issue)
    return issue


async def listing(
    session: AsyncSession, query: schemas.IssueQuery
) -> tuple[Sequence[Any], str | None, int | None]:
    found = queries.filtered([Issue, *queries.ORDERS], query)
    if query.state:
        found = found.where(Issue.state.in_(query.state))
    columns = {
        "number": Issue.number,
        "observed_at": Issue.observed_at,
        "priority": Issue.priority,
        "updated_at": Issue.updated_at,
        "due_at": Issue.due_at,
    }
    if query.sort.endswith("due_at"):
        found = found.where(Issue.due_at.is_not(None))
    page = await paginate(
        session, found, query, sort=query.sort, columns=columns, unique=Issue.number
    )
    return *page, await count(session, found, query)


async def orders_of(session: AsyncSession, issue: Issue) -> tuple[int, int]:
    """How many orders it has, and how many of them are still to be done."""
    query = select(*queries.ORDERS).where(Issue.number == issue.number)
    orders, still_open = (await session.execute(query)).one()
    return orders, still_open


async def counts(
    session: AsyncSession, query: schemas.IssueFilter
) -> schemas.IssueCounts:
    found = await session.execute(queries.counted(query))
    by_state = dict.fromkeys(schemas.IssueCounts.model_fields, 0)
    by_state |= {state.value: many for state, many in found.all()}
    by_state["total"] = sum(by_state.values())
    return schemas.IssueCounts(**by_state)


async def update(
    session: AsyncSession,
    number: int,
    data: schemas.IssueUpdate,
    expected: int | None,
) -> Issue:
    issue = await get(session, number)
    etag.check(issue, expected)
    if expected is None:
        await etag.wait(session, issue)
    values = data.model_dump(exclude_unset=True)
    async with taxonomy.telling_all(session, _terms(values)):
        await _write(session, issue, values)
    return issue


# --- moves -------------------------------------------------------------------------


async def move(
    session: AsyncSession,
    number: int,
    data: schemas.Move,
    step: Callable[[Issue], None],
) -> Issue:
    """Let it take one step, which may refuse; the history keeps the comment."""
    issue = await lock(session, number)
    await _step(session, issue, data, lambda _: step(issue))
    return issue


async def resolve(session: AsyncSession, number: int, data: schemas.Resolve) -> Issue:
    issue = await lock(session, number)
    await _refuse_open_orders(session, issue)

    def step(at: datetime) -> None:
        issue.resolve(at, data.down_until)
        rules.check_end(at, data.down_until)

    await _step(session, issue, data, step)
    return issue


async def reopen(session: AsyncSession, number: int, data: schemas.Reopen) -> Issue:
    again = partial(Issue.reopen, still_down=data.still_down)
    return await move(session, number, data, again)


async def cancel(session: AsyncSession, number: int, data: schemas.Cancel) -> Issue:
    issue = await lock(session, number)
    await _refuse_open_orders(session, issue)
    because = schemas.Move.model_construct(comment=data.reason, at=data.at)
    await _step(session, issue, because, lambda _: issue.cancel())
    return issue


async def repeat(session: AsyncSession, number: int, data: schemas.Repeat) -> Issue:
    """Say that it is the same as another issue."""
    if data.of == number:
        message = "That is the issue itself. Name the other one."
        raise InvalidError.of("/of", "itself", message)
    concerned = {number, data.of, *await queries.duplicates(session, number)}
    found = {each: await get(session, each) for each in sorted(concerned)}
    for each in found.values():
        await etag.wait(session, each)
    issue = found[number]
    await _refuse_open_orders(session, issue)
    await _step(session, issue, data, lambda _: issue.repeat(found[data.of]))
    await queries.hand_over(session, number, data.of)
    return issue


async def _refuse_open_orders(session: AsyncSession, issue: Issue) -> None:
    """An issue does not end while work for it goes on."""
    if (await orders_of(session, issue))[1]:
        query = f"?issue={issue.number}&state=planned&state=in_progress"
        raise ConflictError(
            f"Issue {issue.number} has orders that are still to be done: finish or "
            f"cancel them first. GET {href('operations')}{query} lists them."
        )


async def _step(
    session: AsyncSession,
    issue: Issue,
    data: schemas.Move,
    step: Callable[[datetime], None],
) -> None:
    at, before = data.at or datetime.now(UTC), issue.state
    failed_at = issue.failed_at
    if data.at:
        rules.check_step(issue, await queries.last_move(session, issue.number), at)
    await recording.because(session, data.comment)
    step(at)
    taken = IssueMove(
        issue=issue.number,
        before=before,
        after=issue.state,
        at=at,
        comment=data.comment,
    )
    session.add(taken)
    try:
        await session.flush()
    except IntegrityError as refusal:
        raise _explain(refusal, {}) from None
    await _follow(session, issue, failed_at)


# --- what hangs on an issue --------------------------------------------------------


async def order(
    session: AsyncSession, number: int, data: schemas.IssueOrder
) -> Operation:
    """Order work for an issue; what the order does not say, the issue does."""
    issue = await lock(session, number)
    issue.order()
    if (code := data.code or issue.equipment) is None:
        message = "The issue is of a vessel as a whole: name the equipment."
        raise InvalidError.of("/code", "missing", message)
    if code != issue.equipment:
        await _refuse_elsewhere(session, issue, code)
    given = {name: getattr(data, name) for name in data.model_fields_set}
    told: dict[str, object] = {
        "title": issue.title,
        "note": issue.description,
        "priority": issue.priority,
        "due_at": issue.due_at,
    }
    if issue.kind in {Kind.FAILURE, Kind.DEFECT}:
        told["category"] = Category.CORRECTIVE
    values = {"state": data.state, **told, **given, "code": code}
    values["cost"] = data.cost if data.cost is not None else total(data.costs)
    return await operations.add(
        session, OperationCreate.model_construct(**values), issue=number
    )


async def _refuse_elsewhere(session: AsyncSession, issue: Issue, code: str) -> None:
    """Refuse work on what is not aboard the vessel that the issue is of by now."""
    vessel = issue.vessel
    if issue.equipment:
        vessel = (await equipment.get(session, issue.equipment)).vessel
    aboard = (await equipment.get(session, code)).vessel
    if aboard != vessel:
        message = f"{code} is aboard {aboard}: name an equipment aboard {vessel}."
        raise InvalidError.of("/code", "other-vessel", message)


async def attach(session: AsyncSession, note: Note) -> Note:
    """Add a comment or an attachment; raises NotFoundError for the issue."""
    await get(session, note.issue)
    session.add(note)
    await session.flush()
    return note


async def notes(
    session: AsyncSession, table: type[Note], number: int, page: PageQuery
) -> Listing:
    """One page of an issue's moves, comments or attachments, the first one first."""
    await get(session, number)
    query = select(table).where(table.issue == number)
    return await paginate(
        session, query, page, sort="id", columns={"id": table.id}, unique=table.id
    )


# --- writing -----------------------------------------------------------------------


async def _write(session: AsyncSession, issue: Issue, values: dict[str, Any]) -> None:
    rules.check(issue, values)
    code = values.get("equipment", issue.equipment)
    if code and (mode := values.get("failure_mode")):
        await _refuse_mode(session, code, mode)
    failed_at = issue.failed_at if issue.number else None
    vessel = values.get("vessel", issue.vessel)
    try:
        # Whoever has the reference already can be asked for then.
        async with session.begin_nested():
            for field, value in values.items():
                setattr(issue, field, value)
            session.add(issue)
    except IntegrityError as refusal:
        if problems.constraint(refusal) == "uq_issues_reference_vessel":
            raise await _known(session, vessel, values["reference"]) from None
        raise _explain(refusal, values) from None
    await _follow(session, issue, failed_at)


def _terms(values: dict[str, Any]) -> dict[str, tuple[Terms, str | None]]:
    return {name: (kind, values.get(name)) for name, kind in TERMS.items()}


async def _known(session: AsyncSession, vessel: str, reference: str) -> DuplicateError:
    """Who bears the reference already."""
    holder = await session.scalar(
        select(Issue.number).where(Issue.vessel == vessel, Issue.reference == reference)
    )
    existing = href("issues", str(holder))
    return DuplicateError.of("reference", reference, existing=existing)


async def _follow(session: AsyncSession, issue: Issue, before: datetime | None) -> None:
    """Keep the failure that an issue tells of, which failures count, as it says."""
    after = issue.failed_at
    if issue.equipment is None or after == before:
        return
    # Each waits for whoever else changes what is told of that instant, one instant
    # after the other, so that nobody waits for each other.
    for at in sorted(filter(None, (before, after))):
        if at == after:
            await failures.tell(session, issue.equipment, issue.vessel, at)
            continue
        await failures.hold(session, issue.equipment, at)
        if not await queries.tells(session, issue.equipment, at):
            await failures.take_back(session, issue.equipment, at)


async def _refuse_mode(session: AsyncSession, code: str, mode: str) -> None:
    """Refuse a mode that the class of the equipment cannot have."""
    class_ = (await equipment.get(session, code)).class_
    allowed = await taxonomy.modes_of(session, class_) if class_ else []
    if allowed and mode not in allowed:
        message = f"Equipment of class {class_} can have {', '.join(allowed)}."
        raise InvalidError.of("/failure_mode", "not-of-the-class", message)


def _explain(
    refusal: IntegrityError, values: dict[str, Any]
) -> AppError | IntegrityError:
    name = (problems.constraint(refusal) or "").partition("_issues_")[2]
    if name in TERMS:
        return taxonomy.unknown(name, TERMS[name], values[name])
    if name == "failure_of_equipment":
        message = "A failure is one of an equipment: name it."
        return InvalidError.of("/equipment", "missing", message)
    return refusal
