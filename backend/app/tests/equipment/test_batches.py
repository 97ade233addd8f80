"""Up to 1,000 equipment at once: all, or what can be done and why not the rest."""

import asyncio
from collections import Counter

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import text

from app.equipment import batches
from app.settings import Settings
from app.tests.conftest import connected, seen
from app.tests.factories import (
    JSON,
    change,
    created,
    equipment,
    get,
    ok,
    pointers,
    refused,
    url,
    vessel,
)
from app.vessels import service as vessels

WHY = {"X-Change-Reason": "Turnaround 2026"}
PARTIAL = {"mode": "partial"}
WAITING = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def install(
    client: AsyncClient, items: list[JSON], of: str = "MV102", **params: str
) -> Response:
    items = [{"name": "pump", "location": "M60"} | item for item in items]
    path = url("vessels", of, "equipment", "batch")
    return await client.post(path, json={"items": items}, params=params, headers=WHY)


async def patch(
    client: AsyncClient, items: list[JSON], of: str = "MV102", **params: str
) -> Response:
    path = url("vessels", of, "equipment")
    return await client.patch(path, json={"items": items}, params=params, headers=WHY)


def results(answer: JSON) -> list[tuple[str, str, int | None]]:
    return [(row["code"], row["result"], row["version"]) for row in answer["items"]]


def why(answer: JSON) -> dict[str, str]:
    errors = [error for row in answer["items"] for error in row["errors"]]
    return pointers({"errors": errors})


async def aboard(client: AsyncClient, of: str = "MV102") -> dict[str, JSON]:
    page = await get(client, "vessels", of, "equipment", limit=500)
    return {row["code"]: row for row in page["items"]}


async def test_many_are_registered_at_once(client: AsyncClient) -> None:
    await vessel(client)
    await equipment(client, "A0")
    # Parents among themselves, in any order; a tag and a group.
    items: list[JSON] = [
        {"code": "a2 ", "parent": "A1", "tag": "t2"},
        {"code": "A1", "parent": "A0", "group": "Gas"},
    ]
    answer = created(await install(client, items))
    assert results(answer) == [("A2", "created", 1), ("A1", "created", 1)]
    rows = await aboard(client)
    assert (rows["A2"]["parent"], rows["A2"]["tag"]) == ("A1", "T2")
    assert rows["A1"]["group"] == "Gas"
    assert {row["status"] for row in rows.values()} == {"active"}
    history = await get(client, "equipment", "A1", "history")
    assert [row["reason"] for row in history["items"]] == list(WHY.values())


async def test_a_thousand_are_a_few_statements(
    client: AsyncClient, statements: list[str]
) -> None:
    await vessel(client)
    items: list[JSON] = [{"code": f"A{n}", "tag": f"T{n}"} for n in range(1000)]
    statements.clear()
    created(await install(client, items))
    assert len(statements) < 15
    statements.clear()
    # Each takes the tag of the one before.
    changes: list[JSON] = [
        {"code": f"A{n}", "version": 1, "tag": f"T{n - 1}"} for n in range(1, 1000)
    ]
    changes.append({"code": "A0", "version": 1, "tag": "T999", "name": "last"})
    answer = ok(await patch(client, changes))
    assert len(statements) < 15
    assert {row["result"] for row in answer["items"]} == {"changed"}
    first = await get(client, "equipment", "A0")
    assert (first["name"], first["tag"], first["version"]) == ("last", "T999", 2)
    assert first["location"] == "M60"
    assert (await get(client, "equipment", "A1"))["tag"] == "T0"
    # Whatever plan PostgreSQL has, rows are taken in one order and block no reference.
    (lock,) = [each for each in statements if "ORDER BY code FOR" in each]
    assert lock.endswith("FOR NO KEY UPDATE")
    # One more is refused as a whole.
    items.append({"code": "A1000"})
    problem = refused(await install(client, items), 422, "invalid")
    assert pointers(problem) == {"/items": "too-long"}


async def test_of_all_or_nothing_every_refused_item_is_named(
    client: AsyncClient,
) -> None:
    await vessel(client)
    await vessel(client, "MV103")
    await equipment(client, "B1", of="MV103")
    for code in ("A1", "A2", "A3", "A4"):
        await equipment(client, code, tag=f"T-{code}")
    await equipment(client, "A5", parent="A4")
    before = await aboard(client)
    changes: list[JSON] = [
        {"code": "A1", "version": 1, "name": "fine"},
        {"code": "A2", "version": 7, "name": "x"},
        {"code": "NOPE", "version": 1, "name": "x"},
        {"code": "B1", "version": 1, "name": "x"},
        {"code": "A1", "version": 1, "name": "y"},
        {"code": "A3", "version": 1, "tag": "t-a2", "parent": "B1"},
        {"code": "A4", "version": 1, "parent": "A5"},
    ]
    problem = refused(await patch(client, changes), 409, "batch-refused")
    assert pointers(problem) == {
        "/items/1/version": "stale-version",
        "/items/2/code": "not-found",
        "/items/3/code": "not-found",
        "/items/4/code": "repeated-code",
        "/items/5/tag": "duplicate-tag",
        "/items/5/parent": "unknown-parent",
        "/items/6/parent": "parent-cycle",
    }
    assert problem["codes"] == ["A2", "NOPE", "B1", "A1", "A3", "A4"]
    assert "6 of 7" in problem["detail"]
    assert "version 1 now" in problem["errors"][0]["message"]
    assert await aboard(client) == before

    new: list[JSON] = [
        {"code": "N1", "parent": "N2"},
        {"code": "N2", "parent": "N1"},
        {"code": "B1"},
        {"code": "N3", "tag": "T-A1"},
        {"code": "N3"},
        {"code": "N4", "parent": "B1"},
        {"code": "N5", "parent": "N5"},
        {"code": "N6", "tag": "T6"},
        {"code": "N7", "tag": "T6"},
    ]
    problem = refused(await install(client, new), 409, "batch-refused")
    assert pointers(problem) == {
        "/items/0/parent": "parent-cycle",
        "/items/1/parent": "parent-cycle",
        "/items/2/code": "duplicate-code",
        "/items/3/tag": "duplicate-tag",
        "/items/4/code": "repeated-code",
        "/items/5/parent": "unknown-parent",
        "/items/6/parent": "parent-cycle",
        "/items/8/tag": "duplicate-tag",
    }
    assert "aboard MV103" in problem["errors"][2]["message"]
    assert await aboard(client) == before
    refused(await install(client, new[:1], "NOPE"), 404, "not-found")
    refused(await patch(client, changes[:1], "NOPE"), 404, "not-found")


async def test_partial_does_what_can_be_done(client: AsyncClient) -> None:
    await vessel(client)
    for code in ("A1", "A2", "A3"):
        await equipment(client, code, tag=f"T-{code}")
    changes: list[JSON] = [
        {"code": "A1", "version": 9, "tag": "NEW"},
        # Free only if A1 had let it go; and then A3 has no way either.
        {"code": "A2", "version": 1, "tag": "T-A1"},
        {"code": "A3", "version": 1, "tag": "T-A2"},
        {"code": "NOPE", "version": 1},
    ]
    answer = ok(await patch(client, changes, **PARTIAL))
    assert why(answer) == {
        "/items/0/version": "stale-version",
        "/items/1/tag": "duplicate-tag",
        "/items/2/tag": "duplicate-tag",
        "/items/3/code": "not-found",
    }
    changes[0]["version"] = 1
    answer = ok(
        await patch(client, [*changes, {"code": "A9", "version": 1}], **PARTIAL)
    )
    assert results(answer) == [
        *((code, "changed", 2) for code in ("A1", "A2", "A3")),
        *((code, "refused", None) for code in ("NOPE", "A9")),
    ]
    # What says what is there makes no version.
    same: list[JSON] = [{"code": "A1", "version": 2, "tag": "new"}]
    assert results(ok(await patch(client, same))) == [("A1", "unchanged", 2)]
    new: list[JSON] = [
        {"code": "N1", "parent": "N2"},
        {"code": "N2", "parent": "NOPE"},
        {"code": "N3"},
        {"code": "A1"},
    ]
    answer = ok(await install(client, new, **PARTIAL))
    assert [row[1] for row in results(answer)] == [
        *["refused"] * 2,
        "created",
        "refused",
    ]
    assert why(answer)["/items/0/parent"] == "unknown-parent"
    assert (await aboard(client)).keys() == {"A1", "A2", "A3", "N3"}


@pytest.mark.parametrize(
    ("item", "where", "code"),
    [
        ({"code": "A1"}, "/items/1/version", "missing"),
        ({"code": "A1", "version": "1"}, "/items/1/version", "int-type"),
        ({"code": "A1", "version": 0}, "/items/1/version", "greater-than-equal"),
        ({"code": "A1", "version": 1, "name": None}, "/items/1/name", "blank"),
        (
            {"code": "A1", "version": 1, "vessel": "X"},
            "/items/1/vessel",
            "extra-forbidden",
        ),
    ],
)
async def test_a_wrong_item_is_refused(
    client: AsyncClient, item: JSON, where: str, code: str
) -> None:
    await vessel(client)
    await equipment(client, "A1")
    sound = {"code": "A1", "version": 1, "name": "x"}
    for params in ({}, PARTIAL):
        answer = await patch(client, [sound, item], **params)
        assert pointers(refused(answer, 422, "invalid")) == {where: code}
    assert (await get(client, "equipment", "A1"))["version"] == 1


# --- beside others --------------------------------------------------------------------


async def test_batches_in_opposite_orders_and_single_writers_get_along(
    committed: AsyncClient,
) -> None:
    await vessel(committed)
    codes = [f"E{number:02}" for number in range(40)]
    created(await install(committed, [{"code": code, "tag": code} for code in codes]))
    versions = dict.fromkeys(codes, 1)
    for turn in range(3):
        items: list[JSON] = [
            {"code": code, "version": versions[code], "name": f"n{turn}"}
            for code in codes
        ]
        answers = await asyncio.gather(
            patch(committed, items),
            patch(committed, items[::-1]),
            patch(committed, items[20:] + items[:20], **PARTIAL),
            committed.post(url("equipment", "activate"), json={"codes": codes[::-1]}),
            change(
                committed, "equipment", "E07", match=f'"{versions["E07"]}"', name="s"
            ),
            install(committed, [{"code": f"N{turn}", "tag": f"N{turn}"}]),
            install(committed, [{"code": f"N{turn}", "tag": f"N{turn}"}]),
        )
        statuses = [answer.status_code for answer in answers]
        assert {statuses[0], statuses[1]} <= {200, 409}
        assert statuses[2:4] == [200, 200]
        assert statuses[4] in {200, 412}
        assert Counter(statuses[5:]) == {201: 1, 409: 1}
        rows = await aboard(committed)
        # Each row was written once, by whoever came first.
        assert {rows[code]["version"] for code in codes} == {turn + 2}
        versions = {code: rows[code]["version"] for code in codes}


ITEMS: list[JSON] = [
    {"code": "A1", "version": 1, "name": "batch"},
    {"code": "A3", "version": 1, "name": "batch"},
    {"code": "A2", "version": 1, "tag": "T1"},
]


async def _wait_and_judge(
    client: AsyncClient, fresh: Settings, items: list[JSON]
) -> list[Response]:
    """Let two batches wait for who changes A1, and takes the tag that A2 is to have."""
    await vessel(client)
    for code in ("A1", "A2", "A3"):
        await equipment(client, code)
    async with connected(fresh) as watcher, connected(fresh) as holder:
        async with holder.transaction():
            await holder.execute(
                "UPDATE equipment SET name = 'single', tag = 'T1', version = 2 "
                "WHERE code = 'A1'"
            )
            both = asyncio.gather(patch(client, items), patch(client, items, **PARTIAL))
            await seen(watcher, WAITING, at_least=2)
        return list(await both)


async def test_a_batch_that_waited_judges_what_it_finds_then(
    committed: AsyncClient, fresh: Settings
) -> None:
    whole, part = await _wait_and_judge(committed, fresh, ITEMS)
    assert pointers(refused(whole, 409, "batch-refused")) == {
        "/items/0/version": "stale-version",
        "/items/2/tag": "duplicate-tag",
    }
    assert [row[1] for row in results(ok(part))] == ["refused", "changed", "refused"]
    assert (await get(committed, "equipment", "A1"))["name"] == "single"


async def test_control_without_the_lock_it_overwrites(
    committed: AsyncClient, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlocked = text(str(batches.LOCKED).replace("FOR NO KEY UPDATE", ""))
    monkeypatch.setattr(batches, "LOCKED", unlocked)
    await _wait_and_judge(committed, fresh, ITEMS[:2])
    assert (await get(committed, "equipment", "A1"))["name"] == "batch"


async def _cross(client: AsyncClient) -> set[tuple[int, ...]]:
    """Put A under B by a batch and B under A by a change, at once, often."""
    await vessel(client)
    found: set[tuple[int, ...]] = set()
    for number in range(8):
        one, two = f"A{number}", f"B{number}"
        created(await install(client, [{"code": one}, {"code": two}]))
        answers = await asyncio.gather(
            patch(client, [{"code": one, "version": 1, "parent": two}]),
            change(client, "equipment", two, match='"1"', parent=one),
        )
        found.add(tuple(sorted(answer.status_code for answer in answers)))
    return found


async def test_a_batch_and_a_change_never_close_a_circle(
    committed: AsyncClient,
) -> None:
    assert await _cross(committed) == {(200, 409)}


async def test_control_without_the_vessels_lock_they_do(
    committed: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_lock(*_: object) -> None:
        await asyncio.sleep(0.005)

    monkeypatch.setattr(vessels, "lock", no_lock)
    assert (200, 200) in await _cross(committed)


async def test_a_batch_that_lost_a_tag_at_the_last_moment_looks_again(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    await equipment(committed, "A1")
    async with connected(fresh) as watcher, connected(fresh) as holder:
        async with holder.transaction():
            # Not seen when the batch looks; in its way when it writes.
            await holder.execute(
                "INSERT INTO equipment (vessel, code, tag, name) "
                "VALUES ('MV102', 'S1', 'T1', 'single')"
            )
            both = asyncio.gather(
                patch(committed, [{"code": "A1", "version": 1, "tag": "T1"}]),
                install(committed, [{"code": "N1"}, {"code": "S1"}], **PARTIAL),
            )
            await seen(watcher, WAITING, at_least=2)
        changing, making = await both
    problem = refused(changing, 409, "batch-refused")
    assert pointers(problem) == {"/items/0/tag": "duplicate-tag"}
    assert "that of S1" in problem["errors"][0]["message"]
    assert [row[1] for row in results(ok(making))] == ["created", "refused"]
