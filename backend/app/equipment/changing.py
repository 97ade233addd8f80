"""The routes of changes that are more than some fields of one equipment."""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from app import etag
from app.equipment import batches, moving, restoring
from app.equipment.models import Equipment
from app.equipment.schemas import (
    EquipmentMove,
    EquipmentRead,
    EquipmentRestore,
    ManyCreate,
    ManyQuery,
    ManyResult,
    ManyUpdate,
    MoveQuery,
)
from app.errors import (
    BatchRefusedError,
    ConflictError,
    DuplicateError,
    NotFoundError,
    NotRecordedError,
    ParentCycleError,
    StaleVersionError,
    VersionRequiredError,
)
from app.etag import ExpectedVersion
from app.problems import responses
from app.recording import RecordedSessionDep
from app.values import CodeRef

router = APIRouter(tags=["equipment"])

_CREATED = {"atomic": status.HTTP_201_CREATED, "partial": status.HTTP_200_OK}
_TOLD = {"model": ManyResult, "description": "With `mode=partial`: what came of each."}


@router.post(
    "/vessels/{code}/equipment/batch",
    status_code=status.HTTP_201_CREATED,
    responses={200: _TOLD, **responses(NotFoundError, BatchRefusedError)},
)
async def install_many(
    session: RecordedSessionDep,
    response: Response,
    code: CodeRef,
    query: Annotated[ManyQuery, Query()],
    data: ManyCreate,
) -> ManyResult:
    """Register up to 1,000 equipment aboard a vessel: all of them or none."""
    response.status_code = _CREATED[query.mode]
    return await batches.create(
        session, code, data.items, partial=query.mode == "partial"
    )


@router.patch(
    "/vessels/{code}/equipment",
    responses=responses(NotFoundError, BatchRefusedError),
)
async def update_many(
    session: RecordedSessionDep,
    code: CodeRef,
    query: Annotated[ManyQuery, Query()],
    data: ManyUpdate,
) -> ManyResult:
    """Change up to 1,000 equipment, each from its version: all of them or none."""
    return await batches.update(
        session, code, data.items, partial=query.mode == "partial"
    )


@router.post(
    "/equipment/{code}/move",
    response_model=EquipmentRead,
    responses=responses(
        NotFoundError,
        ConflictError,
        DuplicateError,
        ParentCycleError,
        StaleVersionError,
        VersionRequiredError,
    ),
)
async def move_equipment(
    session: RecordedSessionDep,
    response: Response,
    code: CodeRef,
    query: Annotated[MoveQuery, Query()],
    data: EquipmentMove,
    expected: ExpectedVersion,
) -> Equipment:
    """Take an equipment to another vessel; its history and its orders go along."""
    equipment = await moving.move(session, code, data, expected, subtree=query.subtree)
    etag.tag(response, equipment)
    return equipment


@router.post(
    "/equipment/{code}/restore",
    response_model=EquipmentRead,
    responses=responses(
        NotFoundError,
        ConflictError,
        DuplicateError,
        ParentCycleError,
        NotRecordedError,
        StaleVersionError,
        VersionRequiredError,
    ),
)
async def restore_equipment(
    session: RecordedSessionDep,
    response: Response,
    code: CodeRef,
    data: EquipmentRestore,
    expected: ExpectedVersion,
) -> Equipment:
    """Bring an equipment back to an earlier version, as a new change."""
    equipment = await restoring.restore(session, code, data.version, expected)
    etag.tag(response, equipment)
    return equipment
