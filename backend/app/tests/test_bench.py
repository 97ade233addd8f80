"""The benchmark still runs, and all that it compares answer alike."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_small_benchmark_measures_every_work(tmp_path: Path) -> None:
    quick = ["--size", "small", "--visits", "1", "--seconds", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *quick, "--folder", str(tmp_path)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr

    result = json.loads((tmp_path / "result.json").read_text())

    files = ["W5", "W5 plan", "W5 apply", "W6 csv", "W6 ndjson"]
    assert list(result["ratios"]) == ["W1", "W2", "W3", "W4", *files, "W7", "W8"]
    assert all(ratio["floor"] > 0 for ratio in result["ratios"].values())
    assert set(result["measures"]["W1"]) == {
        "product/small",
        "floor/small",
        "typical/small",
    }
    assert (tmp_path / "result.md").read_text() == done.stdout
    assert done.stdout.count("\n") == 15
