import json

from app.tests.cli.conftest import Canned, Fpso

SWITCH = "23-LSHH-96138 (2)"


def test_equipment_is_listed_at_eighty_columns(fpso: Fpso, vessel: str) -> None:
    fpso(
        *("equipment", "add", vessel, "VAL-23-TE-96116-04", "--tag", "23-TE-96116-04"),
        *("--name", "VRD - PH 1STSTGGEAR THRUST BRG OUT", "--location", "Valhall PH"),
    )

    done = fpso("equipment", "list", vessel)

    lines = done.stdout.splitlines()
    assert max(map(len, lines)) == 80
    assert lines[0].split() == ["CODE", "TAG", "NAME", "LOCATION", "STATUS"]
    assert [line[:18].strip() for line in lines[2:]] == [
        SWITCH,
        "5310B9D7",
        "VAL-23-TE-96116-04",
    ]
    assert "…" in lines[4]  # a long name is cut, its code never
    assert "[red]/switch" in lines[2]


def test_json_is_the_servers_own(fpso: Fpso, vessel: str) -> None:
    done = fpso(
        *("equipment", "add", vessel, "LAMP", "--name", "lamp", "--location", "deck"),
        *("--tag", "33-L-1", "--json"),
    )

    added = json.loads(done.stdout)
    assert (added["code"], added["tag"], added["group"]) == ("LAMP", "33-L-1", None)


def test_filters_reach_the_server(fpso: Fpso, vessel: str) -> None:
    def codes(*words: str) -> list[str]:
        done = fpso("equipment", "list", vessel, "--json", *words)
        return [item["code"] for item in json.loads(done.stdout)["items"]]

    assert codes() == [SWITCH, "5310B9D7"]
    assert codes("--name", "compressor") == ["5310B9D7"]
    assert codes("--location", "Santos") == [SWITCH]
    assert codes("--parent", "5310b9d7") == [SWITCH]
    assert codes("--status", "inactive") == []
    assert codes("--status", "inactive", "--status", "active", "-q", "swi") == [SWITCH]
    assert codes("--search", "lshh-96") == [SWITCH]
    assert codes("--tag-prefix", "23-") == []
    assert codes("--updated-since", "2020-01-01T00:00:00Z") == [SWITCH, "5310B9D7"]
    assert codes("--updated-since", "2999-01-01T00:00:00Z") == []
    assert codes("--sort", "-code") == ["5310B9D7", SWITCH]
    assert codes("--tag", "X") == codes("--group", "X") == []


def test_all_pages_are_read(fpso: Fpso, vessel: str) -> None:
    one = fpso("equipment", "list", vessel, "--limit", "1")
    everything = fpso("equipment", "list", vessel, "--limit", "1", "--all")

    assert "5310B9D7" not in one.stdout
    assert "--all" in one.stderr
    assert "5310B9D7" in everything.stdout


def test_an_equipment_is_shown_where_it_hangs(fpso: Fpso, vessel: str) -> None:
    fpso(
        *("equipment", "add", vessel, "LAMP", "--name", "lamp", "--location", "deck"),
        *("--parent", SWITCH, "--group", "Electrical"),
    )
    fpso("deactivate", "LAMP")

    done = fpso("equipment", "show", SWITCH)

    fields, _, tree = done.stdout.partition("\n\n")
    assert "code      23-LSHH-96138 (2)\nvessel    MV102\ntag       -\n" in fields
    assert [line.rstrip() for line in tree.splitlines()] == [
        "5310B9D7  compressor",
        "└── 23-LSHH-96138 (2)  [red]/switch",
        "    └── LAMP  lamp  (inactive)",
    ]
    assert json.loads(fpso("equipment", "show", SWITCH, "--json").stdout)["version"]


def test_many_children_are_not_all_shown(fpso: Fpso, vessel: str) -> None:
    for number in range(21):
        fpso(
            *("equipment", "add", vessel, f"C{number:02}", "--parent", "5310B9D7"),
            *("--name", "bolt", "--location", "deck"),
        )

    done = fpso("equipment", "show", "5310B9D7")

    assert "C18" in done.stdout
    assert "C19" not in done.stdout
    assert "… more: fpso equipment list MV102 --parent '5310B9D7'" in done.stdout


def test_an_edit_changes_what_is_said_and_nothing_else(fpso: Fpso, vessel: str) -> None:
    assert vessel
    edited = fpso(
        "equipment", "edit", SWITCH, "--name", "level switch", "--group", "Instruments"
    )
    cleared = fpso("equipment", "edit", SWITCH, "--group", "", "--parent", "", "--json")

    assert "name      level switch\nlocation  Santos\n" in edited.stdout
    assert "group     Instruments\n" in edited.stdout
    after = json.loads(cleared.stdout)
    assert (after["group"], after["parent"]) == (None, None)
    assert (after["name"], after["version"]) == ("level switch", 3)


def test_an_edit_is_of_the_version_that_was_read(run: Fpso, answering: Canned) -> None:
    equipment = {
        **dict.fromkeys(("tag", "group", "parent")),
        **dict.fromkeys(("code", "vessel", "name", "location", "status"), "X"),
        "updated_at": "2026-01-01T00:00:00Z",
        "version": 7,
    }
    url = answering.json(equipment, 'ETag: "7"')

    done = run("equipment", "edit", "X", "--name", "x", url=url)

    assert done.exit_code == 0
    assert [headers.get("If-Match") for headers in answering.seen] == [None, '"7"']


def test_an_edit_of_nothing_is_wrong_usage(fpso: Fpso, vessel: str) -> None:
    assert vessel
    done = fpso("equipment", "edit", SWITCH)

    assert done.exit_code == 2
    assert "--location" in done.stderr


def test_unknown_equipment_is_refused(fpso: Fpso) -> None:
    for words in (
        ("show", "NOPE"),
        ("show", "100%2F?A=B#C"),
        ("edit", "NOPE", "--name", "x"),
    ):
        done = fpso("equipment", *words)
        assert done.exit_code == 1
        assert f"There is no equipment '{words[1]}'." in done.stderr


def test_a_list_of_codes_is_deactivated_and_activated(fpso: Fpso, vessel: str) -> None:
    assert vessel
    fpso("deactivate", SWITCH)

    off = fpso("deactivate", "5310B9D7", SWITCH)
    on = fpso("activate", SWITCH, "--json")

    assert off.stdout.splitlines() == [
        "~ 5310B9D7 is inactive now",
        f"= {SWITCH} was inactive already",
    ]
    assert json.loads(on.stdout)["changed"] == [SWITCH]
    shown = json.loads(fpso("equipment", "show", SWITCH, "--json").stdout)
    assert shown["status"] == "active"


def test_unknown_codes_change_nothing_unless_partial(fpso: Fpso, vessel: str) -> None:
    refused = fpso("deactivate", "NOPE", "5310B9D7")
    before = fpso("equipment", "list", vessel, "--status", "inactive").stdout
    partial = fpso("deactivate", "NOPE", "5310B9D7", "--partial")

    assert refused.exit_code == 1, refused.stderr
    assert "- NOPE" in refused.stderr
    assert before == ""
    assert partial.exit_code == 1
    assert partial.stdout.splitlines() == [
        "~ 5310B9D7 is inactive now",
        "! NOPE is unknown",
    ]


def test_it_moves_with_what_stands_below_and_is_restored(
    fpso: Fpso, vessel: str
) -> None:
    assert vessel
    fpso("vessels", "add", "MV103")
    alone = fpso("equipment", "move", "5310B9D7", "MV103")
    assert alone.exit_code == 1
    assert "?subtree=true" in " ".join(alone.stderr.split())

    words = ("--subtree", "--tag", "23-KA-1", "--location", "")
    moved = fpso("equipment", "move", "5310B9D7", "MV103", *words)
    below = fpso("equipment", "show", SWITCH, "--json")
    back = fpso("equipment", "move", "5310B9D7", vessel, "--subtree", "--json")
    restored = fpso("equipment", "restore", "5310B9D7", "1", "--json")

    assert "vessel    MV103\ntag       23-KA-1\n" in moved.stdout
    assert "location  -\n" in moved.stdout
    assert json.loads(below.stdout)["vessel"] == "MV103"
    assert json.loads(back.stdout)["tag"] == "23-KA-1"
    after = json.loads(restored.stdout)
    assert (after["tag"], after["location"], after["version"]) == (None, "Brazil", 4)
