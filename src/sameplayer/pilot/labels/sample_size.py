"""How many more answers would narrow the interval, by trying answers that are likely to come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import expit

from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.labels.acquisition import importance
from sameplayer.pilot.rates.curve import draw_odds
from sameplayer.pilot.rates.estimate import Strata, draw_rates

TRIED = (100, 200, 400, 800, 1600)
TIMES = 6  # futures that are drawn for each
DRAWS = 400


def more_answers(pilot: Pilot, tallied: np.ndarray, threshold: float) -> dict[str, Any]:
    """Return the half width of the missed matches' interval now, and after more answers.

    ``needed`` is the fewest of the numbers tried at which it is at most ``within``: 0 where it is
    already, None where none of them is enough.
    """
    strata, config = pilot.population.strata(tallied), pilot.config
    rates = draw_rates(strata, DRAWS)
    now = _half_width(rates.missed[:, rates.at(threshold)])
    weights = importance(strata, config.false_matches, config.within)
    found = []
    if now > config.within:
        for count in TRIED:
            found.append((count, half_width_after(strata, weights, count, threshold)))
            if found[-1][1] <= config.within:
                break
    enough = [count for count, width in found if width <= config.within]
    needed = 0 if now <= config.within else (enough[0] if enough else None)
    return {
        "now": now,
        "after": [{"answers": count, "half_width": width} for count, width in found],
        "needed": needed,
    }


def half_width_after(strata: Strata, weights: np.ndarray, count: int, threshold: float) -> float:
    """Return the median half width of missed matches after ``count`` more answers.

    weights    (H,) by which the answers are shared among the strata
    """
    rng = np.random.default_rng(count)
    odds = draw_odds(strata.counts, TIMES, rng)
    extra = _shared(strata, weights, count)
    widths = []
    for curve in odds:
        share = expit(curve)
        later = replace(
            strata,
            answered=strata.answered + extra,
            matches=strata.matches + rng.binomial(extra, share),
        )
        rates = draw_rates(later, DRAWS)
        widths.append(_half_width(rates.missed[:, rates.at(threshold)]))
    return float(np.median(widths))


def _shared(strata: Strata, weights: np.ndarray, count: int) -> np.ndarray:
    """Return (H,) how many more answers go to each stratum, none getting more than it has."""
    left = strata.sizes - strata.answered
    wanted = weights / weights.sum() * (strata.answered.sum() + count) - strata.answered
    wanted = np.clip(wanted, 0, left)
    scaled = wanted * min(1.0, count / max(wanted.sum(), 1e-9))
    return np.minimum(np.round(scaled).astype(np.int64), left)


def _half_width(draws: np.ndarray) -> float:
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(high - low) / 2
