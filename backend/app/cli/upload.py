"""A file on its way to the server: streamed from disk, with a bar to watch."""

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Self

import httpx2
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from app.cli.client import LOCAL_FILE, Api, CommandError
from app.cli.mapping import Mapping
from app.cli.render import Screen

CHUNK = 256 * 1024


class ImportFormat(StrEnum):
    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    NDJSON = "ndjson"
    XLSX = "xlsx"

    @classmethod
    def guessed(cls, file: Path) -> Self:
        try:
            return cls(ENDINGS[file.suffix.lower()])
        except KeyError:
            raise typer.BadParameter(
                f"{file.name!r} ends in none of {', '.join(ENDINGS)}: say what it is "
                f"with --format {'|'.join(cls)}.",
                param_hint="FILE",
            ) from None

    def media_type(self, encoding: str | None) -> str:
        return declared(MEDIA_TYPES[self], encoding)


ENDINGS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".xlsx": "xlsx",
}
MEDIA_TYPES = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def declared(media_type: str, encoding: str | None) -> str:
    """Without an encoding, the file itself may say by a mark which it has."""
    return media_type if encoding is None else f"{media_type}; charset={encoding}"


def upload(
    api: Api,
    file: Path,
    *path: str,
    media_type: str,
    mapping: Mapping | None = None,
    delimiter: str | None = None,
    dates: str | None = None,
) -> httpx2.Response:
    query = {
        "filename": file.name,
        "mapping": json.dumps(mapping, ensure_ascii=False) if mapping else None,
        "delimiter": delimiter,
        "dates": dates,
    }
    try:
        with file.open("rb") as stream:
            size = file.stat().st_size
            headers = {"Content-Type": media_type, "Content-Length": str(size)}
            return api.send(
                "POST",
                *path,
                query=query,
                content=watched(stream, size),
                headers=headers,
            )
    except OSError as error:
        raise CommandError(
            "The file was not read", f"{file}: {error.strerror}.", LOCAL_FILE
        ) from error


def watched(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """The chunks of a file; the bar advances as the network takes them."""
    screen = Screen(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    hidden = not screen.is_terminal
    with Progress(*columns, console=screen, transient=True, disable=hidden) as bar:
        task = bar.add_task("Uploading", total=size)
        while chunk := stream.read(CHUNK):
            yield chunk
            bar.advance(task, len(chunk))
    if not hidden:
        screen.print("Uploaded; the server makes the plan …", style="dim")
