"""Writes the list of stages and rooms into docs/architecture.md: python docs/site/tree.py."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "sameplayer"
STAGES = (
    "common",
    "data",
    "synthetic",
    "encoder",
    "maps",
    "numbers",
    "ranking",
    "tracks",
    "identity",
    "evaluation",
    "training",
    "pilot",
    "gallery",
    "scale",
    "serve",
    "commands",
)
HEADING = "## Every room\n\n"
COLUMN, WIDTH = 28, 112


def tree() -> str:
    """Return one line per stage, per room (sub-package) and per module outside of rooms."""
    lines = ["    src/sameplayer/", *(_entry(6, path) for path in _modules(SOURCE))]
    for stage in STAGES:
        folder = SOURCE / stage
        lines.append(_entry(6, folder / "__init__.py"))
        lines += [_entry(8, room) for room in sorted(folder.glob("*/__init__.py"))]
        lines += [_entry(8, path) for path in _modules(folder)]
    return "\n".join(lines) + "\n"


def _modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.py") if not path.name.startswith("__"))


def _entry(indent: int, path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    first = " ".join(docstring.split("\n\n")[0].split()).split(". ")[0].rstrip(".")
    words = textwrap.wrap(first, WIDTH - COLUMN)
    name = f"{path.parent.name}/" if path.name == "__init__.py" else path.name
    return f"\n{' ' * COLUMN}".join(
        [(" " * indent + name).ljust(COLUMN - 1) + " " + words[0], *words[1:]]
    )


if __name__ == "__main__":
    page = ROOT / "docs" / "architecture.md"
    page.write_text(page.read_text().split(HEADING)[0] + HEADING + tree())
