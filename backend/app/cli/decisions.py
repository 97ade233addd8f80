"""What becomes of a plan: its errors in a file, a question, its application."""

import sys
from pathlib import Path

import httpx2
import typer

from app.cli.client import INTERRUPTED, REFUSED, UNAVAILABLE, Api, CommandError, read
from app.cli.export import download
from app.cli.planned import Plan
from app.cli.plans import PlanScreen, View, summary
from app.cli.render import MAPPING, Screen, emit_json, note


def save_errors(api: Api, plan: Plan, file: Path | None) -> None:
    if file is not None:
        download(api, ("imports", plan.id, "errors.csv"), file)
        note(f"The rows with errors, and the reasons, are in {file}.")


def advise(plan: Plan) -> None:
    """What to do about a plan with errors."""
    if any("mapping" in error.message for error in plan.errors):
        note(MAPPING)
    note("Nothing was changed. Mend these rows in the file and import it again, or")
    note(f"leave them out: fpso apply {plan.id} --skip-errors")


def settle(
    api: Api,
    response: httpx2.Response,
    *,
    apply: bool,
    skip_errors: bool,
    errors_to: Path | None,
    view: View,
    as_json: bool,
) -> None:
    """Show the plan that was made, and apply it if that is wanted."""
    plan = read(response, Plan)
    if not as_json:
        PlanScreen(api, plan, view).show()
    save_errors(api, plan, errors_to)
    if plan.counts.error and not skip_errors:
        if as_json:
            emit_json(response.content)
        else:
            advise(plan)
        raise typer.Exit(REFUSED)
    if apply or (not as_json and agreed(plan, skip_errors=skip_errors)):
        finish(api, plan.id, skip_errors=skip_errors, as_json=as_json)
    elif as_json:
        emit_json(response.content)


def agreed(plan: Plan, *, skip_errors: bool) -> bool:
    """Whether the person at the terminal wants it; nobody there means not yet."""
    if plan.counts.create + plan.counts.update == 0:
        note(f"{plan.vessel} holds all of this already: nothing to apply.")
        return False
    later = f"fpso apply {plan.id}" + (" --skip-errors" if skip_errors else "")
    if not sys.stdin.isatty():
        note(f"Nothing was changed yet. To apply this plan: {later}")
        return False
    rest = " without the rows that have errors" if plan.counts.error else ""
    if typer.confirm(f"Apply this plan to {plan.vessel}{rest}?", err=True):
        return True
    note(f"Nothing was changed. To apply this plan later: {later}")
    raise typer.Exit(REFUSED)


def finish(api: Api, plan_id: str, *, skip_errors: bool, as_json: bool) -> None:
    query = {"skip_errors": "true" if skip_errors else None}
    try:
        response = api.post("imports", plan_id, "apply", query=query)
    except (httpx2.TransportError, KeyboardInterrupt) as error:
        code = INTERRUPTED if isinstance(error, KeyboardInterrupt) else UNAVAILABLE
        raise CommandError(
            "The end is not known",
            "The connection ended before the server said whether it applied the plan. "
            f"It applied all of it or nothing: `fpso plan {plan_id}` tells which.",
            code,
        ) from error
    if as_json:
        emit_json(response.content)
    else:
        Screen().print(summary(read(response, Plan)), style="bold green")
