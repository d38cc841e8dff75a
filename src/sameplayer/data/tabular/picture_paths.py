"""Paths of pictures from Windows or another machine, and file URLs, found beside the table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from unicodedata import normalize
from urllib.parse import unquote

import numpy as np
import pandas as pd

from sameplayer.data.video.frames import frame_name
from sameplayer.errors import DataError, of_windows

ODD = r"\\|^/|^[A-Za-z]:|^file:|%[0-9A-Fa-f]{2}"
"""What a path holds that may be of another machine; others are not looked at."""
LOOKS = 24  # rows whose files are looked for
DEEPEST = 32  # folders
FORMS: tuple[Literal["NFC"], Literal["NFD"]] = ("NFC", "NFD")


def find_pictures(images: pd.Series, root: Path) -> tuple[pd.Series, tuple[str, ...]]:
    """Return paths relative to ``root`` for those that do not exist as given, and notes.

    images    (n,) text: backslashes are read as slashes, addresses of files as paths, and what is
              absolute as the longest tail that is there below ``root``, if no two become one

    A few rows are looked for, all are changed alike. Paths stay as they are where one of these
    files is there as written. Notes say what was done, or that the paths are of another machine.
    """
    odd = images[images.str.contains(ODD, na=False)]
    if not len(odd):
        return _as_composed(images, root)
    names = odd.iloc[np.unique(np.linspace(0, len(odd) - 1, LOOKS).astype(int))].tolist()
    if any(_is_there(root, name) for name in names):
        return images, ()
    fronts = {front for name in names for front in _fronts(name, root)}
    example = _shown(odd.iloc[0])
    if not fronts:
        kind = "Windows or of another machine" if of_windows(example) else "another machine"
        return images, (
            f"{len(odd)} paths of pictures, such as {example}, are of {kind}: no such file is "
            f"here. Write them relative to {root}, with slashes.",
        )
    changed = odd.map(lambda name: _without(_slashes(name), fronts))
    if changed.nunique() < odd.nunique():
        return images, (
            f"{len(odd)} paths of pictures, such as {example}, are of another machine, and their "
            f"ends alone name no single file. Write them relative to {root}.",
        )
    images = images.copy()
    images.loc[odd.index] = changed
    return images, (
        f"{len(odd)} paths of pictures that are not here as written, such as {example}, are read "
        f"as {changed.iloc[0]!r}.",
    )


def _shown(name: object) -> str:
    """Return a path in quotes, its backslashes single, as written in the table."""
    return repr(str(name)[:200]).replace("\\\\", "\\")


def _as_composed(images: pd.Series, root: Path) -> tuple[pd.Series, tuple[str, ...]]:
    """Return paths whose letters are composed, or not, as the files' names are: macOS changes them.

    Where the first such path is there as written, all stay as they are.
    """
    odd = images[images.str.contains(r"[^\x00-\x7f]", na=False)]
    for name in odd.iloc[:LOOKS]:
        if _is_there(root, name):
            return images, ()
        for form in FORMS:
            if _is_there(root, normalize(form, name)):
                images = images.copy()
                images.loc[odd.index] = [normalize(form, path) for path in odd]
                return images, ()
    return images, ()


def _slashes(name: str) -> str:
    """Return a path with slashes, of an address its path."""
    if name.lower().startswith("file:"):
        name = unquote(
            re.sub("^file:/*(localhost/+)?(?=[A-Za-z]:)|^file:/*", "/", name, flags=re.I)
        )
    elif re.search("%[0-9A-Fa-f]{2}", name):
        name = unquote(name)
    slashed = name.replace("\\", "/")
    return re.sub("^/?([A-Za-z]:)/*", r"\1/", re.sub("^(\\./+)+", "", slashed))


def _fronts(name: str, root: Path) -> Iterator[str]:
    """Yield what has to go from the front of a path so that the rest, the longest, is there."""
    parts = _slashes(name).split("/")
    for at in range(min(len(parts), DEEPEST)):
        tail = "/".join(parts[at:])
        if tail and not tail.startswith("/") and _is_there(root, tail):
            yield "/".join([*parts[:at], ""]) if at else ""
            return


def _without(name: str, fronts: set[str]) -> str:
    front = max((front for front in fronts if name.startswith(front)), key=len, default="")
    return name[len(front) :]


def _is_there(root: Path, name: str) -> bool:
    try:
        frame = frame_name(root / name)
        return (root / name if frame is None else frame[0]).is_file()
    except (OSError, ValueError, DataError):
        return False
