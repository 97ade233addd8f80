import json

from app.tests.cli.conftest import Fpso


def test_an_issue_goes_its_way(fpso: Fpso, vessel: str) -> None:
    words = ("issue", "report", "5310B9D7", "--title", "Seal [1] leaks")
    reported = fpso(*words, "--mode", "ELP", "--reporter", "Ana")
    assert reported.exit_code == 0, reported.stderr
    assert "title      Seal [1] leaks\n" in reported.stdout
    codes = ("--mechanism", "1.1", "--cause", "3", "--detection", "8")
    defect = fpso(
        *(*words, "--kind", "defect", *codes),
        *("--impact", "degraded", "--description", "At the drive end"),
    )
    assert "impact     degraded\n" in defect.stdout
    as_sent = json.loads(fpso("issue", "show", "2", "--json").stdout)
    assert as_sent["mechanism"] == "1.1"
    assert as_sent["detection_method"] == "8"
    started = [fpso("issue", verb, "1", "--json") for verb in ("triage", "start")]
    assert json.loads(started[1].stdout)["state"] == "in_progress"
    ordered = fpso("issue", "order", "1", "--type", "repair", "--cost", "5", "--json")
    assert json.loads(ordered.stdout)["issue"] == 1
    assert " Seal [1] leaks " in fpso("operation", "list", "--issue", "1").stdout
    work = fpso("operation", "show", json.loads(ordered.stdout)["id"])
    assert "title      Seal [1] leaks\n" in work.stdout
    refused = fpso("issue", "resolve", "1")
    assert refused.exit_code == 1
    assert "still to be done" in refused.stderr
    told = fpso("issue", "duplicate", "2", "1", "--comment", "The same seal")
    assert "state      duplicate\n" in told.stdout
    cancel = ("cancel", json.loads(ordered.stdout)["id"], "--reason", "No leak")
    assert fpso("operation", *cancel).exit_code == 0
    assert fpso("issue", "cancel", "1", "--reason", "No leak").exit_code == 0
    assert (
        fpso("issue", "comment", "1", "It was rain", "--author", "Ola").exit_code == 0
    )
    shown = fpso("issue", "show", "1").stdout
    story = [line.split()[2:] for line in shown.splitlines()[-4:]]
    assert story == [
        ["triaged"],
        ["in_progress"],
        ["cancelled", "No", "leak"],
        ["comment", "Ola", "It", "was", "rain"],
    ]
    assert "repair  cancelled  5.00 USD" in shown
    assert "state      cancelled\n" in shown
    assert "orders     1, 0 open\n" in shown

    def numbers(*words: str) -> list[int]:
        done = fpso("issue", "list", "--json", *words)
        return [item["number"] for item in json.loads(done.stdout)["items"]]

    assert numbers("--vessel", vessel, "--sort", "number") == [1, 2]
    assert numbers("--state", "duplicate", "--priority", "3") == [2]
    assert numbers("--code", "23-LSHH-96138 (2)") == []
    assert numbers("--code", "5310B9D7", "--below") == [2, 1]


TOLD = (
    *("--title", "Leaks", "--kind", "defect", "--priority", "2", "--mode", "ELP"),
    *("--mechanism", "1.1", "--cause", "3", "--detection", "8"),
    *("--impact", "degraded", "--description", "Two lines:\nof it"),
    *("--reporter", "Ana", "--reference", "10001", "--at", "2026-01-01T00:00:00Z"),
    *("--due", "2026-02-01T00:00:00Z", "--down-since", "2026-01-02T00:00:00Z"),
    *("--down-until", "2026-01-03T00:00:00Z"),
)


def test_an_issue_is_shown_whole_and_edited(fpso: Fpso, vessel: str) -> None:
    assert fpso("issue", "report", "5310B9D7", *TOLD).exit_code == 0
    photo = ("https://files.example.com/seal.jpg", "--title", "The seal")
    assert fpso("issue", "attach", "1", *photo, "--type", "image/jpeg").exit_code == 0
    fpso("issue", "comment", "1", "Two lines:\nof a comment")
    shown = fpso("issue", "show", "1").stdout.splitlines()
    assert shown[:20] == [
        "issue      1",
        "equipment  5310B9D7",
        f"vessel     {vessel}",
        "title      Leaks",
        "kind       defect",
        "priority   2",
        "mode       ELP",
        "mechanism  1.1",
        "cause      3",
        "detection  8",
        "impact     degraded",
        "state      open",
        "reporter   Ana",
        "reference  10001",
        "observed   2026-01-01 00:00 UTC",
        "due        2026-02-01 00:00 UTC",
        "down       since 2026-01-02 00:00 UTC, until 2026-01-03 00:00 UTC",
        "orders     0, 0 open",
        "details    Two lines:",
        "           of it",
    ]
    assert "The seal  https://files.example.com/seal.jpg" in shown
    assert shown[-1].endswith("  Two lines: of a comment")
    edit = ("issue", "edit", "1")
    assert fpso(*edit).exit_code == 2
    changed = (*TOLD, "--title", "Leaks oil", "--due", "", "--reporter", "")
    told = fpso(*edit, *changed).stdout.splitlines()
    assert "title      Leaks oil" in told
    assert not any(line.startswith(("due", "reporter")) for line in told)


def test_an_issue_may_be_of_the_vessel_as_a_whole(fpso: Fpso, vessel: str) -> None:
    report = ("issue", "report", "--title", "No power", "--vessel", vessel)
    shown = fpso(*report, "--kind", "defect").stdout.splitlines()
    assert shown[:4] == [
        *("issue      1", "equipment  -", f"vessel     {vessel}", "title      No power")
    ]
    assert fpso(*report, "5310B9D7").exit_code == 2
    nothing = fpso(*report[:4])
    assert nothing.exit_code == 2
    assert "--vessel" in nothing.stderr


def test_issues_are_found_and_counted(fpso: Fpso, vessel: str) -> None:
    assert fpso("issue", "report", "5310B9D7", *TOLD).exit_code == 0
    other = ("issue", "report", "23-LSHH-96138 (2)", "--title", "Trips")
    assert fpso(*other).exit_code == 0
    assert fpso("issue", "triage", "2").exit_code == 0
    for filters in (
        *(("--kind", "defect"), ("--mode", "ELP"), ("--older-than", "30")),
        *(("--overdue",), ("--due-before", "2026-02-02"), ("--reference", "10001")),
        *(("--to", "2026-01-02"), ("--priority", "2"), ("--code", "5310B9D7")),
    ):
        page = json.loads(fpso("issue", "list", "--json", *filters).stdout)
        assert [item["number"] for item in page["items"]] == [1]
        counts = json.loads(fpso("issue", "counts", "--json", *filters).stdout)
        assert (counts["open"], counts["total"]) == (1, 1)
    sorted_ = json.loads(fpso("issue", "list", "--sort", "due_at", "--json").stdout)
    assert [item["number"] for item in sorted_["items"]] == [1]
    since = ("--from", "2026-01-02", "--vessel", vessel)
    assert '"number":2' in fpso("issue", "list", "--json", *since).stdout
    assert "total        1" in fpso("issue", "counts", *since).stdout
    below = fpso("issue", "counts", "--code", "5310B9D7", "--below").stdout
    assert below.splitlines()[:2] == ["open         1", "triaged      1"]
    assert below.splitlines()[-1] == "total        2"


def test_what_served_again_before_it_was_resolved(fpso: Fpso, vessel: str) -> None:
    assert vessel
    down = ("--down-since", "2026-01-01T00:00:00Z")
    fpso("issue", "report", "5310B9D7", "--title", "Trips", *down)
    fpso("issue", "triage", "1")
    up = ("--down-until", "2026-01-01T06:00:00Z")
    told = fpso("issue", "resolve", "1", *up)
    served = "down       since 2026-01-01 00:00 UTC, until 2026-01-01 06:00 UTC\n"
    assert served in told.stdout


def test_a_duplicate_says_of_which(fpso: Fpso, vessel: str) -> None:
    assert vessel
    for title in ("Leaks", "It leaks"):
        fpso("issue", "report", "5310B9D7", "--title", title)
    told = fpso("issue", "duplicate", "2", "1").stdout.splitlines()
    assert "same as    1" in told


def test_what_was_not_mended_is_still_down(fpso: Fpso, vessel: str) -> None:
    assert vessel
    since = "2026-01-01T00:00:00Z"
    down = ("--at", since, "--down-since", since)
    fpso("issue", "report", "5310B9D7", "--title", "Trips", *down)
    fpso("issue", "triage", "1", "--at", since)
    fpso("issue", "resolve", "1", "--at", "2026-01-02T00:00:00Z")
    again = fpso("issue", "reopen", "1", "--still-down", "--comment", "Trips again")
    assert "down       since 2026-01-01 00:00 UTC, and still\n" in again.stdout
    assert "state      reopened\n" in again.stdout


def test_a_unit_is_swapped_and_its_history_told(fpso: Fpso, vessel: str) -> None:
    assert vessel
    of = ("--manufacturer", "Solar", "--model", "C40", "--serial")
    for serial in ("S1", "S2"):
        swapped = fpso("unit", "swap", "5310B9D7", *of, serial, "--reason", "Worn")
        assert swapped.exit_code == 0, swapped.stderr
    assert "in         S2\nout        S1\n" in swapped.stdout
    history = fpso("unit", "history", "5310B9D7").stdout.splitlines()[2:]
    assert [line.split()[0] for line in history] == ["S2", "S1"]
    assert history[1].endswith("Worn")
    spare = json.loads(fpso("unit", "list", "--spare", "--json").stdout)["items"]
    assert [unit["serial_number"] for unit in spare] == ["S1"]
    where = json.loads(fpso("unit", "list", "--serial", "S2", "--json").stdout)
    assert where["items"][0]["equipment"] == "5310B9D7"
    added = fpso("unit", "add", *of, "S3")
    assert added.stdout.splitlines()[0] == "serial number  S3"
    out = fpso("unit", "remove", "5310B9D7", "--reason", "Sent ashore")
    assert "out        S2\n" in out.stdout
    spare = json.loads(fpso("unit", "list", "--spare", "--json").stdout)["items"]
    assert [unit["serial_number"] for unit in spare] == ["S1", "S2", "S3"]
    empty = fpso("unit", "remove", "5310B9D7")
    assert empty.exit_code == 1
    assert "5310B9D7 is empty." in empty.stderr
    assert fpso("unit", "swap", "5310B9D7", *of, "S2").exit_code == 0
    taken = fpso("unit", "swap", "23-LSHH-96138 (2)", *of, "S2")
    assert taken.exit_code == 1
    assert "takes it out" in " ".join(taken.stderr.replace("│", " ").split())


def test_what_was_said_wrongly_of_a_unit_is_corrected(fpso: Fpso, vessel: str) -> None:
    assert vessel
    swap = ("unit", "swap", "5310B9D7", "--manufacturer", "Solar", "--model", "C40")
    ago, then = "2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z"
    assert fpso(*swap, "--serial", "S1", "--at", ago, "--until", then).exit_code == 0
    history = fpso("unit", "history", "5310B9D7", "--json").stdout
    identity = json.loads(history)["items"][0]["id"]
    assert identity in fpso("unit", "history", "5310B9D7").stdout
    corrected = ("unit", "correct", identity)
    assert fpso(*corrected).exit_code == 2
    later = ("--from", "2026-01-02T00:00:00Z", "--reason", "Sent ashore")
    assert fpso(*corrected, *later).stdout.splitlines() == [
        "equipment  5310B9D7",
        "unit       S1",
        "from       2026-01-02 00:00 UTC",
        "until      2026-01-05 00:00 UTC",
        "why        Sent ashore",
    ]
    still = json.loads(fpso(*corrected, "--until", "", "--json").stdout)
    assert (still["removed_at"], still["removed_because"]) == (None, None)
    gone = fpso("unit", "withdraw", identity)
    assert gone.stdout == "S1 never sat in 5310B9D7 then.\n"
    assert fpso("unit", "withdraw", identity).exit_code == 1
    history = fpso("unit", "history", "5310B9D7", "--json").stdout
    assert json.loads(history)["items"] == []


def test_the_codes_of_the_field_are_listed(fpso: Fpso) -> None:
    shown = fpso("codes", "failure-modes").stdout.splitlines()
    assert shown[0].split() == ["CODE", "MEANING", "VERIFIED", "SOURCE"]
    assert shown[2].split()[0] == "AIR"
    unsure = fpso("codes", "equipment-classes", "--unverified", "--json").stdout
    codes = {item["code"] for item in json.loads(unsure)["items"]}
    assert "CO" in codes
    assert "PU" not in codes
