import csv
import json
import sys
from pathlib import Path

import pytest

from app.tests.cli.conftest import Canned, Fpso
from app.tests.cli.test_client import words
from app.tests.cli.test_terminal import at_terminal

# As a maintenance system writes it: parents by number, statuses as figures.
REGISTER = """\
NO;TAG;DESC;PARENT_NO;LIVE;SIZE
1;23-KA-9101;1st stage compressor;;1;L
2;23-TE-9101;Bearing temperature;1;1;S
3;23-PT-9101;[red]Suction pressure;1;0;S
"""
MAPPING = (
    *("--map", "tag=TAG", "--map", "name=DESC", "--map", "location:=M05"),
    *("--map", "status=LIVE", "--values", "status:1=active"),
    *("--values", "status:0=inactive"),
    *("--map", "parent=PARENT_NO", "--refers-to", "NO"),
)


@pytest.fixture
def register(fpso: Fpso, tmp_path: Path) -> str:
    """A file of three tags; and the vessel that it is for."""
    assert fpso("vessels", "add", "VAL").exit_code == 0
    file = tmp_path / "register.csv"
    file.write_text(REGISTER)
    return str(file)


def codes(fpso: Fpso) -> list[str]:
    listed = fpso("equipment", "list", "VAL", "--all", "--json").stdout
    return [item["code"] for item in json.loads(listed)["items"]]


def plan_id(text: str) -> str:
    return text.partition("Plan ")[2].partition(":")[0]


def test_a_plan_is_shown_and_nothing_changes(fpso: Fpso, register: str) -> None:
    done = fpso("import", register, "--vessel", "VAL", *MAPPING)

    assert done.exit_code == 0, done.stderr
    plan = plan_id(done.stdout)
    assert done.stdout == (
        f"Plan {plan}: VAL from register.csv, 3 rows\n"
        "  tag ← TAG\n"
        "  name ← DESC\n"
        '  location ← "M05"\n'
        "  parent ← PARENT_NO → NO\n"
        "  status ← LIVE (1=active, 0=inactive)\n"
        "  1 column not read: SIZE\n"
        "\n"
        '  + VAL-23-KA-9101  "1st stage compressor" at "M05", tag 23-KA-9101\n'
        '  + VAL-23-TE-9101  "Bearing temperature" at "M05", tag 23-TE-9101, parent '
        "VAL-23-KA-9101\n"
        '  + VAL-23-PT-9101  "[red]Suction pressure" at "M05", tag 23-PT-9101, parent '
        "VAL-23-KA-9101, inactive\n"
        "\n"
        "Plan: 3 to create, 0 to update, 0 unchanged, 0 errors.\n"
    )
    assert f"Nothing was changed yet. To apply this plan: fpso apply {plan}" in (
        done.stderr
    )
    assert codes(fpso) == []


def test_a_plan_is_applied_later_and_once(fpso: Fpso, register: str) -> None:
    plan = plan_id(fpso("import", register, "--vessel", "VAL", *MAPPING).stdout)

    applied = fpso("apply", plan)
    again = fpso("apply", plan)
    shown = fpso("plan", plan)

    assert applied.exit_code == 0
    assert applied.stdout == (
        "Applied: 3 created, 0 updated, 0 unchanged, 0 left out.\n"
    )
    assert codes(fpso) == ["VAL-23-KA-9101", "VAL-23-PT-9101", "VAL-23-TE-9101"]
    assert (again.exit_code, shown.exit_code) == (1, 0)
    assert "409" in again.stderr
    assert "Applied: 3 created" in shown.stdout


def test_an_update_shows_what_changes(fpso: Fpso, register: str) -> None:
    first = fpso("import", register, "--vessel", "VAL", *MAPPING, "--apply")
    again = fpso("import", register, "--vessel", "VAL", *MAPPING)
    text = Path(register).read_text()
    Path(register).write_text(text.replace("1st stage", "2nd stage"))
    changed = fpso("import", register, "--vessel", "VAL", *MAPPING, "--verbose")

    assert "Applied: 3 created" in first.stdout
    assert "Plan: 0 to create, 0 to update, 3 unchanged, 0 errors." in again.stdout
    assert "VAL holds all of this already: nothing to apply." in again.stderr
    assert "  = " not in again.stdout
    assert (
        "  ~ VAL-23-KA-9101\n"
        '      name: "1st stage compressor" → "2nd stage compressor"\n'
    ) in changed.stdout
    assert '  = VAL-23-TE-9101  "Bearing temperature" at "M05"' in changed.stdout
    assert "Plan: 0 to create, 1 to update, 2 unchanged, 0 errors." in changed.stdout


@pytest.fixture
def faulty(register: str) -> str:
    """The register with two rows that cannot be: no tag, and a tag that is none."""
    with Path(register).open("a") as file:
        file.write("4;;no tag at all;;1;S\n5;23-TE-9101\x1b[2J;bell;1;1;S\n")
    return register


def test_a_plan_with_errors_names_each_and_is_not_applied(
    fpso: Fpso, faulty: str, tmp_path: Path
) -> None:
    errors = tmp_path / "errors.csv"
    done = fpso(
        *("import", faulty, "--vessel", "VAL", *MAPPING, "--apply"),
        *("--errors-to", str(errors)),
    )

    assert done.exit_code == 1
    assert "  ! row 5: " in done.stdout
    assert "  ! row 6, TAG " in done.stdout
    assert "\x1b" not in done.stdout
    assert "Plan: 3 to create, 0 to update, 0 unchanged, 2 errors." in done.stdout
    assert f"fpso apply {plan_id(done.stdout)} --skip-errors" in done.stderr
    assert codes(fpso) == []
    rows = list(csv.reader(errors.read_text(encoding="utf-8-sig").splitlines()))
    assert rows[0][:2] == ["NO", "TAG"]
    assert [row[0] for row in rows[1:]] == ["4", "5"]
    assert fpso("plan", plan_id(done.stdout)).exit_code == 1


def test_rows_with_errors_can_be_left_out(fpso: Fpso, faulty: str) -> None:
    done = fpso(
        *("import", faulty, "--vessel", "VAL", *MAPPING, "--apply", "--skip-errors")
    )
    later = fpso("import", faulty, "--vessel", "VAL", *MAPPING, "--skip-errors")

    assert done.exit_code == 0, done.stdout
    assert "Applied: 3 created, 0 updated, 0 unchanged, 2 left out." in done.stdout
    assert later.exit_code == 0


def test_long_plans_say_where_the_rest_is(
    fpso: Fpso, register: str, tmp_path: Path
) -> None:
    assert register
    file = tmp_path / "many.ndjson"
    file.write_text(
        "".join(
            json.dumps({"tag": tag, "name": "valve", "location": "deck"}) + "\n"
            for tag in [*(f"V-{n}" for n in range(620)), *["?\t"] * 15]
        )
    )

    done = fpso("import", str(file), "--vessel", "VAL", "--rows", "3")
    plan = plan_id(done.stdout)
    everything = fpso("plan", plan, "--rows", "635").stdout

    assert done.stdout.count("  + ") == done.stdout.count("  ! ") == 3
    assert f"    … and 617 more: fpso plan {plan} --rows 635\n" in done.stdout
    assert f"    … and 12 more: fpso plan {plan} --errors-to errors.csv\n" in (
        done.stdout
    )
    assert everything.count("  + ") == 620
    assert "more: " not in everything


def test_scripts_get_the_servers_json(fpso: Fpso, faulty: str) -> None:
    planned = fpso("import", faulty, "--vessel", "VAL", *MAPPING, "--json")
    plan = json.loads(planned.stdout)
    applied = fpso("apply", plan["id"], "--skip-errors", "--json")
    shown = fpso("plan", plan["id"], "--json")
    text = Path(faulty).read_text().partition("4;;")[0]
    Path(faulty).write_text(text)
    at_once = fpso("import", faulty, "--vessel", "VAL", *MAPPING, "--json", "--apply")
    sound = fpso("import", faulty, "--vessel", "VAL", *MAPPING, "--json")

    assert (planned.exit_code, plan["status"]) == (1, "planned")
    assert json.loads(applied.stdout)["status"] == "applied"
    assert json.loads(shown.stdout)["id"] == plan["id"]
    assert json.loads(at_once.stdout)["status"] == "applied"
    assert (sound.exit_code, json.loads(sound.stdout)["status"]) == (0, "planned")


def test_the_delimiter_can_be_said(fpso: Fpso, register: str, tmp_path: Path) -> None:
    assert register
    file = tmp_path / "commas.csv"
    file.write_text("tag;name, long, in English;location\nA-1;valve;deck\n")

    done = fpso(
        *("import", str(file), "--vessel", "VAL", "--delimiter", ";"),
        *("--map", "name=name, long, in English"),
    )

    assert done.exit_code == 0, done.stderr
    assert '+ VAL-A-1  "valve" at "deck", tag A-1' in done.stdout


def test_other_encodings_are_read(fpso: Fpso, register: str, tmp_path: Path) -> None:
    assert register
    file = tmp_path / "norsk.txt"
    file.write_bytes("tag\tname\tlocation\nA-1\tBrønn, stor\tÅsgård\n".encode("cp1252"))

    refused = fpso("import", str(file), "--vessel", "VAL")
    done = fpso(
        "import", str(file), "--vessel", "VAL", "--apply", "--encoding", "cp1252"
    )

    assert refused.exit_code == 1
    assert done.exit_code == 0, done.stderr
    assert '"Brønn, stor" at "Åsgård"' in done.stdout


def test_an_export_comes_back_unchanged(
    fpso: Fpso, register: str, tmp_path: Path
) -> None:
    fpso("import", register, "--vessel", "VAL", *MAPPING, "--apply")
    for name in ("a.csv", "a.ndjson", "a.xlsx"):
        file = str(tmp_path / name)
        assert fpso("export", "VAL", "-o", file).exit_code == 0
        again = fpso("import", file, "--vessel", "VAL")
        assert "0 to create, 0 to update, 3 unchanged, 0 errors" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--map", "nmae=X"), "'nmae' is not a field; the fields are code, tag,"),
        (("--values", "status:1=active"), "add --map status=COLUMN"),
        ((), "Missing option '--vessel'"),
    ],
)
def test_wrong_words_are_wrong_usage(
    fpso: Fpso, register: str, arguments: tuple[str, ...], message: str
) -> None:
    vessel = ("--vessel", "VAL") if arguments else ()
    done = fpso("import", register, *vessel, *arguments)

    assert done.exit_code == 2
    assert message in words(done.stderr)


def test_a_file_of_an_unknown_kind_is_wrong_usage(fpso: Fpso, tmp_path: Path) -> None:
    file = tmp_path / "register.doc"
    file.touch()

    unknown = fpso("import", str(file), "--vessel", "VAL")
    absent = fpso("import", str(tmp_path / "nowhere.csv"), "--vessel", "VAL")

    assert (unknown.exit_code, absent.exit_code) == (2, 2)
    assert "--format csv|tsv|json|ndjson|xlsx" in words(unknown.stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="that file is Linux's")
def test_a_file_that_cannot_be_read_is_one_sentence(fpso: Fpso, register: str) -> None:
    assert register
    done = fpso("import", "/proc/self/mem", "--vessel", "VAL", "--format", "csv")

    assert done.exit_code == 4
    assert "/proc/self/mem: Input/output error." in words(done.stderr)


def test_a_plan_that_expired_says_so(run: Fpso, answering: Canned) -> None:
    plan: dict[str, object] = {
        "id": "0192",
        "vessel": "VAL",
        "filename": None,
        "status": "expired",
        "expires_at": "2026-01-01T00:00:00Z",
        "rows": 3,
        "counts": {"create": 3, "update": 0, "unchanged": 0, "error": 0},
        "columns": {"tag": "tag", "name": "tag"},
        "ignored_columns": [],
        "errors": [],
        "updates": [],
    }
    done = run("plan", "0192", url=answering.json(plan))

    assert done.exit_code == 0
    assert "It has expired: import the file again." in done.stdout


def test_errors_that_the_server_left_out_are_counted(
    run: Fpso, answering: Canned
) -> None:
    log = {"readings": 0, "failures": 0, "errors": 0, "warnings": 0, "equipment": 0}
    plan: dict[str, object] = {
        "id": "0192",
        "vessel": "VAL",
        "filename": "failures.log",
        "status": "planned",
        "expires_at": "2026-01-01T00:00:00Z",
        "rows": 20_000,
        "counts": {"create": 0, "update": 0, "unchanged": 0, "error": 20_000},
        "columns": {},
        "ignored_columns": [],
        "details": log | {"first": None, "last": None},
        "errors": [{"row": 7, "message": "No line of a log."}],
        "updates": [],
    }
    done = run("plan", "0192", url=answering.json(plan))

    assert done.exit_code == 1
    assert "  0 failures; readings: 0 errors, 0 warnings\n" in done.stdout
    assert "! line 7: No line of a log." in done.stdout
    assert "… and 19,999 more: fpso plan 0192 --errors-to errors.csv" in done.stdout


def test_somebody_at_a_terminal_is_asked(
    fpso: Fpso, register: str, server_url: str
) -> None:
    words_ = ("import", register, "--vessel", "VAL", *MAPPING)

    no, refused = at_terminal(*words_, keys="n\n", FPSO_URL=server_url)
    before = codes(fpso)
    yes, agreed = at_terminal(*words_, keys="y\n", FPSO_URL=server_url)

    assert "Uploading" in refused
    assert "Apply this plan to VAL? [y/N]" in refused
    assert "To apply this plan later: fpso apply " in refused
    assert (no, before) == (1, [])
    assert "Applied: 3 created" in agreed
    assert (yes, len(codes(fpso))) == (0, 3)


def test_leaving_rows_out_is_asked_too(
    fpso: Fpso, faulty: str, server_url: str
) -> None:
    code, said = at_terminal(
        *("import", faulty, "--vessel", "VAL", *MAPPING, "--skip-errors"),
        keys="y\n",
        FPSO_URL=server_url,
    )

    assert "without the rows that have errors? [y/N]" in " ".join(said.split())
    assert (code, len(codes(fpso))) == (0, 3)
