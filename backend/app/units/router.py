import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response, status

from app import etag
from app.database import SessionDep
from app.errors import (
    BadCursorError,
    ConflictError,
    DuplicateError,
    NotFoundError,
    OccupiedError,
    StaleVersionError,
    VersionRequiredError,
)
from app.etag import ExpectedVersion
from app.links import href
from app.pagination import Page, PageQuery, link
from app.problems import responses
from app.recording import RecordedSessionDep
from app.units import corrections, service
from app.units.models import Installation, Unit
from app.units.schemas import (
    InstallationRead,
    InstallationUpdate,
    InstalledUnit,
    Swap,
    UnitCreate,
    UnitQuery,
    UnitRead,
    UnitRemove,
    UnitSwap,
    UnitUpdate,
)
from app.values import CodeRef

router = APIRouter(tags=["units"])

UnitId = Annotated[uuid.UUID, Path(alias="id")]
InstallationId = Annotated[uuid.UUID, Path(alias="id")]


def _unit(unit: Unit, equipment: str | None) -> UnitRead:
    values = {
        name: getattr(unit, name)
        for name in UnitRead.model_fields
        if name != "equipment"
    }
    return UnitRead(equipment=equipment, **values)


def _answer(response: Response, unit: Unit, equipment: str | None) -> UnitRead:
    etag.tag(response, unit, equipment)
    return _unit(unit, equipment)


def _installation(sat: Installation, unit: Unit) -> InstallationRead:
    return InstallationRead(
        id=sat.id,
        equipment=sat.equipment,
        unit=InstalledUnit.model_validate(unit),
        installed_at=sat.installed_at,
        removed_at=sat.removed_at,
        removed_because=sat.removed_because,
        version=sat.version,
    )


@router.post(
    "/equipment/{code}/units",
    status_code=status.HTTP_201_CREATED,
    responses=responses(NotFoundError, OccupiedError),
)
async def swap_unit(
    session: RecordedSessionDep, response: Response, code: CodeRef, data: UnitSwap
) -> Swap:
    """Put a unit into an equipment; what sits there comes out at the same instant."""
    installed, removed = await service.swap(session, code, data)
    response.headers["Location"] = href("equipment", installed[0].equipment, "units")
    return Swap(
        installed=_installation(*installed),
        removed=removed and _installation(*removed),
    )


@router.get(
    "/equipment/{code}/units", responses=responses(NotFoundError, BadCursorError)
)
async def list_equipment_units(
    session: SessionDep,
    request: Request,
    response: Response,
    code: CodeRef,
    query: Annotated[PageQuery, Query()],
) -> Page[InstallationRead]:
    """List the units that sat in an equipment, the latest first."""
    rows, next_cursor = await service.history_of_equipment(session, code, query)
    link(request, response, next_cursor)
    items = [_installation(row[0], row[1]) for row in rows]
    return Page(items=items, next_cursor=next_cursor)


@router.post(
    "/units",
    status_code=status.HTTP_201_CREATED,
    responses=responses(DuplicateError),
)
async def add_unit(
    session: RecordedSessionDep, response: Response, data: UnitCreate
) -> UnitRead:
    """Register a unit that sits nowhere yet, such as a spare."""
    unit = await service.add(session, data)
    response.headers["Location"] = href("units", str(unit.id))
    return _answer(response, unit, None)


@router.get("/units", responses=responses(BadCursorError))
async def list_units(
    session: SessionDep,
    request: Request,
    response: Response,
    query: Annotated[UnitQuery, Query()],
) -> Page[UnitRead]:
    """List the units of the fleet, and where each sits."""
    rows, next_cursor = await service.listing(session, query)
    link(request, response, next_cursor)
    items = [_unit(row[0], row[1]) for row in rows]
    return Page(items=items, next_cursor=next_cursor)


@router.get("/units/{id}", responses=responses(NotFoundError))
async def read_unit(
    session: SessionDep, response: Response, identity: UnitId
) -> UnitRead:
    """Read one unit."""
    unit = await service.get(session, identity)
    return _answer(response, unit, await service.place(session, unit))


@router.patch(
    "/units/{id}",
    responses=responses(
        NotFoundError, DuplicateError, StaleVersionError, VersionRequiredError
    ),
)
async def update_unit(
    session: RecordedSessionDep,
    response: Response,
    identity: UnitId,
    data: UnitUpdate,
    expected: ExpectedVersion,
) -> UnitRead:
    """Correct what a unit is; fields that are not sent stay as they are."""
    unit = await service.change(session, identity, data, expected)
    return _answer(response, unit, await service.place(session, unit))


@router.post(
    "/units/{id}/remove",
    responses=responses(NotFoundError, ConflictError, OccupiedError),
)
async def remove_unit(
    session: RecordedSessionDep, identity: UnitId, data: UnitRemove
) -> InstallationRead:
    """Take a unit out of where it sits; nothing takes its place."""
    return _installation(*await service.take_out(session, identity, data))


@router.get(
    "/units/{id}/installations", responses=responses(NotFoundError, BadCursorError)
)
async def list_unit_installations(
    session: SessionDep,
    request: Request,
    response: Response,
    identity: UnitId,
    query: Annotated[PageQuery, Query()],
) -> Page[InstallationRead]:
    """List where a unit sat, the latest first."""
    rows, next_cursor = await service.history_of_unit(session, identity, query)
    link(request, response, next_cursor)
    items = [_installation(row[0], row[1]) for row in rows]
    return Page(items=items, next_cursor=next_cursor)


@router.get("/installations/{id}", responses=responses(NotFoundError))
async def read_installation(
    session: SessionDep, response: Response, identity: InstallationId
) -> InstallationRead:
    """Read one of the times that a unit sat somewhere."""
    sat, unit = await corrections.get(session, identity)
    etag.tag(response, sat, unit.version)
    return _installation(sat, unit)


@router.patch(
    "/installations/{id}",
    responses=responses(
        NotFoundError, OccupiedError, StaleVersionError, VersionRequiredError
    ),
)
async def correct_installation(
    session: RecordedSessionDep,
    response: Response,
    identity: InstallationId,
    data: InstallationUpdate,
    expected: ExpectedVersion,
) -> InstallationRead:
    """Correct when a unit came and left, and why; null: it sits there still."""
    sat, unit = await corrections.correct(session, identity, data, expected)
    etag.tag(response, sat, unit.version)
    return _installation(sat, unit)


@router.delete(
    "/installations/{id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=responses(NotFoundError, StaleVersionError, VersionRequiredError),
)
async def withdraw_installation(
    session: RecordedSessionDep, identity: InstallationId, expected: ExpectedVersion
) -> None:
    """Take back that a unit sat there; the record of changes keeps that it was said."""
    await corrections.withdraw(session, identity, expected)
