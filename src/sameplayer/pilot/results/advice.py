"""What to change at the camera, and what the figures do not tell: sentences from measured facts."""

from __future__ import annotations

import numpy as np

from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.labels.labels import Told

SURE = 0.975  # probability from which a difference between two groups counts as measured
Drawn = dict[tuple[str, int], dict[str, np.ndarray]]


def advice(pilot: Pilot, drawn: Drawn) -> list[str]:
    """Return a sentence for each difference between groups, measured or not.

    drawn    (name of a grouping, place of a group) -> draws of its rates at the threshold; groups
             with too few answers are not there
    """
    low, high = (float(end) for end in pilot.population.height)
    return [
        _compared(
            drawn,
            "height",
            "missed",
            (0, 2),
            "Low pictures",
            f"pairs up to {low:.0f} pixels are missed in {{0}}, those over {high:.0f} in {{1}}: "
            f"zoom in by {high / max(low, 1):.1f} or more, or go nearer",
        ),
        _compared(
            drawn,
            "sharp",
            "missed",
            (0, 2),
            "Blurred pictures",
            "the most blurred third is missed in {0}, the sharpest in {1}: take a shorter shutter "
            "time, focus, or record at a higher bit rate",
        ),
        _compared(
            drawn,
            "kit",
            "false",
            (1, 0),
            "Equal kits",
            "of two people in one kit {0} are taken for one, in different kits {1}: read shirt "
            "numbers too, from a camera that sees backs",
        ),
    ]


def notes(pilot: Pilot, known: Told) -> list[str]:
    """Return what whoever reads the figures must know of them."""
    facts, unsure = pilot.facts, unsure_of(pilot, known)
    said = [
        f"{unsure} of {known.asked} pairs could not be told; they are left out, as if they "
        "were like the others."
        if unsure
        else "",
        f"{known.changed} pairs were answered in two ways; the last answer counts."
        if known.changed
        else "",
        f"{len(known.against)} answers contradict others, such as that to "
        f"{', '.join(known.against[:3])}: A is B, B is C, but A is not C. Look at them again."
        if known.against
        else "",
        "The footage names no tracks: pictures of one person a moment apart are among the pairs "
        "and are easy, so expect more missed matches between moments."
        if not facts["tracked"]
        else "",
        f"Of {facts['of_pictures']} pictures {facts['pictures']} were compared."
        if facts["pictures"] < facts["of_pictures"]
        else "",
        "Nobody's kit is known, so no figure tells kits apart."
        if facts["kits"] == "unknown"
        else "",
        "The intervals are for all pairs of this footage. They say nothing of other matches, "
        "cameras or light.",
    ]
    return [sentence for sentence in said if sentence]


def _compared(
    drawn: Drawn, name: str, rate: str, places: tuple[int, int], title: str, words: str
) -> str:
    worse, better = (drawn.get((name, place), {}).get(rate) for place in places)
    if worse is None or better is None:
        return f"{title}: not known, too few answers."
    likely = float((worse > better).mean())
    shown = [f"{100 * np.median(one):.1f} %" for one in (worse, better)]
    if likely < SURE:
        return f"{title}: no difference measured ({shown[0]} and {shown[1]})."
    return f"{title}: {words.format(*shown)}."


def unsure_of(pilot: Pilot, known: Told) -> int:
    """Return how many pairs people could not tell and nothing else tells."""
    return sum(
        answer == "unsure" and int(known.labels[pilot.places[pair]]) < 0
        for pair, answer in known.answers.items()
    )
