"""One Markdown table and one JSON of what was measured."""

import json
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import Measure

Measures = dict[str, dict[tuple[str, str], Measure]]


@dataclass(frozen=True)
class Goal:
    """What PERFORMANCE asks: times the typical rate, part of the floor's rate."""

    typical: float | None = None
    floor: float | None = None
    more_ms: float | None = None
    p99: float | None = None


GOALS = {
    "W1": Goal(8, 0.75, p99=1.4),
    "W2": Goal(8, 0.45),
    "W3": Goal(6, 0.45),
    "W4": Goal(3, more_ms=5),
    "W5": Goal(4),
    "W5 plan": Goal(floor=1 / 2.5),
    "W5 apply": Goal(floor=1 / 3),
    "W6 csv": Goal(15, 0.75),
    "W6 ndjson": Goal(15, 0.75),
    "W7": Goal(10, 0.95),
    "W8": Goal(20),
}
HEAD = (
    "| work | product, requests/s | times typical (goal) | % of the floor (goal) "
    "| p50 / p99 ms | p99 / floor's | CPU µs a request: server + database "
    "| typical | floor | CPU growth from 12,000 rows (goal ≤ 1.2) |"
)


def machine(postgres: str) -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "postgresql": postgres,
        "system": f"{platform.system()} {platform.machine()}",
        "client": "wrk" if shutil.which("wrk") else "python",
    }


def ratios(seen: Measures, size: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, goal in GOALS.items():
        if name not in seen:
            continue
        product = seen[name]["product", size]
        floor = seen[name]["floor", size]
        of = found[name] = {
            "floor": product.rate / floor.rate,
            "p99": product.p99_ms / floor.p99_ms,
        }
        if typical := seen[name].get(("typical", size)):
            of["typical"] = product.rate / typical.rate
        if goal.more_ms:
            of["more_ms"] = product.p50_ms - floor.p50_ms
        small = seen[name].get(("product", "small"))
        if small and size != "small":
            of["growth"] = product.server_us / small.server_us
    if "W8" in seen:
        late, first = (seen[name]["product", size] for name in ("W8", "W8a"))
        found["W8"]["first_page"] = late.rate / first.rate
    return found


def table(seen: Measures, titles: dict[str, str], size: str) -> str:
    lines = [HEAD, "|" + "---|" * (HEAD.count("|") - 1)]
    for name, ratio in ratios(seen, size).items():
        goal = GOALS[name]
        floor = f"{ratio['floor']:.0%}" + (f" ({goal.floor:.0%})" if goal.floor else "")
        if goal.more_ms:
            floor = f"+{ratio['more_ms']:.1f} ms (+{goal.more_ms:.0f} ms)"
        if name == "W8":
            floor += f"; {ratio['first_page']:.0%} of page 1 (85%)"
        p99 = f"{ratio['p99']:.2f}" + (f" (≤ {goal.p99})" if goal.p99 else "")
        product = seen[name]["product", size]
        cells = [
            f"{name} {titles[name]}",
            _rate(product),
            f"{ratio['typical']:.1f} ({goal.typical:.0f})" if goal.typical else "",
            floor,
            f"{product.p50_ms:.1f} / {product.p99_ms:.1f}",
            p99,
            _cpu(product),
            *(
                f"{_rate(m)}/s, {_cpu(m)} µs" if m else ""
                for m in (seen[name].get((who, size)) for who in ("typical", "floor"))
            ),
            f"{ratio['growth']:.2f}" if "growth" in ratio else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _rate(measure: Measure) -> str:
    rate = measure.rate
    return f"{rate:,.0f}" if rate > 100 else f"{rate:.3g}"


def _cpu(measure: Measure) -> str:
    return f"{measure.server_us:,.0f} + {measure.database_us:,.0f}"


def _extra(extras: dict[str, float]) -> str:
    return (
        f"\nExports: first byte after {extras['first_byte_ms']:.0f} ms (goal ≤ 50 ms). "
        f"Imports and exports take {extras['memory_mib']:.0f} MiB of memory at most.\n"
    )


def write(
    folder: Path,
    seen: Measures,
    titles: dict[str, str],
    extras: dict[str, float],
    size: str,
    postgres: str,
) -> str:
    """Write result.md and result.json; give the table."""
    text = table(seen, titles, size) + (_extra(extras) if extras else "")
    (folder / "result.md").write_text(text)
    data = {
        "machine": machine(postgres),
        "size": size,
        "ratios": ratios(seen, size),
        "files": extras,
        "measures": {
            name: {f"{server}/{of}": m.data() for (server, of), m in rows.items()}
            for name, rows in seen.items()
        },
    }
    (folder / "result.json").write_text(json.dumps(data, indent=1))
    return text
