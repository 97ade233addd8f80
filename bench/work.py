"""The workloads of docs/performance.md, and a check that all answer them alike."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import asyncpg

from bench.data import VESSELS, Size
from bench.servers import Server

BIG = [f"MV{100 + VESSELS - n}" for n in range(3)]
ALL = [f"MV{101 + n}" for n in range(VESSELS)]
UNDO_CREATE = "DELETE FROM equipment WHERE code LIKE 'NEW-%'"
UNDO_DEACTIVATE = (
    "UPDATE equipment SET status = 'active', version = 1 WHERE version > 1"
)


@dataclass(frozen=True)
class Work:
    """One workload: its requests, how it is timed, and how it is undone."""

    name: str
    title: str
    paths: dict[str, list[str]]
    bodies: list[str] = field(default_factory=list)
    connections: int = 32
    count: int = 0
    undo: tuple[str, ...] = ()
    grows: bool = False

    def targets(self, server: str, size: Size) -> list[str]:
        """Those of this server, of this size, or of all."""
        keys = (f"{server}/{size.name}", server, size.name, "")
        return next(self.paths[key] for key in keys if key in self.paths)


def vessel(code: str) -> str:
    return f"/api/v1/vessels/{code}/equipment"


async def works(products: Iterable[Server], count: int) -> list[Work]:
    """The workloads, with codes and cursors of the data there is."""
    singles: dict[str, list[str]] = {}
    pages: dict[str, list[str]] = {}
    batches: list[str] = []
    for product in products:
        size = product.size
        connection = await asyncpg.connect(product.database)
        rows = await connection.fetch(
            "SELECT code, vessel, status FROM equipment ORDER BY md5(code) LIMIT 20000"
        )
        await connection.close()
        singles[size.name] = [f"/api/v1/equipment/{row['code']}" for row in rows[:1000]]
        cursors = {code: _cursor(product, code, size.page) for code in BIG}
        pages[size.name] = [
            f"{vessel(code)}?status=active&cursor={cursor}"
            for code, cursor in cursors.items()
        ]
        pages[f"typical/{size.name}"] = [
            f"{vessel(code)}?status=active&page={size.page}" for code in BIG
        ]
        active = [row["code"] for row in rows if row["status"] == "active"]
        # The last size is the one that W4 is measured on.
        batches = [
            json.dumps({"codes": active[start : start + 500]})
            for start in range(0, min(len(active) - 500, 500 * (count + 1)), 500)
        ]
    first = [f"{vessel(code)}?status=active" for code in ALL]
    one = [f"{vessel(code)}?status=active" for code in BIG]
    new = {"code": "NEW-{n}", "name": "compressor", "location": "Brazil"}
    return [
        Work("W1", "page of 100 active of a vessel", {"": first}, grows=True),
        Work("W2", "one equipment by code", singles, grows=True),
        Work(
            "W3",
            "create one equipment",
            {"": [vessel(code) for code in ALL]},
            bodies=[json.dumps(new)],
            undo=(UNDO_CREATE,),
            grows=True,
        ),
        Work(
            "W4",
            "500 codes inactive in one request",
            {"": ["/api/v1/equipment/deactivate"]},
            bodies=batches,
            connections=1,
            count=min(count, len(batches)),
            undo=(UNDO_DEACTIVATE, "VACUUM equipment"),
        ),
        Work(
            "W7",
            "cost totals of all vessels",
            {"": ["/api/v1/costs/vessels"]},
            connections=1,
            count=max(3, count // 3),
        ),
        Work("W8", "a late page of a list", pages, grows=True),
        Work("W8a", "the first page of the same list", {"": one}),
    ]


def _cursor(product: Server, code: str, page: int) -> str:
    """Walk to the page before, in strides of 500 where that is a way."""
    todo, cursor = (page - 1) * 100, ""
    while todo:
        step = min(500, todo)
        at = f"&cursor={cursor}" if cursor else ""
        target = f"{vessel(code)}?status=active&limit={step}{at}"
        _, answer = product.ask(target)
        assert isinstance(answer, dict)
        cursor = answer["next_cursor"]
        if cursor is None:
            raise RuntimeError(f"{code} has no page {page}")
        todo -= step
    return cursor


def check(work: Work, server: Server, said: dict[str, str]) -> None:
    """Refuse to compare those that do not answer the same; `said` remembers."""
    targets = work.targets(server.name, server.size)
    for number in range(min(3, len(targets))):
        body = work.bodies[number % len(work.bodies)] if work.bodies else None
        if body:
            body = body.replace("{n}", f"CHECK-{number}")
        status, answer = server.ask(targets[number], body)
        spelt = f"{status} {json.dumps(_comparable(work, answer), sort_keys=True)}"
        known = said.setdefault(f"{server.size.name} {number}", spelt)
        if known != spelt:
            raise RuntimeError(
                f"{work.name}: {server.name} answers otherwise on a {server.size.name}"
                f" register:\n{spelt[:2000]}\n{known[:2000]}"
            )


def _comparable(work: Work, answer: object) -> object:
    if not isinstance(answer, dict):
        raise TypeError(f"{work.name}: no object was answered")
    if work.name == "W3":  # each was created at its own instant
        return {k: v for k, v in answer.items() if not k.endswith("_at")}
    if work.name == "W4":  # the order in which the rows were changed is nobody's
        return {k: sorted(v) for k, v in answer.items()}
    return answer
