from httpx2 import AsyncClient

from app.tests.factories import (
    change,
    equipment,
    get,
    listed,
    ok,
    refused,
    vessel,
)


async def _chain(client: AsyncClient, *codes: str) -> None:
    """Each below the one before."""
    await vessel(client)
    above = None
    for code in codes:
        await equipment(client, code, parent=above)
        above = code


async def test_the_tree_is_read_downwards_and_upwards(client: AsyncClient) -> None:
    await _chain(client, "ROOT", "UNIT", "PUMP")
    await equipment(client, "UNIT2", parent="ROOT")
    await equipment(client, "ALONE")
    assert await listed(client, "equipment", "root", "children") == ["UNIT", "UNIT2"]
    assert await listed(client, "equipment", "PUMP", "children") == []
    assert await listed(client, "equipment", "pump", "path") == ["ROOT", "UNIT", "PUMP"]
    assert await listed(client, "equipment", "ALONE", "path") == ["ALONE"]
    path = await get(client, "equipment", "PUMP", "path")
    assert path["items"][2] == await get(client, "equipment", "PUMP")
    assert await listed(client, "equipment", parent="ROOT") == ["UNIT", "UNIT2"]


async def test_children_come_in_pages(client: AsyncClient) -> None:
    await _chain(client, "ROOT")
    for code in ("C", "A", "B"):
        await equipment(client, code, parent="ROOT")
    page = await get(client, "equipment", "ROOT", "children", limit=2)
    assert [item["code"] for item in page["items"]] == ["A", "B"]
    rest = ("equipment", "ROOT", "children")
    assert await listed(client, *rest, cursor=page["next_cursor"]) == ["C"]


async def test_nothing_stands_below_itself(client: AsyncClient) -> None:
    await _chain(client, "A", "B", "C")
    for code, parent in (("A", "A"), ("A", "B"), ("A", "C"), ("B", "C"), ("C", "C")):
        for match in ("*", '"1"'):
            answer = await change(client, "equipment", code, match=match, parent=parent)
            assert code in refused(answer, 409, "parent-cycle")["detail"]
    assert await listed(client, "equipment", "C", "path") == ["A", "B", "C"]


async def test_a_branch_moves_whole(client: AsyncClient) -> None:
    await _chain(client, "A", "B", "C")
    await equipment(client, "Z")
    assert ok(await change(client, "equipment", "B", parent="Z"))["parent"] == "Z"
    assert await listed(client, "equipment", "C", "path") == ["Z", "B", "C"]
    # What was above may now stand below.
    ok(await change(client, "equipment", "A", match='"1"', parent="C"))
    assert await listed(client, "equipment", "A", "path") == ["Z", "B", "C", "A"]
    assert ok(await change(client, "equipment", "B", parent=None))["parent"] is None
    assert await listed(client, "equipment", "A", "path") == ["B", "C", "A"]


async def test_a_deep_tree_is_read_whole(client: AsyncClient) -> None:
    codes = [f"N{number:03}" for number in range(60)]
    await _chain(client, *codes)
    assert await listed(client, "equipment", codes[-1], "path") == codes
    below = await change(client, "equipment", codes[0], parent=codes[-1])
    refused(below, 409, "parent-cycle")
