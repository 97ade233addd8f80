import json

from app.tests.cli.conftest import Fpso


def add(fpso: Fpso, cost: str, *words: str, code: str = "5310B9D7") -> None:
    done = fpso("operation", "add", code, "--type", "repair", "--cost", cost, *words)
    assert done.exit_code == 0, done.stderr


def test_an_operation_is_added_and_listed(fpso: Fpso, vessel: str) -> None:
    at = "2026-01-02T03:04:05Z"
    added = fpso(
        *("operation", "add", "5310B9D7", "--type", "replacement"),
        *("--cost", "1234567.5", "--at", at, "--note", "seal [2]"),
    )
    add(fpso, "10000")

    shown = added.stdout.splitlines()
    assert shown[0].startswith("order      ")
    assert shown[1:] == [
        "equipment  5310B9D7",
        f"vessel     {vessel}",
        "type       replacement",
        "state      done",
        "activity   1",
        "finished   2026-01-02 03:04 UTC",
        "cost       1,234,567.50 USD",
        "note       seal [2]",
    ]
    lines = fpso("operation", "list").stdout.splitlines()
    assert lines[2].endswith("     10,000.00 USD")
    assert lines[3].startswith("2026-01-02  5310B9D7   done   replacement  seal [2]")
    assert lines[3].endswith("  1,234,567.50 USD")


def test_filters_reach_the_server(fpso: Fpso, vessel: str) -> None:
    add(fpso, "1", "--at", "2026-01-01T00:00:00Z")
    add(fpso, "2", "--at", "2026-02-01T00:00:00Z")

    def costs(*words: str) -> list[str]:
        done = fpso("operation", "list", "--json", *words)
        return [item["cost"] for item in json.loads(done.stdout)["items"]]

    assert costs("--code", "5310B9D7", "--vessel", vessel) == ["2.00", "1.00"]
    assert costs("--from", "2026-02-01T00:00:00Z") == ["2.00"]
    assert costs("--to", "2026-02-01T00:00:00Z") == ["1.00"]
    assert costs("--type", "overhaul") == []
    assert costs("--type", "overhaul", "--type", "repair") == ["2.00", "1.00"]


def test_a_wrong_cost_is_refused_in_the_servers_words(fpso: Fpso, vessel: str) -> None:
    assert vessel
    done = fpso("operation", "add", "5310B9D7", "--type", "repair", "--cost=-5")

    assert done.exit_code == 1
    assert "/cost" in done.stderr
    assert done.stdout == ""


def test_costs_of_an_equipment_of_a_name_and_of_vessels(
    fpso: Fpso, vessel: str
) -> None:
    assert vessel == "MV102"
    fpso("vessels", "add", "EMPTY")
    add(fpso, "10000")
    add(fpso, "5000.50")

    assert fpso("costs", "equipment", "5310B9D7").stdout.splitlines() == [
        "equipment  5310B9D7",
        "orders     2",
        "total      15,000.50 USD",
        "average    7,500.25 USD",
    ]
    assert fpso("costs", "name", "compressor").stdout.splitlines() == [
        "name       compressor",
        "equipment  1",
        "orders     2",
        "total      15,000.50 USD",
        "average    7,500.25 USD",
    ]
    assert fpso("costs", "name", "nobody").stdout.endswith("average    -\n")
    assert fpso("costs", "vessels").stdout.splitlines() == [
        "VESSEL       AVERAGE          TOTAL  ORDERS  EQUIPMENT",
        "──────────────────────────────────────────────────────",
        "EMPTY              -       0.00 USD       0          0",
        "MV102   7,500.25 USD  15,000.50 USD       2          2",
    ]


def test_json_is_the_servers_own(fpso: Fpso, vessel: str) -> None:
    done = fpso(
        "operation", "add", "5310B9D7", "--type", "repair", "--cost", "9", "--json"
    )

    assert json.loads(done.stdout)["cost"] == "9.00"
    for words in (
        ("costs", "equipment", "5310B9D7"),
        ("costs", "name", "compressor"),
        ("costs", "vessels"),
    ):
        answer = json.loads(fpso(*words, "--json").stdout)
        [cost] = answer.get("items", [answer])
        assert cost["total"] == "9.00"
    assert vessel


def test_an_order_is_planned_begun_charged_and_finished(
    fpso: Fpso, vessel: str
) -> None:
    assert vessel
    words = ("operation", "add", "5310B9D7", "--type", "repair", "--cost", "0")
    planned = fpso(*words, "--state", "planned")
    assert "state      planned" in planned.stdout
    identity = planned.stdout.splitlines()[0].split()[1]
    begun = fpso("operation", "start", identity, "--at", "2026-01-02T06:00:00Z")
    assert "state      in_progress" in begun.stdout
    charge = ("operation", "charge", identity, "400", "--kind", "labour")
    charged = fpso(*charge, "--description", "Two mechanics")
    assert "labour  400.00 USD\nfor     Two mechanics" in charged.stdout
    shown = fpso("operation", "list", "--state", "in_progress", "--ids").stdout
    assert shown.splitlines()[2].split() == [
        *(identity, "5310B9D7", "repair", "in_progress")
    ]
    finish = ("operation", "finish", identity, "--hours", "4.50")
    done = fpso(*finish, "--down-hours", "12").stdout.splitlines()
    assert "work       4.5 h" in done
    assert "down       12 h" in done
    assert "cost       400.00 USD" in done
    told = fpso("operation", "show", identity).stdout.splitlines()
    assert told[: len(done)] == done
    assert told[-1].split() == ["labour", "Two", "mechanics", "400.00", "USD"]
    again = fpso(*finish)
    assert again.exit_code == 1
    assert "409" in again.stderr


PLAN = (
    *("--state", "planned", "--title", "Change the seal", "--category", "preventive"),
    *("--priority", "2", "--package", "TA-27", "--reference", "4600131"),
    *("--ordered", "2026-01-01T06:00:00Z", "--planned", "2026-02-01T06:00:00Z"),
    *("--due", "2026-03-01T06:00:00Z", "--note", "Two lines:\nof a note"),
)
PLANNED = [
    "equipment  5310B9D7",
    "vessel     MV102",
    "type       repair",
    "title      Change the seal",
    "state      planned",
    "priority   2",
    "category   preventive",
    "activity   3",
    "package    TA-27",
    "reference  4600131",
    "ordered    2026-01-01 06:00 UTC",
    "planned    2026-02-01 06:00 UTC",
    "due        2026-03-01 06:00 UTC",
    "cost       0.00 USD",
    "note       Two lines:",
    "           of a note",
]


def test_work_is_planned_found_and_planned_anew(fpso: Fpso, vessel: str) -> None:
    assert vessel
    add(fpso, "7")
    words = ("operation", "add", "5310B9D7", "--type", "repair", "--cost", "0")
    order, *said = fpso(*words, *PLAN, "--activity", "3").stdout.splitlines()
    assert said == PLANNED
    identity = order.split()[1]
    assert fpso("operation", "show", identity).stdout.splitlines()[1:] == PLANNED

    def found(*words: str) -> list[str]:
        done = fpso("operation", "list", "--json", *words)
        return [item["id"] for item in json.loads(done.stdout)["items"]]

    for filters in (
        *(("--category", "preventive"), ("--package", "TA-27"), ("--overdue",)),
        *(("--reference", "4600131"), ("--due-before", "2026-03-02")),
        ("--sort", "due_at"),
    ):
        assert found(*filters) == [identity]
    edit = ("operation", "edit", identity)
    assert fpso(*edit).exit_code == 2
    later = ("--due", "2036-03-01T06:00:00Z", "--priority", "", "--title", "Mend it")
    told = fpso(*edit, *later, "--cost", "12.5").stdout.splitlines()
    assert "title      Mend it" in told
    assert "due        2036-03-01 06:00 UTC" in told
    assert "cost       12.50 USD" in told
    assert "priority" not in " ".join(told)
    assert json.loads(fpso(*edit, "--priority", "1", "--json").stdout)["priority"] == 1
    assert found("--overdue") == []


def test_when_it_was_done_is_not_when_it_is_to_be(fpso: Fpso, vessel: str) -> None:
    assert vessel
    words = ("operation", "add", "5310B9D7", "--type", "repair", "--cost", "0")
    refused = fpso(*words, "--state", "planned", "--at", "2036-03-01T06:00:00Z")
    assert refused.exit_code == 2
    assert "--planned" in refused.stderr


def test_the_last_order_of_an_issue_says_what_comes_next(
    fpso: Fpso, vessel: str
) -> None:
    assert vessel
    assert fpso("issue", "report", "5310B9D7", "--title", "Leaks").exit_code == 0
    assert fpso("issue", "triage", "1").exit_code == 0
    orders = [
        json.loads(fpso("issue", "order", "1", "--type", "repair", "--json").stdout)
        for _ in range(2)
    ]
    first = fpso("operation", "cancel", orders[0]["id"], "--reason", "Twice")
    assert "reason     Twice" in first.stdout
    assert first.stderr == ""
    last = fpso("operation", "finish", orders[1]["id"])
    assert "fpso issue resolve 1" in last.stderr
    states = json.loads(fpso("operation", "list", "--issue", "1", "--json").stdout)
    assert {order["state"] for order in states["items"]} == {"cancelled", "done"}
