"""From boxes of any format to boxes of people: frames from 1, in pixels, inside the picture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from sameplayer.data.annotations.classes import person_labels
from sameplayer.data.annotations.rows import NUMBERS, TEXTS, Annotations, left_out_note
from sameplayer.data.video.frames import VIDEO_SUFFIXES
from sameplayer.errors import DataError

XYWH = ["left", "top", "width", "height"]
FEW = 20  # boxes of which it may be chance that they look like corners
LARGEST = 1e6  # pixels: beyond it no box can be
PERCENT = 10.0  # over which the largest score shows percent, up to 100


def people(
    annotations: Annotations,
    path: str | Path,
    *,
    frames: int | Collection[int] | None = None,
    size: tuple[int, int] | None = None,
    first_frame: int | None = None,
) -> Annotations:
    """Return the boxes of people in the form that all stages use.

    path           of the file or folder, or another name of where the boxes are from
    frames         how many frames the video has, or the numbers of the pictures; None: not known
    size           width and height of the picture; None: not known
    first_frame    number that the file gives to the first frame, 0 or 1; None: what the format
                   says, or the numbers tell

    The table has all columns of Annotations: frames as whole numbers that count from 1 (of
    pictures: their own numbers), boxes in pixels and, where the size is known, inside the picture
    (shares stay shares where it is not), scores from 0 to 1 (1 where none was given), tracks as
    whole numbers (-1: none). Boxes of no person, without numbers, without a size or wholly outside
    the picture are left out, and the notes say so. Raises DataError, with the row, for what cannot
    be so, and for a track with two different boxes in one frame.
    """
    table = annotations.table.reindex(columns=["row", *NUMBERS, *TEXTS]).reset_index(drop=True)
    notes = list(annotations.notes)
    for name in NUMBERS:
        table[name] = pd.to_numeric(table[name]).astype(np.float64)
    first = annotations.first if first_frame is None else first_frame
    table["frame"], more = number_from_one(table, path, frames, first)
    notes += more
    table["track"] = _tracks(table, path)
    table = _only_people(table, notes)
    table = _inside(table, annotations.shares, size, notes)
    if None not in (size, annotations.size) and size != annotations.size:
        notes.append(
            f"The file was made for pictures of {'{} x {}'.format(*annotations.size or ())}, these "
            f"are {'{} x {}'.format(*size or ())}; boxes are not rescaled."
        )
    if isinstance(frames, int) and annotations.frames and abs(frames - annotations.frames) > 1:
        notes.append(
            f"The file was made for a video of {annotations.frames} frames, this one has {frames}: "
            "were they counted at another rate? Frame numbers are not changed."
        )
    table["score"], more = _scaled(table["score"].to_numpy())
    notes += more
    table = _once(table, path, notes)
    return replace(
        annotations, table=table.reset_index(drop=True), first=1, shares=False, notes=tuple(notes)
    )


def single_view(name: str) -> str:
    """Return the name of a camera or sequence without folders, a video's ending and capitals."""
    file = PurePosixPath(name.strip().replace("\\", "/"))
    return (file.stem if file.suffix.lower() in VIDEO_SUFFIXES else file.name).casefold()


def select_view(annotations: Annotations, name: str | None, path: str | Path) -> Annotations:
    """Return the boxes of one camera, or of one sequence, where a file holds those of several.

    name    of the camera or sequence; a file of one sequence is taken whatever its name. None: the
            file has to be of one

    Raises DataError that names those there are. Whether frames count from 0 is seen in all of them.
    """
    table = annotations.table
    by = next((by for by in ("camera", "sequence") if by in table and table[by].notna().any()), "")
    if not by:
        return annotations
    names = sorted(set(table[by].dropna()))
    if name is not None and name not in names:  # "Cam1", "videos/cam1.mp4"
        alike = [value for value in names if single_view(value) == single_view(name)]
        name = alike[0] if len(alike) == 1 else name
    if len(names) > 1 and name is None:
        raise DataError(f"{path}: holds boxes of the {by}s {', '.join(names[:20])}; name one.")
    if name is not None and name not in names and (by == "camera" or len(names) > 1):
        raise DataError(
            f"{path}: holds no box of the {by} {name!r}; it has those of {', '.join(names[:20])}. "
            f"Give the {by} this name there, or delete the column."
        )
    chosen = name if name in names else names[0]
    first = annotations.first
    if first is None and len(table) and pd.to_numeric(table["frame"]).min() == 0:
        first = 0
    return replace(annotations, table=table[table[by] == chosen], first=first)


def _tracks(table: pd.DataFrame, path: str | Path) -> np.ndarray:
    track = table["track"].fillna(-1).to_numpy(copy=True)
    good = (track == np.floor(track)) & (np.abs(track) < 2**53)
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(
            f"{path}, {table['row'].iloc[row]}: expected a whole track number; found "
            f"{track[row]:g}."
        )
    return np.where(track < 0, -1, track).astype(np.int64)


def _only_people(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    labels = table["label"]
    counts = labels.value_counts()
    kept, unknown = person_labels(list(counts.index))
    other = [label for label in counts.index if label not in kept]
    if other:
        listed = ", ".join(f"{counts[label]} of {label!r}" for label in other[:5])
        more = f" and {len(other) - 5} more labels" if len(other) > 5 else ""
        notes.append(f"Boxes that show no people are left out: {listed}{more}.")
    if unknown:
        listed = ", ".join(map(repr, unknown[:5]))
        notes.append(f"No label is known to be of people, so boxes of {listed} are read as people.")
    return table[~labels.isin(other)]


def _inside(
    table: pd.DataFrame, shares: bool, size: tuple[int, int] | None, notes: list[str]
) -> pd.DataFrame:
    """Convert boxes to pixels and clip them to the picture; drop those that are invalid."""
    xywh = table[XYWH].to_numpy(copy=True)
    finite = np.isfinite(xywh).all(axis=1)
    if not shares and size is not None and finite.any() and _as_shares(xywh[finite]):
        shares = True
        notes.append("Boxes are read as shares of the picture, since none is over 1.")
    if shares and size is None:
        notes.append("Boxes are shares of the picture, from 0 to 1, since its size is not given.")
    elif not shares and len(xywh) >= FEW and (xywh[:, 2:] > xywh[:, :2]).all():
        notes.append(
            "Every width is over its left and every height over its top: if these are right and "
            "bottom, name the columns in a first line: frame,track,left,top,right,bottom."
        )
    xywh *= np.array([*size, *size]) if shares and size is not None else 1
    finite &= (np.abs(xywh) < LARGEST).all(axis=1)
    sized = (xywh[:, 2:] > 0).all(axis=1)
    inside = np.ones(len(xywh), bool)
    if size is not None:
        ends = xywh[:, :2] + xywh[:, 2:]
        low, high = np.clip(xywh[:, :2], 0, size), np.clip(ends, 0, size)
        inside = (high > low).all(axis=1)
        over = (low != xywh[:, :2]).any(axis=1) | (high != ends).any(axis=1)
        cut = int((over & finite & sized & inside).sum())
        if 2 * cut > max(len(xywh), FEW):
            notes.append(
                f"{cut} of {len(xywh)} boxes reach over the edge of the picture and are cut: were "
                "they made for pictures of another size?"
            )
        xywh[over] = np.concatenate([low, high - low], axis=1)[over]
    for bad, what in (
        (~finite, "without four numbers in pixels"),
        (finite & ~sized, "without a width and a height over 0"),
        (finite & sized & ~inside, f"outside the picture of {size and '{} x {}'.format(*size)}"),
    ):
        if bad.any():
            example = f"{table['row'].iloc[int(np.argmax(bad))]}"
            notes.append(left_out_note(int(bad.sum()), what, example))
    table[XYWH] = xywh
    return table[finite & sized & inside]


def _as_shares(xywh: np.ndarray) -> bool:
    return bool((xywh >= 0).all() and (xywh <= 1).all() and (xywh[:, 2:] < 1).any())


def _scaled(score: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return (n,) scores scaled to 0 to 1, in the same order, and notes.

    score    (n,) as a file has them; nan and, where nothing else is below 0, -1: none, which is 1
    """
    known = np.isfinite(score)
    if (score[known & (score < 0)] == -1).all():
        known &= score >= 0
    values = score[known]
    shares, notes = np.ones(len(score)), []
    if len(values) and (values.min() < 0 or values.max() > 1):
        span = f"Scores from {values.min():g} to {values.max():g}"
        if values.min() >= 0 and PERCENT < values.max() <= 100:
            values = values / 100
            notes.append(f"{span} are read as percent.")
        else:
            values = (1 + values / (1 + np.abs(values))) / 2
            notes.append(f"{span} are mapped to 0 to 1 in the same order.")
    shares[known] = values
    return shares, notes


def _once(table: pd.DataFrame, path: str | Path, notes: list[str]) -> pd.DataFrame:
    """Drop repeated boxes of a track in a frame; refuse a track with two different boxes."""
    where = ["camera", "sequence", "frame", "track"]
    tracked = table["track"] >= 0
    again = tracked & table.duplicated(where)
    other = again & ~table.duplicated([*where, *XYWH])
    if other.any():
        second = table[other].iloc[0]
        hint = " Boxes of several cameras need a column camera." if isinstance(path, Path) else ""
        raise DataError(
            f"{path}, {second['row']}: track {second['track']} has a second box in frame "
            f"{second['frame']}; expected one.{hint}"
        )
    if again.any():
        example = f"{table['row'][again].iloc[0]}"
        notes.append(left_out_note(int(again.sum()), "equal to another of its track", example))
    return table[~again]


def number_from_one(
    table: pd.DataFrame, path: str | Path, frames: int | Collection[int] | None, first: int | None
) -> tuple[np.ndarray, list[str]]:
    """Return (n,) int64 frame numbers as the video or the pictures count them, and notes.

    table     with ``frame`` and ``row``
    frames    how many frames a video has, which count from 1; or the numbers of pictures
    first     number that the file gives to the first frame; None: the numbers have to tell

    Raises DataError, with the row, for an invalid frame, and where neither counting from 0 nor from
    1 fits.
    """
    number = table["frame"].to_numpy()
    _refuse(number, np.isfinite(number) & (number == np.floor(number)), table, path)
    _refuse(number, (number >= (first or 0)) & (number < 2**53), table, path, first)
    whole = number.astype(np.int64)
    lowest, highest = int(whole.min(initial=1)), int(whole.max(initial=0))
    video = frames is None or isinstance(frames, int)
    begin = 1 if isinstance(frames, int | None) else min(frames, default=1)
    end = frames if isinstance(frames, int | None) else max(frames, default=0)
    if first == 0:
        shift = begin
    elif begin == 0:
        shift = -1 if first == 1 or (lowest > 0 and highest - 1 == end) else 0
    else:
        shift = int(lowest == 0)
    too_far = end is not None and highest + shift > end
    if too_far and (video or (lowest == 0 and first is None)):
        row = table["row"].iloc[int(np.argmax(whole))]
        counted = ", counted from 0" if shift else ""
        of = f"the video, which has {end}" if video else f"the pictures {begin} to {end}"
        hint = "another one, or is first_frame another" if video else "another one"
        raise DataError(
            f"{path}, {row}: a box in frame {highest}{counted}; expected a frame of {of}. Are the "
            f"boxes those of {hint}?"
        )
    if shift == 0 or not len(whole):
        return whole, []
    file, other = (0, begin) if shift > 0 else (1, 0)
    read = f"each is read as {abs(shift)} {'more' if shift > 0 else 'less'}"
    shown = "video" if video else "pictures"
    note = f"Frames count from {file} in the boxes, from {other} in the {shown}: {read}."
    return whole + shift, [note]


def _refuse(
    number: np.ndarray,
    good: np.ndarray,
    table: pd.DataFrame,
    path: str | Path,
    first: int | None = None,
) -> None:
    if not good.all():
        row = int(np.argmin(good))
        least = "0 or 1" if first is None else f"{first}, which is the first frame"
        raise DataError(
            f"{path}, {table['row'].iloc[row]}: expected a whole frame number from {least}; found "
            f"{number[row]:g}."
        )
