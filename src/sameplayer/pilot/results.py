"""The report of a pilot as plain values: error rates with intervals, by group, and advice.

Every rate is over all pairs of the footage: an answer stands for the pairs of its stratum.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.common.files import write_text
from sameplayer.pilot.acquisition import more_answers
from sameplayer.pilot.estimate import Rates, draw_rates
from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.labels import Labels, count_labels, read_labels
from sameplayer.pilot.population import KITS

LEAST = 10  # answers of each kind below which no rate is given
WANTED = (0.1, 0.01, 0.001)
POINTS = 60  # of the curve
SURE = 0.975  # probability from which a difference between two groups counts as measured
THIRDS = ("lowest third", "middle third", "highest third")
GROUPS = {"height": THIRDS, "sharp": THIRDS, "kit": KITS}

Draws = dict[tuple[str, int], dict[str, np.ndarray]]


def report(pilot: Pilot, *, more: bool = True) -> dict[str, Any]:
    """Return all values of the report; rates are fractions of 1, intervals (low, median, high).

    more    estimate how many more answers are needed, which takes some seconds

    With too few answers there are only counts. Raises DataError for a damaged answers file.
    """
    return report_of(pilot, read_labels(pilot), more=more)


def report_of(pilot: Pilot, labels: Labels, *, more: bool = True) -> dict[str, Any]:
    """Return the values of ``report`` for given labels."""
    found: dict[str, Any] = {"answers": _answers(pilot, labels), "facts": pilot.facts}
    counts = count_labels(pilot, labels.labels)
    same, different = (int(counts[..., kind].sum()) for kind in (0, 1))
    if min(same, different) < LEAST:
        why = (
            f'{same} pairs are answered "same" and {different} "different"; rates need at '
            f"least {LEAST} of each."
        )
        return {**found, "enough": False, "why": why, "notes": _notes(pilot, labels)}
    rates = draw_rates(pilot.population.strata(counts))
    threshold = rates.threshold_for(pilot.config.false_matches)
    groups, draws = _groups(pilot, counts, threshold)
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
        "strata": _strata(pilot, counts),
        "more": more_answers(pilot, counts, threshold) if more else None,
        "advice": _advice(pilot, draws),
        "notes": _notes(pilot, labels),
    }


def write_json(path: str | Path, found: dict[str, Any]) -> None:
    """Write a report as JSON. Raises DataError where the file cannot be written."""
    write_text(path, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def interval(draws: np.ndarray) -> tuple[float, float, float]:
    """Return the 2.5th, 50th and 97.5th percentiles of draws."""
    low, middle, high = np.percentile(draws, [2.5, 50, 97.5])
    return float(low), float(middle), float(high)


def _answers(pilot: Pilot, labels: Labels) -> dict[str, int]:
    same, different = (int((labels.labels == label).sum()) for label in (1, 0))
    sure = sum(answer != "unsure" for answer in labels.answers.values())
    return {
        "asked": labels.answered,
        "same": same,
        "different": different,
        "unsure": _undecided(pilot, labels),
        "implied": same + different - sure,
        "changed": labels.changed,
        "contradictions": len(labels.contradictions),
    }


def _undecided(pilot: Pilot, labels: Labels) -> int:
    """Return the number of pairs answered "unsure" that no other answer decides."""
    return sum(
        answer == "unsure" and int(labels.labels[pilot.places[pair]]) < 0
        for pair, answer in labels.answers.items()
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
    pilot: Pilot, counts: np.ndarray, threshold: float
) -> tuple[list[dict[str, Any]], Draws]:
    """Return the rates of each group, and the draws that they summarise."""
    found: list[dict[str, Any]] = []
    drawn: Draws = {}
    for name, groups in GROUPS.items():
        for place, group in enumerate(groups):
            strata = pilot.population.strata(counts, **{name: place})
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
    return (
        f"up to {low:{shape}}{unit}",
        f"{low:{shape}} to {high:{shape}}{unit}",
        f"over {high:{shape}}{unit}",
    )[place]


def _strata(pilot: Pilot, counts: np.ndarray) -> list[dict[str, Any]]:
    """Return for each stratum the number of pairs that an answer represents."""
    strata = pilot.population.strata(counts)
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


def _advice(pilot: Pilot, draws: Draws) -> list[str]:
    """Return a sentence for each difference between groups, measured or not.

    draws    (name of a grouping, index of a group) -> draws of its rates at the threshold; without
             groups that have too few answers
    """
    low, high = (float(end) for end in pilot.population.height)
    zoom = high / max(low, 1)
    return [
        _compared(
            draws,
            ("height", "missed", 0, 2),
            "Small players",
            f"up to {low:.0f} pixels {{0}} of the pairs are missed, over {high:.0f} pixels {{1}}: "
            f"zoom in by {zoom:.1f} or more, or move the camera closer",
        ),
        _compared(
            draws,
            ("sharp", "missed", 0, 2),
            "Blurred pictures",
            "{0} of the pairs are missed in the most blurred third, {1} in the sharpest: use a "
            "shorter shutter time, check the focus, or record at a higher bit rate",
        ),
        _compared(
            draws,
            ("kit", "false", 1, 0),
            "Same kit",
            "{0} of the pairs of different players in the same kit are false matches, {1} in "
            "different kits: use shirt numbers too, from a camera that sees backs",
        ),
    ]


def _compared(draws: Draws, groups: tuple[str, str, int, int], title: str, words: str) -> str:
    """Compare a rate of two groups; ``groups``: grouping, rate, the worse and the better group."""
    name, rate, *places = groups
    worse, better = (draws.get((name, place), {}).get(rate) for place in places)
    if worse is None or better is None:
        return f"{title}: not enough answers yet."
    shown = [f"{100 * np.median(rates):.1f} %" for rates in (worse, better)]
    if float((worse > better).mean()) < SURE:
        return f"{title}: no difference measured ({shown[0]} and {shown[1]})."
    return f"{title}: {words.format(*shown)}."


def _notes(pilot: Pilot, labels: Labels) -> list[str]:
    """Return the caveats of a report."""
    facts, undecided = pilot.facts, _undecided(pilot, labels)
    notes = {
        f"{undecided} of {labels.answered} pairs are undecided; they are left out, as if they were "
        "like the others.": undecided,
        f"{labels.changed} pairs have two different answers; the last one counts.": labels.changed,
        f"{len(labels.contradictions)} answers contradict others (A is B, B is C, but A is not C), "
        f"such as {', '.join(labels.contradictions[:3])}. Check them.": labels.contradictions,
        "The footage has no tracks: pairs of pictures taken a moment apart are easy and are "
        "included, so expect more missed matches between moments.": not facts["tracked"],
        f"{facts['pictures']} of {facts['of_pictures']} pictures were compared.": (
            facts["pictures"] < facts["of_pictures"]
        ),
        "No kits are known, so no rate is given by kit.": facts["kits"] == "unknown",
        "The intervals are for all pairs of this footage. They do not cover other matches, cameras "
        "or light.": True,
    }
    return [note for note, applies in notes.items() if applies]
