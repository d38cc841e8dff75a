"""MOT text: one line of numbers per box, from MOTChallenge, trackers, SoccerNet and CVAT."""

from __future__ import annotations

import csv
import math
import re
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.data.annotations.box_table import COLUMNS as HEADERS
from sameplayer.data.annotations.box_table import boxes_in, in_mot_order, names_boxes
from sameplayer.data.annotations.classes import class_labels
from sameplayer.data.annotations.rows import Annotations, left_out_note
from sameplayer.data.tabular.column_names import rename_columns
from sameplayer.data.tabular.encodings import decoded, head_lines
from sameplayer.data.tabular.read_table import Table
from sameplayer.errors import DataError

WHAT = "MOT text (.txt, .csv): frame, track, left, top, width, height, score, class on each line"
COLUMNS = ("frame", "track", "left", "top", "width", "height", "score", "class")
SUFFIXES = (".txt", ".csv", ".tsv")
NAMES = ("gt", "det")  # names of files that are MOT text, whatever is in them
MISSING = ("", "nan", "NaN", "NAN", "-nan", "none", "None", "null", "NULL", "NA")
_CLASSES = (
    "pedestrian, person on vehicle, car, bicycle, motorbike, vehicle, static person, distractor, "
    "occluder, occluder on the ground, full occluder, reflection, crowd"
)
CLASSES = _CLASSES.split(", ")
"""The classes of MOTChallenge, numbered from 1."""
SEPARATORS = (";", "\t", ",")
FEWEST, LAST = 6, 10  # cells of a line that are needed, and that are looked at
NAMED = re.compile(r"\W*(?!nan\b)[A-Za-z]{2}", re.IGNORECASE)
"""Start of a first line that names the columns."""
TRACKLET = re.compile(
    r"trackletID_(?P<track>[0-9]{1,12}) *= *(?P<label>[^;=]*?)(?: +teams? +(?P<team>[^;]+?))?"
    r" *(?:;\s*(?:(?P<number>[0-9]{1,3})|.*))?",
    re.IGNORECASE,
)
"""A line of gameinfo.ini, such as "trackletID_1= player team left;10"."""


def has_mot_text(path: Path) -> bool:
    """Tell whether a file is MOT text: by its name, or, whatever its ending, by its first lines."""
    if not path.is_file() or path.suffix.lower() in (".json", ".xml"):
        return False
    if path.suffix.lower() == ".txt" and path.stem.lower() in NAMES:
        return True
    lines = head_lines(path)
    first = [line for line in lines if not _says_nothing(line)][:5]
    if not first:  # of no boxes, unless it is not a text file
        empty = not path.stat().st_size or any(map(_says_nothing, lines))
        return empty and path.suffix.lower() in SUFFIXES
    return any(_is_box(line) for line in first)


def read_mot_text(path: Path) -> Annotations:
    """Read MOT text: numbers with commas, semicolons, tabs or blanks between them.

    Ground truth (a file whose name begins with "gt") has in column 7 a flag, 0: to be ignored, and
    in column 8 a class: one of a labels.txt beside it, as CVAT writes, else MOTChallenge's. In
    other files column 7 is the score. A gameinfo.ini as SoccerNet's, beside the file or its folder,
    says who the tracks of ground truth are.

    Raises DataError with the line that is not a box.
    """
    text, notes = decoded(path.read_bytes(), path)
    lines = text.splitlines()
    headed = _under_header(path, lines)
    if headed is not None:
        return headed
    table = _numbers(path, lines)
    truth = path.stem.lower().startswith("gt")
    if truth:
        ignored = (table["score"] == 0).to_numpy()
        if ignored.any():
            example = table["row"].iloc[int(np.argmax(ignored))]
            what = "marked to be ignored (0 in column 7)"
            notes = (*notes, left_out_note(int(ignored.sum()), what, example))
        table = table[~ignored].assign(score=np.nan)
    table["label"], more = _labels(table["class"], path, truth)
    if truth:
        table = _with_game_info(table, path)
    return Annotations(table.drop(columns="class"), notes=(*notes, *more))


def _says_nothing(line: str) -> bool:
    return not line.strip(" \t,;") or line.lstrip().startswith(("#", "%", "//"))


def _separator(line: str) -> str | None:
    """Return what stands between the cells of a line: one of SEPARATORS, None for blanks."""
    cells = line.split()
    if len(cells) >= FEWEST and not any(cell.strip(",;") != cell for cell in cells):
        return None if "\t" not in line else "\t"
    return next((mark for mark in SEPARATORS if line.count(mark) >= FEWEST - 1), None)


def _is_box(line: str) -> bool:
    cells = [cell.strip() for cell in line.replace('"', "").split(_separator(line))]
    try:
        values = [float(cell.replace(",", ".") or "nan") for cell in cells[:FEWEST]]
    except ValueError:
        return False
    if len(values) < FEWEST or not values[0].is_integer():
        return False
    return values[1].is_integer() or math.isnan(values[1])


def _under_header(path: Path, lines: list[str]) -> Annotations | None:
    """Return the boxes of a text whose first line names other columns than COLUMNS, in its order.

    Such a line begins with "#", or has blanks between the names, as NumPy and shells write it.
    """
    at, line = next(((at, line) for at, line in enumerate(lines) if line.strip()), (0, ""))
    header = re.split(r"[\s,;]+", line.strip(" \t#%/,;").replace('"', ""))
    if not names_boxes(header) or in_mot_order(header):
        return None
    names, notes = rename_columns(path, header, HEADERS, (), "table of boxes")
    cells, rows = [], []
    for number, text in enumerate(lines[at + 1 :], start=at + 2):
        if not _says_nothing(text):
            row = [cell.strip() for cell in text.replace('"', "").split(_separator(text))]
            if len(row) < len(names):
                raise DataError(
                    f"{path}, line {number}: {len(row)} cells; the first line names {len(names)} "
                    "columns. Give each its cell."
                )
            cells.append(row[: len(names)])
            rows.append(number)
    table = pd.DataFrame(cells, columns=names, dtype="str")
    return boxes_in(Table(table, np.array(rows, np.int64), (*notes,)), path)


def _numbers(path: Path, lines: list[str]) -> pd.DataFrame:
    """Return one row per box: COLUMNS as float64 (NaN where missing) and ``row``, its line."""
    kept = [(at, line) for at, line in enumerate(lines, 1) if not _says_nothing(line)]
    if kept and NAMED.match(kept[0][1]):
        kept = kept[1:]
    mark = _separator(kept[0][1]) if kept else ","
    counts = [len(line.split(mark, LAST)) for _, line in kept]
    longest = LAST if counts and counts[0] <= LAST else LAST + 1  # else two lines are joined
    wrong_count = (at for at, count in enumerate(counts) if not FEWEST <= count <= longest)
    place = next(wrong_count, None)
    if place is None and len(counts) > 2 and counts[-1] < min(counts[:-1]):
        place = len(counts) - 1  # the file is cut
    if place is not None:
        hint = " It has more or fewer numbers than the lines above: is it two lines, or cut?"
        hint *= counts[place] >= FEWEST
        raise _no_box(path, *kept[place], hint)
    cut = (
        line if count <= LAST else (mark or " ").join(line.split(mark, LAST)[:LAST])
        for (_, line), count in zip(kept, counts, strict=True)
    )
    text = "\n".join([(mark or " ").join(["nan"] * LAST), *cut]).replace('"', "")
    values = _parsed(text, mark, float)
    if values is None:
        cells = _parsed(text, mark, str)
        wrong = (
            np.zeros(len(kept), bool)
            if cells is None
            else (cells.notna() & cells.apply(pd.to_numeric, errors="coerce").isna())
            .any(axis=1)
            .to_numpy()
        )
        raise _no_box(path, *kept[int(np.argmax(wrong))])
    frame, track = values["frame"], values["track"]
    good = np.isfinite(frame) & (frame == np.floor(frame)) & (frame >= 0)
    good &= np.isnan(track) | (np.isfinite(track) & (track == np.floor(track)))
    if not good.all():
        raise _no_box(path, *kept[int(np.argmin(good))])
    return values.assign(row=[f"line {at}" for at, _ in kept])


def _parsed(text: str, mark: str | None, kind: type) -> pd.DataFrame | None:
    """Return the cells of lines as ``kind``, None where one is not."""
    try:
        cells = pd.read_csv(
            StringIO(text),
            sep=mark or r"\s+",
            header=None,
            index_col=False,
            usecols=range(len(COLUMNS)),
            dtype=kind,
            skipinitialspace=True,
            keep_default_na=False,
            na_values=list(MISSING),
            quoting=csv.QUOTE_NONE,
            decimal="," if mark != "," and "," in text else ".",
        )
        return cells[1:].set_axis(list(COLUMNS), axis=1).reset_index(drop=True)
    except (ValueError, OverflowError):
        return None


def _no_box(path: Path, number: int, line: str, hint: str = "") -> DataError:
    return DataError(
        f"{path}, line {number}: expected frame,track,left,top,width,height as numbers, frame and "
        f"track whole ones; found {line[:60]!r}.{hint}"
    )


def _labels(classes: pd.Series, path: Path, truth: bool) -> tuple[pd.Series, tuple[str, ...]]:
    """Return the label of each box by its class (missing: none), and notes."""
    known = classes[classes >= 0]
    if known.empty or (known != np.floor(known)).any():
        return pd.Series(None, classes.index, object), ()
    lines = head_lines(path.parent / "labels.txt")
    names = {at: name for at, name in enumerate(lines, start=1) if name}
    numbers = sorted(map(int, known.unique()))
    notes: tuple[str, ...] = ()
    naming = f"a file labels.txt beside {path.name}, one name per line,"
    if not names and truth and numbers[0] >= 1 and numbers[-1] <= len(CLASSES):
        names = dict(enumerate(CLASSES, start=1))
        listed = ", ".join(f"{at} {names[at]}" for at in numbers)
        note = (
            f"Column 8 is read as the classes of MOTChallenge: {listed}; {naming} says otherwise."
        )
        notes = (note,) if numbers != [1] else ()
    called, said_of_them = class_labels(numbers, names, 0, "column 8", naming)
    return classes.map(called).astype(object), (*notes, *said_of_them)


def _with_game_info(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Add label, team and number of the tracks that a gameinfo.ini names."""
    files = [folder / "gameinfo.ini" for folder in (path.parent, path.parent.parent)]
    facts: dict[float, tuple[str, str | None, str | None]] = {}
    for line in next((lines for lines in map(head_lines, files) if lines), []):
        match = TRACKLET.fullmatch(line)
        if match:
            label, team, number = match["label"], match["team"], match["number"]
            facts[float(match["track"])] = (label, team, number)
    for place, name in enumerate(("label", "team", "number") if facts else ()):
        values = table["track"].map({track: match[place] for track, match in facts.items()})
        table[name] = values.where(values.notna(), table["label"]) if name == "label" else values
    return table
