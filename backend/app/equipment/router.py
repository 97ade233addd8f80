from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response, status

from app import etag
from app.database import SessionDep, SessionsDep
from app.drivers import DriversDep
from app.equipment import exports, service
from app.equipment.models import Equipment, Status
from app.equipment.queries import EquipmentPage
from app.equipment.schemas import (
    AsOf,
    Batch,
    BatchQuery,
    ChildrenQuery,
    Codes,
    EquipmentCreate,
    EquipmentPath,
    EquipmentRead,
    EquipmentUpdate,
    FleetQuery,
    VesselQuery,
)
from app.errors import (
    BadCursorError,
    ConflictError,
    DuplicateError,
    NotFoundError,
    NotRecordedError,
    ParentCycleError,
    StaleVersionError,
    UnknownCodesError,
    VersionRequiredError,
)
from app.etag import ExpectedVersion
from app.hot import hot
from app.links import href
from app.pagination import Listing, ListQuery, link
from app.problems import responses
from app.recording import CauseDep, RecordedSessionDep
from app.values import CodeRef
from app.vessels import service as vessels

router = APIRouter(tags=["equipment"])


# What these answer is written by msgspec; the `response_model` documents it.
def _answer(content: object, status_code: int = status.HTTP_200_OK) -> Response:
    body = msgspec.json.encode(content)
    return Response(body, status_code, media_type="application/json")


def _page(request: Request, query: ListQuery, page: EquipmentPage) -> Response:
    if query.fields:
        items = [
            {name: getattr(row, name) for name in query.shown} for row in page.items
        ]
        answer = _answer(msgspec.structs.replace(page, items=items))
    else:
        answer = _answer(page)
    link(request, answer, page.next_cursor)
    return answer


@router.post(
    "/vessels/{code}/equipment",
    status_code=status.HTTP_201_CREATED,
    response_model=EquipmentRead,
    responses=responses(NotFoundError, DuplicateError, ParentCycleError),
)
@hot
async def install_equipment(
    drivers: DriversDep,
    sessions: SessionsDep,
    cause: CauseDep,
    code: CodeRef,
    data: EquipmentCreate,
) -> Response:
    """Register an equipment aboard a vessel; it starts active."""
    equipment = await service.install(drivers, sessions, cause, code, data)
    answer = _answer(equipment, status.HTTP_201_CREATED)
    answer.headers["Location"] = href("equipment", equipment.code)
    etag.tag(answer, equipment)
    return answer


@router.get(
    "/vessels/{code}/equipment",
    response_model=Listing[EquipmentRead],
    responses=responses(NotFoundError, BadCursorError, ConflictError, NotRecordedError),
)
@hot
async def list_vessel_equipment(
    drivers: DriversDep,
    sessions: SessionsDep,
    request: Request,
    code: CodeRef,
    query: Annotated[VesselQuery, Query()],
) -> Response:
    """List a vessel's equipment; `status=active` for what is in use."""
    page = await service.listing(drivers, sessions, code, query)
    return _page(request, query, page)


@router.get(
    "/equipment",
    response_model=Listing[EquipmentRead],
    responses=responses(BadCursorError),
)
@hot
async def list_equipment(
    drivers: DriversDep, request: Request, query: Annotated[FleetQuery, Query()]
) -> Response:
    """List the equipment of the whole fleet."""
    return _page(request, query, await service.fleet(drivers, query))


@router.post(
    "/equipment/deactivate",
    response_model_exclude_none=True,
    responses=responses(UnknownCodesError),
)
async def deactivate_equipment(
    drivers: DriversDep,
    cause: CauseDep,
    query: Annotated[BatchQuery, Query()],
    data: Codes,
) -> Batch:
    """Set one code or a list inactive: all of them or, if one is unknown, none."""
    return await service.set_status(
        drivers, cause, data.codes, Status.INACTIVE, partial=query.mode == "partial"
    )


@router.post(
    "/equipment/activate",
    response_model_exclude_none=True,
    responses=responses(UnknownCodesError),
)
async def activate_equipment(
    drivers: DriversDep,
    cause: CauseDep,
    query: Annotated[BatchQuery, Query()],
    data: Codes,
) -> Batch:
    """Set one code or a list active: all of them or, if one is unknown, none."""
    return await service.set_status(
        drivers, cause, data.codes, Status.ACTIVE, partial=query.mode == "partial"
    )


@router.get(
    "/equipment/{code}",
    response_model=EquipmentRead,
    responses=responses(NotFoundError, ConflictError, NotRecordedError),
)
@hot
async def read_equipment(
    drivers: DriversDep, sessions: SessionsDep, code: CodeRef, as_of: AsOf = None
) -> Response:
    """Read one equipment."""
    equipment = await service.show(drivers, sessions, code, as_of)
    answer = _answer(equipment)
    etag.tag(answer, equipment)
    return answer


@router.patch(
    "/equipment/{code}",
    response_model=EquipmentRead,
    responses=responses(
        NotFoundError,
        DuplicateError,
        ParentCycleError,
        StaleVersionError,
        VersionRequiredError,
    ),
)
async def update_equipment(
    session: RecordedSessionDep,
    response: Response,
    code: CodeRef,
    data: EquipmentUpdate,
    expected: ExpectedVersion,
) -> Equipment:
    """Change an equipment; fields that are not sent stay as they are."""
    equipment = await service.update(session, code, data, expected)
    etag.tag(response, equipment)
    return equipment


@router.get(
    "/equipment/{code}/children",
    response_model=Listing[EquipmentRead],
    responses=responses(NotFoundError, BadCursorError),
)
@hot
async def list_equipment_children(
    drivers: DriversDep,
    request: Request,
    code: CodeRef,
    query: Annotated[ChildrenQuery, Query()],
) -> Response:
    """List what stands directly below an equipment."""
    return _page(request, query, await service.children(drivers, code, query))


@router.get(
    "/equipment/{code}/path",
    response_model=EquipmentPath,
    responses=responses(NotFoundError),
)
async def read_equipment_path(
    session: SessionDep, code: CodeRef
) -> dict[str, Sequence[Equipment]]:
    """Read the way from the root of the tree down to an equipment."""
    return {"items": await service.path(session, code)}


async def _aboard(session: SessionDep, code: CodeRef) -> str:
    """The code of a vessel that there is."""
    return (await vessels.get(session, code)).code


VesselDep = Annotated[str, Depends(_aboard)]


def _export(media_type: str) -> dict[int | str, dict[str, Any]]:
    file = {"description": "The file.", "content": {media_type: {}}}
    return {200: file, **responses(NotFoundError)}


@router.get(
    "/vessels/{code}/equipment.csv",
    response_class=Response,
    responses=_export("text/csv"),
)
async def export_equipment_csv(request: Request, vessel: VesselDep) -> Response:
    """Stream a vessel's whole register as CSV; importing it again changes nothing."""
    return exports.csv(request, vessel)


@router.get(
    "/vessels/{code}/equipment.ndjson",
    response_class=Response,
    responses=_export("application/x-ndjson"),
)
async def export_equipment_ndjson(request: Request, vessel: VesselDep) -> Response:
    """Stream a vessel's whole register, one JSON object a line."""
    return exports.ndjson(request, vessel)


@router.get(
    "/vessels/{code}/equipment.xlsx",
    response_class=Response,
    responses=_export(exports.XLSX),
)
async def export_equipment_xlsx(request: Request, vessel: VesselDep) -> Response:
    """Download a vessel's whole register as a spreadsheet."""
    return exports.xlsx(request, vessel)
