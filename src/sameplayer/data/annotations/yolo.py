"""YOLO text with tracks: one file per frame, as Ultralytics' ``save_txt`` writes it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sameplayer.data.annotations.classes import LISTS, class_labels, names_beside
from sameplayer.data.annotations.rows import Annotations, BoxCollector, number_in_name
from sameplayer.data.tabular.encodings import head_lines
from sameplayer.errors import DataError

WHAT = (
    "YOLO text: a folder of .txt files, one a frame (match_12.txt), lines of class, x_center, "
    "y_center, width, height in shares of the picture and where known score, track"
)
BOX, SCORED, TRACKED = 5, 6, 7  # numbers in a line
LOOKED_AT, TRIED = 10_000, 20  # files of a folder, and of those with boxes, to recognise it
LONGEST = 1 << 24  # bytes of one frame's file


@dataclass(frozen=True)
class _Line:
    where: str
    frame: int
    sequence: str | None
    values: list[float]


def has_yolo(path: Path) -> bool:
    """Tell whether a text, or a folder (or its ``labels``) of texts, is YOLO's."""
    if path.is_dir():
        filled = (file for file in _files(path)[:LOOKED_AT] if file.stat().st_size)
        return any(_is_yolo(file) for file in islice(filled, TRIED))
    return path.suffix.lower() == ".txt" and path.name not in LISTS and _is_yolo(path)


def _is_yolo(path: Path) -> bool:
    """Tell whether the first line of a text is a class and four shares of the picture."""
    line = next(filter(None, head_lines(path)), "")
    try:
        values = [float(cell) for cell in line.split()]
    except ValueError:
        return False
    if len(values) < BOX or not values[0].is_integer() or values[0] < 0:
        return False
    shares = values[1:BOX]
    return all(-1 <= share <= 2 for share in shares) and not all(map(float.is_integer, shares))


def _files(folder: Path) -> list[Path]:
    """Return the texts of frames in a folder, or in its ``labels``, in order of their numbers."""
    for place in (folder, folder / "labels"):
        try:
            numbers = {
                file: number_in_name(file.name)
                for file in place.glob("*.txt")
                if file.name not in LISTS and not file.name.startswith(".")
            }
        except OSError:
            numbers = {}
        files = [file for file, number in numbers.items() if number is not None and file.is_file()]
        if files:
            return sorted(files, key=lambda file: (numbers[file] or 0, file.name))
    return []


def read_yolo(path: Path) -> Annotations:
    """Read a folder of text files, one per frame, or one of them; boxes are shares of the picture.

    A frame's number ends the file's name; a frame without a file has no boxes. Of lines of seven
    numbers the sixth is the score, the seventh the track; of lines of six the sixth is the track
    where it is a whole number in all of them, else the score. Classes are named by classes.txt,
    obj.names or data.yaml. Longer lines (outlines, poses) are left out and counted. Raises
    DataError with the file and line that is wrong, and where classes have no names and it cannot
    be known which are people.
    """
    rows = BoxCollector(path)
    files = _files(path) if path.is_dir() else [path]
    numbers = {file: number_in_name(file.name) for file in files}
    stems = {file: re.sub(r"[\W_]*\d+$", "", file.stem) for file in files}
    several = len(set(stems.values())) > 1
    lines: list[_Line] = []
    for file in files:
        number = numbers[file]
        if number is None:
            raise DataError(
                f"{file}: is YOLO text, of which each file is a frame; expected the frame's number "
                f"at the end of its name, such as {file.stem}_12.txt."
            )
        lines += _lines(file, number, stems[file] if several else None)
    lines = _boxes(rows, lines)
    names, named_by = names_beside(path if path.is_dir() else path.parent)
    labels, notes = class_labels(
        (int(line.values[0]) for line in lines),
        names,
        0,
        "the texts",
        "a file classes.txt beside them",
    )
    if named_by:
        notes = (f"The classes are named by {named_by.name}.",)
    rows.notes += notes
    score, track = _columns(path, lines)
    for line in lines:
        kind, across, down, width, height = line.values[:BOX]
        more = dict(enumerate(line.values))
        rows.add(
            line.where,
            line.frame,
            (across - width / 2, down - height / 2, width, height),
            more.get(track),
            {"label": labels[int(kind)], "sequence": line.sequence},
            more.get(score, math.nan),
        )
    if not path.is_dir() and len(_files(path.parent)) > 1:
        rows.notes.append(
            f"This is the file of one frame; give its folder {path.parent} to read all of them."
        )
    return rows.annotations(0 if 0 in numbers.values() else None, shares=True)


def _lines(file: Path, frame: int, sequence: str | None) -> list[_Line]:
    if file.stat().st_size > LONGEST:
        raise DataError(f"{file}: is over {LONGEST >> 20} MB large; expected the boxes of a frame.")
    parsed = []
    for place, line in enumerate(file.read_text("utf-8-sig", "replace").splitlines(), start=1):
        cells = line.split()
        if not cells:
            continue
        try:
            values = [float(cell) for cell in cells]
        except ValueError:
            values = []
        if len(values) < BOX or not (values[0].is_integer() and 0 <= values[0] < 1e6):
            raise DataError(
                f"{file}, line {place}: expected a whole class number, x_center, y_center, width, "
                f"height and where known score, track; found {line[:60]!r}."
            )
        parsed.append(_Line(f"{file.name} line {place}", frame, sequence, values))
    return parsed


def _boxes(rows: BoxCollector, lines: list[_Line]) -> list[_Line]:
    """Return the lines of boxes; others are counted."""
    for line in lines:
        if len(line.values) > TRACKED:
            rows.leave_out("given by over 7 numbers (outlines, poses)", line.where)
    return [line for line in lines if len(line.values) <= TRACKED]


def _columns(path: Path, lines: list[_Line]) -> tuple[int, int]:
    """Return the columns of score and track in a line; -1: none."""
    longest = max((len(line.values) for line in lines), default=BOX)
    if longest == BOX:
        return -1, -1
    at = longest - 1
    last = [line for line in lines if len(line.values) == longest]
    whole = all(line.values[at].is_integer() and line.values[at] >= 0 for line in last)
    places = {(line.sequence, line.frame, line.values[at]) for line in last}
    if longest == SCORED:
        tracks = whole and len(places) == len(last) and all(line.values[at] >= 1 for line in last)
        return (-1, at) if tracks else (at, -1)
    if not whole:
        wrong = next(line for line in last if not line.values[at].is_integer())
        raise DataError(
            f"{path}, {wrong.where}: expected a whole track number as the last of 7 numbers; found "
            f"{wrong.values[at]:g}."
        )
    return SCORED - 1, at
