"""The typical: async FastAPI, ORM entities, response_model, a session a request."""

import csv
import io
import json
import os
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import DateTime, ForeignKey, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(
    os.environ["BENCH_DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:"),
    pool_size=10,
    max_overflow=0,
    connect_args={"server_settings": {"timezone": "UTC", "jit": "off"}},
)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 SQLAlchemy's


class Vessel(Base):
    __tablename__ = "vessels"
    code: Mapped[str] = mapped_column(primary_key=True)


class Equipment(Base):
    __tablename__ = "equipment"
    code: Mapped[str] = mapped_column(primary_key=True)
    vessel: Mapped[str] = mapped_column(ForeignKey("vessels.code"))
    tag: Mapped[str | None]
    name: Mapped[str]
    location: Mapped[str | None]
    group: Mapped[str | None]
    class_: Mapped[str | None] = mapped_column("class")
    parent: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="active")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now()
    )
    version: Mapped[int] = mapped_column(server_default=text("1"))
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 SQLAlchemy's


class Operation(Base):
    __tablename__ = "operations"
    id: Mapped[str] = mapped_column(primary_key=True)
    equipment: Mapped[str] = mapped_column(ForeignKey("equipment.code"))
    cost: Mapped[Decimal]


class EquipmentRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    code: str
    vessel: str
    tag: str | None
    name: str
    location: str | None
    group: str | None
    class_: str | None = Field(alias="class", validation_alias="class_")
    parent: str | None
    status: str
    created_at: datetime
    updated_at: datetime
    version: int


class EquipmentPage(BaseModel):
    items: list[EquipmentRead]
    next_cursor: str | None


class EquipmentCreate(BaseModel):
    code: str
    name: str
    location: str


class Codes(BaseModel):
    codes: list[str]


class Batch(BaseModel):
    changed: list[str]
    unchanged: list[str]


class VesselCost(BaseModel):
    vessel: str
    average: Decimal | None
    total: Decimal
    operations: int
    equipment: int
    average_per_equipment: Decimal | None
    currency: str = "USD"


class Costs(BaseModel):
    items: list[VesselCost]
    next_cursor: str | None = None


async def get_session() -> AsyncGenerator[AsyncSession]:
    async with sessions() as session:
        yield session


FILE = ("code", "tag", "name", "location", "group", "class", "parent", "status")
ATTRIBUTES = {name: "class_" if name == "class" else name for name in FILE}
SessionDep = Annotated[AsyncSession, Depends(get_session)]
app = FastAPI()


async def _vessel(session: AsyncSession, code: str) -> Vessel:
    vessel = await session.scalar(select(Vessel).where(Vessel.code == code))
    if vessel is None:
        raise HTTPException(404)
    return vessel


@app.get("/api/v1/vessels/{code}/equipment", response_model=EquipmentPage)
async def list_equipment(
    session: SessionDep,
    code: str,
    status: str | None = None,
    limit: int = 100,
    page: int = 1,
) -> dict[str, object]:
    vessel = await _vessel(session, code)
    query = select(Equipment).where(Equipment.vessel == vessel.code)
    if status:
        query = query.where(Equipment.status == status)
    query = query.order_by(Equipment.code).offset((page - 1) * limit).limit(limit + 1)
    rows: Sequence[Equipment] = (await session.scalars(query)).all()
    more = None
    if len(rows) > limit:
        place = json.dumps(["code", rows[limit - 1].code]).encode()
        more = urlsafe_b64encode(place).decode().rstrip("=")
    return {"items": rows[:limit], "next_cursor": more}


@app.get("/api/v1/equipment/{code}", response_model=EquipmentRead)
async def read_equipment(session: SessionDep, code: str) -> Equipment:
    found = await session.scalar(select(Equipment).where(Equipment.code == code))
    if found is None:
        raise HTTPException(404)
    return found


@app.post(
    "/api/v1/vessels/{code}/equipment", response_model=EquipmentRead, status_code=201
)
async def create_equipment(
    session: SessionDep, code: str, data: EquipmentCreate
) -> Equipment:
    vessel = await _vessel(session, code)
    equipment = Equipment(vessel=vessel.code, **data.model_dump())
    session.add(equipment)
    await session.commit()
    await session.refresh(equipment)
    return equipment


@app.post("/api/v1/equipment/deactivate", response_model=Batch)
async def deactivate_equipment(
    session: SessionDep, data: Codes
) -> dict[str, list[str]]:
    query = select(Equipment).where(Equipment.code.in_(data.codes))
    found = (await session.scalars(query)).all()
    changed = [equipment for equipment in found if equipment.status == "active"]
    for equipment in changed:
        equipment.status = "inactive"
    await session.commit()
    codes = {equipment.code for equipment in changed}
    rest = [code for code in data.codes if code not in codes]
    return {"changed": [e.code for e in changed], "unchanged": rest}


@app.post("/api/v1/vessels/{code}/imports")
async def import_equipment(
    session: SessionDep, code: str, request: Request
) -> dict[str, int]:
    vessel = await _vessel(session, code)
    rows = list(csv.DictReader(io.StringIO((await request.body()).decode())))
    for row in rows:
        values = {ATTRIBUTES[name]: value or None for name, value in row.items()}
        session.add(Equipment(vessel=vessel.code, **values))
    await session.commit()
    return {"created": len(rows)}


async def _register(session: AsyncSession, code: str) -> list[dict[str, str | None]]:
    vessel = await _vessel(session, code)
    query = select(Equipment).where(Equipment.vessel == vessel.code)
    rows = (await session.scalars(query.order_by(Equipment.code))).all()
    return [{name: getattr(row, ATTRIBUTES[name]) for name in FILE} for row in rows]


@app.get("/api/v1/vessels/{code}/equipment.csv")
async def export_csv(session: SessionDep, code: str) -> StreamingResponse:
    text = io.StringIO()
    writer = csv.DictWriter(text, FILE)
    writer.writeheader()
    writer.writerows(await _register(session, code))
    return StreamingResponse(iter([text.getvalue()]), media_type="text/csv")


@app.get("/api/v1/vessels/{code}/equipment.ndjson")
async def export_ndjson(session: SessionDep, code: str) -> StreamingResponse:
    lines = (json.dumps(row) + "\n" for row in await _register(session, code))
    return StreamingResponse(iter(["".join(lines)]), media_type="application/x-ndjson")


@app.get("/api/v1/costs/vessels", response_model=Costs)
async def list_costs(session: SessionDep) -> dict[str, object]:
    """Sum up through the plain join."""
    query = (
        select(
            Vessel.code,
            func.coalesce(func.sum(Operation.cost), 0),
            func.count(Operation.id),
        )
        .outerjoin(Equipment, Equipment.vessel == Vessel.code)
        .outerjoin(Operation, Operation.equipment == Equipment.code)
        .group_by(Vessel.code)
        .order_by(Vessel.code)
    )
    aboard = select(Equipment.vessel, func.count()).group_by(Equipment.vessel)
    counts = dict((await session.execute(aboard)).all())
    cent = Decimal("0.01")
    costs = [
        {
            "vessel": code,
            "average": (total / orders).quantize(cent) if orders else None,
            "total": Decimal(total).quantize(cent),
            "operations": orders,
            "equipment": counts.get(code, 0),
            "average_per_equipment": (
                (total / counts[code]).quantize(cent) if counts.get(code) else None
            ),
        }
        for code, total, orders in await session.execute(query)
    ]
    return {"items": costs}


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(os.environ["BENCH_PORT"]),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=120,
    )
