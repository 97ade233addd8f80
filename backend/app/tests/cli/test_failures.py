import json
from pathlib import Path

import pytest

from app.tests.cli.conftest import Fpso
from app.tests.cli.test_client import words
from app.tests.factories import JSON

LOG = """\
[2026-01-10 10:46:09]\tERROR\tsensor[5]:\t(temperature\t81.5, vibration\t9.1)
[2026-01-10 10:46:09]\tWARNING\tsensor[6]:\t(temperature\t64.2, vibration\t6.3)
[2026-02-11 08:00:00]\tERROR\tsensor[5]:\t(temperature\t80.1, vibration\terr)
"""


def said(fpso: Fpso, *words: str) -> JSON:
    done = fpso(*words, "--json")
    assert done.exit_code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def rows(fpso: Fpso, *words: str) -> list[list[str]]:
    done = fpso(*words)
    assert done.exit_code == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()[2:]]


@pytest.fixture
def log(fpso: Fpso, vessel: str, tmp_path: Path) -> Path:
    """A failure log whose sensors are known, at equipment of one group."""
    assert fpso("equipment", "edit", "5310B9D7", "--group", "K").exit_code == 0
    (tmp_path / "sensors.csv").write_text("at;no\n4;5\n4;6\n")
    loaded = fpso(
        *("sensors", "import", str(tmp_path / "sensors.csv"), "--vessel", vessel),
        *("--map", "equipment=at", "--map", "sensor=no"),
        *("--values", "equipment:4=5310B9D7", "--apply"),
    )
    assert loaded.exit_code == 0, loaded.stderr
    assert "sensor ← no" in loaded.stdout
    assert "+ sensor 5 at 5310B9D7" in loaded.stdout
    assert "Applied: 2 created" in loaded.stdout
    file = tmp_path / "failures.log"
    file.write_text(LOG)
    return file


def test_a_log_is_planned_applied_and_counted(
    fpso: Fpso, vessel: str, log: Path
) -> None:
    into = ("--vessel", vessel)
    planned = fpso("failures", "import", str(log), *into)
    assert planned.exit_code == 0
    head, told, _, counted = planned.stdout.splitlines()
    assert head.endswith(f"{vessel} from failures.log, 3 lines")
    assert told == (
        "  2 failures of 1 equipment, 2026-01-10 10:46 to 2026-02-11 08:00 UTC; "
        "readings: 2 errors, 1 warning"
    )
    assert counted == "Plan: 3 to create, 0 to update, 0 unchanged, 0 errors."
    identity = head.split()[1].strip(":")
    assert f"fpso apply {identity}" in planned.stderr
    assert said(fpso, "failures", "list")["items"] == []
    assert fpso("plan", identity).stdout == planned.stdout
    assert "3 created" in fpso("apply", identity).stdout

    listed = rows(fpso, "failures", "list", "--code", "5310B9D7")
    assert listed[0] == ["2026-02-11", "08:00", "5310B9D7", "error", "log", "1"]
    narrow = ("--from", "2026-02-01", "--to", "2026-02-11T08:00:01Z")
    assert len(rows(fpso, "failures", "list", *into, *narrow)) == 1
    assert fpso("failures", "list", "--level", "warning").stderr == "None.\n"

    with log.open("a") as more:
        more.write("no line of a log\n")
    refused = fpso("failures", "import", str(log), *into, "--apply")
    assert refused.exit_code == 1
    assert "! line 4" in refused.stdout
    assert "--skip-errors" in refused.stderr
    errors = log.with_name("errors.csv")
    again = fpso(
        *("failures", "import", str(log), *into, "--skip-errors"),
        *("--errors-to", str(errors)),
    )
    assert "holds all of this already" in again.stderr
    assert "no line of a log" in errors.read_text()


def test_a_log_says_by_its_mark_that_it_is_utf_16(
    fpso: Fpso, vessel: str, log: Path
) -> None:
    log.write_text(LOG, encoding="utf-16")
    load = ("failures", "import", str(log), "--vessel", vessel)
    planned = fpso(*load)
    assert planned.exit_code == 0, planned.stderr
    assert "Plan: 3 to create" in planned.stdout
    wrong = fpso(*load, "--encoding", "utf-8")
    assert wrong.exit_code == 1
    assert "charset=utf-16" in words(wrong.stderr)


def test_failures_are_counted_by_what_one_asks(
    fpso: Fpso, vessel: str, log: Path
) -> None:
    assert (
        fpso("failures", "import", str(log), "--vessel", vessel, "--apply").exit_code
        == 0
    )
    for by, expected in (
        ("equipment", [["5310B9D7", "2", "3"]]),
        ("vessel", [[vessel, "2", "3"]]),
        ("month", [["2026-01", "1", "2"], ["2026-02", "1", "1"]]),
        ("sensor", [["5", "5310B9D7", "2", "2"], ["6", "5310B9D7", "1", "1"]]),
        ("group", [["K", "2", "3", "1", "1", "2.0", "3.0"]]),
    ):
        assert rows(fpso, "failures", "summary", "--by", by) == expected
    told = words(fpso("failures", "summary", "--limit", "1", "--by", "month").stderr)
    assert "There are 2 in all" in told
    assert "2 failures and 3 readings in all. Failures are distinct failures" in told
    narrow = ("--level", "warning", "--group", "K", "--unit", "failures")
    assert rows(fpso, "failures", "summary", *narrow) == [["5310B9D7", "1", "1"]]
    nothing = ("--to", "2020-01-01")
    assert "None." in fpso("failures", "summary", *nothing).stderr
    for what in ("summary", "sensors"):
        unknown = fpso("failures", what, "--vessel", "NOPE")
        assert unknown.exit_code == 1
        assert "no vessel 'NOPE'" in words(unknown.stderr)
    assert rows(fpso, "failures", "sensors", "--top", "1") == [
        ["K", "5310B9D7", "5", "1", "2", "2"]
    ]
    first = fpso("failures", "sensors", "--limit", "1")
    assert "There are 2 in all: --limit N lists N." in words(first.stderr)
    assert "in all" not in fpso("failures", "sensors").stderr
    assert fpso("failures", "sensors", *nothing).stderr == "None.\n"
    assert len(said(fpso, "failures", "sensors")["items"]) == 2
    assert said(fpso, "failures", "summary")["readings"] == 3


def test_sensors_are_added_and_listed(fpso: Fpso, vessel: str, log: Path) -> None:
    assert log.exists()
    added = fpso("sensors", "add", "23-LSHH-96138 (2)", "7")
    assert added.stdout.splitlines()[2] == "equipment  23-LSHH-96138 (2)"
    listed = rows(fpso, "sensors", "list", "--vessel", vessel, "--current")
    assert [line[0] for line in listed] == ["5", "6", "7"]
    only = said(fpso, "sensors", "list", "--code", "5310B9D7")["items"]
    assert [sensor["code"] for sensor in only] == ["5", "6"]
    wrong = fpso("sensors", "import", str(log), "--vessel", vessel, "--map", "tag=a")
    assert wrong.exit_code == 2
    assert "the fields are sensor, equipment" in words(wrong.stderr)


def test_reliability_says_what_its_figures_are_of(
    fpso: Fpso, vessel: str, log: Path
) -> None:
    loaded = fpso("failures", "import", str(log), "--vessel", vessel, "--apply")
    assert loaded.exit_code == 0
    window = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-02-20T00:00:00Z")
    done = fpso("reliability", "--by", "group", *window)
    # 50 days are 1200 hours; the bounds are those of chi-square for two failures.
    assert done.stdout.splitlines()[2].split() == [
        *("K", "2", "1,200", "1,667", "600", "191", "3,377", "-", "100.000%"),
    ]
    told = words(done.stderr)
    assert "N counts errors, 2026-01-01 00:00 UTC to 2026-02-20 00:00 UTC." in told
    assert "HOURS are calendar hours within the window" in told
    assert "LOW and HIGH bound MTBF with 0.9 confidence" in told

    page = said(fpso, "reliability", "--vessel", vessel, *window)
    assert [item["name"] for item in page["items"]] == ["23-LSHH-96138 (2)", "5310B9D7"]
    last = said(fpso, "reliability", "--code", "5310B9D7", "--days", "30")
    assert last["items"][0]["hours"] == pytest.approx(720, abs=0.1)
    assert fpso("reliability", "--days", "30", *window).exit_code == 2
    assert (
        said(fpso, "reliability", "--by", "class", "--level", "warning")["items"] == []
    )
