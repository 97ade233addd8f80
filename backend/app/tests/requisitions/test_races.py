"""Of two moves of one moment exactly one succeeds, and the other is told why."""

import asyncio
import uuid
from datetime import datetime
from decimal import Decimal

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ConflictError
from app.operations import service as operations
from app.operations.schemas import CostLineCreate
from app.requisitions import carts, service
from app.requisitions.models import Requisition
from app.requisitions.schemas import RequisitionCreate
from app.settings import Settings
from app.tests.conftest import connected
from app.tests.factories import JSON, created, get, ok, order, refused, url
from app.tests.requisitions.factories import asking, cart, do
from app.tests.stock.factories import on_hand, stocked

TRIES = 5
BODIES: dict[str, JSON] = {
    "approve": {"by": "supervisor"},
    "issue": {"lines": [{"part": "A", "quantity": 1}]},
}
# Each pair of moves, and what was done before.
RACES = [
    ("submit", "submit", []),
    ("approve", "cancel", ["submit"]),
    ("approve", "approve", ["submit"]),
    ("cancel", "cancel", ["submit"]),
    ("issue", "issue", ["submit", "approve"]),
]


async def _race(
    client: AsyncClient, first: str, second: str, before: list[str]
) -> list[tuple[JSON, list[Response]]]:
    """Each try's requisition as it is then, and the two answers, the winner's first."""
    found = []
    for number in range(TRIES):
        made = await cart(client, f"mechanic {number}", A=1)
        for verb in before:
            ok(await do(client, made, verb, **BODIES.get(verb, {})))
        answers = await asyncio.gather(
            *(
                do(client, made, verb, **BODIES.get(verb, {}))
                for verb in (first, second)
            )
        )
        answers.sort(key=lambda answer: answer.status_code)
        found.append((await get(client, "requisitions", made["id"]), answers))
    return found


@pytest.mark.parametrize(("first", "second", "before"), RACES)
async def test_exactly_one_wins_and_the_other_is_told(
    committed: AsyncClient, first: str, second: str, before: list[str]
) -> None:
    await stocked(committed, A=TRIES)
    holding = Decimal()
    gone = 0
    for now, (winner, loser) in await _race(committed, first, second, before):
        # What it says is what there is: also what a second reader sees.
        assert ok(winner)["state"] == now["state"]
        assert ok(winner)["lines"] == now["lines"]
        problem = refused(loser, 409, "move-refused")
        assert problem["state"] == now["state"]
        assert f"is {now['state']}; to " in problem["detail"]
        [line] = now["lines"]
        holding += Decimal(line["reserved"])
        gone += int(line["issued"])
    rest = TRIES - gone
    assert await on_hand(committed, "A") == (
        *(str(rest), str(holding)),
        str(rest - holding),
    )


async def _unlocked(
    session: AsyncSession, identity: uuid.UUID
) -> tuple[Requisition, datetime]:
    query = select(Requisition, func.now()).where(Requisition.id == identity)
    row = (await session.execute(query)).one()
    await asyncio.sleep(0.02)
    return row[0], row[1]


@pytest.mark.parametrize(("first", "second", "before"), RACES[::2])
async def test_control_without_the_lock_nobody_is_told_why(
    committed: AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    second: str,
    before: list[str],
) -> None:
    """The version of the row still refuses the second, but cannot say what happened."""
    await stocked(committed, A=TRIES)
    monkeypatch.setattr(service, "locked", _unlocked)
    races = await _race(committed, first, second, before)
    assert any(loser.status_code == 412 for _, (_, loser) in races)


async def _open_twice(client: AsyncClient) -> set[tuple[int, ...]]:
    found = set()
    for number in range(TRIES):
        body = asking(f"mechanic {number}", A=1)
        twins = (client.post(url("requisitions"), json=body) for _ in range(2))
        answers = await asyncio.gather(*twins)
        found.add(tuple(sorted(answer.status_code for answer in answers)))
    return found


async def test_of_two_carts_of_one_moment_one_is_opened(
    committed: AsyncClient, fresh: Settings
) -> None:
    await stocked(committed, A=1)
    assert await _open_twice(committed) == {(201, 409)}
    # The control: without the index both are.
    async with connected(fresh) as connection:
        await connection.execute(
            "DROP INDEX uq_requisitions_requester_cart; "
            "UPDATE requisitions SET state = 'cancelled'"
        )
    assert (201, 201) in await _open_twice(committed)


async def test_a_cart_that_is_submitted_just_then_stands_in_nobodys_way(
    committed: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stocked(committed, A=1)
    made = await cart(committed, A=1)
    look = carts._has_a_cart  # noqa: SLF001 between it and what comes before

    async def after_it_went(
        session: AsyncSession, data: RequisitionCreate
    ) -> ConflictError:
        ok(await do(committed, made, "submit"))
        return await look(session, data)

    monkeypatch.setattr(carts, "_has_a_cart", after_it_went)
    answer = await committed.post(url("requisitions"), json=asking(A=1))
    problem = refused(answer, 409, "conflict")
    assert "Try again" in problem["detail"]
    assert "existing" not in problem
    created(await committed.post(url("requisitions"), json=asking(A=1)))


async def _spend_at_once(client: AsyncClient) -> str:
    # Each takes a part of its own: no stock lets one wait for the other.
    await stocked(client, **{f"P{number}": 1 for number in range(TRIES)})
    done = await order(client, "A1", cost="0")
    asked = []
    for number in range(TRIES):
        body = asking(str(number), **{f"P{number}": 1}) | {"operation": done["id"]}
        made = created(await client.post(url("requisitions"), json=body))
        ok(await do(client, made, "submit"))
        asked.append(ok(await do(client, made, "approve", by="supervisor")))
    for answer in await asyncio.gather(*(do(client, it, "issue") for it in asked)):
        ok(answer)
    cost: str = (await get(client, "operations", done["id"]))["cost"]
    return cost


async def test_what_is_spent_at_once_on_one_order_adds_up(
    committed: AsyncClient,
) -> None:
    assert await _spend_at_once(committed) == "62.50"


async def test_control_who_reads_and_then_writes_the_cost_loses_some(
    committed: AsyncClient, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def careless(
        _: AsyncSession, identity: uuid.UUID, line: CostLineCreate
    ) -> None:
        async with connected(fresh) as connection:
            cost = await connection.fetchval(
                "SELECT cost FROM operations WHERE id = $1", identity
            )
            await asyncio.sleep(0.02)
            await connection.execute(
                "UPDATE operations SET cost = $2 WHERE id = $1",
                identity,
                cost + line.amount,
            )

    monkeypatch.setattr(operations, "charge", careless)
    assert Decimal(await _spend_at_once(committed)) < Decimal("62.50")
