"""What the tracklets of a match say of who they show, as log-likelihood ratios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from sameplayer.errors import DataError
from sameplayer.numbers.reader import NUMBERS


@dataclass(frozen=True, eq=False)
class Evidence:
    """What n tracklets say of who they show; natural logarithms throughout.

    appearance    (n, n) float32, symmetric: log-likelihood ratio of one person against two, by
                  the look of the two tracklets; calibrated; 0 says nothing
    place         (n, n) float32, symmetric, kept sparse: the same by where they were, at the same
                  times in two cameras or one after the other in one, or None where no place is
                  known
    apart         (n, n) bool, symmetric: surely two persons (seen at the same time in one camera)
    number        (n, 102) log-probabilities: each of NUMBERS, last that none is seen
    team          (n, 3) probabilities: first team, second team, neither
    weight        (n,) over 0: how many good pictures a tracklet has

    Raises DataError for arrays that do not fit each other.
    """

    appearance: np.ndarray
    place: Any
    apart: np.ndarray
    number: np.ndarray
    team: np.ndarray
    weight: np.ndarray

    def __post_init__(self) -> None:
        if self.place is not None:
            object.__setattr__(self, "place", csr_array(self.place, dtype=np.float32))
        count = len(self.weight)
        wanted = {
            "appearance": (count, count),
            "apart": (count, count),
            "number": (count, len(NUMBERS) + 1),
            "team": (count, 3),
            "weight": (count,),
        } | ({} if self.place is None else {"place": (count, count)})
        for name, shape in wanted.items():
            values = getattr(self, name)
            numbers = values.data if name == "place" else values
            if values.shape != shape or not np.isfinite(numbers).all():
                raise DataError(
                    f"Evidence: {name} is of shape {values.shape}; expected finite {shape}."
                )

    def __len__(self) -> int:
        return len(self.weight)
