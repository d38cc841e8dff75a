"""Writing files so that a reader finds the old one, the new one, or none: never a part."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from sameplayer.errors import DataError, SameplayerError

if TYPE_CHECKING:
    import numpy as np


@contextmanager
def whole_file(path: str | Path, error: type[SameplayerError] = DataError) -> Iterator[Path]:
    """Give a temporary name beside ``path``; what is written there becomes ``path`` at the end.

    The content reaches the disk before the name changes. When the disk is full or the folder
    cannot be written, nothing stays and ``error`` is raised, naming ``path`` and the reason.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            with open(partial, "rb") as written:
                os.fsync(written.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, SafetensorError) as reason:
        said = getattr(reason, "strerror", None) or reason
        raise error(f"{path}: cannot be written ({said}).") from reason


@contextmanager
def whole_folder(path: str | Path, error: type[SameplayerError] = DataError) -> Iterator[Path]:
    """Give a temporary folder beside ``path``, new or empty; at the end it becomes ``path``.

    When something goes wrong, nothing stays; ``error`` is raised where ``path`` holds files, and
    where nothing can be written.
    """
    path = new_folder(path, error)
    partial = path.with_name(path.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        if path.exists():
            path.rmdir()
        partial.replace(path)
    except OSError as reason:
        raise error(f"{path}: cannot be written ({reason.strerror or reason}).") from reason
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(path: str | Path, text: str, error: type[SameplayerError] = DataError) -> None:
    """Write a text file, whole or not at all."""
    with whole_file(path, error) as partial:
        partial.write_text(text, encoding="utf-8")


def save_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], settings: str) -> None:
    """Write arrays as safetensors, whole or not at all, with the settings they hold for."""
    import numpy as np
    from safetensors.numpy import save_file

    content = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with whole_file(path) as partial:
        save_file(content, partial, {"settings": settings})


def load_arrays(path: str | Path, settings: str) -> dict[str, np.ndarray] | None:
    """Read what ``save_arrays`` wrote; None where there is no whole file of these settings."""
    from safetensors import safe_open

    try:
        with safe_open(path, framework="np") as file:
            if (file.metadata() or {}).get("settings") != settings:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError):
        return None


def new_folder(path: str | Path, error: type[SameplayerError] = DataError) -> Path:
    """Return ``path``, which must be new or an empty folder; ``error`` where it holds files."""
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise error(f"{path}: already holds files; choose a new or empty folder.")
    return path
