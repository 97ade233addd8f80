"""Which issues are meant, and how many orders they have."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.equipment import tree
from app.issues.models import ACTIVE, UNTRUE, Issue, IssueMove, Kind
from app.issues.schemas import IssueFilter
from app.operations.models import OPEN, Operation

_MINE = select(func.count(Operation.id)).where(Operation.issue == Issue.number)
ORDERS = (
    _MINE.correlate(Issue).scalar_subquery().label("orders"),
    _MINE.where(Operation.state.in_(OPEN))
    .correlate(Issue)
    .scalar_subquery()
    .label("open_orders"),
)


def filtered(what: Iterable[Any], query: IssueFilter) -> Select[Any]:
    found: Select[Any] = select(*what)
    for column, values in (
        (Issue.vessel, query.vessel),
        (Issue.priority, query.priority),
        (Issue.kind, query.kind),
        (Issue.failure_mode, query.failure_mode),
        (Issue.reference, query.reference),
    ):
        if values:
            found = found.where(column.in_(values))
    if query.equipment:
        codes = tree.below(query.equipment) if query.below else query.equipment
        found = found.where(Issue.equipment.in_(codes))
    if query.from_:
        found = found.where(Issue.observed_at >= query.from_)
    if query.to:
        found = found.where(Issue.observed_at < query.to)
    if query.older_than is not None:
        since = datetime.now(UTC) - timedelta(days=query.older_than)
        found = found.where(Issue.observed_at <= since)
    if query.due_before:
        found = found.where(Issue.due_at < query.due_before)
    if query.overdue:
        found = found.where(Issue.due_at < func.now(), Issue.state.in_(ACTIVE))
    return found


def counted(query: IssueFilter) -> Select[Any]:
    return filtered([Issue.state, func.count()], query).group_by(Issue.state)


async def duplicates(session: AsyncSession, number: int) -> Sequence[int]:
    """Those that are called a duplicate of an issue."""
    known = select(Issue.number).where(Issue.duplicate_of == number)
    return (await session.scalars(known)).all()


async def last_move(session: AsyncSession, number: int) -> IssueMove | None:
    """The step that an issue took last, but for those that a file did not date."""
    moves = select(IssueMove).where(
        IssueMove.issue == number, IssueMove.at != IssueMove.created_at
    )
    last: IssueMove | None = await session.scalar(
        moves.order_by(IssueMove.id.desc()).limit(1)
    )
    return last


async def hand_over(session: AsyncSession, number: int, to: int) -> None:
    """Let the duplicates of an issue be those of another, which is none itself."""
    await session.execute(
        update(Issue)
        .where(Issue.duplicate_of == number)
        .values(duplicate_of=to, version=Issue.version + 1)
    )


async def tells(session: AsyncSession, code: str, at: datetime) -> bool:
    """Whether any issue says that the equipment failed then."""
    telling = select(Issue.number).where(
        Issue.equipment == code,
        Issue.observed_at == at,
        Issue.kind == Kind.FAILURE,
        Issue.state.not_in(UNTRUE),
    )
    return await session.scalar(telling.limit(1)) is not None
