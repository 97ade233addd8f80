import json

from app.tests.cli.conftest import Fpso


def test_an_empty_fleet_says_so(fpso: Fpso) -> None:
    done = fpso("vessels")

    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "None.\n")


def test_a_vessel_is_registered_and_listed(fpso: Fpso) -> None:
    added = fpso("vessels", "add", "mv102", "--name", "Cidade [de] Santos")
    listed = fpso("vessels")

    assert added.stdout.splitlines() == ["vessel  MV102", "name    Cidade [de] Santos"]
    heading, _, line = listed.stdout.splitlines()
    assert heading.split() == ["CODE", "NAME", "REGISTERED"]
    assert line.startswith("MV102  Cidade [de] Santos  20")


def test_json_is_the_servers_own(fpso: Fpso) -> None:
    added = json.loads(fpso("vessels", "add", "MV102", "--json").stdout)
    listed = json.loads(fpso("vessels", "--json").stdout)

    assert added["code"] == "MV102"
    assert listed == {"items": [added], "next_cursor": None}


def test_a_list_stops_where_it_was_told_and_goes_on(fpso: Fpso) -> None:
    for code in ("A", "B", "C"):
        fpso("vessels", "add", code)

    first = fpso("vessels", "list", "--limit", "2")
    page = json.loads(fpso("vessels", "list", "--limit", "2", "--json").stdout)
    rest = fpso("vessels", "list", "--cursor", page["next_cursor"], "--json")

    assert "B" in first.stdout
    assert "C" not in first.stdout.partition("REGISTERED")[2]
    assert "--all" in first.stderr
    assert [vessel["code"] for vessel in json.loads(rest.stdout)["items"]] == ["C"]
    assert "--all" not in fpso("vessels", "list", "--all").stderr
