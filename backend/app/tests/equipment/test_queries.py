"""The hot paths answer what is documented, by plans that do not grow."""

from typing import get_type_hints

import msgspec
import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from app.database import Sessions
from app.drivers import Statement
from app.equipment import queries
from app.equipment.models import Equipment, Status
from app.equipment.queries import EquipmentPage, EquipmentRow
from app.equipment.schemas import EquipmentRead
from app.pagination import Page
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


FLAT = {
    "a page": ("code", False, "uq_equipment_vessel_code"),
    "a later page": ("code", True, "uq_equipment_vessel_code"),
}


@pytest.mark.parametrize("what", FLAT)
async def test_no_page_sorts_or_reads_a_vessel_whatever_the_plan(
    client: AsyncClient, sessions: Sessions, what: str
) -> None:
    sort, later, index = FLAT[what]
    for code in ("MV102", "MV103"):
        await vessel(client, code)
    statement = queries._page(  # noqa: SLF001 its plan is what is tested
        *(sort, 100, (Status.ACTIVE,), ("vessel",), ()), search=False, later=later
    )
    fill = (
        "INSERT INTO equipment (code, vessel, name) SELECT 'E' || n, "
        "'MV' || 102 + n % 2, 'pump' FROM generate_series(1, 4000) n"
    )
    values = "'MV102'" + (", 'E1'" if later else "")
    kinds = "varchar" + (", varchar" if later else "")
    async with sessions() as session:
        await session.execute(text(fill))
        await session.execute(text("ANALYZE equipment"))
        await session.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        await session.execute(text(f"PREPARE p ({kinds}) AS {_escaped(statement)}"))
        plan = "\n".join(await session.scalars(text(f"EXPLAIN EXECUTE p ({values})")))
        await session.execute(text("DEALLOCATE p"))
    assert index in plan
    assert "Sort" not in plan
    assert "Seq Scan" not in plan


def _escaped(statement: Statement) -> str:
    """The text, whose `::` SQLAlchemy would take for a parameter."""
    return statement.text.replace(":", r"\:")
