"""Layouts whose file names carry the facts: Synergy, Market-1501, SoccerNet, a folder a person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sameplayer.data.crops import Crops
from sameplayer.data.images import PICTURE_SUFFIXES
from sameplayer.data.splits import draw_query_gallery
from sameplayer.errors import DataError

IGNORED = ("thumbs.db", "__macosx", "@eadir", "$recycle.bin", "system volume information")
SYNERGY = "reid_training/, reid_test/query|gallery/, reid_challenge/query|gallery/"
MARKET = "bounding_box_train/, query/, bounding_box_test/"
SOCCERNET = (
    "train/<championship>/<season>/<game>/<action>/*.png, valid|test|challenge/query|gallery/"
)
FOLDER = "a folder a person, or train/, query/, gallery/ each with a folder a person"


def synergy_root(path: Path) -> Path | None:
    """Return the folder that holds reid_training and its like: this one or one inside."""
    if not path.is_dir():
        return None
    for root in (path, *folders(path)):
        if any((root / f"reid_{part}").is_dir() for part in ("training", "test", "challenge")):
            return root
    return None


def read_synergy(path: Path) -> Crops:
    """Read <person>_<sequence>_<frame>.jpeg and, in the challenge, <id>.jpeg."""
    root = synergy_root(path)
    if root is None:
        raise DataError(f"{path}: expected {SYNERGY}.")
    rows: list[dict[str, object]] = []
    wrong: list[str] = []
    for split, role in (("training", ""), ("test", "query"), ("test", "gallery")):
        for file in pictures(root / f"reid_{split}" / role):
            name = re.fullmatch("([0-9]+)_([0-9]+)_([0-9]+)", file.stem)
            if not name:
                wrong.append(_relative(file, root))
                continue
            person, sequence, frame = map(int, name.groups())
            row = {"image": _relative(file, root), "role": role or "train", "split": split}
            rows.append({**row, "person": str(person), "sequence": str(sequence), "frame": frame})
    for role in ("query", "gallery"):
        for file in pictures(root / "reid_challenge" / role):
            if not re.fullmatch("[0-9]+", file.stem):
                wrong.append(_relative(file, root))
                continue
            number = str(int(file.stem))
            row = {"image": _relative(file, root), "role": role, "split": "challenge"}
            rows.append({**row, "id": number})
    _refuse(wrong, root, "<person>_<sequence>_<frame>.jpeg or, in the challenge, <id>.jpeg")
    return Crops(_table(rows, ("id",)), root, None, "synergy")


def has_market(path: Path) -> bool:
    return any((path / f"bounding_box_{part}").is_dir() for part in ("train", "test"))


def read_market(path: Path) -> Crops:
    """Read <person>_c<camera>s<sequence>_<frame>_<box>.jpg: person 0 is a distractor, -1 junk."""
    rows, wrong = [], []
    parts = (("bounding_box_train", "train"), ("query", "query"), ("bounding_box_test", "gallery"))
    for folder, role in parts:
        for file in pictures(path / folder):
            name = re.match(r"(-1|[0-9]+)_c([0-9]+)s([0-9]+)_([0-9]+)_([0-9]+)\.", file.name)
            if not name:
                wrong.append(_relative(file, path))
                continue
            person, camera, sequence, frame, _ = map(int, name.groups())
            if person == -1:
                continue
            rows.append(
                {
                    "image": _relative(file, path),
                    "person": str(person) if person else None,
                    "role": role if person else "distractor",
                    "camera": str(camera),
                    "sequence": str(sequence),
                    "frame": frame,
                    "split": "training" if role == "train" else "test",
                }
            )
    _refuse(wrong, path, "<person>_c<camera>s<sequence>_<frame>_<box>.jpg")
    return Crops(_table(rows), path, None, "market1501")


def has_soccernet(path: Path) -> bool:
    parts = ("train", "valid", "test", "challenge")
    return any(
        not is_hidden(name, path / part)
        for part in parts
        for name in (path / part).glob("**/*-*-*x*.png")
    )


def read_soccernet(path: Path) -> Crops:
    """Read SoccerNet's names; identities hold within one action."""
    rows, wrong = [], []
    for split in ("train", "valid", "test", "challenge"):
        for role in ("train",) if split == "train" else ("query", "gallery"):
            top = path / split if split == "train" else path / split / role
            for file in pictures(top, deep=True):
                row = _soccernet_row(file.stem.split("-"), hidden=split == "challenge")
                if row is None:
                    wrong.append(_relative(file, path))
                    continue
                folders = file.relative_to(top).parts[:3]
                row["game"] = "/".join(folders) if len(folders) > 2 else None
                row |= {"image": _relative(file, path), "role": role}
                rows.append(row | {"split": "training" if split == "train" else split})
    _refuse(wrong, path, "<box>-<action>-<person>-<frame>-<class>-<id>-<UAI>-<height>x<width>.png")
    return Crops(_table(rows, ("number", "class", "id")), path, "sequence", "soccernet")


def _soccernet_row(fields: list[str], *, hidden: bool) -> dict[str, object] | None:
    """Return the facts of a name, or None for a name that is not SoccerNet's."""
    if len(fields) != (3 if hidden else 8) or not re.fullmatch("[0-9]+", fields[0]):
        return None
    row: dict[str, object] = {"id": str(int(fields[0])), "sequence": fields[1]}
    if hidden:
        return row
    if not re.fullmatch("[0-9]+", fields[3]):
        return None
    side = fields[4].rsplit("_", 1)[-1]
    row |= {"person": fields[2], "frame": int(fields[3]), "class": fields[4]}
    row["team"] = side if side in ("left", "right") else None
    row["number"] = fields[5] if re.fullmatch("[0-9]+", fields[5]) else None
    return row


def has_person_folders(path: Path) -> bool:
    if not path.is_dir():
        return False
    tops = [path / name for name in ("train", "query", "gallery") if (path / name).is_dir()]
    return any(
        next(pictures(folder), None) is not None
        for top in tops or [path]
        for folder in folders(top)
    )


def read_folder(path: Path) -> Crops:
    """Read a folder a person; without train/, query/, gallery/ all are query and gallery."""
    rows = []
    named = [name for name in ("train", "query", "gallery") if (path / name).is_dir()]
    for role in named or [""]:
        top = path / role
        for folder in folders(top):
            for file in pictures(folder):
                row = {"image": _relative(file, path), "person": folder.name}
                row["split"] = "training" if role == "train" else "test"
                rows.append(row | {"role": role or "gallery"})
    crops = Crops(_table(rows), path, None, "folder")
    return crops if named or not rows else draw_query_gallery(crops)


def pictures(folder: Path, *, deep: bool = False) -> Iterator[Path]:
    """Yield the picture files of a folder (``deep``: and of those in it) in the order of names.

    Hidden files, and those in hidden folders, are left out, see ``is_hidden``.
    """
    if folder.is_dir():
        for file in sorted(folder.rglob("*") if deep else folder.iterdir()):
            if file.suffix.lower() in PICTURE_SUFFIXES and not is_hidden(file, folder):
                yield file


def folders(path: Path) -> list[Path]:
    """Return the folders in a folder, by name; hidden ones are nobody's, see ``is_hidden``."""
    return sorted(one for one in path.iterdir() if one.is_dir() and not is_hidden(one, path))


def is_hidden(path: Path, top: Path) -> bool:
    """Tell whether a file or folder, or one between it and ``top``, is a program's and no data.

    Jupyter (.ipynb_checkpoints), Git, macOS (._1.jpg), Windows and network drives leave copies and
    small pictures beside the real ones.
    """
    parts = path.relative_to(top).parts
    return any(part.startswith(".") or part.lower() in IGNORED for part in parts)


def _relative(file: Path, root: Path) -> str:
    name = file.relative_to(root).as_posix()
    if not name.isascii() and name.encode(errors="replace").decode() != name:
        raise DataError(f"{str(file)!a}: a name that is not UTF-8; rename the file or folder.")
    return name


def _refuse(wrong: list[str], root: Path, pattern: str) -> None:
    if wrong:
        shown = ", ".join(wrong[:10]) + (f" and {len(wrong) - 10} more" if len(wrong) > 10 else "")
        raise DataError(
            f"{root}: {len(wrong)} names do not parse: {shown}. Expected {pattern}; rename the "
            "files or move them away."
        )


def _table(rows: Sequence[dict[str, Any]], extra: tuple[str, ...] = ()) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=None if rows else ["image"])
    for name in extra:
        table[name] = table[name].astype("string") if name in table else pd.NA
    return table
