"""Writes docs/api.md, the public names of each stage: python docs/site/reference.py."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tree import ROOT, SOURCE, STAGES

HEAD = """# Reference

The public names. Those of the first section come from `sameplayer` itself, the others from their
stage, such as `from sameplayer.ranking import RERANKERS`.
"""
METHODS = """### Further methods of a gallery

Each takes the gallery first: call them as `gallery.sweep(...)`.
"""
NAME = re.compile(r"^from \.([\w.]+) import (\w+) as \2$", re.MULTILINE)


def reference() -> str:
    """Return the page: each name where it is defined, top-level names once."""
    shown: set[str] = set()
    parts = [HEAD]
    for stage in ("", *STAGES):
        stub = SOURCE / stage / "__init__.pyi"
        if not stub.exists():
            continue
        prefix = f"sameplayer.{stage}." if stage else "sameplayer."
        found = [f"{prefix}{module}.{name}" for module, name in NAME.findall(stub.read_text())]
        found = [name for name in found if "__version__" not in name and name not in shown]
        shown.update(found)
        title = prefix.rstrip(".")
        parts.append(f"## {title}\n\n" + "\n".join(f"::: {name}" for name in found) + "\n")
        if stage == "gallery":
            rest = [name for name in gallery_methods() if name not in shown]
            parts.append(f"{METHODS}\n" + "\n".join(f"::: {name}" for name in rest) + "\n")
    return "\n".join(parts)


def gallery_methods() -> list[str]:
    """Return the functions that the class Gallery takes as its methods, by their full names."""
    tree = ast.parse((SOURCE / "gallery" / "gallery.py").read_text())
    imported = {
        alias.name: f"{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    gallery = next(
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Gallery"
    )
    values = [ast.unparse(node.value) for node in gallery.body if isinstance(node, ast.Assign)]
    found = [value.partition(".") for value in values]
    return [f"{imported[first]}{dot}{rest}" for first, dot, rest in found]


if __name__ == "__main__":
    (Path(ROOT) / "docs" / "api.md").write_text(reference())
