"""Writes docs/api.md, the public names of each stage: python docs/site/reference.py."""

from __future__ import annotations

import re
from pathlib import Path

from tree import ROOT, SOURCE, STAGES

HEAD = """# Reference

The public names. Those of the first section come from `sameplayer` itself, the others from their
stage, such as `from sameplayer.ranking import RERANKERS`.
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
    return "\n".join(parts)


if __name__ == "__main__":
    (Path(ROOT) / "docs" / "api.md").write_text(reference())
