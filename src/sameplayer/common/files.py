"""Atomic writes: a reader finds the old file, the new one, or none, never a part of one."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from sameplayer.errors import DataError, SameplayerError

try:
    import fcntl
except ImportError:  # not on Windows: what a killed writer left stays there
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import numpy as np


@contextmanager
def whole_file(
    path: str | Path, error: type[SameplayerError] = DataError, *, private: bool = False
) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; what is written there becomes ``path`` at the end.

    The content reaches the disk before the name changes. Each writer of ``path`` has a
    temporary name of its own, so of several at once one whole file is kept. Where the folder cannot
    be written or the disk is full, ``error`` is raised, naming ``path`` and the reason, and nothing
    is left behind. An OSError about another file is passed on.

    private    only the user may read the file
    """
    path = Path(path)
    with _temporary(
        path, error, lambda one: one.touch(0o600 if private else 0o666, False)
    ) as partial:
        with _naming_errors(path, error, partial):
            yield partial
        with _naming_errors(path, error):
            _sync(partial)
            partial.replace(path)
            _sync(path.parent)


@contextmanager
def whole_folder(
    path: str | Path, error: type[SameplayerError] = DataError, *, private: bool = False
) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``, new or empty, that becomes ``path`` at the end.

    After an error nothing is left behind. ``error`` is raised where ``path`` holds files, and where
    nothing can be written. Of several writers at once, the first to end is kept. Names reach the
    disk; that the files' content does is up to their writers.

    private    only the user may read the folder
    """
    path = new_folder(path, error)
    with _temporary(path, error, lambda one: one.mkdir(0o700 if private else 0o777)) as partial:
        with _naming_errors(path, error, partial):
            yield partial
        with _naming_errors(path, error):
            _sync(partial)
            if path.exists():
                path.rmdir()
            partial.replace(path)
            _sync(path.parent)


def private_folder(path: str | Path, error: type[SameplayerError] = DataError) -> Path:
    """Create a folder and its missing parents, for the user only; others stay as they are."""
    path = Path(path)
    with _naming_errors(path, error):
        for one in (*reversed(path.parents), path):
            if not one.is_dir():
                one.mkdir(0o700, exist_ok=True)
    return path


def write_text(
    path: str | Path, text: str, error: type[SameplayerError] = DataError, *, private: bool = False
) -> None:
    """Write a text file, whole or not at all; ``private``: only the user may read it."""
    with whole_file(path, error, private=private) as partial:
        partial.write_text(text, encoding="utf-8")


def save_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], settings: str) -> None:
    """Write arrays as safetensors, whole or not at all, with the settings that made them.

    They come from pictures of people, so a new folder is readable by the user only.
    """
    import numpy as np
    from safetensors.numpy import save_file

    content = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    private_folder(Path(path).parent)
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


def may_write(path: Path) -> bool:
    """Tell whether a file, and others beside it, may be written."""
    return os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK)


@contextmanager
def _naming_errors(
    path: Path, error: type[SameplayerError], own: Path | None = None
) -> Iterator[None]:
    """Raise ``error``, which names ``path``, for an OSError in the block.

    own    the temporary file or folder: an OSError that names another file is passed on
    """
    try:
        yield
    except SafetensorError as reason:
        raise error(f"{path}: cannot be written ({reason}).") from reason
    except OSError as reason:
        name = reason.filename
        if own is not None and isinstance(name, str) and not Path(name).is_relative_to(own):
            raise
        raise error(f"{path}: cannot be written ({reason.strerror or reason}).") from reason


@contextmanager
def _temporary(
    path: Path, error: type[SameplayerError], make: Callable[[Path], object]
) -> Iterator[Path]:
    """Make a locked file or folder beside ``path``, and remove it on an error.

    Its name is ``path`` with .partial appended, or another one while a writer holds that. What a
    killed writer left under that name, which no longer has a lock, is removed.
    """
    with _naming_errors(path, error):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial, held = _create_locked(path, make)
    try:
        yield partial
    except BaseException:
        if held is None or not _same_file(path, held):  # it is not what ``path`` is already
            _remove(partial)
        raise
    finally:
        if held is not None:
            os.close(held)


def _create_locked(path: Path, make: Callable[[Path], object]) -> tuple[Path, int | None]:
    """Make a file or folder under a name of its own; return it with its lock, an open handle."""
    partial = path.with_name(path.name + ".partial")
    while True:
        try:
            make(partial)
        except FileExistsError:
            if (left := _locked(partial)) is not None:
                if _same_file(partial, left):
                    _remove(partial)
                os.close(left)
                if not partial.exists():
                    continue
        else:
            held = _locked(partial)
            if held is None or _same_file(partial, held):
                return partial, held
            os.close(held)  # it was taken for left behind before it was locked
        partial = path.with_name(f"{path.name}.{secrets.token_hex(6)}.partial")


def _locked(path: Path) -> int | None:
    """Return a handle that locks a file or folder; None where another holds it, or none can be."""
    if fcntl is None:
        return None
    held = None
    try:
        held = os.open(path, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if held is not None:
            os.close(held)
        return None
    return held


def _same_file(path: Path, held: int) -> bool:
    """Tell whether a name is still that of an open file or folder."""
    try:
        return os.path.samestat(path.stat(), os.fstat(held))
    except OSError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _sync(path: Path) -> None:
    """Write a file's content, or the names in a folder, through to the disk."""
    if os.name != "posix":  # Windows can do neither by a handle that reads
        return
    held = os.open(path, os.O_RDONLY)
    try:
        os.fsync(held)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a kind of disk that cannot
            raise
    finally:
        os.close(held)
