"""Names of columns: those of other tools are read as ours, and each stands there once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path

from sameplayer.errors import DataError

TITLES = 10  # rows among which the header is looked for


def plain(name: str) -> str:
    """Return a column's name as it is compared: without case, dots, dashes and blanks."""
    return re.sub(r"[\s._\-\u200b\ufeff]+", "", name).lower()


def under_titles(
    lines: Iterator[tuple[int, list[str]]], known: frozenset[str]
) -> tuple[list[str], list[list[str]], Iterator[tuple[int, list[str]]]]:
    """Return the header, the titles above it and the numbered rows below.

    The header is the first row that holds anything; where that names no known column, the next that
    names two.
    """
    head = list(islice(((at, row) for at, row in lines if any(map(str.strip, row))), TITLES))
    counts = [len({plain(name) for name in row} & known) for _, row in head]
    at = 0 if any(counts[:1]) else next((at for at, count in enumerate(counts) if count > 1), 0)
    first = head[at][1] if head else []
    return first, [list(filter(None, row)) for _, row in head[:at]], chain(head[at + 1 :], lines)


def usual_names(
    path: Path,
    header: list[str],
    columns: Mapping[str, Sequence[str]],
    needed: Sequence[str],
    what: str,
) -> tuple[list[str], list[str]]:
    """Return the header with known columns under their own names, and notes on what was renamed.

    Of a name's other names the first that is there counts. Raises DataError for two columns of one
    name and for a needed one that is not there.
    """
    names, notes = list(header), []
    compared = [plain(name) for name in header]
    for name, others in columns.items():
        ways = [[at for at, found in enumerate(header) if found == name]]
        ways += [
            [at for at, found in enumerate(compared) if found == plain(other) and
             (header[at] not in columns or header[at] == name)]
            for other in (name, *others)
        ]  # fmt: skip
        places = next((way for way in ways if way), [])
        if len(places) > 1:
            one, two = (f"{header[at]!r} (column {at + 1})" for at in places[:2])
            raise DataError(
                f"{path}: the columns {one} and {two} are both {name!r}; expected it once. Rename "
                "or delete one."
            )
        for at in places:
            names[at] = name
            if compared[at] != plain(name):
                notes.append(f"The column {header[at]!r} is read as {name!r}.")
    missing = [name for name in needed if name not in names]
    if missing:
        raise DataError(
            f"{path}: a {what} needs the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"found the columns {', '.join(header)[:300]}.{_hint(header)}"
        )
    return _different(names), notes


def _hint(header: list[str]) -> str:
    """Return what is to be done where the first row of a table holds no names."""
    if any(re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)?|.*\.(png|jpe?g|bmp|webp)", name, re.IGNORECASE)
           for name in header):  # fmt: skip
        return " Is the header missing? The first row has to name the columns."
    return " Rename the columns."


def _different(names: list[str]) -> list[str]:
    """Return the names, each once: the second "note" is "note.1", one without a name "column 3"."""
    given = [name or f"column {at}" for at, name in enumerate(names, start=1)]
    found: list[str] = []
    for at, name in enumerate(given):
        number, one = 0, name
        while one in found or (number and one in given[at:]):
            number += 1
            one = f"{name}.{number}"
        found.append(one)
    return found
