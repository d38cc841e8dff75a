"""Is a file or folder the one that was opened? Under its name may lie another one by now."""

from __future__ import annotations

from pathlib import Path

from sameplayer.errors import Unavailable

Identity = tuple[int, int]  # device and number of a file or folder


def identity(path: Path) -> Identity | None:
    """Return what tells a file or folder from any other, wherever it is moved; None: not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def refuse_moved(path: Path, opened: Identity) -> None:
    """Refuse (Unavailable) to go on where another file or folder, or none, has the name now."""
    if identity(path) != opened:
        raise Unavailable(
            f"{path}: was moved, replaced or deleted since it was opened; nothing was changed. Put "
            "it back, or open the gallery anew where it lies now."
        )
