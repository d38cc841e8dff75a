"""What a pilot found, as plain values: error rates with intervals, by group, what more would tell.

Every figure is of all pairs of the footage: an answer stands for the pairs of its stratum.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from sameplayer.common.files import write_text
from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.labels.labels import Told, counts, told
from sameplayer.pilot.labels.sample_size import more_answers
from sameplayer.pilot.rates.estimate import Rates, draw_rates
from sameplayer.pilot.rates.population import KITS
from sameplayer.pilot.results.advice import advice, notes, unsure_of

LEAST = 10  # answers of each kind below which no number is given
WANTED = (0.1, 0.01, 0.001)
POINTS = 60  # of the curve
THIRDS = ("lowest third", "middle third", "highest third")
GROUPS = {"height": THIRDS, "sharp": THIRDS, "kit": KITS}


def report(pilot: Pilot, *, more: bool = True) -> dict[str, Any]:
    """Return all figures of the report; shares are fractions of 1, intervals (low, middle, high).

    more    work out how many more answers would narrow it, which takes some seconds

    Where too few were answered there is no figure but the counts. Raises DataError for a damaged
    answers file.
    """
    return figures(pilot, told(pilot), more=more)


def figures(pilot: Pilot, known: Told, *, more: bool = True) -> dict[str, Any]:
    """Return the figures of ``report`` from what some people told."""
    found: dict[str, Any] = {"answers": _answers(pilot, known), "facts": pilot.facts}
    tallied = counts(pilot, known.labels)
    short = _short(tallied)
    if short:
        return {**found, "enough": False, "why": short, "notes": notes(pilot, known)}
    rates = draw_rates(pilot.population.strata(tallied))
    threshold = rates.threshold_for(pilot.config.false_matches)
    groups, drawn = _groups(pilot, tallied, threshold)
    return {
        **found,
        "enough": True,
        "wanted": pilot.config.false_matches,
        "within": pilot.config.within,
        "overall": _at(rates, threshold),
        "matching": interval(rates.matching),
        "thresholds": [
            {"wanted": share, **_at(rates, rates.threshold_for(share))}
            for share in sorted({*WANTED, pilot.config.false_matches}, reverse=True)
        ],
        "curve": _curve(rates),
        "groups": groups,
        "strata": _strata(pilot, tallied),
        "more": more_answers(pilot, tallied, threshold) if more else None,
        "advice": advice(pilot, drawn),
        "notes": notes(pilot, known),
    }


def write_json(path: Any, found: dict[str, Any]) -> None:
    """Write the figures; raises DataError where that cannot be."""
    write_text(path, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def interval(draws: np.ndarray) -> tuple[float, float, float]:
    """Return the 2.5, 50 and 97.5 % points of draws."""
    low, middle, high = np.percentile(draws, [2.5, 50, 97.5])
    return float(low), float(middle), float(high)


def _answers(pilot: Pilot, known: Told) -> dict[str, int]:
    same, other = (int((known.labels == label).sum()) for label in (1, 0))
    sure = sum(answer != "unsure" for answer in known.answers.values())
    return {
        "asked": known.asked,
        "same": same,
        "other": other,
        "unsure": unsure_of(pilot, known),
        "followed": same + other - sure,
        "changed": known.changed,
        "against": len(known.against),
    }


def _short(tallied: np.ndarray) -> str | None:
    """Return why there are too few answers for a number, or None."""
    same, other = (int(tallied[..., kind].sum()) for kind in (0, 1))
    if min(same, other) >= LEAST:
        return None
    return (
        f"{same} pairs of one person and {other} of two are answered; a number needs {LEAST} or "
        "more of each."
    )


def _at(rates: Rates, threshold: float) -> dict[str, Any]:
    place = rates.at(threshold)
    return {
        "threshold": float(rates.thresholds[place]),
        "missed": interval(rates.missed[:, place]),
        "false": interval(rates.false[:, place]),
    }


def _curve(rates: Rates) -> list[dict[str, Any]]:
    places = np.unique(np.linspace(0, len(rates.thresholds) - 1, POINTS).round().astype(int))
    return [_at(rates, rates.thresholds[place]) for place in places]


def _groups(
    pilot: Pilot, tallied: np.ndarray, threshold: float
) -> tuple[list[dict[str, Any]], dict[tuple[str, int], dict[str, np.ndarray]]]:
    """Return the figures of each group, and the draws that they are from."""
    found: list[dict[str, Any]] = []
    drawn: dict[tuple[str, int], dict[str, np.ndarray]] = {}
    for name, groups in GROUPS.items():
        for place, group in enumerate(groups):
            strata = pilot.population.strata(tallied, **{name: place})
            same, every = int(strata.matches.sum()), int(strata.answered.sum())
            entry = {
                "by": name,
                "group": group,
                "range": _range(pilot, name, place),
                "pairs": int(strata.asked.sum() + strata.known.sum()),
                "answers": every,
                "missed": None,
                "false": None,
            }
            if not entry["pairs"]:
                continue
            enough = {"missed": same >= LEAST, "false": every - same >= LEAST}
            if any(enough.values()):
                rates = draw_rates(strata)
                both = {"missed": rates.missed, "false": rates.false}
                at = rates.at(threshold)
                own = {kind: both[kind][:, at] for kind in both if enough[kind]}
                drawn[name, place] = own
                entry |= {kind: interval(values) for kind, values in own.items()}
            found.append(entry)
    return found, drawn


def _range(pilot: Pilot, name: str, place: int) -> str:
    if name == "kit":
        return ""
    low, high = (float(end) for end in getattr(pilot.population, name))
    shape, unit = (".0f", " pixels") if name == "height" else (".2f", "")
    words: Sequence[str] = (
        f"up to {low:{shape}}{unit}",
        f"{low:{shape}} to {high:{shape}}{unit}",
        f"over {high:{shape}}{unit}",
    )
    return words[place]


def _strata(pilot: Pilot, tallied: np.ndarray) -> list[dict[str, Any]]:
    """Return for each stratum how many pairs an answer stands for."""
    strata = pilot.population.strata(tallied)
    return [
        {
            "from": float(strata.edges[start]),
            "pairs": int(size),
            "answers": int(answered),
            "same": int(same),
            "weight": float(size / answered) if answered else None,
        }
        for start, size, answered, same in zip(
            strata.starts, strata.sizes, strata.answered, strata.matches, strict=True
        )
    ]
