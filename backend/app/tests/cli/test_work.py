"""Orders and problems of another system, from the command line."""

from pathlib import Path

from app.cli.mapping import ISSUE_FIELDS, ORDER_FIELDS
from app.orders.schemas import OrderMapping
from app.reports.schemas import IssueMapping
from app.tests.cli.conftest import Fpso

ISSUES = """\
NOTIFICATION;TAG;TITLE;TYPE;STATUS;CREATED;COMPLETED
10001;5310B9D7;Dry gas seal leaks;M2;NOCO;01/02/2013;22/02/2013
10002;;Paint is out;M3;OSNO;01/02/2013;
"""
ORDERS = """\
WO No;TAG;TITLE;STATUS;FINISHED;NOTIFICATION
4600131;5310B9D7;Replace seal;CLSD;22/02/2013;10001
4600132;NOPE;Replace seal;CLSD;22/02/2013;
"""


def test_the_fields_are_those_of_the_server() -> None:
    assert tuple(OrderMapping.model_fields) == ORDER_FIELDS
    assert tuple(IssueMapping.model_fields) == ISSUE_FIELDS


def test_problems_and_their_orders_are_brought_over(
    fpso: Fpso, vessel: str, tmp_path: Path
) -> None:
    (tmp_path / "issues.csv").write_text(ISSUES)
    (tmp_path / "orders.csv").write_text(ORDERS)
    into = ("--vessel", vessel, "--dates", "day-first", "--apply")
    done = fpso(
        *("issue", "import", str(tmp_path / "issues.csv"), *into),
        *("--map", "kind=TYPE", "--values", "kind:M2=failure"),
        *("--values", "kind:M3=request", "--map", "resolved_at=COMPLETED"),
        *("--map", "state=STATUS", "--values", "state:NOCO=closed"),
        *("--values", "state:OSNO=open"),
    )
    assert done.exit_code == 0, done.stderr
    shown = done.stdout.splitlines()
    leak, paint = (line for line in shown if line.startswith("  + "))
    assert leak == (
        '  + 10001 on 5310B9D7 "Dry gas seal leaks", failure, closed, priority 3, '
        "observed_at 2013-02-01T00:00:00+00:00, resolved_at 2013-02-22T00:00:00+00:00"
    )
    assert paint.startswith('  + 10002 on the vessel "Paint is out", request, open, ')
    assert "  kind ← TYPE (M2=failure, M3=request)" in shown
    assert shown[-1].startswith("Applied: 2 created")
    words = (
        *("operation", "import", str(tmp_path / "orders.csv"), *into),
        *("--map", "type:=repair", "--map", "finished_at=FINISHED"),
        *("--map", "state=STATUS", "--values", "state:CLSD=done"),
    )
    refused = fpso(*words)
    assert refused.exit_code == 1
    assert "--map FIELD=COLUMN and --values FIELD:FROM=TO" in refused.stderr
    done = fpso(*words, "--skip-errors")
    assert done.exit_code == 0, done.stderr
    shown = done.stdout.splitlines()
    [seal] = (line for line in shown if line.startswith("  + "))
    assert seal.startswith('  + 4600131 on 5310B9D7 "Replace seal", repair, done, ')
    assert seal.endswith("issue 1, cost 0.00, performed_at 2013-02-22T00:00:00+00:00")
    assert any("NOPE" in line and line.startswith("  ! row 3") for line in shown)
    assert shown[-1] == "Applied: 1 created, 0 updated, 0 unchanged, 1 left out."
    told = fpso("issue", "list", "--vessel", vessel).stdout
    assert "Dry gas seal leaks" in told
    # What differs by then is told by the number of the other system.
    (tmp_path / "issues.csv").write_text(ISSUES.replace("Paint is", "All paint is"))
    done = fpso(
        *("issue", "import", str(tmp_path / "issues.csv"), *into),
        *("--map", "kind=", "--map", "state=", "--map", "resolved_at="),
    )
    shown = done.stdout.splitlines()
    assert "  ~ 10002 on the vessel" in shown
    assert '      title: "Paint is out" → "All paint is out"' in shown


def test_how_a_column_is_named_is_said_in_words_of_the_command_line(
    fpso: Fpso, vessel: str, tmp_path: Path
) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("TAG;NUMBER\n5310B9D7;4600131\n")
    refused = fpso("operation", "import", str(file), "--vessel", vessel)
    assert refused.exit_code == 1
    said = " ".join(refused.stderr.replace("│", " ").split())
    assert "No column is the number of an order." in said
    assert "--map FIELD=COLUMN" in said
