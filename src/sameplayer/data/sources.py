"""SOURCES: the layouts that users have, each read into one crop table.

Every table gets the columns ``split`` (training, valid, test, challenge) and, where files carry
one, ``id``. Where a layout has no cameras, queries get camera 0 and gallery pictures camera 1.
A file persons.csv in the root with a column ``person`` gives its other columns, such as game, team
and number, to every picture of that person.
"""

from __future__ import annotations

import configparser
import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.crops import BOX, SCOPES, Crops, read_crops
from sameplayer.data.images import PICTURE_SUFFIXES, VIDEO_SUFFIXES
from sameplayer.data.splits import draw_query_gallery
from sameplayer.errors import DataError

IGNORED = ("thumbs.db", "__macosx")


@dataclass(frozen=True)
class Source:
    """A layout: what is looked for, whether a path has it, and how it is read."""

    what: str
    recognise: Callable[[Path], bool]
    read: Callable[[Path], Crops]


def read_source(path: str | Path, source: str | None = None, scope: str | None = None) -> Crops:
    """Read a folder or table of crops.

    source    one of SOURCES; None: recognised from the layout
    scope     "set", "game" or "sequence", where a person id holds; None: as the layout says

    Raises DataError that lists what was looked for when nothing fits.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such folder or table.")
    if path.is_dir() and not any(path.iterdir()):
        raise DataError(f"{path}: the folder is empty; expected pictures or a known layout.")
    if source is None:
        fitting = [name for name, one in SOURCES.items() if one.recognise(path)]
        if not fitting:
            looked = "\n".join(f"  {name:<11} {one.what}" for name, one in SOURCES.items())
            raise DataError(f"{path}: no known layout. Looked for:\n{looked}")
        source = fitting[0]
    if source not in SOURCES:
        near = difflib.get_close_matches(source, SOURCES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(f"Source {source!r} is unknown.{hint} Sources: {', '.join(SOURCES)}.")
    if source != "table" and not path.is_dir():
        raise DataError(f"{path}: a file; expected a folder with {SOURCES[source].what}.")
    crops = SOURCES[source].read(path)
    if len(crops) == 0:
        raise DataError(f"{path}: no pictures found; expected {SOURCES[source].what}.")
    if source != "table":
        crops = _with_facts(crops)
    if scope is None:
        return crops
    if scope not in ("set", *SCOPES):
        raise DataError(f"Scope {scope!r} is unknown; expected set, game or sequence.")
    return replace(crops, scope=None if scope == "set" else scope)


def split(crops: Crops, name: str) -> Crops:
    """Return the rows of one split: training, valid, test or challenge."""
    splits = _splits(crops)
    if not (splits == name).any():
        raise DataError(f"{crops.root}: no split {name!r}; found {', '.join(sorted(set(splits)))}.")
    return crops.where((splits == name).to_numpy())


def _with_facts(crops: Crops) -> Crops:
    path = crops.root / "persons.csv"
    if not path.is_file():
        return crops
    try:
        facts = pd.read_csv(path, dtype="string")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table ({error}).") from error
    known = {"image", "role", "split", "frame", *BOX} & set(facts.columns)
    if "person" not in facts.columns or known:
        wrong = f"found {', '.join(sorted(known))}" if known else "found none"
        raise DataError(f"{path}: expected a column 'person' and facts of persons only; {wrong}.")
    twice = facts["person"][facts["person"].duplicated()]
    if len(twice):
        raise DataError(f"{path}: person {twice.iat[0]} stands there twice; expected a row each.")
    table = crops.table.copy()
    by_person = facts.set_index("person")
    for name in by_person.columns:
        table[name] = table["person"].astype("string").map(by_person[name])
    return replace(crops, table=table)


def _splits(crops: Crops) -> pd.Series:
    made = pd.Series(np.where(crops.table["role"] == "train", "training", "test"))
    return crops.table["split"].fillna(made) if "split" in crops.table.columns else made


def _synergy_root(path: Path) -> Path | None:
    folders = sorted(p for p in path.iterdir() if p.is_dir() and p.name.lower() not in IGNORED)
    for root in (path, *folders):
        if any((root / f"reid_{part}").is_dir() for part in ("training", "test", "challenge")):
            return root
    return None


def _read_synergy(path: Path) -> Crops:
    root = _synergy_root(path)
    if root is None:
        raise DataError(f"{path}: expected {SOURCES['synergy'].what}.")
    rows: list[dict[str, object]] = []
    wrong: list[str] = []
    parts = (("training", ""), ("test", "query"), ("test", "gallery"))
    for name, role in parts:
        for file in _pictures(root / f"reid_{name}" / role):
            found = re.fullmatch(r"(\d+)_(\d+)_(\d+)", file.stem)
            if not found:
                wrong.append(str(file.relative_to(root)))
                continue
            person, sequence, frame = map(int, found.groups())
            row = {"person": str(person), "sequence": str(sequence), "frame": frame, "split": name}
            camera = "0" if role == "query" or (not role and frame == 0) else "1"
            row |= {"image": _relative(file, root), "role": role or "train", "camera": camera}
            rows.append(row)
    for role in ("query", "gallery"):
        for file in _pictures(root / "reid_challenge" / role):
            if not file.stem.isdigit():
                wrong.append(str(file.relative_to(root)))
                continue
            row = {"image": _relative(file, root), "role": role, "split": "challenge"}
            rows.append(
                row | {"id": str(int(file.stem)), "camera": "0" if role == "query" else "1"}
            )
    _refuse(wrong, root, "<person>_<sequence>_<frame>.jpeg or, in the challenge, <id>.jpeg")
    return Crops(_table(rows, ("id",)), root, None, "synergy")


def _read_market(path: Path) -> Crops:
    rows, wrong = [], []
    parts = (("bounding_box_train", "train"), ("query", "query"), ("bounding_box_test", "gallery"))
    for folder, role in parts:
        for file in _pictures(path / folder):
            found = re.match(r"(-?\d+)_c(\d+)s(\d+)_(\d+)_(\d+)\.", file.name)
            if not found:
                wrong.append(str(file.relative_to(path)))
                continue
            person, camera, sequence, frame, _ = map(int, found.groups())
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


def _read_soccernet(path: Path) -> Crops:
    rows, wrong = [], []
    for name in ("train", "valid", "test", "challenge"):
        for role in ("train",) if name == "train" else ("query", "gallery"):
            top = path / name if name == "train" else path / name / role
            for file in _pictures(top, deep=True):
                fields = file.stem.split("-")
                if len(fields) == (3 if name == "challenge" else 8) and fields[0].isdigit():
                    row = _soccernet_row(fields, hidden=name == "challenge")
                    folders = file.relative_to(top).parts[:3]
                    row["game"] = "/".join(folders) if len(folders) > 2 else None
                    row |= {"image": _relative(file, path), "role": role}
                    row["split"] = "training" if name == "train" else name
                    row["camera"] = "0" if role == "query" else "1"
                    rows.append(row)
                else:
                    wrong.append(str(file.relative_to(path)))
    _refuse(wrong, path, "<box>-<action>-<person>-<frame>-<class>-<id>-<UAI>-<height>x<width>.png")
    return Crops(_table(rows, ("number", "class", "id")), path, "sequence", "soccernet")


def _soccernet_row(fields: list[str], *, hidden: bool) -> dict[str, object]:
    row: dict[str, object] = {"id": str(int(fields[0])), "sequence": fields[1]}
    if hidden:
        return row
    side = fields[4].rsplit("_", 1)[-1]
    row |= {"person": fields[2], "frame": int(fields[3]), "class": fields[4]}
    row["team"] = side if side in ("left", "right") else None
    row["number"] = fields[5] if fields[5].isdigit() else None
    return row


def _mot_sequences(path: Path) -> list[tuple[Path, Path]]:
    """Return (sequence folder, file of boxes) of a sequence or a folder of sequences."""
    found = []
    for folder in (path, *sorted(p for p in path.iterdir() if p.is_dir())):
        texts = [folder / "gt" / "gt.txt", *sorted(folder.glob("*.txt"))]
        if _frames(folder) is not None:
            found += [(folder, text) for text in texts if text.is_file()][:1]
    return found


def _frames(folder: Path) -> Callable[[int], str] | None:
    """Return how a frame number becomes an image path within the folder."""
    names, suffix = "img1", ".jpg"
    facts = configparser.ConfigParser()
    if (folder / "seqinfo.ini").is_file():
        facts.read(folder / "seqinfo.ini")
        names = facts.get("Sequence", "imDir", fallback=names)
        suffix = facts.get("Sequence", "imExt", fallback=suffix)
    if (folder / names).is_dir():
        return lambda number: f"{names}/{number:06d}{suffix}"
    videos = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in VIDEO_SUFFIXES]
    return (lambda number: f"{videos[0].name}#{number}") if videos else None


def _read_mot(path: Path) -> Crops:
    rows: list[dict[str, object]] = []
    for folder, text in _mot_sequences(path):
        frames = _frames(folder)
        prefix = "" if folder == path else f"{folder.name}/"
        for line, values in _mot_lines(text):
            frame, person = int(values[0]), int(values[1])
            ignored = text.name == "gt.txt" and len(values) > 6 and values[6] == 0
            if ignored or frames is None:
                continue
            box = dict(zip(("left", "top", "width", "height"), values[2:6], strict=True))
            row = {"image": prefix + frames(frame), "person": str(person), "frame": frame, **box}
            rows.append(row | {"sequence": folder.name, "split": "test", "line": line})
    crops = Crops(_table(rows), path, "sequence", "mot")
    return draw_query_gallery(crops) if rows else crops


def _mot_lines(text: Path) -> Iterator[tuple[int, list[float]]]:
    for number, line in enumerate(text.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            values = [float(cell) for cell in line.split(",") if cell.strip()]
        except ValueError:
            values = []
        if len(values) < 6:
            raise DataError(
                f"{text}, line {number}: expected frame,track,left,top,width,height as numbers, "
                f"found {line[:60]!r}."
            )
        yield number, values


def _read_folder(path: Path) -> Crops:
    rows = []
    parts = {"train": "train", "query": "query", "gallery": "gallery"}
    named = {name: role for name, role in parts.items() if (path / name).is_dir()}
    for name, role in (named or {"": "gallery"}).items():
        for folder in sorted(p for p in (path / name).iterdir() if p.is_dir()):
            for file in _pictures(folder):
                row = {"image": _relative(file, path), "person": folder.name, "role": role}
                row["split"] = "training" if role == "train" else "test"
                rows.append(row | {"camera": "0" if role == "query" else "1"})
    crops = Crops(_table(rows), path, None, "folder")
    return crops if named or not rows else draw_query_gallery(crops)


def _has_person_folders(path: Path) -> bool:
    if not path.is_dir():
        return False
    tops = [path / name for name in ("train", "query", "gallery") if (path / name).is_dir()]
    return any(
        next(_pictures(folder), None) is not None
        for top in tops or [path]
        for folder in top.iterdir()
        if folder.is_dir()
    )


def _pictures(folder: Path, *, deep: bool = False) -> Iterator[Path]:
    if folder.is_dir():
        for file in sorted(folder.rglob("*") if deep else folder.iterdir()):
            hidden = file.name.startswith(".") or file.name.lower() in IGNORED
            if file.suffix.lower() in PICTURE_SUFFIXES and not hidden:
                yield file


def _relative(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


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


SOURCES: dict[str, Source] = {
    "table": Source(
        "a .csv or .parquet file with a column 'image'",
        lambda path: path.is_file() and path.suffix in (".csv", ".parquet"),
        read_crops,
    ),
    "synergy": Source(
        "reid_training/, reid_test/query|gallery/, reid_challenge/query|gallery/",
        lambda path: path.is_dir() and _synergy_root(path) is not None,
        _read_synergy,
    ),
    "market1501": Source(
        "bounding_box_train/, query/, bounding_box_test/",
        lambda path: any((path / f"bounding_box_{p}").is_dir() for p in ("train", "test")),
        _read_market,
    ),
    "soccernet": Source(
        "train/<championship>/<season>/<game>/<action>/*.png, valid|test|challenge/query|gallery/",
        lambda path: any(next(path.glob(f"{p}/**/*-*-*x*.png"), None) for p in
                         ("train", "valid", "test", "challenge")),
        _read_soccernet,
    ),
    "mot": Source(
        "gt/gt.txt or a tracker's .txt beside img1/ or a video, or a folder of such folders",
        lambda path: path.is_dir() and bool(_mot_sequences(path)),
        _read_mot,
    ),
    "folder": Source(
        "a folder a person, or train/, query/, gallery/ each with a folder a person",
        _has_person_folders,
        _read_folder,
    ),
}  # fmt: skip
