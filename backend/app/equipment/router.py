from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response, status

from app import etag
from app.database import SessionDep
from app.equipment import exports, service
from app.equipment.models import Equipment, Status
from app.equipment.schemas import (
    Batch,
    BatchQuery,
    Codes,
    EquipmentCreate,
    EquipmentPath,
    EquipmentRead,
    EquipmentUpdate,
    FleetQuery,
    PastQuery,
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
from app.links import href
from app.pagination import Page, PageQuery, link
from app.problems import responses
from app.recording import RecordedSessionDep
from app.values import CodeRef
from app.vessels import service as vessels

router = APIRouter(tags=["equipment"])


def _page(
    request: Request,
    response: Response,
    listing: service.Listing,
) -> Page[EquipmentRead]:
    rows, next_cursor = listing
    link(request, response, next_cursor)
    items = [EquipmentRead.model_validate(row[0]) for row in rows]
    return Page(items=items, next_cursor=next_cursor)


@router.post(
    "/vessels/{code}/equipment",
    status_code=status.HTTP_201_CREATED,
    response_model=EquipmentRead,
    responses=responses(NotFoundError, DuplicateError, ParentCycleError),
)
async def install_equipment(
    session: RecordedSessionDep,
    response: Response,
    code: CodeRef,
    data: EquipmentCreate,
) -> Equipment:
    """Register an equipment aboard a vessel; it starts active."""
    equipment = await service.install(session, code, data)
    response.headers["Location"] = href("equipment", equipment.code)
    etag.tag(response, equipment)
    return equipment


@router.get(
    "/vessels/{code}/equipment",
    responses=responses(NotFoundError, BadCursorError, ConflictError, NotRecordedError),
)
async def list_vessel_equipment(
    session: SessionDep,
    request: Request,
    response: Response,
    code: CodeRef,
    query: Annotated[VesselQuery, Query()],
) -> Page[EquipmentRead]:
    """List a vessel's equipment; `status=active` for what is in use."""
    listing = await service.listing(session, code, query)
    return _page(request, response, listing)


@router.get("/equipment", responses=responses(BadCursorError))
async def list_equipment(
    session: SessionDep,
    request: Request,
    response: Response,
    query: Annotated[FleetQuery, Query()],
) -> Page[EquipmentRead]:
    """List the equipment of the whole fleet."""
    return _page(request, response, await service.fleet(session, query))


@router.post(
    "/equipment/deactivate",
    response_model_exclude_none=True,
    responses=responses(UnknownCodesError),
)
async def deactivate_equipment(
    session: RecordedSessionDep, query: Annotated[BatchQuery, Query()], data: Codes
) -> Batch:
    """Set one code or a list inactive: all of them or, if one is unknown, none."""
    return await service.set_status(
        session, data.codes, Status.INACTIVE, partial=query.mode == "partial"
    )


@router.post(
    "/equipment/activate",
    response_model_exclude_none=True,
    responses=responses(UnknownCodesError),
)
async def activate_equipment(
    session: RecordedSessionDep, query: Annotated[BatchQuery, Query()], data: Codes
) -> Batch:
    """Set one code or a list active: all of them or, if one is unknown, none."""
    return await service.set_status(
        session, data.codes, Status.ACTIVE, partial=query.mode == "partial"
    )


@router.get(
    "/equipment/{code}",
    response_model=EquipmentRead,
    responses=responses(NotFoundError, ConflictError, NotRecordedError),
)
async def read_equipment(
    session: SessionDep,
    response: Response,
    code: CodeRef,
    query: Annotated[PastQuery, Query()],
) -> Equipment | EquipmentRead:
    """Read one equipment."""
    equipment = await service.read(session, code, query.as_of)
    etag.tag(response, equipment)
    return equipment


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
    responses=responses(NotFoundError, BadCursorError),
)
async def list_equipment_children(
    session: SessionDep,
    request: Request,
    response: Response,
    code: CodeRef,
    query: Annotated[PageQuery, Query()],
) -> Page[EquipmentRead]:
    """List what stands directly below an equipment."""
    return _page(request, response, await service.children(session, code, query))


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
