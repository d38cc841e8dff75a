"""Boxes beside the frames of a sequence, or beside a video: crops are cut when they are read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pandas as pd

from sameplayer.data.annotations.people import people, select_view
from sameplayer.data.annotations.read import read_annotations
from sameplayer.data.columns import BOX
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sequences import PICTURES, Sequence, sequences
from sameplayer.data.reading import read_shared
from sameplayer.data.roles import SPLITS
from sameplayer.data.splits import draw_query_gallery
from sameplayer.data.video.frames import open_video
from sameplayer.errors import SameplayerError

MOT = (
    "boxes (gt/gt.txt, det/det.txt, or a file of annotations or of a tracker) beside img1/ or a "
    "video, or a folder of such folders"
)


def has_mot(path: Path) -> bool:
    """Tell whether a folder holds sequences with boxes, or ones laid out as MOTChallenge's."""
    return path.is_dir() and any(
        sequence.boxes is not None or sequence.pictures == PICTURES[0]
        for sequence in sequences(path)
    )


def read_mot(path: Path) -> Crops:
    """Read the boxes of a sequence or a folder of sequences; crops are cut when they are read.

    A track is a person within its sequence; a box without a track has no person. Sequences in a
    folder train are for training, others are query and gallery. Boxes in a video are ordered by
    frame, so that reading them decodes each frame once. The notes say what was left out.
    """
    sequences_found = list(sequences(path))
    twice = {
        name
        for name, count in Counter(sequence.name for sequence in sequences_found).items()
        if count > 1
    }
    tables, notes = [], []
    for sequence in sequences_found:
        if sequence.boxes is not None:
            within = sequence.folder.relative_to(path)
            whole = within / sequence.name if sequence.video else within
            name = whole.as_posix() if sequence.name in twice else sequence.name
            table, more = _rows(sequence, sequence.boxes, within)
            tables.append(table.assign(sequence=name))
            notes += [(name, note) for note in more]
    lacking = [sequence.name for sequence in sequences_found if sequence.boxes is None]
    merged = _joined_notes(notes)
    if lacking:
        many = f"{len(lacking)} sequences hold" if len(lacking) > 1 else "1 sequence holds"
        merged.append(f"{many} no boxes, such as {lacking[0]}.")
    tables = [table for table in tables if len(table)]
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["image"])
    crops = Crops(rows, path, "sequence", "mot", tuple(merged))
    return _with_roles(crops) if len(rows) else crops


def _rows(sequence: Sequence, path: Path, within: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the crops of a sequence, and notes.

    path      of its boxes
    within    where its folder is in the root
    """
    named = sequence.frames()
    frames: int | Collection[int] | None = named or None
    first = sequence.folder / (named[min(named)] if named else f"{sequence.video}#1")
    if sequence.video:
        frames = _length(sequence.folder / sequence.video)
    annotated = people(
        select_view(read_annotations(path), sequence.name, path),
        path,
        frames=frames,
        size=_size(first),
    )
    boxes = (
        annotated.table.sort_values("frame", kind="stable") if sequence.video else annotated.table
    )
    prefix = "" if within == Path() else f"{within.as_posix()}/"
    images = {
        number: prefix + (named.get(number) or sequence.missing(number))
        for number in boxes["frame"].unique().tolist()
    }
    table = pd.DataFrame({"image": boxes["frame"].map(images), "frame": boxes["frame"]})
    track = boxes["track"].astype("string")
    table["person"] = track.mask(boxes["track"] < 0)
    table[list(BOX)] = boxes[list(BOX)]
    table["split"] = next((word for word in within.parts[:-1] if word in SPLITS), "test")
    for name, values in (
        ("team", boxes["team"]),
        ("number", boxes["number"]),
        ("class", boxes["role"].where(boxes["role"].notna(), boxes["label"])),
        ("camera", boxes["camera"]),
    ):
        if values.notna().any():
            table[name] = values.astype("string")
    unused = [f"{name} is not used: boxes are those of {path.name}." for name in sequence.unused]
    return table.assign(row=boxes["row"]), [*annotated.notes, *unused]


def _length(video: Path) -> int | None:
    try:
        return len(open_video(video))
    except SameplayerError:  # reported where its frames are read
        return None


def _size(frame: Path) -> tuple[int, int] | None:
    """Return width and height of a frame, None where it cannot be read."""
    try:
        picture = read_shared(frame)
    except SameplayerError:
        return None
    return picture.shape[1], picture.shape[0]


def _joined_notes(notes: list[tuple[str, str]]) -> list[str]:
    """Join the notes of sequences that differ in numbers only."""
    alike: dict[str, list[tuple[str, str]]] = {}
    for name, note in notes:
        alike.setdefault(re.sub("[0-9.]+", "0", note), []).append((name, note))
    return [
        f"{same[0][0]}: {same[0][1]}"
        + (f" So in {len(same) - 1} more sequences." if same[1:] else "")
        for same in alike.values()
    ]


def _with_roles(crops: Crops) -> Crops:
    """Give training rows the role train; draw query and gallery from the others."""
    words = crops.table["split"].map(SPLITS)
    table = crops.table.assign(split=[split for _, split in words])
    table["role"] = [role if role == "train" else "gallery" for role, _ in words]
    learnt = table["role"] == "train"
    drawn = draw_query_gallery(replace(crops, table=table[~learnt]))
    return replace(crops, table=pd.concat([drawn.table, table[learnt]], ignore_index=True))
