from decimal import Decimal

import pytest

from app.cli.answers import Problem
from app.cli.render import clean, count, fields, money, quoted, report, table


def test_text_cannot_move_the_cursor() -> None:
    assert clean("\x1b[2Jgone\x07\x9b\ttab") == "\\x1b[2Jgone\\x07\\x9b\\x09tab"
    assert clean("Bøye på dekk 🛢️ [red]") == "Bøye på dekk 🛢️ [red]"


def test_amounts_and_counts_read_well() -> None:
    assert money(Decimal("1234567.5"), "USD") == "1,234,567.50 USD"
    assert money(Decimal("999999999999.99"), "NOK") == "999,999,999,999.99 NOK"
    assert money(None, "USD") == "-"
    assert (count(1, "row", "rows"), count(1100, "row", "rows")) == (
        "1 row",
        "1,100 rows",
    )
    assert (quoted('a "b"'), quoted(None)) == ('"a "b""', "(none)")


def test_a_pipe_gets_whole_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)

    table(("CODE", "NAME…"), [("A", "x" * 200)])

    assert capsys.readouterr().out.splitlines()[-1] == "A     " + "x" * 200


def test_what_has_two_lines_breaks_no_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table(("CODE", "NAME…"), [("A", "two\nlines"), ("B", "one")])
    fields([("code", "A"), ("words", "two\nlines")])

    assert capsys.readouterr().out.splitlines()[2:] == [
        *("A     two lines", "B     one"),
        *("code   A", "words  two", "       lines"),
    ]


def test_many_unknown_codes_are_not_all_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    codes = [f"C{number}" for number in range(25)]

    report(Problem(title="Unknown codes", status=404, codes=codes), None)

    said = capsys.readouterr().err
    assert "C19 and 5 more" in " ".join(said.replace("│", "").split())
    assert "C20" not in said


def test_codes_are_whole_however_narrow_the_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")

    table(("CODE", "NAME…"), [("23-TE-96116-04", "Lagertemperatur på girkasse")])

    assert capsys.readouterr().out.splitlines()[-1] == "23-TE-96116-04  Lagerte…"
