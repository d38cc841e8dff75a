"""Pairs of one person, and batches in which every row is another person.

Every picture is an anchor once an epoch; its positive is another picture of the same person. Two
pictures of one person in a batch would be a false negative of each other, so a batch holds
distinct persons, all of one identity scope: persons of different scopes may be the same.
"""

from __future__ import annotations

import numpy as np

from sameplayer.data.tracks import CannotLinks
from sameplayer.errors import SameplayerError, SettingError, TrainingError


def draw_batches(
    persons: np.ndarray,
    scopes: np.ndarray,
    pairs: int,
    rng: np.random.Generator,
    points: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Return one epoch: a shuffled list of (b, 2) row numbers, anchor and positive.

    persons    (n,) integers, one number per person; -1: unknown, never used
    scopes     (n,) integers; a batch stays within one scope
    pairs      persons per batch; a scope with fewer persons gives batches of all its persons,
               but a table without scopes (one scope) must hold ``pairs`` persons
    points     (persons, d), the point of each person: a batch is then one person, drawn at random,
               and the nearest ones that still have pictures; None: all at random

    As many anchors are placed as can be: with K batches of B rows a person fits at most K times,
    so K is the largest number for which the capped counts still fill K * B places. Persons with
    a single picture have no positive and are left out. Raises SettingError where ``pairs`` is more
    than the persons, TrainingError where there are fewer than two.
    """
    counts = np.bincount(persons[persons >= 0], minlength=1)
    usable = (persons >= 0) & (counts[np.maximum(persons, 0)] >= 2)
    single_scope = len(np.unique(scopes)) == 1
    batches: list[np.ndarray] = []
    for scope in np.unique(scopes[usable]):
        rows = np.flatnonzero(usable & (scopes == scope))
        different = len(np.unique(persons[rows]))
        if different < 2 or (single_scope and different < pairs):
            if single_scope:
                raise too_few_persons(different, pairs)
            continue
        batches.extend(_scope_batches(rows, persons[rows], min(pairs, different), rng, points))
    if not batches:
        raise too_few_persons(0, pairs)
    order = np.argsort(persons, kind="stable")
    ends = np.cumsum(np.bincount(persons + 1))
    anchors = [batches[i] for i in rng.permutation(len(batches))]
    pairs_of = []
    for rows in anchors:
        alike = (order[ends[person] : ends[person + 1]] for person in persons[rows])
        positives = [rng.choice(same[same != row]) for same, row in zip(alike, rows, strict=True)]
        pairs_of.append(np.stack([rows, positives], axis=1))
    return pairs_of


def batches_per_epoch(counts: np.ndarray, pairs: int) -> int:
    """Return the largest K for which sum(min(counts, K)) >= K * pairs."""
    low, high = 0, int(counts.sum()) // pairs
    while low < high:
        middle = (low + high + 1) // 2
        if np.minimum(counts, middle).sum() >= middle * pairs:
            low = middle
        else:
            high = middle - 1
    return low


def batch_counts(
    counts: np.ndarray, total: int, pairs: int, rng: np.random.Generator
) -> np.ndarray:
    """Return (persons,): in how many of ``total`` batches each is, so that all are full."""
    left = np.minimum(counts, total)
    while left.sum() > total * pairs:
        spare = rng.choice(np.flatnonzero(left), p=left[left > 0] / left.sum())
        left[spare] -= 1
    return left


def _scope_batches(
    rows: np.ndarray,
    persons: np.ndarray,
    pairs: int,
    rng: np.random.Generator,
    points: np.ndarray | None,
) -> list[np.ndarray]:
    names, person = np.unique(persons, return_inverse=True)
    counts = np.bincount(person)
    total = batches_per_epoch(counts, pairs)
    shuffled = rng.permutation(len(rows))
    waiting: list[list[int]] = [[] for _ in names]
    for position in shuffled:
        waiting[person[position]].append(int(rows[position]))
    left = batch_counts(counts, total, pairs, rng)
    batches = []
    for remaining in range(total, 0, -1):
        chosen = _choose_persons(
            left, remaining, pairs, rng, None if points is None else points[names]
        )
        left[chosen] -= 1
        batches.append(np.array([waiting[person].pop() for person in chosen]))
    return batches


def _choose_persons(
    left: np.ndarray,
    remaining: int,
    pairs: int,
    rng: np.random.Generator,
    points: np.ndarray | None,
) -> np.ndarray:
    """Draw ``pairs`` distinct persons; one whose pictures need every batch left must be in."""
    must = np.flatnonzero(left >= remaining)
    others = np.flatnonzero((left > 0) & (left < remaining))
    count = pairs - len(must)
    if count <= 0:
        return must[:pairs]
    weight = left[others] / left[others].sum()
    if points is None:
        return np.concatenate([must, rng.choice(others, count, replace=False, p=weight)])
    first = must[0] if len(must) else rng.choice(others, p=weight)
    apart = ((points[others] - points[first]) ** 2).sum(axis=1)
    nearest = np.lexsort((rng.random(len(others)), apart))[:count]
    return np.concatenate([must, others[nearest]])


def too_few_persons(persons: int, pairs: int) -> SameplayerError:
    """Return the error of too few persons for a batch."""
    if persons >= 2:
        return SettingError(
            "pairs",
            pairs,
            f"{persons} or fewer: there are {persons} different persons with two or more pictures",
        )
    return TrainingError(
        f"A batch of {pairs} pairs needs {pairs} different persons with two or more pictures; "
        f"found {persons}. Training needs at least 2 such persons."
    )


def draw_track_batches(
    tracks: np.ndarray,
    frames: np.ndarray,
    known: CannotLinks,
    pairs: int,
    rng: np.random.Generator,
    points: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Return one epoch: a list of (pairs, 2) row numbers, anchor and positive of one track.

    tracks    (n,) numbers of the tracks, each with two rows or more
    frames    (n,) when each picture was taken; the farther from the anchor in time, the likelier is
              a picture its positive
    known     which tracks are known to differ
    points    (tracks, d): among equally well known tracks, the nearest to the first are taken

    A batch begins with a random track, followed by tracks that are known to differ from as many of
    the chosen ones as possible, of any footage. Pairs that remain unknown must be left out of the
    loss. Every picture is an anchor at most once. Raises SettingError or TrainingError
    where there are fewer tracks than ``pairs``.
    """
    counts = np.bincount(tracks, minlength=len(known.others()))
    different = int((counts >= 2).sum())
    if different < max(pairs, 2):
        raise too_few_persons(different, pairs)
    rows_of = np.split(np.argsort(tracks, kind="stable"), np.cumsum(counts)[:-1])
    waiting = [rng.permutation(rows).tolist() for rows in rows_of]
    total = batches_per_epoch(counts, pairs)
    left = batch_counts(counts, total, pairs, rng)
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
    known: CannotLinks,
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


def _row(known: CannotLinks, track: int) -> np.ndarray:
    row = np.zeros(known.pairs.shape[0], np.int64)
    pairs = known.pairs
    row[pairs.indices[pairs.indptr[track] : pairs.indptr[track + 1]]] = 1
    return row
