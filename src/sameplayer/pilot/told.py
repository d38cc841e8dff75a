"""What is known of a pilot's pairs: answers, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sameplayer.pilot.answers import FILE, Answer, read_answers
from sameplayer.pilot.deduce import Deduced
from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.population import KITS, THIRDS


@dataclass(frozen=True, eq=False)
class Told:
    """What people said of a pilot's pairs.

    answers    pair -> its last answer, in the order in which pairs were first answered
    labels     pair -> whether it shows one person: answered, or following from answers
    changed    pairs that were answered in two ways, by one person or by two
    against    pairs whose answer contradicts what follows from those before
    """

    answers: dict[str, str]
    labels: dict[str, bool]
    changed: int
    against: tuple[str, ...]

    @property
    def asked(self) -> int:
        """How many pairs were answered, "unsure" among them."""
        return len(self.answers)

    @property
    def unsure(self) -> int:
        """How many pairs people could not tell and nothing else tells."""
        return sum(answer == "unsure" and pair not in self.labels
                   for pair, answer in self.answers.items())  # fmt: skip

    @property
    def followed(self) -> int:
        """How many labels follow from answers to other pairs."""
        return sum(self.answers.get(pair, "unsure") == "unsure" for pair in self.labels)


def told(pilot: Pilot) -> Told:
    """Return what answers.csv says. Raises DataError for a file that is no such."""
    path = pilot.folder / FILE
    rows = read_answers(path, pilot.pairs["pair"]) if path.exists() else []
    return told_by(pilot, rows)


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
    tracks: dict[str, tuple[int, int]] = dict(zip(pilot.pairs["pair"], _tracks(pilot), strict=True))
    known = Deduced(map(tuple, pilot.differ.tolist()))
    against = tuple(
        pair for pair, answer in answers.items()
        if answer != "unsure" and not known.add(*tracks[pair], same=answer == "yes")
    )  # fmt: skip
    labels = {}
    for pair, met in zip(pilot.pairs["pair"], _met(pilot, answers), strict=True):
        given = answers.get(pair, "unsure")
        label = known.same(*tracks[pair]) if given == "unsure" and met else None
        if given != "unsure" or label is not None:
            labels[pair] = given == "yes" if given != "unsure" else bool(label)
    return Told(answers, labels, len(changed), against)


def counts(pilot: Pilot, labels: dict[str, bool]) -> np.ndarray:
    """Return (H, 3, 3, 3, 2): labels by stratum, height, sharpness, kit; of one person, of two."""
    found = np.zeros((len(pilot.population.starts), THIRDS, THIRDS, len(KITS), 2), np.int64)
    table = pilot.pairs[pilot.pairs["pair"].isin(labels)]
    where = [table[name].to_numpy() for name in ("stratum", "height", "sharp", "kit")]
    other = np.array([not labels[pair] for pair in table["pair"]], int)
    np.add.at(found, (*where, other), 1)
    return found


def follows(pilot: Pilot, told: Told) -> Iterable[bool]:
    """Yield for each pair whether its answer follows from those that were given."""
    known = Deduced(map(tuple, pilot.differ.tolist()))
    tracks = _tracks(pilot)
    places = {pair: place for place, pair in enumerate(pilot.pairs["pair"])}
    for pair, answer in told.answers.items():
        if answer != "unsure":
            known.add(*tracks[places[pair]], same=answer == "yes")
    return (known.same(*pair) is not None for pair in tracks)


def _tracks(pilot: Pilot) -> list[tuple[int, int]]:
    columns = pilot.pairs[["first_track", "second_track"]].to_numpy().tolist()
    return [(int(one), int(other)) for one, other in columns]


def _met(pilot: Pilot, answers: dict[str, str]) -> np.ndarray:
    """Return for each pair whether it stands before an answered one of its stratum."""
    answered = pilot.pairs["pair"].isin(answers).to_numpy()
    rank, stratum = pilot.pairs["rank"].to_numpy(), pilot.pairs["stratum"].to_numpy()
    last = np.full(int(stratum.max()) + 1, -1)
    np.maximum.at(last, stratum[answered], rank[answered])
    found: np.ndarray = rank <= last[stratum]
    return found
