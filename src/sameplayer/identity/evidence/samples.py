"""Samples of tracklets: a few pictures each, spread over time, with embedding, kit and number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
import pandas as pd

from sameplayer.errors import DataError
from sameplayer.identity.evidence.box_relations import covered_shares, find_merged_boxes
from sameplayer.numbers.reader import NumberReader
from sameplayer.tracks.tracklets import Tracklets

MOST = 16  # pictures of a tracklet
EACH_S = 0.25  # of a tracklet's time there is at most one
MARGIN = 0.05  # of a box's height that is cut out on each side, as around crops people trained on
MERGED = 0.01  # of its worth that a box of two people keeps


@dataclass(frozen=True, eq=False)
class Samples:
    """k pictures of tracklets, in the order of the rows of ``Tracklets.table``.

    box        (k,) int64: the row of the table
    row        (k, d) float16: unit row of the encoder
    shirt      (k, s) float16: unit row of the shirt's colours, ``kit.shirt_rows``
    colour     (k, 3) float32: RGB of the shirt
    number     (k, 102) float32: log-probabilities of NUMBERS, and of none seen
    clear      (k,) float32 over 0: how large and sharp the picture is
    """

    box: np.ndarray
    row: np.ndarray
    shirt: np.ndarray
    colour: np.ndarray
    number: np.ndarray
    clear: np.ndarray

    def __len__(self) -> int:
        return len(self.box)

    def where(self, keep: np.ndarray) -> Samples:
        """Return the pictures for which keep (k,) bool is true."""
        return Samples(*(getattr(self, field.name)[keep] for field in fields(self)))


MEASURED = tuple(field.name for field in fields(Samples) if field.name != "box")
KEPT = ("boxes", "pictures", "lengths", *MEASURED)
"""What a part holds: boxes (k, 5) frame, left, top, width, height; small JPEG files one after the
other, and their lengths in bytes; and what was measured."""


def choose_boxes(tracklets: Tracklets) -> np.ndarray:
    """Return the rows of the table to sample: the best box of each part of a tracklet's time.

    The best is large, has a high score, is not covered by others, and does not contain two people.
    """
    table = tracklets.table
    height, score = (table[name].to_numpy(float) for name in ("height", "score"))
    worth = box_worth(height, score, covered_shares(table), find_merged_boxes(table))
    time, starts = table["time_s"].to_numpy(float), tracklets.starts
    own = (slice(*ends) for ends in pairwise(starts))
    chosen = [spread(time[rows], worth[rows]) + rows.start for rows in own]
    return np.concatenate([np.zeros(0, np.int64), *chosen])


def box_worth(
    height: np.ndarray, score: np.ndarray, covered: np.ndarray, merged: np.ndarray
) -> np.ndarray:
    """Return (n,) how good a sample each box is: large, sure, not covered, of one person.

    covered    (n,) share of each box that another takes
    merged     (n,) bool: boxes that hold two people
    """
    worth: np.ndarray = height * (0.2 + score) * (1.02 - covered)
    return np.where(merged, MERGED * worth, worth)


def spread(time: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """Return rising rows of the best box of each part of one tracklet's time.

    time, worth    (n,) of its boxes, in order of time
    """
    first, length = time[0], time[-1] - time[0]
    parts = int(np.clip(np.floor(length / EACH_S) + 1, 1, MOST))
    share = (time - first) / max(length, 1e-9)
    part = np.minimum((share * parts).astype(int), parts - 1)
    order = np.lexsort((-worth, part))
    new = np.diff(part[order], prepend=-1) != 0
    return np.sort(order[new])


def samples_of(
    tracklets: Tracklets, parts: Mapping[str, Sequence[Mapping[str, np.ndarray]]]
) -> tuple[Samples, pd.DataFrame]:
    """Return the samples of tracklets, and their pictures.

    parts    of each camera by its name: KEPT each, or empty where nobody was seen

    The pictures are a row each: camera, frame, left, top, and ``picture``, a small JPEG. Raises
    DataError where nobody was found.
    """
    place = ["camera", "frame", "left", "top"]
    boxes = tracklets.table[place].assign(box=np.arange(len(tracklets.table)))
    rows = boxes.drop_duplicates(place).set_index(place)["box"]
    found: list[dict[str, np.ndarray]] = []
    pictures: list[pd.DataFrame] = []
    for camera, own in parts.items():
        for part in filter(None, own):
            table = pd.DataFrame(part["boxes"][:, :3], columns=place[1:])
            table = table.astype({"frame": np.int64})
            table.insert(0, "camera", camera)
            box = rows.reindex(pd.MultiIndex.from_frame(table)).to_numpy(float)
            kept = np.flatnonzero(np.isfinite(box))
            found.append(
                {"box": box[kept].astype(np.int64), **{name: part[name][kept] for name in MEASURED}}
            )
            files = np.split(part["pictures"], np.cumsum(part["lengths"])[:-1])
            table["picture"] = [file.tobytes() for file in files]
            pictures.append(table.iloc[kept])
    if not any(len(one["box"]) for one in found):
        raise DataError(
            "Nobody was found in the videos; expected people in some frame. Look whether the "
            "boxes are of these videos, or choose another detector or a smaller tile."
            + "".join(f"\nnote: {note}" for note in tracklets.notes)
        )
    order = np.argsort(np.concatenate([one["box"] for one in found]), kind="stable")
    names = [field.name for field in fields(Samples)]
    columns = [np.concatenate([one[name] for one in found])[order] for name in names]
    return Samples(*columns), pd.concat(pictures, ignore_index=True)


def name_of(reader: NumberReader) -> str:
    return getattr(reader, "name", type(reader).__name__)
