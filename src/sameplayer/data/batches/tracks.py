"""Batches of tracks, chosen so that as many pairs of a batch as can be are known to differ."""

from __future__ import annotations

import numpy as np

from sameplayer.data.batches.pairs import batches_per_epoch, capped, too_few
from sameplayer.data.footage import KnownDifferent


def draw_track_batches(
    tracks: np.ndarray,
    frames: np.ndarray,
    known: KnownDifferent,
    pairs: int,
    rng: np.random.Generator,
    points: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Return one epoch: a list of (pairs, 2) row numbers, anchor and positive of one track.

    tracks    (n,) numbers of the tracks, each with two rows or more
    frames    (n,) when each picture was taken; the farther from the anchor in time, the likelier is
              a picture its positive
    known     which tracks are known to differ
    points    (tracks, d): of equally well known tracks, those nearest to the first come in

    A batch begins with a track at random; then come tracks that are known to differ from as many of
    the chosen ones as can be, whichever footage they are of. Pairs that remain unknown must be left
    out of the loss. Every picture is an anchor at most once. Raises SettingError or TrainingError
    where there are fewer tracks than ``pairs``.
    """
    counts = np.bincount(tracks, minlength=len(known.others()))
    different = int((counts >= 2).sum())
    if different < max(pairs, 2):
        raise too_few(different, pairs)
    rows_of = np.split(np.argsort(tracks, kind="stable"), np.cumsum(counts)[:-1])
    waiting = [rng.permutation(rows).tolist() for rows in rows_of]
    total = batches_per_epoch(counts, pairs)
    left = capped(counts, total, pairs, rng)
    batches = []
    for remaining in range(total, 0, -1):
        chosen = _choose(left, remaining, pairs, known, rng, points)
        left[chosen] -= 1
        anchors = [waiting[track].pop() for track in chosen]
        positives = [
            _positive(row, rows_of[track], frames, rng)
            for row, track in zip(anchors, chosen, strict=True)
        ]
        batches.append(np.stack([anchors, positives], axis=1))
    return [batches[i] for i in rng.permutation(len(batches))]


def _positive(
    anchor: int, rows: np.ndarray, frames: np.ndarray, rng: np.random.Generator
) -> np.int64:
    others = rows[rows != anchor]
    apart = np.abs(frames[others] - frames[anchor])
    return rng.choice(others, p=apart / apart.sum() if apart.any() else None)


def _choose(
    left: np.ndarray,
    remaining: int,
    pairs: int,
    known: KnownDifferent,
    rng: np.random.Generator,
    points: np.ndarray | None,
) -> list[int]:
    """Draw distinct tracks; one whose pictures need every batch left must be in."""
    chosen = np.flatnonzero(left >= remaining)[:pairs].tolist()
    with np.errstate(divide="ignore"):  # the smallest of these is a draw weighted by what is left
        draw = rng.exponential(size=len(left)) / left
    draw[chosen] = np.inf
    apart = np.zeros(len(left))
    differ = np.zeros(len(left), np.int64)
    for track in chosen:
        differ += _row(known, track)
    while len(chosen) < pairs:
        if points is not None and chosen:
            apart = ((points - points[chosen[0]]) ** 2).sum(axis=1)
        open_ = np.flatnonzero(np.isfinite(draw))
        best = open_[differ[open_] == differ[open_].max()]
        track = int(best[np.lexsort((draw[best], apart[best]))[0]])
        chosen.append(track)
        draw[track] = np.inf
        differ += _row(known, track)
    return chosen


def _row(known: KnownDifferent, track: int) -> np.ndarray:
    row = np.zeros(known.pairs.shape[0], np.int64)
    pairs = known.pairs
    row[pairs.indices[pairs.indptr[track] : pairs.indptr[track + 1]]] = 1
    return row
