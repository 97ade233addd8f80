"""Where an equipment hangs: its path from the root, and what hangs below it."""

from collections.abc import Sequence

from rich.text import Text
from rich.tree import Tree

from app.cli.answers import Equipment, Page
from app.cli.render import Screen, clean


def draw_tree(path: Sequence[Equipment], children: Page[Equipment]) -> None:
    """`path` runs from the root to the equipment itself."""
    root = node = Tree(label(path[0]), guide_style="dim")
    for equipment in path[1:]:
        node = node.add(label(equipment))
    for child in children.items:
        node.add(label(child))
    if children.next_cursor:
        code = path[-1].code
        rest = f"… more: fpso equipment list {path[0].vessel} --parent {code!r}"
        node.add(Text(rest, style="dim"))
    screen = Screen()
    screen.print()
    screen.print(root)


def label(equipment: Equipment) -> Text:
    words = Text(clean(equipment.code), style="bold", no_wrap=True, overflow="ellipsis")
    words.append(f"  {clean(equipment.name)}", style="not bold")
    if equipment.status != "active":
        words.append(f"  ({clean(equipment.status)})", style="not bold dim")
    return words
