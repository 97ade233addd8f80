"""`fpso export`, and answers that become files."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from app.cli.client import LOCAL_FILE, Api, CommandError, server
from app.cli.options import Json, Url, VesselCode
from app.cli.render import emit, note


class ExportFormat(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"
    XLSX = "xlsx"


def register(root: typer.Typer) -> None:
    root.command("export")(export)


def export(
    vessel: VesselCode,
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Without it: stdout."),
    ] = None,
    format_: Annotated[
        ExportFormat | None,
        typer.Option("--format", help="Without it: as FILE ends, else csv."),
    ] = None,
    url: Url = "",
    as_json: Json = False,
) -> None:
    """Write a vessel's whole register to a file that `fpso import` reads again."""
    form = format_ or guessed(output)
    if form is ExportFormat.XLSX and output is None and sys.stdout.isatty():
        raise typer.BadParameter("A workbook is no text: name a FILE with --output.")
    with server(url, as_json=as_json) as api:
        path = ("vessels", vessel, f"equipment.{form}")
        size = download(api, path, output)
        if output is not None and not as_json:
            note(f"{vessel} is in {output} ({size:,} bytes).")


def guessed(output: Path | None) -> ExportFormat:
    if output is None or not output.suffix:
        return ExportFormat.CSV
    try:
        return ExportFormat(output.suffix.lower().removeprefix("."))
    except ValueError:
        raise typer.BadParameter(
            f"{output.name!r} does not end in .csv, .ndjson or .xlsx: say which with "
            "--format.",
            param_hint="--output",
        ) from None


def download(api: Api, path: tuple[str, ...], output: Path | None) -> int:
    """The answer's bytes, into a file or to stdout, and how many they are."""
    response = api.send("GET", *path, stream=True)
    size = 0
    try:
        if output is None:
            for chunk in response.iter_bytes():
                emit(chunk)
            return response.num_bytes_downloaded
        with whole_file(output) as file:
            for chunk in response.iter_bytes():
                size += file.write(chunk)
        return size
    finally:
        response.close()


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that bears its name only when all of it was written."""
    path = path.resolve()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    if path.exists() and not path.is_file():
        part = path  # a device or a pipe is written to, never replaced
    try:
        try:
            with part.open("wb") as file:
                yield file
            if part != path:
                part.replace(path)
        finally:
            if part != path:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(
            "The file was not written", f"{path}: {error.strerror}.", LOCAL_FILE
        ) from error
