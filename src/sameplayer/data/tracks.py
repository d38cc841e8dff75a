"""Tracks in a crop table: their rows, and pairs of tracks known to be different persons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from sameplayer.common.boxes import row_overlaps
from sameplayer.data.columns import BOX
from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import quality
from sameplayer.errors import DataError, SettingError


def track_keys(table: pd.DataFrame, by: Sequence[str]) -> np.ndarray:
    """Return (n,) integers: rows with equal numbers are one track, numbered as they first appear.

    by    columns that together name a track; a row that lacks one of them is a track of its own

    Raises SettingError for a column that is not in the table, and for no column.
    """
    missing = [name for name in by if name not in table.columns]
    if missing or not by:
        known = ", ".join(map(str, table.columns))
        raise SettingError("by", " ".join(missing) or "empty", f"columns of the table: {known}")
    codes = np.stack([pd.factorize(table[name].astype("string"))[0] for name in by], axis=1)
    alone = (codes < 0).any(axis=1)
    codes[alone] = -1
    rows = np.where(alone, np.arange(len(table)), -1)
    named = pd.DataFrame(np.column_stack([codes, rows]))
    return named.groupby(list(named.columns), sort=False).ngroup().to_numpy()


def one_track_each(crops: Crops) -> bool:
    """Tell whether all pictures of each person are one track, so that scores mean little.

    A track is one appearance before one camera, as the log of a match writes it: sequence, camera
    and frame (and track, where there is such a column) are known for every picture of a person. In
    a scope of sequences every person has one track, so this is not asked.
    """
    table, persons = crops.table, crops.persons()
    by = ["sequence", "camera", *(["track"] if "track" in table else [])]
    known = persons >= 0
    if crops.scope == "sequence" or not known.any():
        return False
    if table.loc[known, ["frame", *by]].isna().to_numpy().any():
        return False
    tracks = pd.Series(track_keys(table, by)[known]).groupby(persons[known])
    several = tracks.size() > 1
    return bool(several.any()) and bool((tracks.nunique()[several] == 1).all())


COVERED = 0.5
"""Two boxes of which the smaller lies in the other by this share may be one person, found twice."""
AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class CannotLinks:
    """Pairs among t tracks that are known to be different persons.

    pairs    (t, t) sparse, symmetric, True where two tracks are known to differ; anywhere else they
             may be one person
    """

    pairs: csr_array

    def among(self, tracks: np.ndarray) -> np.ndarray:
        """Return (b, b) booleans: which of these tracks (b,) are known to differ."""
        return self.part(tracks).pairs.toarray()

    def part(self, tracks: np.ndarray) -> CannotLinks:
        """Return the pairs among these tracks (b,), renumbered from 0."""
        return CannotLinks(self.pairs[tracks][:, tracks])

    def others(self) -> np.ndarray:
        """Return (t,): from how many tracks each is known to differ."""
        return np.diff(self.pairs.indptr)


def as_tracks(crops: Crops) -> Crops:
    """Return the rows with a track and a frame as a table whose persons are the tracks.

    A track is named by the column ``track`` where the table has one, else by ``person``, and holds
    within one footage: the rows of one game, camera and sequence. In the result ``person`` is the
    number of the track, ``sequence`` that of its footage, and identities hold within a sequence;
    labels of persons are not used. Raises DataError where the table has no tracks,
    no frames, or nothing that tells one footage from another.
    """
    table = crops.table
    name = "track" if "track" in table.columns else "person"
    columns = ", ".join(column for column in table.columns if table[column].notna().any())
    for column, why in ((name, "which rows are one track"), ("frame", "who was seen together")):
        if table[column].isna().all():
            raise DataError(
                f"{crops.root}: tracks as persons need the column {column!r}, which says {why}; "
                f"it is empty. Filled are: {columns}. Bring a tracker's output, such as "
                "MOT lines with a track number beside their frames."
            )
    within = [part for part in ("camera", "sequence") if table[part].notna().any()]
    if not within:
        raise DataError(
            f"{crops.root}: tracks as persons need the column 'sequence' or 'camera', since frames "
            f"are counted within one video; both are empty. Filled are: {columns}."
        )
    kept = (table[name].notna() & table["frame"].notna()).to_numpy()
    table = table[kept].reset_index(drop=True)
    footage = track_keys(table[["game", *within]].astype("string").fillna(""), ["game", *within])
    keys = pd.DataFrame({"footage": footage, "track": table[name].astype("string").to_numpy()})
    numbers = track_keys(keys, ["footage", "track"])
    table = table.assign(person=numbers.astype(str), sequence=footage.astype(str))
    return replace(crops, table=table, scope="sequence")


def cannot_links(footage: Crops) -> CannotLinks:
    """Return the pairs of tracks of ``as_tracks`` that appear side by side in one frame.

    Tracks are numbered as by ``footage.persons()``. Two boxes do not count where half of the
    smaller lies in the other: a tracker may have found one person twice.
    """
    tracks = footage.persons()
    count = int(tracks.max(initial=-1)) + 1
    codes, waiting, held = np.zeros(0, np.int64), list[np.ndarray](), 0
    for seen, other in _side_by_side(footage):
        waiting.append(tracks[seen] * count + tracks[other])
        held += len(seen)
        if held > AT_ONCE:
            codes, waiting, held = np.unique(np.concatenate([codes, *waiting])), [], 0
    first, second = np.divmod(np.unique(np.concatenate([codes, *waiting])), max(count, 1))
    places = np.concatenate([first, second]), np.concatenate([second, first])
    pairs = csr_array((np.ones(len(places[0]), np.int64), places), shape=(count, count))
    return CannotLinks(pairs.astype(bool))


def _side_by_side(footage: Crops) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield for each frame the rows (k,) and (k,) of two tracks that it shows side by side."""
    tracks, moments = footage.persons(), _moments(footage)
    boxes = footage.table[list(BOX)].to_numpy(dtype=float, na_value=np.nan)
    order = np.argsort(moments, kind="stable")
    for rows in np.split(order, np.cumsum(np.bincount(moments))[:-1]):
        places, other = (rows[part] for part in np.triu_indices(len(rows), 1))
        inside = np.nan_to_num(row_overlaps(boxes[places], boxes[other])[1])  # whole pictures: 0
        apart = (tracks[places] != tracks[other]) & (inside < COVERED)
        yield places[apart], other[apart]


def spaced(footage: Crops, gap: int) -> np.ndarray:
    """Return (n,) booleans: each track's first picture, then the next ``gap`` frames later or more.

    footage    a table of ``as_tracks``; of two rows of one track and frame one is kept
    """
    tracks = footage.persons()
    frames = footage.table["frame"].to_numpy(dtype=float)
    keep = np.zeros(len(tracks), bool)
    track, last = -1, -np.inf
    for row in np.lexsort((frames, tracks)).tolist():
        if tracks[row] != track or frames[row] >= last + gap:
            keep[row], track, last = True, tracks[row], frames[row]
    return keep


def _moments(footage: Crops) -> np.ndarray:
    """Return (n,) integers: rows with equal numbers are of one frame of one footage."""
    frames = pd.factorize(footage.table["frame"])[0].astype(np.int64)
    both = footage.scopes() * (frames.max(initial=0) + 1) + frames
    return np.unique(both, return_inverse=True)[1]


def picture_quality(crops: Crops) -> np.ndarray:
    """Return (n,) weights above 0 of pictures: height in pixels times sharpness.

    Sharpness is the logarithm of the variance of the Laplacian at a height of 128 pixels.
    """
    return np.array([quality(crops.read(row)) for row in range(len(crops))])
