"""Which pair to ask about next, and how many more answers the wanted precision needs.

The variance of both error rates is a sum over strata (Neyman, 1934). The next question goes to the
stratum where one answer reduces it most, each rate measured against its tolerance.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import expit

from sameplayer.data.crops import Crops
from sameplayer.errors import DataError
from sameplayer.pilot.curve import draw_odds, likeliest
from sameplayer.pilot.estimate import Strata, draw_rates
from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.labels import (
    Answer,
    Labels,
    append_answers,
    count_labels,
    labels_from,
    read_labels,
)

TOLERANCE = 0.5  # of the wanted false match rate
DOUBT = 0.1  # matches that are always possible, over the answers of a stratum
COUNTS = (100, 200, 400, 800, 1600)  # more answers that are tried
FUTURES = 6  # simulated for each
DRAWS = 400


def next_question(pilot: Pilot, skip: Collection[str] = ()) -> str | None:
    """Return the pair whose answer tells most now, or None when no question is left.

    skip    pairs not to ask about now, such as those somebody else is looking at

    Raises DataError for a damaged answers file.
    """
    return next_pair(pilot, read_labels(pilot), skip)


def next_pair(pilot: Pilot, labels: Labels, skip: Collection[str] = ()) -> str | None:
    """Return the next pair to ask about given some labels, or None when none is left."""
    candidates = labels.open.copy()
    candidates[[pilot.places[pair] for pair in skip if pair in pilot.places]] = False
    if labels.answered >= pilot.config.pairs or not candidates.any():
        return None
    stratum = pilot.pairs["stratum"].to_numpy()
    strata = pilot.population.strata(count_labels(pilot, labels.labels))
    settled = labels.labels >= 0
    settled[[pilot.places[pair] for pair in labels.answers]] = True
    asked = np.bincount(stratum[settled], minlength=len(strata.starts))
    worth = gains(strata, asked, pilot.config.false_matches, pilot.config.within)
    open_ = np.unique(stratum[candidates])
    best = open_[np.argmax(worth[open_])]
    return str(pilot.pairs["pair"].iat[int(np.flatnonzero(candidates & (stratum == best))[0])])


def gains(strata: Strata, asked: np.ndarray, wanted: float, within: float) -> np.ndarray:
    """Return (H,) the reduction of variance by one more answer in each stratum.

    asked     (H,) answers so far, "unsure" ones included
    wanted    false match rate that sets the threshold
    within    tolerance of the share of missed matches
    """
    worth = importance(strata, wanted, within)
    return np.where(asked == 0, np.inf, worth**2 / np.maximum(asked * (asked + 1), 1))


def importance(strata: Strata, wanted: float, within: float) -> np.ndarray:
    """Return (H,) Neyman's weights: the best shares of the answers among the strata."""
    odds, _ = likeliest(strata.counts)
    floor = DOUBT / (strata.answered + 10)
    share = np.clip(expit(odds), floor, 1 - floor)
    sizes = strata.sizes
    same, other = sizes * share, sizes * (1 - share)
    other_known = np.add.reduceat(strata.known, strata.starts) + other
    above = np.cumsum(other_known[::-1])[::-1] / other_known.sum()
    first = int(np.argmax(above <= wanted)) if (above <= wanted).any() else len(sizes) - 1
    over = np.arange(len(sizes)) >= first
    missed, false = same[~over].sum() / same.sum(), other_known[over].sum() / other_known.sum()
    to_missed = (~over - missed) / same.sum() / within
    to_false = (over - false) / other_known.sum() / (TOLERANCE * wanted)
    weights: np.ndarray = sizes * np.sqrt(share * (1 - share)) * np.hypot(to_missed, to_false)
    return weights


def more_answers(pilot: Pilot, counts: np.ndarray, threshold: float) -> dict[str, Any]:
    """Return the half width of the missed matches' interval now, and after more answers.

    ``needed`` is the smallest tried number of answers that brings it to ``within``: 0 where it is
    there already, None where none of them is enough.
    """
    strata, config = pilot.population.strata(counts), pilot.config
    rates = draw_rates(strata, DRAWS)
    now = _half_width(rates.missed[:, rates.at(threshold)])
    weights = importance(strata, config.false_matches, config.within)
    after: list[dict[str, Any]] = []
    needed = 0 if now <= config.within else None
    for count in COUNTS if needed is None else ():
        width = half_width_after(strata, weights, count, threshold)
        after.append({"answers": count, "half_width": width})
        if width <= config.within:
            needed = count
            break
    return {"now": now, "after": after, "needed": needed}


def half_width_after(strata: Strata, weights: np.ndarray, count: int, threshold: float) -> float:
    """Return the median half width of missed matches after ``count`` more simulated answers.

    weights    (H,) shares of the answers among the strata
    """
    rng = np.random.default_rng(count)
    odds = draw_odds(strata.counts, FUTURES, rng)
    extra = _allocate(strata, weights, count)
    widths = []
    for curve in odds:
        later = replace(
            strata,
            answered=strata.answered + extra,
            matches=strata.matches + rng.binomial(extra, expit(curve)),
        )
        rates = draw_rates(later, DRAWS)
        widths.append(_half_width(rates.missed[:, rates.at(threshold)]))
    return float(np.median(widths))


def _allocate(strata: Strata, weights: np.ndarray, count: int) -> np.ndarray:
    """Return (H,) how many more answers each stratum gets, none more than it has pairs."""
    left = strata.sizes - strata.answered
    wanted = weights / weights.sum() * (strata.answered.sum() + count) - strata.answered
    wanted = np.clip(wanted, 0, left)
    scaled = wanted * min(1.0, count / max(wanted.sum(), 1e-9))
    return np.minimum(np.round(scaled).astype(np.int64), left)


def _half_width(draws: np.ndarray) -> float:
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(high - low) / 2


def answer_from_table(pilot: Pilot, crops: Crops) -> int:
    """Answer all questions from the column person of the footage's table; return their number.

    A pair with a missing person is answered "unsure". Raises DataError where no pair of the pilot
    has two persons.
    """
    given: list[Answer] = [*read_labels(pilot).answers.items()]
    answers = simulate_answers(pilot, true_labels(pilot, crops), given)
    append_answers(pilot.folder, answers)
    return len(answers)


def true_labels(pilot: Pilot, crops: Crops) -> np.ndarray:
    """Return for each drawn pair 1 for the same person, 0 for different ones, -1 for unknown.

    crops    the table from which the pilot was made
    """
    persons = crops.persons()
    rows = pilot.pairs[["first_row", "second_row"]].to_numpy()
    if rows.max() >= len(persons) or not (persons[rows] >= 0).all(axis=1).any():
        raise DataError(
            f"{crops.root}: no pair of the pilot has a person in both rows of this table; expected "
            "the table from which the pilot was made, with the column person."
        )
    both = persons[rows]
    return np.where((both < 0).any(axis=1), -1, (both[:, 0] == both[:, 1]).astype(int))


def simulate_answers(
    pilot: Pilot, labels: np.ndarray, before: Sequence[Answer] = ()
) -> list[Answer]:
    """Return the answers that true labels (p,) of all drawn pairs give, in the order of asking.

    before    answers given already
    """
    given = list(before)
    while (pair := next_pair(pilot, labels_from(pilot, given))) is not None:
        given.append((pair, ("no", "yes", "unsure")[labels[pilot.places[pair]]]))
    return given[len(before) :]
