"""The first lines of a file, by which its format is recognised."""

from __future__ import annotations

from pathlib import Path

from sameplayer.data.tabular.decoding import decoded
from sameplayer.errors import DataError

HEAD = 1 << 16  # bytes that are looked at


def head_lines(path: Path) -> list[str]:
    """Return the lines in the first 64 KB of a text, without blanks around them; never raises.

    There are none where there is no such file or it is no text.
    """
    try:
        with path.open("rb") as file:
            text, _ = decoded(file.read(HEAD), path)
    except (OSError, ValueError, DataError):
        return []
    return [line.strip() for line in text.splitlines()]
