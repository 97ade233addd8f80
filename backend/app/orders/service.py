"""Orders of other systems as plan and apply. Never commits: the caller does."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.imports import lists
from app.imports.models import Kind
from app.imports.views import Shown
from app.orders import queries
from app.orders.fields import KEYS, fields
from app.orders.schemas import OrderMapping, OrdersUpload

STEPS = lists.Steps(
    kind=Kind.OPERATIONS,
    what="orders",
    keys=KEYS,
    make_room=queries.make_room,
    stage=queries.stage,
    keep=queries.keep,
    stale=queries.stale,
    apply=queries.apply,
)
lists.register(STEPS)


async def plan(session: AsyncSession, upload: OrdersUpload) -> Shown:
    """Read a file of orders and store what it would change; nothing is changed."""
    query = upload.query
    mapping = query.mapping or OrderMapping()
    return await lists.plan(session, upload, mapping, fields(query.dates), STEPS)
