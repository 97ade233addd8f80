"""The hot paths answer what is documented, by plans that do not grow."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, get_type_hints

import msgspec
from httpx2 import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Sessions, driver
from app.drivers import Statement
from app.equipment import filters, queries
from app.equipment.models import Equipment, Status
from app.equipment.queries import EquipmentPage, EquipmentRow
from app.equipment.schemas import EquipmentRead
from app.pagination import Listing
from app.settings import Settings
from app.tests.conftest import connected, generic_plan
from app.tests.factories import equipment, get, ok, url, vessel


def test_what_is_written_is_what_is_documented() -> None:
    documented = {
        name: field.annotation for name, field in EquipmentRead.model_fields.items()
    }
    assert get_type_hints(EquipmentRow) == documented
    assert set(EquipmentPage.__struct_fields__) == set(Listing.model_fields)


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


VESSEL = (("vessel", False),)


def _page(*, later: bool) -> str:
    kind = ("code", 100, (Status.ACTIVE,), VESSEL)
    return queries._page(*kind, later=later).text  # noqa: SLF001 its plan is tested


# Each with the index that must serve it.
FLAT = {
    "a page": (_page(later=False), "uq_equipment_vessel_code"),
    "a late page": (_page(later=True), "uq_equipment_vessel_code"),
    "one": (queries._ONE.text, "uq_equipment_code"),  # noqa: SLF001 its plan is tested
    "states": (queries.SET_STATUS.text, "uq_equipment_code"),
}


async def test_no_statement_reads_a_vessel_whatever_the_plan(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with sessions() as session:
        await _fill(client, session)
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


# Of each list: what is asked, and the index that answers.
FILTERED: dict[str, tuple[str, tuple[Status, ...], dict[str, Any], str]] = {
    "rare inactive": ("code", (Status.INACTIVE,), {}, "ix_equipment_code_vessel"),
    "location": ("code", (), {"location": ("Helideck",)}, "ix_equipment_location"),
    "group": ("code", (), {"group": ("Safety",)}, "ix_equipment_group"),
    "name": ("code", (), {"name": ("Fire monitor",)}, "ix_equipment_name_code_vessel"),
    "parent": ("code", (), {"parent": ("E1",)}, "ix_equipment_parent"),
    "tag": ("code", (), {"tag_prefix": "23-KA"}, "uq_equipment_tag_vessel"),
    "word": ("code", (), {"q": "moni"}, "ix_equipment_search"),
    "phrase": ("code", (), {"q": "ka-399"}, "ix_equipment_search"),
    "since": (
        *("code", (), {"updated_since": datetime(2999, 1, 1, tzinfo=UTC)}),
        "ix_equipment_updated_at_code_vessel",
    ),
    "by name": ("name", (), {}, "ix_equipment_name_code_vessel"),
    "the latest": ("-updated_at", (), {}, "ix_equipment_updated_at_code_vessel"),
}


async def test_each_filter_and_order_has_its_index(
    client: AsyncClient, sessions: Sessions, settings: Settings
) -> None:
    async with sessions() as session:
        await _fill(client, session)
        async with connected(settings) as owner:
            # As autovacuum does: words that wait there make a search look dear.
            sort_in = "SELECT gin_clean_pending_list('ix_equipment_search')"
            await owner.execute(sort_in)
        connection = await driver(session)
        await connection.execute(queries._BY_ITS_VALUES)  # noqa: SLF001 as a page does
        for what, (sort, statuses, conditions, index) in FILTERED.items():
            for aboard in ({}, {"vessel": "MV102"}):
                shape, values = filters.read({**aboard, **conditions})
                # The same plan for one page and the next.
                for after in ({}, _after(sort)):
                    statement = queries._page(  # noqa: SLF001 its plan is what is tested
                        sort, 100, statuses, shape, later=bool(after)
                    )
                    given = statement.values(values | after)
                    plan = await _plan(session, statement, given)
                    assert index in plan, (what, aboard, plan)
                    assert "Seq Scan" not in plan
                    if sort != "code":
                        assert "Sort" not in plan


def _after(sort: str) -> dict[str, Any]:
    if sort == "-updated_at":
        return {"after_0": datetime(2990, 1, 1, tzinfo=UTC), "after_1": "E5"}
    return {"after_0": "E2"} if sort == "code" else {"after_0": "pump", "after_1": "E5"}


async def _fill(client: AsyncClient, session: AsyncSession) -> None:
    for code in ("MV102", "MV103"):
        await vessel(client, code)
    rows = """
        INSERT INTO equipment (code, vessel, name, tag, location, "group", status)
        SELECT 'E' || n, 'MV' || 102 + n % 2,
          CASE WHEN n % 2000 < 4 THEN 'Fire monitor' ELSE 'pump' END,
          10 + n % 90 || '-' || (ARRAY['KA','PA','XV'])[1 + n % 3] || '-' || n,
          CASE WHEN n % 2000 < 4 THEN 'Helideck' ELSE 'Deck' END,
          CASE WHEN n % 2000 < 4 THEN 'Safety' ELSE 'Process' END,
          CASE WHEN n % 2000 < 4 THEN 'inactive' ELSE 'active' END
        FROM generate_series(1, 4000) n"""
    await session.execute(text(rows))
    await session.execute(text("ANALYZE equipment"))


async def _plan(
    session: AsyncSession, statement: Statement, values: Sequence[object]
) -> str:
    spelt = ", ".join(f"$${value}$$" for value in values)
    # `::` would be a parameter to SQLAlchemy.
    asked = statement.text.replace(":", r"\:")
    await session.execute(text(f"PREPARE p AS {asked}"))
    run = "EXPLAIN EXECUTE p" + (f" ({spelt})" if spelt else "")
    plan = "\n".join(await session.scalars(text(run.replace(":", r"\:"))))
    await session.execute(text("DEALLOCATE p"))
    return plan
