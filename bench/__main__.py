"""`python -m bench`: see docs/performance.md."""

import argparse
import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path

import asyncpg

from app.embedded.settings import EmbeddedSettings
from bench import data, report
from bench.data import FULL, SMALL
from bench.files import Files
from bench.measure import measure, undo
from bench.servers import serving, wait_for
from bench.work import check, works


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--size",
        choices=("full", "small"),
        default="full",
        help="full: 1.2 M equipment, 1 M operations; small: 12,000 and 10,000",
    )
    parser.add_argument("--visits", type=int, default=3, help="to each, by turns")
    parser.add_argument(
        "--seconds", type=float, default=3, help="of each visit; 0: a dozen requests"
    )
    parser.add_argument("--only", nargs="*", help="such as W1 W2")
    parser.add_argument(
        "--folder",
        type=Path,
        default=EmbeddedSettings().folder / "bench",
        help="keeps the data; result.md and result.json are written there",
    )
    return parser.parse_args()


async def main(given: argparse.Namespace) -> None:
    with ExitStack() as stack:
        cluster, postgres, port = stack.enter_context(data.server(given.folder))
        size = FULL if given.size == "full" else SMALL
        url = await data.prepare(cluster, port, size)
        product, floor, typical = (
            stack.enter_context(serving(name, size, url))
            for name in ("product", "floor", "typical")
        )
        backends, growing = [product, floor, typical], [product, floor, typical]
        if size is FULL:
            small = await data.prepare(cluster, port, SMALL)
            growing.append(stack.enter_context(serving("product", SMALL, small)))
        for server in growing:
            wait_for(server)
        todo = await works([*growing[3:], product], count=10)
        seen: report.Measures = {}
        for work in todo:
            if given.only and work.name.removesuffix("a") not in given.only:
                continue
            group = growing if work.grows else backends
            said: dict[str, str] = {}
            for server in group:
                check(work, server, said)
                await undo(work, server)
            seen[work.name] = await measure(
                work,
                group,
                postgres=postgres,
                visits=given.visits,
                seconds=given.seconds,
                folder=given.folder,
            )
            for (server_name, of), found in seen[work.name].items():
                sys.stderr.write(f"{work.name} {server_name}/{of}: {found}\n")
        titles = {work.name: work.title for work in todo}
        extras: dict[str, float] = {}
        if not given.only or {"W5", "W6"} & set(given.only):
            files = Files(product, typical, postgres, size.rows)
            seen |= await files.measure(given.visits)
            titles |= files.titles()
            extras = files.extras()
        connection = await asyncpg.connect(url)
        version = await connection.fetchval("SHOW server_version")
        await connection.close()
        text = report.write(given.folder, seen, titles, extras, size.name, version)
        sys.stdout.write(text)


if __name__ == "__main__":
    asyncio.run(main(arguments()))
