"""Requests over kept connections from a process of its own: wrk, or Python."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Load:
    """Which requests, in turn; `{n}` in a body is a number that never comes twice.

    It runs for `seconds`, or until `count` requests were answered.
    """

    targets: list[str]
    bodies: list[str]
    connections: int
    seconds: float = 0
    count: int = 0
    first: int = 0

    @property
    def method(self) -> str:
        return "POST" if self.bodies else "GET"


@dataclass(frozen=True)
class Result:
    requests: int
    seconds: float
    failed: int
    p50_ms: float
    p99_ms: float


# wrk runs this in LuaJIT; a million unlike requests cost it nothing.
SCRIPT = """
local targets = {%(targets)s}
local bodies = {%(bodies)s}
local headers = {["Content-Type"] = "application/json"}
local n = %(first)d
function request()
  n = n + 1
  local target = targets[n %% #targets + 1]
  if #bodies == 0 then return wrk.format("GET", target) end
  local body = bodies[n %% #bodies + 1]:gsub("{n}", tostring(n))
  return wrk.format("POST", target, headers, body)
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\nRESULT {"requests":%%d,"seconds":%%.6f,"failed":%%d,"p50_ms":%%.3f,"p99_ms":%%.3f}\\n',
    summary.requests, summary.duration / 1e6,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""  # noqa: E501 one line of JSON


async def run(url: str, load: Load, folder: Path) -> Result:
    """Run the load to its end: in another process where it is timed."""
    return _run_apart(url, load, folder) if load.seconds else await _drive(url, load)


def _run_apart(url: str, load: Load, folder: Path) -> Result:
    if wrk := shutil.which("wrk"):
        script = folder / "load.lua"
        script.write_text(
            SCRIPT
            % {
                "targets": ",".join(map(json.dumps, load.targets)),
                "bodies": ",".join(map(json.dumps, load.bodies)),
                "first": load.first,
            }
        )
        # wrk counts whole seconds.
        seconds = str(max(1, round(load.seconds)))
        command = [wrk, "-t1", f"-c{load.connections}", f"-d{seconds}s", "-s"]
        command += [str(script), url]
    else:
        command = [sys.executable, "-m", "bench.load", url]
    done = subprocess.run(
        command,
        cwd=ROOT,
        input=json.dumps(asdict(load)),
        check=True,
        capture_output=True,
        text=True,
    )
    _, _, result = done.stdout.rpartition("RESULT ")
    return Result(**json.loads(result))


async def _drive(url: str, load: Load) -> Result:
    """Keep every connection busy with one request after another."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    end = time.perf_counter() + load.seconds if load.seconds else float("inf")
    left = load.count or sys.maxsize
    n, failed = load.first, 0
    took: list[float] = []

    async def client() -> None:
        nonlocal n, left, failed
        reader, writer = await asyncio.open_connection(host, port)
        while left > 0 and time.perf_counter() < end:
            n, left = n + 1, left - 1
            target = load.targets[n % len(load.targets)]
            body = load.bodies[n % len(load.bodies)] if load.bodies else ""
            body = body.replace("{n}", str(n))
            head = (
                f"{load.method} {target} HTTP/1.1\r\nHost: bench\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write((head + body).encode())
            started = time.perf_counter()
            answer = await reader.readuntil(b"\r\n\r\n")
            length = (
                answer.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
            )
            await reader.readexactly(int(length))
            took.append(time.perf_counter() - started)
            failed += answer[9:10] != b"2"
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(load.connections)))
    seconds = time.perf_counter() - started
    took.sort()
    p50, p99 = (took[int(len(took) * part)] * 1000 for part in (0.5, 0.99))
    return Result(len(took), seconds, failed, round(p50, 3), round(p99, 3))


if __name__ == "__main__":
    given = Load(**json.loads(sys.stdin.read()))
    answer = asyncio.run(_drive(sys.argv[1], given))
    sys.stdout.write(f"RESULT {json.dumps(asdict(answer))}\n")
