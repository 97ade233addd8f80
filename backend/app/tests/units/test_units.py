"""What sat where from when to when, told from both sides."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest
from httpx2 import AsyncClient, Response

from app.settings import Settings
from app.tests.conftest import connected
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


def named(serial: str) -> JSON:
    return {"manufacturer": "Solar", "model": "C40", "serial_number": serial}


def day(number: int) -> str:
    return f"2026-01-{number:02}T00:00:00Z"


@pytest.fixture
async def aboard(client: AsyncClient) -> AsyncClient:
    await vessel(client)
    for code in ("A1", "A2"):
        await equipment(client, code)
    return client


async def send(
    client: AsyncClient, serial: str, into: str = "A1", **fields: object
) -> Response:
    body = named(serial) | fields
    return await client.post(url("equipment", into, "units"), json=body)


async def put(
    client: AsyncClient, serial: str, into: str = "A1", **fields: object
) -> JSON:
    return created(await send(client, serial, into, **fields))


async def sat(client: AsyncClient, *where: str) -> list[tuple[str, str, str, str]]:
    page = await get(client, *where)
    return [
        (
            item["equipment"],
            item["unit"]["serial_number"],
            item["installed_at"][8:10],
            item["removed_at"][8:10] if item["removed_at"] else "-",
        )
        for item in page["items"]
    ]


async def test_a_swap_is_told_from_both_sides(aboard: AsyncClient) -> None:
    first = await put(aboard, "S1", at=day(1))
    assert first["removed"] is None
    one = first["installed"]["unit"]["id"]
    assert (await get(aboard, "units", one))["equipment"] == "A1"
    second = await put(aboard, "S2", at=day(5), reason="Seal leaks")
    assert second["removed"]["id"] == first["installed"]["id"]
    assert second["removed"]["removed_at"] == day(5)
    assert second["removed"]["removed_because"] == "Seal leaks"
    two = second["installed"]["unit"]["id"]
    await put(aboard, "S1", "A2", at=day(7))
    assert await sat(aboard, "equipment", "a1", "units") == [
        ("A1", "S2", "05", "-"),
        ("A1", "S1", "01", "05"),
    ]
    address = ("units", one, "installations")
    assert await sat(aboard, *address) == [
        ("A2", "S1", "07", "-"),
        ("A1", "S1", "01", "05"),
    ]
    out = await aboard.post(url("units", two, "remove"), json={"at": day(9)})
    assert ok(out)["removed_at"] == day(9)
    assert (await get(aboard, "units", two))["equipment"] is None
    again = await aboard.post(url("units", two, "remove"), json={})
    problem = refused(again, 409, "conflict")
    assert f"GET {url('units', two, 'installations')}" in problem["detail"]
    # What was long ago is told later, and must have been free.
    await put(aboard, "S3", at=day(9), until=day(12))
    assert (await sat(aboard, "equipment", "A1", "units"))[0] == (
        *("A1", "S3", "09"),
        "12",
    )
    page = await get(aboard, "equipment", "A1", "units", limit=1)
    rest = await get(*(aboard, "equipment", "A1", "units"), cursor=page["next_cursor"])
    assert len(rest["items"]) == 2


async def test_what_is_taken_is_refused(aboard: AsyncClient) -> None:
    made = await put(aboard, "S1", at=day(2))
    identity = made["installed"]["unit"]["id"]
    await put(aboard, "S2", "A2", at=day(2))
    # Elsewhere; there already; there then; in two places then.
    for serial, into, when, holder in (
        ("S1", "A2", {"at": day(5)}, "A1"),
        ("S1", "A1", {"at": day(5)}, "A1"),
        ("S3", "A1", {"at": day(1), "until": day(3)}, "A1"),
        ("S2", "A1", {"at": day(1), "until": day(3)}, None),
    ):
        problem = refused(await send(aboard, serial, into, **when), 409, "occupied")
        if holder:
            assert problem["existing"] == url("equipment", holder, "units")
    problem = refused(await send(aboard, "S1", "A2", at=day(5)), 409, "occupied")
    assert f"/api/v1/units/{identity}/remove" in problem["detail"]
    for body, where in (
        ({"at": day(1)}, {"/at": "before-installation"}),
        ({"at": day(1), "until": day(1)}, {"/until": "before-installation"}),
    ):
        answer = await send(aboard, "S4", **body)
        assert pointers(refused(answer, 422, "invalid")) == where
    body = {"at": day(2)}
    answer = await aboard.post(url("units", identity, "remove"), json=body)
    assert pointers(refused(answer, 422, "invalid")) == {"/at": "before-installation"}
    # Nothing of that was stored.
    assert len((await get(aboard, "units"))["items"]) == 2
    assert await sat(aboard, "equipment", "A1", "units") == [("A1", "S1", "02", "-")]
    refused(await send(aboard, "S1", "NOPE"), 404, "not-found")
    for path in ("", "/remove", "/installations"):
        address = url("units", str(uuid4())) + path
        method = "POST" if path == "/remove" else "GET"
        refused(await aboard.request(method, address, json={}), 404, "not-found")


async def test_nothing_has_happened_in_the_future(aboard: AsyncClient) -> None:
    slip = {"at": "2062-01-05T00:00:00Z"}
    answer = await send(aboard, "S1", **slip)
    assert pointers(refused(answer, 422, "invalid")) == {"/at": "invalid-instant"}
    answer = await send(aboard, "S1", at=day(1), until=slip["at"])
    assert pointers(refused(answer, 422, "invalid")) == {"/until": "invalid-instant"}
    assert (await get(aboard, "units"))["items"] == []
    made = await put(aboard, "S1", at=day(1))
    out = url("units", made["installed"]["unit"]["id"], "remove")
    answer = await aboard.post(out, json=slip)
    assert pointers(refused(answer, 422, "invalid")) == {"/at": "invalid-instant"}


async def test_the_past_of_what_sits_there_is_told(aboard: AsyncClient) -> None:
    await put(aboard, "S1", at=day(20))
    told = {"at": day(1), "until": day(5), "reason": "Sent ashore"}
    before = await put(aboard, "S1", **told)
    assert before["removed"] is None
    assert before["installed"]["removed_because"] == "Sent ashore"
    assert await sat(aboard, "equipment", "A1", "units") == [
        ("A1", "S1", "20", "-"),
        ("A1", "S1", "01", "05"),
    ]
    # But not what contradicts it.
    for until in (day(4), day(21)):
        answer = await send(aboard, "S1", at=day(3), until=until)
        refused(answer, 409, "occupied")
    late = await send(aboard, "S2", at=day(6), until=day(21))
    detail = refused(late, 409, "occupied")["detail"]
    assert "Unit S1 sits in A1 since 2026-01-20T00:00:00Z." in detail


async def test_a_wrong_instant_is_corrected(aboard: AsyncClient) -> None:
    await put(aboard, "S1", at=day(1))
    swap = await put(aboard, "S2", at=day(9), reason="Worn")
    before, after = (
        ("installations", swap[it]["id"]) for it in ("removed", "installed")
    )
    assert await get(aboard, *after) == swap["installed"]
    # It was on the fifth: first the one is gone, then the other comes.
    early = await change(aboard, *after, installed_at=day(5))
    problem = refused(early, 409, "occupied")
    assert f"PATCH {url(*before)} corrects it" in problem["detail"]
    assert await get(aboard, *after) == swap["installed"]
    gone = await change(aboard, *before, match='"2"', removed_at=day(5))
    assert ok(gone)["removed_because"] == "Worn"
    stale = await change(aboard, *before, match='"2"', removed_at=day(4))
    refused(stale, 412, "stale-version")
    ok(await change(aboard, *after, installed_at=day(5)))
    ok(await change(aboard, *before, removed_because="Leaks"))
    assert await sat(aboard, "equipment", "A1", "units") == [
        ("A1", "S2", "05", "-"),
        ("A1", "S1", "01", "05"),
    ]
    kept = await get(aboard, *before)
    for which, wrong, where in (
        (before, {"removed_at": day(1)}, "/removed_at"),
        (before, {"installed_at": day(5)}, "/installed_at"),
        (before, {"installed_at": None}, "/installed_at"),
        (before, {"removed_at": "2062-01-05T00:00:00Z"}, "/removed_at"),
        (after, {"removed_because": "Worn"}, "/removed_because"),
    ):
        answer = await change(aboard, *which, **wrong)
        assert pointers(refused(answer, 422, "invalid")).keys() == {where}
    assert await get(aboard, *before) == kept
    answer = await change(aboard, *before, removed_at=None)
    assert "Unit S2 sits in" in refused(answer, 409, "occupied")["detail"]
    answer = await change(aboard, *after, installed_at=day(4))
    assert "Unit S1 sat in" in refused(answer, 409, "occupied")["detail"]
    nowhere = ("installations", str(uuid4()))
    refused(await aboard.get(url(*nowhere)), 404, "not-found")


async def test_what_never_sat_there_is_withdrawn(aboard: AsyncClient) -> None:
    await put(aboard, "S1", at=day(1))
    swap = await put(aboard, "WRONG", at=day(9), reason="Worn")
    wrong = url("installations", swap["installed"]["id"])
    refused(await aboard.delete(wrong), 428, "version-required")
    stale = await aboard.delete(wrong, headers={"If-Match": '"2"'})
    refused(stale, 412, "stale-version")
    gone = await aboard.delete(wrong, headers={"If-Match": '"1"'})
    assert (gone.status_code, gone.content) == (204, b"")
    refused(await aboard.get(wrong), 404, "not-found")
    # So that the other one was never taken out.
    removed = ("installations", swap["removed"]["id"])
    back = ok(await change(aboard, *removed, removed_at=None))
    assert (back["removed_at"], back["removed_because"]) == (None, None)
    assert await sat(aboard, "equipment", "A1", "units") == [("A1", "S1", "01", "-")]


async def test_spares_are_units_too(aboard: AsyncClient) -> None:
    answer = await aboard.post(url("units"), json=named("S1") | {"note": "On shelf"})
    made = created(answer)
    assert made["equipment"] is None
    assert ok(await aboard.get(answer.headers["location"])) == made
    again = refused(
        await aboard.post(url("units"), json=named("S1")), 409, "duplicate-code"
    )
    assert again["existing"] == answer.headers["location"]
    await put(aboard, "S2")
    for installed, serial in ((False, "S1"), (True, "S2")):
        found = await get(aboard, "units", installed=str(installed).lower())
        assert [unit["serial_number"] for unit in found["items"]] == [serial]
    found = await get(aboard, "units", serial_number="S2", model="C40")
    assert [unit["equipment"] for unit in found["items"]] == ["A1"]
    assert (await get(aboard, "units", manufacturer="GE"))["items"] == []
    mended = await change(aboard, "units", made["id"], match='"1"', model="C40-2")
    assert ok(mended)["model"] == "C40-2"
    wrong = await change(aboard, "units", made["id"], serial_number=None)
    assert pointers(refused(wrong, 422, "invalid")) == {"/serial_number": "blank"}
    taken = await change(
        *(aboard, "units", made["id"]), model="C40", serial_number="S2"
    )
    refused(taken, 409, "duplicate-code")


SPELT = ("S1", "s1", "S1", "s1")


async def test_hardware_is_one_however_it_is_spelt(aboard: AsyncClient) -> None:
    hardware = {"manufacturer": "Acme", "model": "P 1", "serial_number": "AB-77"}
    alike = {"manufacturer": "ACME", "model": "p \u00a0 1", "serial_number": "ab-77"}
    made = created(await aboard.post(url("units"), json=hardware))
    again = await aboard.post(url("units"), json=alike)
    existing = url("units", made["id"])
    assert refused(again, 409, "duplicate-code")["existing"] == existing
    swap = created(await aboard.post(url("equipment", "A1", "units"), json=alike))
    assert swap["installed"]["unit"]["id"] == made["id"]
    elsewhere = await aboard.post(url("equipment", "A2", "units"), json=alike)
    assert "A1" in refused(elsewhere, 409, "occupied")["detail"]
    # It is shown as it was typed, and is found as it is typed.
    for name, spelt in alike.items():
        [found] = (await get(aboard, "units", **{name: spelt}))["items"]
        assert {it: found[it] for it in hardware} == hardware
    other = created(await aboard.post(url("units"), json=alike | {"model": "P1"}))
    taken = await change(aboard, "units", other["id"], model="p 1")
    assert refused(taken, 409, "duplicate-code")["existing"] == existing
    assert (
        ok(await change(aboard, "units", made["id"], **alike))["model"] == "p \u00a0 1"
    )


async def test_of_two_swaps_at_once_one_wins(
    committed: AsyncClient, fresh: Settings
) -> None:
    await vessel(committed)
    codes = [f"E{number}" for number in range(4)]
    for code in codes:
        await equipment(committed, code)
    # One unit, four places; four units, one empty place; then one that is taken.
    races = [
        [(serial, code) for serial, code in zip(SPELT, codes, strict=True)],
        [(f"T{number}", "E0") for number in range(4)],
    ]
    await committed.post(url("equipment", "E1", "units"), json=named("W"))
    races.append([(f"U{number}", "E1") for number in range(4)])
    for race in races:
        if race[0][0] == "T0":  # wherever the first race left it
            unit = (await get(committed, "units", serial_number="S1"))["items"][0]
            ok(await committed.post(url("units", unit["id"], "remove"), json={}))
        answers = await asyncio.gather(*(send(committed, *pair) for pair in race))
        lost = [answer for answer in answers if answer.status_code != 201]
        for answer in lost:
            assert refused(answer, 409, "occupied")["detail"]
        assert len(lost) < 4
        if race is races[0]:
            assert len(lost) == 3
    for place in ("E0", "E1"):
        times = await sat(committed, "equipment", place, "units")
        assert [left for *_, left in times].count("-") == 1
    # The control: not even by hand can a unit be in two places.
    sits = "FROM installations WHERE removed_at IS NULL LIMIT 1"
    spare = "(SELECT id FROM units WHERE serial_number = 'S1')"
    async with connected(fresh) as connection:
        for column, what in (
            ("unit", "unit, 'E3'"),
            ("equipment", f"{spare}, equipment"),
        ):
            with pytest.raises(asyncpg.ExclusionViolationError, match=f"_{column}"):
                await connection.execute(
                    "INSERT INTO installations (unit, equipment, installed_at) "
                    f"SELECT {what}, now() {sits}"
                )
