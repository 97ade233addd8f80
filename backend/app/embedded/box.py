"""What the newcomer reads when everything runs."""

import os
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from app.embedded.database import place
from app.embedded.stack import Stack


def near(path: Path) -> str:
    """Shorten a path that lies below the current folder."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def show(console: Console, stack: Stack) -> None:
    own = stack.settings.database_url
    data = near(stack.folder / "postgres") if own is None else place(str(own))
    rows = {
        "API": f"{stack.url}/api/v1",
        "Docs": f"{stack.url}/docs",
        "Reference": f"{stack.url}/redoc",
        "Status": f"{stack.url}/status",
        "Traffic": f"http://127.0.0.1:{stack.management}/dashboard/",
        "Data": data,
        "Logs": near(stack.logs),
        "Stop": "Ctrl-C",
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, value)
    title = "FPSO System API is up"
    console.print(
        Panel(table, title=title, expand=False, padding=(1, 2)), highlight=False
    )
