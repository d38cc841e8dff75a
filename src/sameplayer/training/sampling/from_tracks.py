"""Pairs from tracks: what a run without labels learns from, and what it is scored on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sameplayer.data.crops import Crops
from sameplayer.data.splits import draw_query_gallery, split_by_person
from sameplayer.data.tracks import CannotLinks, as_tracks, cannot_links, spaced
from sameplayer.errors import SettingError, TrainingError
from sameplayer.training.config import TrainConfig


@dataclass(frozen=True, eq=False)
class TrackPairs:
    """Tracks to learn from.

    learn         a table of ``as_tracks``: every track has two pictures or more, and is known to
                  differ from another
    known         which tracks, numbered by ``learn.persons()``, are known to differ
    validation    held-out tracks as query and gallery, among others of their footage; or None
    notes         what a user should know: how many tracks are left out, and why
    """

    learn: Crops
    known: CannotLinks
    validation: Crops | None
    notes: tuple[str, ...]


def training_footage(crops: Crops, config: TrainConfig) -> Crops:
    """Return the rows to learn from: of the training split, or all where there is none.

    Raises SettingError where all rows are learnt from and some would be scored on as well.
    """
    learnt = crops.table["role"].eq("train").to_numpy(copy=True)
    if not learnt.any() and config.validate in ("valid", "test"):
        raise SettingError(
            "validate",
            repr(config.validate),
            "fold or none: no row has the role train, so all tracks are learnt from",
        )
    if not learnt.any():
        return crops
    if config.train_on == "training+test":
        tested = crops.table["role"].isin(("query", "gallery")).to_numpy()
        learnt |= tested & (crops.splits() == "test")
    return crops.where(learnt)


def pairs_from_tracks(rows: Crops, config: TrainConfig) -> TrackPairs:
    """Choose tracks of two or more pictures ``track_gap`` frames apart that were seen with others.

    With validate: fold, a share of the tracks is held out and ranked among tracks of its footage.
    Raises DataError where the table has no tracks, TrainingError where nothing can be learnt.
    """
    footage = as_tracks(rows)
    known = cannot_links(footage)
    numbers = footage.persons()
    kept = spaced(footage, config.track_gap)
    pictures = np.bincount(numbers[kept], minlength=len(known.others()))
    single = pictures < 2
    alone = ~single
    alone[~single] = known.part(np.flatnonzero(~single)).others() == 0
    notes = _left_out(config.track_gap, single, alone)
    usable = footage.where(kept & ~(single | alone)[numbers])
    if len(usable) == 0:
        raise _nothing(footage, config.track_gap, single, alone)
    held = None
    if config.validate == "fold":
        usable, held = split_by_person(usable, fold=config.fold, folds=config.folds)
    validation = None if held is None else _among_others(held, usable, known)
    learnt = known.part(_of_tracks(usable, "person"))
    if learnt.others().max(initial=0) == 0:
        raise _nothing(footage, config.track_gap, single, ~single)
    return TrackPairs(usable, learnt, validation, notes)


def _of_tracks(part: Crops, column: str) -> np.ndarray:
    """Return (t,) numbers that ``as_tracks`` gave the tracks of a part, or their footage."""
    first = np.unique(part.persons(), return_index=True)[1]
    return part.table[column].iloc[first].astype(int).to_numpy()


def _among_others(held: Crops, learn: Crops, known: CannotLinks) -> Crops:
    """Return held-out tracks as query and gallery; distractors are tracks surely of others.

    These are learnt from, but never against the held-out ones.
    """
    tracks, others = _of_tracks(held, "person"), _of_tracks(learn, "person")
    same = _of_tracks(held, "sequence")[:, None] == _of_tracks(learn, "sequence")
    surely = known.pairs[tracks][:, others].toarray()
    wrong = ((surely | ~same).all(axis=0) & same.any(axis=0))[learn.persons()]
    distractors = learn.where(wrong).table.assign(role="distractor")
    tested = draw_query_gallery(held)
    return replace(tested, table=pd.concat([tested.table, distractors], ignore_index=True))


def _left_out(gap: int, single: np.ndarray, alone: np.ndarray) -> tuple[str, ...]:
    reasons = [
        f"{mask.sum()} {reason}"
        for mask, reason in ((single, _few(gap)), (alone, "never seen beside another"))
        if mask.any()
    ]
    if not reasons:
        return ()
    return (f"{(single | alone).sum()} of {len(single)} tracks are left out: {', '.join(reasons)}",)


def _few(gap: int) -> str:
    return "with fewer than two pictures" + (f" {gap} frames apart" if gap > 1 else "")


def _nothing(footage: Crops, gap: int, single: np.ndarray, alone: np.ndarray) -> TrainingError:
    count = len(single)
    return TrainingError(
        f"{footage.root}: nothing to learn from {count} track{'s' * (count != 1)}: {single.sum()} "
        f"{_few(gap)}, {alone.sum()} never seen in one frame with another, and only such tracks "
        "are known to be different persons. Bring footage that shows several players at once"
        + (", or lower track_gap." if gap > 1 else ".")
    )
