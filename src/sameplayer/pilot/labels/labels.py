"""What is known of a pilot's pairs: answers, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.labels.answers import FILE, Answer, read_answers
from sameplayer.pilot.labels.transitive_closure import Deduced
from sameplayer.pilot.rates.population import KITS, THIRDS


@dataclass(frozen=True, eq=False)
class Told:
    """What people said of p drawn pairs.

    answers    pair -> its last answer, in the order in which pairs were first answered
    labels     (p,) int: 1 of one person, 0 of two, answered or following from answers; -1 unknown
    left       (p,) bool: neither answered nor following from answers
    changed    pairs that were answered in two ways, by one person or by two
    against    pairs whose answer contradicts what follows from those before
    """

    answers: dict[str, str]
    labels: np.ndarray
    left: np.ndarray
    changed: int
    against: tuple[str, ...]

    @property
    def asked(self) -> int:
        """How many pairs were answered, "unsure" among them."""
        return len(self.answers)


def told(pilot: Pilot) -> Told:
    """Return what answers.csv says. Raises DataError for a file that is no such."""
    path = pilot.folder / FILE
    return told_by(pilot, read_answers(path, pilot.places) if path.exists() else [])


def told_by(pilot: Pilot, rows: Sequence[Answer]) -> Told:
    """Return what some answers, oldest first, say.

    What follows from answers is a label only for a pair before one of its stratum that was
    answered: there the random order was gone along, so it says nothing about the answer that a pair
    has a label. The others would be too often of one person.
    """
    answers: dict[str, str] = {}
    changed = set()
    for pair, answer in rows:
        if {answers.get(pair, answer), answer} == {"yes", "no"}:
            changed.add(pair)
        answers[pair] = answer
    known, against = Deduced(pilot.apart), []
    given = np.full(len(pilot.places), -1)
    answered = np.zeros(len(given), bool)
    for pair, answer in answers.items():
        place = pilot.places[pair]
        answered[place] = True
        if answer != "unsure":
            given[place] = answer == "yes"
            if not known.add(*pilot.tracks[place], same=answer == "yes"):
                against.append(pair)
    follows = [known.same(*pair) for pair in pilot.tracks]
    follow = np.array([-1 if one is None else int(one) for one in follows])
    labels = np.where(given >= 0, given, np.where(_met(pilot, answered), follow, -1))
    left = ~answered & (follow < 0)
    return Told(answers, labels, left, len(changed), tuple(against))


def counts(pilot: Pilot, labels: np.ndarray) -> np.ndarray:
    """Return (H, 3, 3, 3, 2): labels by stratum, height, sharpness, kit; of one person, of two."""
    found = np.zeros((len(pilot.population.starts), THIRDS, THIRDS, len(KITS), 2), np.int64)
    known = labels >= 0
    where = [pilot.pairs[name].to_numpy()[known] for name in ("stratum", "height", "sharp", "kit")]
    np.add.at(found, (*where, 1 - labels[known]), 1)
    return found


def _met(pilot: Pilot, answered: np.ndarray) -> np.ndarray:
    """Return for each pair whether it stands before an answered one of its stratum."""
    rank, stratum = pilot.pairs["rank"].to_numpy(), pilot.pairs["stratum"].to_numpy()
    last = np.full(int(stratum.max()) + 1, -1)
    np.maximum.at(last, stratum[answered], rank[answered])
    found: np.ndarray = rank <= last[stratum]
    return found
