"""The files of a folder: pictures, hidden files, and those that no reader used.

A reader asks ``Files`` for the pictures of a folder and says why it leaves some out; what is then
neither read nor left out is counted by ``Files.notes``, so that no file is left out silently.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from sameplayer.data.images.picture import PICTURE_SUFFIXES
from sameplayer.errors import DataError

_IGNORED = (
    "thumbs.db, desktop.ini, __macosx, __pycache__, @eadir, #recycle, $recycle.bin, lost+found, "
    "system volume information"
)
IGNORED = _IGNORED.split(", ")
MAX_FILES = 5_000_000
SHOWN = 5  # kinds, folders or persons in one note
LINKED = 2  # folders above a linked one, at most: a linked set, part or person is followed


def folders(path: Path) -> list[Path]:
    """Return the folders in a folder, by name, without hidden ones."""
    return sorted(
        folder for folder in path.iterdir() if folder.is_dir() and not is_hidden(folder, path)
    )


def is_hidden(path: Path, top: Path) -> bool:
    """Tell whether a file or folder, or one between it and ``top``, is hidden or a program's.

    Jupyter (.ipynb_checkpoints), Git, macOS (._1.jpg), Windows and network drives leave copies and
    small pictures beside the real ones.
    """
    return any(map(_is_hidden_name, path.relative_to(top).parts))


def is_picture(name: str) -> bool:
    return name.lower().endswith(PICTURE_SUFFIXES)


def file_names(top: Path, *, deep: bool = True) -> Iterator[str]:
    """Yield the names of the files below ``top``, with slashes, in no order; hidden ones are not.

    A link to a folder is followed up to three levels down, unless it leads to a folder above
    itself; any other is yielded like a file. Raises DataError over ``MAX_FILES`` files.
    """
    stack: list[tuple[Path, str, int, tuple[Path, ...]]] = [(top, "", 0, (top.resolve(),))]
    count = 0
    while stack:
        folder, prefix, depth, above = stack.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if _is_hidden_name(entry.name):
                    continue
                inside = _inside(entry, depth, above)
                if inside is None:
                    count += 1
                    yield prefix + entry.name
                elif deep:
                    stack.append((Path(entry), f"{prefix}{entry.name}/", depth + 1, inside))
        if count > MAX_FILES:
            raise DataError(f"{top}: more than {MAX_FILES:,} files; name a smaller folder.")


class Files:
    """The files of a folder, with notes on those that a reader leaves out.

    names    paths below ``top`` with slashes, in their order; hidden ones are not among them
    """

    def __init__(self, top: Path) -> None:
        self.top = top
        self.names = sorted(file_names(top), key=lambda name: name.split("/"))
        self._left_out: dict[str, list[str]] = {}
        self._notes: list[str] = []

    def pictures(self, folder: str = "") -> list[str]:
        """Return the names of the pictures in a folder and in those within it."""
        prefix = f"{folder}/" if folder else ""
        return [name for name in self.names if name.startswith(prefix) and is_picture(name)]

    def leave_out(self, name: str, why: str) -> None:
        """Leave a picture out; ``why`` ends the note "2 pictures are left out, since ..."."""
        self._left_out.setdefault(why, []).append(name)

    def note(self, note: str) -> None:
        self._notes.append(note)

    def notes(self, read: Collection[str], parts: Sequence[str]) -> tuple[str, ...]:
        """Return the reader's notes, and one for each reason for which files are left out.

        read     names of the files that were read, persons.csv too
        parts    folders of the layout
        """
        known = set(read).union(*self._left_out.values())
        elsewhere: Counter[str] = Counter()
        endings: dict[str, list[str]] = {}
        loose: list[str] = []
        for name in self.names:
            if name in known:
                continue
            outside = _outside(name, parts)
            if outside is not None:
                elsewhere[outside] += 1
            elif is_picture(name):
                loose.append(name)
            else:
                endings.setdefault(PurePosixPath(name).suffix.lower(), []).append(name)
        left = dict(self._left_out)
        if loose:
            left["a picture has to lie in a folder of the layout"] = loose
        notes = [
            f"{counted(len(names), 'picture')} left out ({example(names)}), since {why}."
            for why, names in left.items()
        ]
        return (*self._notes, *notes, *_of_endings(endings), *_of_folders(elsewhere))


def counted(count: int, noun: str, verb: str = "is are") -> str:
    """Return "1 file is" or "2 files are"; an empty ``verb`` gives "1 file" or "2 files"."""
    single, many = verb.split() if verb else ("", "")
    return f"{count} {noun} {single}".rstrip() if count == 1 else f"{count} {noun}s {many}".rstrip()


def shown(name: str) -> str:
    """Return a name for a message, escaped where it is not printable."""
    return name if name.isprintable() else ascii(name)


def example(names: Sequence[str]) -> str:
    """Return the one name, or "such as" and the first."""
    return shown(names[0]) if len(names) == 1 else f"such as {shown(names[0])}"


def listed(items: Sequence[str]) -> str:
    """Return the first items of a list as one text, and how many there are besides."""
    more = [f"{len(items) - SHOWN} more"] if len(items) > SHOWN else []
    return ", ".join([*items[:SHOWN], *more])


def _is_hidden_name(name: str) -> bool:
    return name.startswith(".") or name.lower() in IGNORED


def _inside(
    entry: os.DirEntry[str], depth: int, above: tuple[Path, ...]
) -> tuple[Path, ...] | None:
    """Return the real folders above what lies in a folder, itself too; None: nothing to go into."""
    if not entry.is_symlink():
        return above if entry.is_dir() else None
    if depth > LINKED or not entry.is_dir():
        return None
    chain = (*above, Path(entry.path).parent.resolve())
    real = Path(entry).resolve()
    return None if any(ancestor.is_relative_to(real) for ancestor in chain) else (*chain, real)


def _outside(name: str, parts: Sequence[str]) -> str | None:
    """Return the topmost folder of a file that neither is a part nor holds or lies in one."""
    folder = ""
    for level in name.split("/")[:-1]:
        folder += f"{level}/"
        if any(folder.startswith(f"{part}/") or not part for part in parts):
            return None
        if not any(f"{part}/".startswith(folder) for part in parts):
            return folder
    return None


def _of_endings(endings: dict[str, list[str]]) -> Iterator[str]:
    if endings:
        kinds = [
            f"{len(names)} {f'in {ending}' if ending else 'without one'} ({shown(names[0])})"
            for ending, names in endings.items()
        ]
        total = sum(map(len, endings.values()))
        yield (
            f"{counted(total, 'file')} left out, since they do not end as pictures do: "
            f"{listed(kinds)}."
        )


def _of_folders(elsewhere: Counter[str]) -> Iterator[str]:
    if elsewhere:
        names = [shown(name) for name in elsewhere]
        if len(names) > 1:
            names = [f"{shown(name)} ({count})" for name, count in elsewhere.items()]
        what = "folder {} is" if len(names) == 1 else "folders {} are"
        total = counted(sum(elsewhere.values()), "file")
        yield f"{total} left out: the {what.format(listed(names))} no part of this layout."
