"""The readers ``shirt`` and text recognition on the torso as one; each errs where the other reads.

What the constants are was chosen on volleyball's match one and the left soccer camera, as
``docs/numbers.md`` says.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.numbers.network.shirt_reader import ShirtReader
from sameplayer.numbers.network.torso import TorsoReader
from sameplayer.numbers.reader import NUMBERS, SURE

CERTAIN = 0.9  # probability of a number from which on the torso is not looked at
BLANK = 0.97  # nor where no number is visible with this probability
SHARE = 0.5  # what a score of the torso counts, beside the probabilities of ``shirt``
SEEN = 6.0  # power by which scores of the torso lower the probability that none is visible
PART = 0.3  # evidence for a number of two digits from which on one digit is a part of it


class JoinedReader:
    """``shirt``, and text recognition on windows of the torso where ``shirt`` is unsure.

    candidates    numbers that may be read
    device        where ``shirt`` runs, a name of torch's; the rest runs on the processor

    Raises MissingExtra and WeightsError as ``TorsoReader`` does.
    """

    def __init__(self, candidates: Sequence[str] = NUMBERS, *, device: str = "auto") -> None:
        self._torso, self._shirt = TorsoReader(), ShirtReader(candidates, device=device)
        self.candidates, self.name = self._shirt.candidates, "shirt, text recognition on the torso"
        self._columns = [NUMBERS.index(one) for one in self.candidates]
        self._places = {one: place for place, one in enumerate(self.candidates)}
        self._two = [one for one in self.candidates if len(one) == 2]

    @property
    def fingerprint(self) -> str:
        """What its readings depend on: both networks, the recogniser, and how they are joined."""
        joined = (CERTAIN, BLANK, SHARE, SEEN, PART)
        return f"{self._shirt.fingerprint} + {self._torso.fingerprint} {joined}"

    def read(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Return log-probabilities (n, candidates + 1) of pictures uint8 RGB (h, w, 3).

        Raises DataError for what is no picture.
        """
        rows = self._shirt.read(pictures)
        shares = np.exp(rows)
        asked = np.flatnonzero(unsure(shares))
        if len(asked):
            scores = self._torso.scores([pictures[row] for row in asked.tolist()])[:, self._columns]
            seen = scores.any(axis=1)
            asked, scores = asked[seen], scores[seen]
            for row, score in zip(asked, scores, strict=True):
                rows[row] = np.log(self._joined(shares[row], score))
        return rows

    def _joined(self, shares: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return probabilities (candidates + 1,) of those of ``shirt`` and scores (candidates,)."""
        scores = self._with_parts(shares[:-1], scores)
        hidden = shares[-1] * (1 - min(float(scores.sum()), 0.99)) ** SEEN
        both = np.append(shares[:-1] + SHARE * scores, hidden)
        joined: np.ndarray = SURE * both / both.sum() + (1 - SURE) / len(both)
        return joined

    def _with_parts(self, shares: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Give the score of one digit to the number that it is a part of, a window's edge in it."""
        whole, evidence = scores.copy(), shares + scores
        for place in np.flatnonzero(scores):
            digit = self.candidates[place]
            holding = [] if len(digit) > 1 else [one for one in self._two if digit in one]
            if not holding:
                continue
            best = max(map(self._places.__getitem__, holding), key=evidence.__getitem__)
            if evidence[best] >= PART and evidence[best] > shares[place]:
                whole[best] += scores[place]
                whole[place] -= scores[place]
        return whole


def unsure(shares: np.ndarray) -> np.ndarray:
    """Return (n,) whether probabilities (n, c + 1) name neither a number nor "none" for sure."""
    known: np.ndarray = (shares[:, :-1].max(axis=1) >= CERTAIN) | (shares[:, -1] >= BLANK)
    return ~known
