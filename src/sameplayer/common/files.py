"""Writing files so that a reader finds the old one, the new one, or none: never a part."""

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
    """Give a temporary name beside ``path``; what is written there becomes ``path`` at the end.

    The content reaches the disk before the name changes. Each writer of ``path`` has a name of its
    own: of several at once, one file is kept, whole. Where the folder cannot be written or the disk
    is full, nothing stays and ``error`` is raised, naming ``path`` and the reason. An OSError about
    another file comes through as it is.

    private    only the user may read the file
    """
    path = Path(path)
    with _made(path, error, lambda one: one.touch(0o600 if private else 0o666, False)) as partial:
        with _told(path, error, partial):
            yield partial
        with _told(path, error):
            _to_disk(partial)
            partial.replace(path)
            _to_disk(path.parent)


@contextmanager
def whole_folder(
    path: str | Path, error: type[SameplayerError] = DataError, *, private: bool = False
) -> Iterator[Path]:
    """Give a temporary folder beside ``path``, new or empty; at the end it becomes ``path``.

    When something goes wrong, nothing stays; ``error`` is raised where ``path`` holds files, and
    where nothing can be written. Each writer has a folder of its own; of several at once, the first
    that ends is kept. Names reach the disk; that the files' content does is up to their writers.

    private    only the user may look into the folder
    """
    path = new_folder(path, error)
    with _made(path, error, lambda one: one.mkdir(0o700 if private else 0o777)) as partial:
        with _told(path, error, partial):
            yield partial
        with _told(path, error):
            _to_disk(partial)
            if path.exists():
                path.rmdir()
            partial.replace(path)
            _to_disk(path.parent)


def private_folder(path: str | Path, error: type[SameplayerError] = DataError) -> Path:
    """Make a folder, and those it lies in, for nobody else to look into; what is there stays."""
    path = Path(path)
    with _told(path, error):
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
    """Write arrays as safetensors, whole or not at all, with the settings they hold for.

    They come from pictures of people: a new folder is for nobody else to look into.
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
def _told(path: Path, error: type[SameplayerError], own: Path | None = None) -> Iterator[None]:
    """Say why ``path`` cannot be written.

    own    what is written in its place: an OSError that names another file is not about that
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
def _made(
    path: Path, error: type[SameplayerError], make: Callable[[Path], object]
) -> Iterator[Path]:
    """Make a file or folder beside ``path``, locked; removed on an error.

    It is called ``path`` with .partial behind, unless another writer works on that now; what a
    writer left there that was killed is removed: its lock is gone.
    """
    with _told(path, error):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial, held = _own(path, make)
    try:
        yield partial
    except BaseException:
        if held is None or not _is(path, held):  # it is not what ``path`` is already
            _remove(partial)
        raise
    finally:
        if held is not None:
            os.close(held)


def _own(path: Path, make: Callable[[Path], object]) -> tuple[Path, int | None]:
    """Make a file or folder under a name of its own; return it with its lock, an open handle."""
    partial = path.with_name(path.name + ".partial")
    while True:
        try:
            make(partial)
        except FileExistsError:
            if (left := _locked(partial)) is not None:
                if _is(partial, left):
                    _remove(partial)
                os.close(left)
                if not partial.exists():
                    continue
        else:
            held = _locked(partial)
            if held is None or _is(partial, held):
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


def _is(path: Path, held: int) -> bool:
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


def _to_disk(path: Path) -> None:
    """Make a file's content, or the names in a folder, reach the disk."""
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
