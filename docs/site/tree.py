"""Writes the list of every file into docs/architecture.md: python docs/site/tree.py."""

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
HEADING = "## Every file\n\n"
COLUMN, WIDTH = 32, 112


def tree() -> str:
    """Return a line a module: its path and the first sentence of what it says of itself."""
    lines = ["    src/sameplayer/", *(_entry(6, path) for path in sorted(SOURCE.glob("*.py")))]
    for stage in STAGES:
        lines.append(f"      {stage}/")
        own = SOURCE / stage / "__init__.py"
        paths = sorted(path for path in (SOURCE / stage).rglob("*.py") if path != own)
        lines += [_entry(8, path, SOURCE / stage) for path in paths]
    return "\n".join(lines) + "\n"


def _entry(indent: int, path: Path, folder: Path = SOURCE) -> str:
    said = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0].split())
    words = textwrap.wrap(said.split(". ")[0].rstrip("."), WIDTH - COLUMN)
    name = " " * indent + path.relative_to(folder).as_posix()
    return f"\n{' ' * COLUMN}".join([name.ljust(COLUMN) + words[0], *words[1:]])


if __name__ == "__main__":
    page = ROOT / "docs" / "architecture.md"
    page.write_text(page.read_text().split(HEADING)[0] + HEADING + tree())
