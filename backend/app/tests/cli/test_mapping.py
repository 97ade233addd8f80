from pathlib import Path

import pytest
import typer

from app.cli.mapping import mapping_of


def test_the_words_make_the_mapping_of_a_real_register() -> None:
    mapping = mapping_of(
        [
            "tag=WMT_TAG_NAME",
            "name=WMT_TAG_DESC",
            "status=WMT_TAG_ISACTIVE",
            "parent=WMT_TAG_ID_ANCESTOR",
            "location:=Valhall",
        ],
        ["status:1=active", "status:0=inactive"],
        "WMT_TAG_ID",
    )

    assert mapping == {
        "tag": {"column": "WMT_TAG_NAME"},
        "name": {"column": "WMT_TAG_DESC"},
        "status": {
            "column": "WMT_TAG_ISACTIVE",
            "values": {"1": "active", "0": "inactive"},
        },
        "parent": {"column": "WMT_TAG_ID_ANCESTOR", "refers_to": "WMT_TAG_ID"},
        "location": {"constant": "Valhall"},
    }


def test_no_words_are_no_mapping() -> None:
    assert mapping_of([], [], None) == {}


def test_a_column_and_a_constant_may_hold_signs() -> None:
    mapping = mapping_of(["name=A=B: c", "location:=x:=y", "group:="], [], None)

    assert mapping == {
        "name": {"column": "A=B: c"},
        "location": {"constant": "x:=y"},
        "group": {"constant": ""},
    }


def test_the_empty_value_can_be_translated() -> None:
    mapping = mapping_of(["status=S"], ["status:=inactive"], None)

    assert mapping == {"status": {"column": "S", "values": {"": "inactive"}}}


def test_a_field_can_be_left_alone() -> None:
    assert mapping_of(["group="], [], None) == {"group": None}


def test_words_go_over_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mapping.json"
    file.write_text('{"Tag": "T", "name": {"column": "N"}}', encoding="utf-8-sig")

    mapping = mapping_of([f"@{file}", "name=Description"], [], None)

    assert mapping == {"tag": "T", "name": {"column": "Description"}}


FIELDS = "the fields are code, tag, name, location, group, class, parent, status."


@pytest.mark.parametrize(
    ("words", "values", "refers_to", "message"),
    [
        (["nmae=X"], [], None, f"'nmae' is not a field; {FIELDS} Did you mean name?"),
        (["zzz:=X"], [], None, f"'zzz' is not a field; {FIELDS}"),
        (["tag"], [], None, "FIELD=COLUMN, FIELD:=CONSTANT and @FILE.json"),
        (["tag=A", "TAG=B"], [], None, "tag is mapped twice."),
        (["@nowhere.json"], [], None, "nowhere.json cannot be read: No such file"),
        ([], ["status"], None, "'status' is not FIELD:FROM=TO"),
        ([], ["state:1=active"], None, f"'state' is not a field; {FIELDS}"),
        ([], ["status:1=active"], None, "add --map status=COLUMN."),
        (["status:=x"], ["status:1=active"], None, "add --map status=COLUMN."),
        (["tag=A"], [], "ID", "add --map parent=COLUMN."),
    ],
)
def test_bad_words_are_refused_with_what_to_say(
    words: list[str], values: list[str], refers_to: str | None, message: str
) -> None:
    with pytest.raises(typer.BadParameter) as refused:
        mapping_of(words, values, refers_to)

    assert message in str(refused.value.message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no object"),
        ('{"nmae": "X"}', "Did you mean name?"),
    ],
)
def test_a_bad_file_is_refused_with_what_is_wrong(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "mapping.json"
    file.write_text(text)

    with pytest.raises(typer.BadParameter, match=message.replace("?", r"\?")):
        mapping_of([f"@{file}"], [], None)
