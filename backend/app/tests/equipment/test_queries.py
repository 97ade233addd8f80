"""The hot paths answer what is documented, by plans that do not grow."""

from typing import get_type_hints

import msgspec
from httpx2 import AsyncClient
from sqlalchemy import text

from app.database import Sessions, driver
from app.drivers import Statement
from app.equipment import queries
from app.equipment.models import Equipment, Status
from app.equipment.queries import EquipmentPage, EquipmentRow
from app.equipment.schemas import EquipmentRead
from app.pagination import Page
from app.tests.conftest import generic_plan
from app.tests.factories import equipment, get, ok, url, vessel


def test_what_is_written_is_what_is_documented() -> None:
    documented = {
        name: field.annotation for name, field in EquipmentRead.model_fields.items()
    }
    assert get_type_hints(EquipmentRow) == documented
    assert set(EquipmentPage.__struct_fields__) == set(Page.model_fields)


async def test_it_is_written_as_pydantic_would(
    client: AsyncClient, sessions: Sessions
) -> None:
    await vessel(client)
    await equipment(client, "A1", tag="23-KA-9101", group='Gás "ø"')
    async with sessions() as session:
        entity = await session.scalar(text("SELECT 1")) and await session.get(
            Equipment, (await session.scalars(text("SELECT id FROM equipment"))).one()
        )
    expected = EquipmentRead.model_validate(entity).model_dump_json()

    answer = await client.get(url("equipment", "A1"))

    assert answer.text == expected
    page = await get(client, "vessels", "MV102", "equipment")
    assert page == {"items": [ok(answer)], "next_cursor": None}
    row = msgspec.json.decode(answer.content, type=EquipmentRow)
    assert row.status is Status.ACTIVE


def _page(*, later: bool) -> Statement:
    kind = ("code", 100, (Status.ACTIVE,), ("vessel",), ())
    return queries._page(*kind, search=False, later=later)  # noqa: SLF001 its plan is tested


# Each with the index that must serve it.
FLAT = {
    "a page": (_page(later=False).text, "uq_equipment_vessel_code"),
    "a late page": (_page(later=True).text, "uq_equipment_vessel_code"),
    "one": (queries._ONE.text, "uq_equipment_code"),  # noqa: SLF001 its plan is tested
    "states": (queries.SET_STATUS.text, "uq_equipment_code"),
}


async def test_no_statement_reads_a_vessel_whatever_the_plan(
    client: AsyncClient, sessions: Sessions
) -> None:
    for code in ("MV102", "MV103"):
        await vessel(client, code)
    fill = (
        "INSERT INTO equipment (code, vessel, name) SELECT 'E' || n, "
        "'MV' || 102 + n % 2, 'pump' FROM generate_series(1, 4000) n"
    )
    async with sessions() as session:
        await session.execute(text(fill))
        await session.execute(text("ANALYZE equipment"))
        connection = await driver(session)
        for what, (statement, index) in FLAT.items():
            plan = await generic_plan(connection, statement)
            assert index in plan, what
            assert "Seq Scan" not in plan, what
            assert "Sort" not in plan or what == "states", what
        # Of two vessels any plan would read both.
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await generic_plan(connection, queries._CREATE.text)  # noqa: SLF001 its plan is tested
    assert "uq_vessels_code" in plan
    assert "Scan on equipment" not in plan
