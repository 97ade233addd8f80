"""Issues of other systems as plan and apply. Never commits: the caller does."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.imports import lists
from app.imports.models import Kind
from app.imports.views import Shown
from app.reports import applying, queries
from app.reports.fields import KEYS, fields
from app.reports.schemas import IssueMapping, IssuesUpload

STEPS = lists.Steps(
    kind=Kind.ISSUES,
    what="issues",
    keys=KEYS,
    make_room=queries.make_room,
    stage=queries.stage,
    keep=queries.keep,
    stale=applying.stale,
    apply=applying.apply,
)
lists.register(STEPS)


async def plan(session: AsyncSession, upload: IssuesUpload) -> Shown:
    """Read a file of issues and store what it would change; nothing is changed."""
    query = upload.query
    mapping = query.mapping or IssueMapping()
    return await lists.plan(session, upload, mapping, fields(query.dates), STEPS)
