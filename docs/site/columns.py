"""Docstrings for the site: two columns, a name and what it is, become a list."""

from __future__ import annotations

import re
from typing import Any

import griffe

ENTRY = re.compile(r"(?P<name>[\w*.][\w*.,\- ]*?) {2,}(?P<text>\S.*)")
NAMES = re.compile(r'"?[\w*.\-]+"?(, "?[\w*.\-]+"?)*')


class Columns(griffe.Extension):
    """Turns the two-column blocks of every docstring into Markdown lists."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(as_list(obj.docstring.value))


def as_list(text: str) -> str:
    """Return the text with each line of two columns, and what continues it, as a list item."""
    lines: list[str] = []
    width = 0  # where the second column of the entry above begins; 0: not within an entry
    for line in text.splitlines():
        entry = ENTRY.fullmatch(line.strip()) if not line.startswith("     ") else None
        if entry and NAMES.fullmatch(entry["name"]):
            if not width and lines and lines[-1]:
                lines.append("")
            width = line.index(entry["text"])
            lines.append(f"- `{entry['name']}`: {entry['text']}")
        elif width and line.startswith(" " * 4) and line.strip():
            lines.append("  " + line.strip())
        else:
            width = 0
            lines.append(line)
    return "\n".join(lines)


def fenced(text: str) -> str:
    """Return the text with each example (``>>>`` and its output) as a block of code."""
    return re.sub(r"^>>> .*(\n.+)*", r"```pycon\n\g<0>\n```", text, flags=re.MULTILINE)
