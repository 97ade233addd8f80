"""How answers look: tables, money, panels; plain where no person watches."""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from app.cli.answers import Problem

BROKEN_PIPE = 141  # what a shell reports for a program that SIGPIPE ended
SOME = 20  # codes that an error names
MAPPING = "A mapping is said here by --map FIELD=COLUMN and --values FIELD:FROM=TO."
NARROW = 8  # no column is cut to less
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class Screen(Console):
    """Prints texts as they are: `[x]` and `:tag:` are data, not markup."""

    def __init__(self, *, stderr: bool = False) -> None:
        file = sys.stderr if stderr else sys.stdout
        width = None
        if not file.isatty() and not stderr and "COLUMNS" not in os.environ:
            width = 1000  # one row, one line, nothing cut: made for grep
        super().__init__(
            stderr=stderr, width=width, markup=False, emoji=False, highlight=False
        )

    def on_broken_pipe(self) -> None:
        end_quietly()


def end_quietly() -> None:
    """The reader (`head`, `less`) has seen enough: no message, no second error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    raise SystemExit(BROKEN_PIPE)


def emit(data: bytes) -> None:
    """Bytes to stdout, exactly."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        end_quietly()


def emit_json(data: bytes) -> None:
    emit(data.rstrip(b"\n") + b"\n")


def note(words: str) -> None:
    """A remark for the person at the terminal, beside the result."""
    Screen(stderr=True).print(words, style="dim", soft_wrap=True)


def clean(value: object) -> str:
    """Text that cannot move the cursor or ring the bell."""
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", str(value))


def one_line(value: object) -> str:
    return " ".join(clean(value).split("\n"))


def quoted(value: object) -> str:
    return "(none)" if value is None else f'"{clean(value)}"'


def money(amount: Decimal | None, currency: str) -> str:
    return "-" if amount is None else f"{amount:,.2f} {currency}"


def quantity(much: Decimal, unit: str = "") -> str:
    return f"{much.normalize():,f} {unit}".rstrip()


def instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def utc(at: datetime | None) -> str | None:
    return None if at is None else f"{instant(at)} UTC"


def said(*pairs: tuple[str, object]) -> list[tuple[str, object]]:
    """Those that say something: where the others would be lines without a word."""
    return [(name, value) for name, value in pairs if value is not None]


def count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A column's heading says how it behaves: `>` aligns right, `…` may be cut.

    Rich's own tables take a minute for what a fleet's longest list holds.
    """
    screen = Screen()
    heading = [column.strip(">…") for column in columns]
    cells = [["" if cell is None else one_line(cell) for cell in row] for row in rows]
    widths = [
        max(map(cell_len, column)) for column in zip(heading, *cells, strict=True)
    ]
    may_be_cut = [i for i, column in enumerate(columns) if column.endswith("…")]
    while sum(widths) + 2 * len(widths) - 2 > screen.width:
        widest = max(may_be_cut, key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= NARROW:
            break
        widths[widest] -= 1

    def line(row: Sequence[str]) -> str:
        fitted = map(fit, row, widths, (column[0] == ">" for column in columns))
        return "  ".join(fitted).rstrip()

    screen.out(line(heading), style="bold", highlight=False)
    screen.out("─" * (sum(widths) + 2 * len(widths) - 2), highlight=False)
    screen.out("\n".join(map(line, cells)), highlight=False)


def fit(text: str, width: int, right: bool) -> str:  # noqa: FBT001 - mapped over
    excess = cell_len(text) - width
    if excess > 0:
        return f"{set_cell_size(text, width - 1)}…"
    return f"{' ' * -excess}{text}" if right else f"{text}{' ' * -excess}"


def fields(pairs: Sequence[tuple[str, object]]) -> None:
    """One thing, a line for each of its fields."""
    screen = Screen()
    width = max(len(name) for name, _ in pairs) + 2
    for name, value in pairs:
        line = Text(name.ljust(width), style="dim")
        words = "-" if value is None else clean(value)
        line.append(words.replace("\n", f"\n{' ' * width}"), style="not dim")
        screen.print(line, soft_wrap=True)


def report(problem: Problem, body: str | None) -> None:
    """An error on stderr: one panel for people, or `body` for scripts."""
    if body is not None:
        sys.stderr.write(body.rstrip("\n") + "\n")
        return
    screen = Screen(stderr=True)
    detail = problem.detail or ""
    lines = [Text(clean(detail))]
    errors = [f"{each.pointer}: {each.message}" for each in problem.errors]
    if errors != [detail]:
        lines += (Text(clean(f"- {error}")) for error in errors)
    if problem.codes:
        few = ", ".join(problem.codes[:SOME])
        more = (
            f" and {len(problem.codes) - SOME:,} more" if problem.codes[SOME:] else ""
        )
        lines.append(Text(clean(f"- {few}{more}")))
    if "?mapping=" in detail:
        lines.append(Text(MAPPING))
    if problem.request_id:
        lines.append(Text(f"request {clean(problem.request_id)}", style="dim"))
    status = f"{problem.status} " if problem.status else ""
    title = Text(f"{status}{clean(problem.title)}", style="bold")
    width = min(screen.width, 100)
    panel = Panel(
        Group(*lines), title=title, title_align="left", border_style="red", width=width
    )
    screen.print(panel)
