"""An import's plan as an infrastructure tool shows it: + ~ = ! and a summary."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.text import Text

from app.cli.client import Api
from app.cli.mapping import FIELDS, ISSUE_FIELDS, ORDER_FIELDS, SENSOR_FIELDS
from app.cli.planned import Log, Plan, PlannedRow, RowError, Source, Update
from app.cli.render import Screen, clean, count, instant, quoted

# Of an order or an issue: what its line begins with, and what is too long for one.
TOLD = {
    *("equipment", "reference", "title", "type", "kind", "state"),
    *("note", "description"),
}
STYLES = {"+": "green", "~": "yellow", "=": "dim", "!": "red"}


@dataclass(frozen=True)
class View:
    rows: int  # of each kind, at most
    verbose: bool


class PlanScreen:
    """Prints one plan; asks the server for the rows that the plan only counts."""

    def __init__(self, api: Api, plan: Plan, view: View) -> None:
        self.api, self.plan, self.view = api, plan, view
        self.screen = Screen()

    def show(self) -> None:
        plan = self.plan
        self.head()
        if plan.status == "expired":  # its rows are gone
            self.line(f"{summary(plan)} It has expired: import the file again.", "bold")
            return
        if not plan.details:  # lines of a log are counted, not kept
            self.section("+", map(created, self.rows("create")), plan.counts.create)
        self.section("~", map(updated, plan.updates), plan.counts.update)
        if self.view.verbose and not plan.details:
            unchanged = map(created, self.rows("unchanged"))
            self.section("=", unchanged, plan.counts.unchanged)
        what = "row" if plan.details is None else "line"
        errors = (f"{what} {refused(error)}" for error in plan.errors)
        # A row may have several errors, and the server tells of some rows only.
        total = max(len(plan.errors), plan.counts.error)
        self.section("!", errors, total)
        self.line(summary(plan), "bold")

    def head(self) -> None:
        plan = self.plan
        file = f" from {plan.filename}" if plan.filename else ""
        one, many = ("row", "rows") if plan.details is None else ("line", "lines")
        rows = count(plan.rows, one, many)
        self.line(f"Plan {plan.id}: {plan.vessel}{file}, {rows}", "bold")
        if plan.details:
            self.line(f"  {told(plan.details)}", "dim")
        fields = dict.fromkeys((*FIELDS, *SENSOR_FIELDS, *ORDER_FIELDS, *ISSUE_FIELDS))
        same = [field for field in fields if plan.columns.get(field) == field]
        if same:
            self.line(f"  {', '.join(same)} ← columns of these names", "dim")
        for field in fields:
            if field not in same and (source := plan.columns.get(field)):
                self.line(f"  {field} ← {origin(source)}", "dim")
        if plan.ignored_columns:
            ignored = plan.ignored_columns
            few = ", ".join(ignored[:4]) + (
                ", …" if len(ignored) > len(ignored[:4]) else ""
            )
            columns = count(len(ignored), "column", "columns")
            self.line(f"  {columns} not read: {few}", "dim")
        self.screen.print()

    def rows(self, action: str) -> Iterable[PlannedRow]:
        path = ("imports", self.plan.id, "rows")
        query = {"action": action}
        for _, page in self.api.pages(
            PlannedRow, *path, query=query, limit=self.view.rows
        ):
            yield from page.items

    def section(self, sign: str, entries: Iterable[str], total: int) -> None:
        if total == 0:
            return
        shown = 0
        for _, entry in zip(range(self.view.rows), entries, strict=False):
            words = Text(f"  {sign} ", style=STYLES[sign])
            words.append(entry, style="none")
            self.screen.print(words, soft_wrap=True)
            shown += 1
        if total > shown:
            self.line(f"    … and {total - shown:,} more: {self.where(sign)}", "dim")
        self.screen.print()

    def where(self, sign: str) -> str:
        if sign == "!":
            return f"fpso plan {self.plan.id} --errors-to errors.csv"
        verbose = " --verbose" if sign == "=" else ""
        return f"fpso plan {self.plan.id}{verbose} --rows {self.plan.rows}"

    def line(self, words: str, style: str) -> None:
        self.screen.print(Text(clean(words)), style=style, soft_wrap=True)


def summary(plan: Plan) -> str:
    counts = plan.counts
    done = plan.status == "applied"
    errors = (
        f"{counts.error:,} left out" if done else count(counts.error, "error", "errors")
    )
    return (
        f"{'Applied' if done else 'Plan'}: "
        f"{counts.create:,} {'created' if done else 'to create'}, "
        f"{counts.update:,} {'updated' if done else 'to update'}, "
        f"{counts.unchanged:,} unchanged, {errors}."
    )


def origin(source: str | Source) -> str:
    """A field's source, in the words of --map."""
    if isinstance(source, str):
        return source
    if source.column is None:
        return quoted(source.constant)
    words = source.column
    if source.values:
        pairs = (f"{before}={after}" for before, after in source.values.items())
        words += f" ({', '.join(pairs)})"
    if source.refers_to:
        words += f" → {source.refers_to}"
    return words


def told(log: Log) -> str:
    """What is new in a failure log."""
    words = count(log.failures, "failure", "failures")
    if log.first and log.last:
        words += f" of {log.equipment:,} equipment"
        words += f", {instant(log.first)} to {instant(log.last)} UTC"
    errors = count(log.errors, "error", "errors")
    return f"{words}; readings: {errors}, {count(log.warnings, 'warning', 'warnings')}"


def created(row: PlannedRow) -> str:
    if sensor := row.values.get("sensor"):
        return f"sensor {clean(sensor)} at {clean(row.values.get('equipment'))}"
    if reference := row.values.get("reference"):
        return work(reference, row)
    name, location = row.values.get("name"), row.values.get("location")
    words = f"{row.code}  {quoted(name)} at {quoted(location)}"
    for field in ("tag", "group", "class", "parent"):
        if value := row.values.get(field):
            words += f", {field} {clean(value)}"
    if row.values.get("status") == "inactive":
        words += ", inactive"
    return words


def work(reference: str, row: PlannedRow) -> str:
    """An order or an issue, with all that its row says but the long texts."""
    said = {field: clean(value) for field, value in row.values.items() if value}
    words = placed(reference, row.code)
    if title := row.values.get("title"):
        words += f" {quoted(title)}"
    for field in ("type", "kind", "state"):
        if value := said.get(field):
            words += f", {value}"
    for field in (*ORDER_FIELDS, "performed_at", *ISSUE_FIELDS):
        if field not in TOLD and (value := said.pop(field, None)):
            words += f", {field} {value}"
    return words


def placed(reference: str, code: str | None) -> str:
    """What another system knows it by, and of what it is."""
    return f"{clean(reference)} on {clean(code or 'the vessel')}"


def updated(update: Update) -> str:
    if update.reference:
        words = placed(update.reference, update.code)
    else:
        words = clean(update.code)
    lines = [words]
    for field, change in update.changes.items():
        before, after = quoted(change.before), quoted(change.after)
        lines.append(f"      {clean(field)}: {before} → {after}")
    return "\n".join(lines)


def refused(error: RowError) -> str:
    where = f"{error.row:,}"
    if error.column:
        where += f", {clean(error.column)}"
    if error.value not in {None, ""}:
        where += f" {quoted(error.value)}"
    return f"{where}: {clean(error.message)}"
