"""A line is read alike, whatever its neighbours are: among its like, or alone."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.database import Sessions, driver
from app.failures import lines, loads
from app.failures.lines import Context, Line, Wrong
from app.tests.failures.factories import line

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
CONTEXT = Context(1, "MV102", frozenset({"1", "2", "E5"}), NOW)
GOOD = "2019-12-10 10:46:09"
STAGED = """
DELETE FROM planned_readings
RETURNING at, level, sensor, temperature::text, vibration::text
"""

Parts = tuple[str, str, str, str]

digits = st.text("0123456789", max_size=18)
signs = st.sampled_from(["", "-", "+"])
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.tuples(
        *(signs, digits, st.sampled_from(["", "."]), digits),
        st.sampled_from(["", "e5", "E-4", "e+400", "e-400", "e", "E+"]),
    ).map("".join),
    st.text("0123456789-+eE/:.", min_size=1, max_size=6),
    st.sampled_from(["err", "nan", "inf", "1_0", "0x1", "1,5"]),
).filter(bool)
days = st.tuples(
    st.sampled_from(["2019", "2026", "1999", "2999"]),
    st.sampled_from(["-", "/"]),
    st.sampled_from(["1", "02", "06", "12", "13"]),
    st.sampled_from(["9", "14", "16", "30", "31"]),
).map(lambda said: f"{said[0]}{said[1]}{said[2]}{said[1]}{said[3]}")
times = st.sampled_from(
    [
        *("", " 9:00", " 10:46:09", " 10:46:09.5", " 24:00:00", " 10:46:60"),
        *(" 10:46:09,123", " 10:46:09.1234567", " 10:46:09Z", "T10:46:09+03:00"),
    ]
)
instants = st.one_of(st.just(GOOD), st.tuples(days, times).map("".join))
readings = st.tuples(instants, st.sampled_from(["1", "2", "E5", "9"]), numbers, numbers)


def alone(parts: Parts) -> Line | Wrong:
    at, sensor, *values = parts
    written = line(at, sensor, values=" ".join(values)).rstrip("\n")
    return lines.read_line(written, CONTEXT)


@given(st.lists(readings, min_size=1, max_size=4))
@example([("2026-12-31 00:00:00", "1", "1", "1"), ("2026/01/01", "1", "1", "1")])
@example([(GOOD, "1", ".5", "5."), (GOOD, "2", "0.12345678901234567", "1e3")])
@example([(GOOD, "1", "1234567890123456", "1.0E-4"), (GOOD, "E5", "+1", "-0")])
@example([(GOOD, "1", "1e400", "1")])
@example([(GOOD, "1", "1e-400", "1")])
@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_lines_are_read_alike_in_a_block_and_alone(
    sessions: Sessions, block: list[Parts]
) -> None:
    raw = "".join(line(at, s, values=f"{t} {v}") for at, s, t, v in block).encode()
    text = lines.read_alike(raw, CONTEXT)
    if text is None:
        return
    async with sessions.begin() as session:
        db = await driver(session)
        if not await loads.stage(db, [text]):
            return  # then they are read one by one
        staged = [tuple(row) for row in await db.fetch(STAGED)]
        each = lines.read_each(raw.decode().split("\n"), 1, CONTEXT)
        assert each.wrong == []
        assert await loads.stage(db, [each.copy])
        assert staged == [tuple(row) for row in await db.fetch(STAGED)]


@pytest.mark.parametrize(
    "number",
    [".5", "5.", "-.5", "+1", "1e3", "1.0E-4", "0.12345678901234567", "1" * 17],
)
def test_numbers_are_read_the_fast_way_and_alone(number: str) -> None:
    parts = (GOOD, "1", number, "1")
    read = alone(parts)
    assert isinstance(read, Line)
    assert read.temperature == float(number)
    assert lines.read_alike(line(GOOD, 1, values=f"{number} 1").encode(), CONTEXT)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 400, "1e", ".", "1_0"])
def test_what_is_no_finite_number_is_refused(number: str) -> None:
    read = alone((GOOD, "1", number, "1"))
    assert isinstance(read, Wrong)
    assert (read.field, read.code) == ("temperature", "invalid-number")


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        ("2019-12-10 10:46:09,123", 123000),
        ("2019-12-10 10:46:09.1234567", 123456),
        ("2019-12-10T13:46:09+03:00", 0),
        ("2019-12-10 07:16:09.5 -0330", 500000),
        ("2019-12-10 10:46:09 UTC", 0),
        ("2019-12-10 10:46:09+00", 0),
    ],
)
def test_instants_may_have_fractions_and_offsets(written: str, micros: int) -> None:
    read = alone((written, "1", "1", "1"))
    assert isinstance(read, Line)
    assert read.at == datetime(2019, 12, 10, 10, 46, 9, micros, UTC)


@pytest.mark.parametrize(
    ("at", "level", "advice"),
    [
        ("10/12/2019", "ERROR", "Write the year first"),
        ("2019-12-10 10:46:09 CET", "ERROR", "Write nothing but a date and a time"),
        ("2019-12-10 10:46:09+99:00", "ERROR", "There is no such day or time"),
        ("0001-01-01 00:00:00+10:00", "ERROR", "nor before 1970"),
        ("2026-06-15 12:00:00-01:00", "ERROR", "before it happens"),
        (GOOD, "INFO", "Write one, or remove the line"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(at: str, level: str, advice: str) -> None:
    read = lines.read_line(line(at, 1, level=level).rstrip("\n"), CONTEXT)
    assert isinstance(read, Wrong)
    assert advice in read.message
