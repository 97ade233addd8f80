"""Maps of sensors: files that say which sensor sits at which equipment."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.failures import mapped
from app.failures.schemas import SensorMapping, SensorsUpload
from app.imports import lists
from app.imports.fields import CHECKS
from app.imports.mapping import Fields
from app.imports.models import Kind
from app.imports.views import Shown

SAY_WHICH = 'Say which is, such as ?mapping={"sensor": "…", "equipment": "…"}.'
FIELDS = Fields(
    {"sensor": CHECKS["code"], "equipment": CHECKS["parent"]},
    {
        "sensor": ("sensorid", "sensorcode", "sensornumber", "sensorno"),
        "equipment": (
            *("equipmentid", "equipmentcode", "equipmentnumber", "equipmentno"),
            *("equipmenttag", "code", "tag"),
        ),
    },
    needed=(
        (
            frozenset({"sensor"}),
            f"No column is a sensor. {SAY_WHICH}",
        ),
        (
            frozenset({"equipment"}),
            f"No column is an equipment. {SAY_WHICH}",
        ),
    ),
)
STEPS = lists.Steps(
    kind=Kind.SENSORS,
    what="sensors",
    keys=(*FIELDS,),
    make_room=mapped.make_room,
    stage=mapped.stage,
    keep=mapped.keep,
    stale=mapped.stale,
    apply=mapped.apply,
)
lists.register(STEPS)


async def plan(session: AsyncSession, upload: SensorsUpload) -> Shown:
    """Read a map and store what it would change; nothing is changed."""
    mapping = upload.query.mapping or SensorMapping()
    return await lists.plan(session, upload, mapping, FIELDS, STEPS)
