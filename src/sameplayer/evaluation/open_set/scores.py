"""Scores of "who is this, or nobody we know": galleries drawn from a crop table, and searched.

Of the persons of a table some are enrolled with a few pictures, the others are left out; crops and
tracks of both are asked about. That is repeated for several seeds and sizes of gallery.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sameplayer.common.notebook import NotebookTable
from sameplayer.common.statistics import expected_calibration_error, reliability_table
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import RankingError
from sameplayer.evaluation.open_set.calibration_metrics import bias, brier, cllr, log_loss, min_cllr
from sameplayer.evaluation.open_set.config import OpenSetConfig
from sameplayer.evaluation.open_set.draws import OpenSetDraws, PooledSearches
from sameplayer.evaluation.open_set.rates import det, fnir, fpir, oscr, threshold_at, tpir_at
from sameplayer.ranking.open_set.likelihood import Likelihood


@dataclass(frozen=True)
class Measured:
    """A score, and its 95 % interval when whole persons are drawn anew."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class GalleryScores:
    """Scores of galleries of one size, asked with so many pictures.

    size         enrolled persons, the mean over searches
    asked        pictures that ask, at most
    searches     how many are mated, and how many are not
    scores       name -> Measured; see ``NAMES``
    det          (k, 3) threshold, FPIR, FNIR, by similarity
    reliability  (k, 3) stated, right, share of the questions, of the first answer; None without
                 probabilities
    carried      FPIR at the threshold that gives 10 % in the galleries of the first size
    """

    size: float
    asked: int
    searches: tuple[int, int]
    scores: dict[str, Measured]
    det: np.ndarray
    reliability: np.ndarray | None
    carried: float

    @property
    def title(self) -> str:
        """How many are enrolled, and what asks."""
        asks = "crops" if self.asked == 1 else f"tracks of {self.asked}"
        return f"{self.size:.3g} enrolled, {asks}"

    def shown(self) -> dict[str, str]:
        """Return name -> the score in words; shares in per cent, with 95 % intervals."""
        words = {name: _shown(name, found) for name, found in self.scores.items()}
        return words | {CARRIED: f"{100 * self.carried:.1f} %"}


CARRIED = "FPIR at the first threshold"
NAMES = {
    "rank-1": "mated searches with the mate first, whatever the score",
    "TPIR at FPIR 1 %": "found at rank 1 where 1 % of the others are named, by similarity",
    "TPIR at FPIR 10 %": "found at rank 1 where 10 % of the others are named, by similarity",
    "TPIR at FPIR 10 %, by probability": "the same, by the probability of the first answer",
    "OSCR": "area under TPIR over FPIR, by similarity",
    "Cllr": "cost of the likelihood ratios in bits; 1: as good as none",
    "min Cllr": "what ratios of this order could do; the rest is lost by calibration",
    "log loss": "of 'the first answer is right'",
    "Brier": "squared error of that probability",
    "calibration error": "mean gap of that probability to the share that was right, in ten bins",
    "bias": "mean probability of the first answer less the share that was right",
    "bias of nobody": "mean probability of nobody less the share that nobody was",
    CARRIED: "named of the others, where the first gallery's threshold for 10 % is kept",
}
"""What the scores mean, in the order in which they are shown; all are shares, but Cllr and loss."""


@dataclass(frozen=True, eq=False, repr=False)
class OpenSetScores(NotebookTable):
    """What ``measure_open_set`` found: scores for each size of gallery and kind of question."""

    galleries: tuple[GalleryScores, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"OpenSetScores({'; '.join(part.title for part in self.galleries)})"

    def table(self) -> str:
        """Return the scores as lines of text; shares in per cent, 95 % intervals over persons."""
        lines = []
        for part in self.galleries:
            lines.append(f"{part.title}:")
            lines += [f"  {name:<36}{shown}" for name, shown in part.shown().items()]
        lines += [f"{name}: {value}" for name, value in self.facts.items()]
        return "\n".join(lines)

    def json(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold."""
        galleries = [
            {
                "enrolled": part.size,
                "asked": part.asked,
                "scores": {
                    name: {"value": found.value, "interval_95": [found.low, found.high]}
                    for name, found in part.scores.items()
                },
                "fpir_at_first_threshold": part.carried,
                "det": part.det.tolist(),
                "reliability": None if part.reliability is None else part.reliability.tolist(),
            }
            for part in self.galleries
        ]
        return {"galleries": galleries, "facts": self.facts}


def measure_open_set(
    embeddings: Embeddings,
    config: OpenSetConfig = OpenSetConfig(),
    likelihood: Likelihood | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> OpenSetScores:
    """Score an encoder's rows on galleries that are drawn from their table.

    likelihood    for the probabilities, fitted to other persons; None: fitted, in each draw, to a
                  share of the persons (``config.fit``) who are then not scored
    progress      called with (galleries done, all)

    Identities are compared within their scope only. Persons without a second picture (or track,
    see ``People``) are enrolled or left out, never looked for. Where there are too few persons to
    fit, the probabilities are missing and the facts say why. Raises DataError where the table has
    too few persons, RankingError for a likelihood of another encoder.
    """
    if likelihood is not None and likelihood.encoder != embeddings.fingerprint:
        raise RankingError(
            f"The likelihood ratio was fitted with encoder {likelihood.encoder}, these rows are "
            f"of {embeddings.fingerprint}. Fit it with the same encoder."
        )
    drawer = OpenSetDraws(embeddings, config, likelihood)
    pooled = drawer.all(progress)
    first: dict[int, float] = {}
    galleries = []
    for part in pooled:
        at = first.setdefault(part.asked, threshold_at(part.found, 0.1, part.weight))
        galleries.append(_scored(part, config, fpir(part.found, at, part.weight)))
    return OpenSetScores(tuple(galleries), drawer.facts)


def _scored(part: PooledSearches, config: OpenSetConfig, carried: float) -> GalleryScores:
    """Return the scores of galleries of one size, with intervals over persons."""
    values = _values(part, part.weight)
    rng = np.random.default_rng(config.seed)
    codes, code = np.unique(part.person, return_inverse=True)
    shares = np.full(len(codes), 1 / len(codes))
    drawn: dict[str, list[float]] = {name: [] for name in values}
    for times in rng.multinomial(len(codes), shares, config.resamples):
        again = _values(part, part.weight * times[code])
        for name, found in again.items():
            drawn[name].append(found)
    scores = {}
    for name, value in values.items():
        low, high = np.nanpercentile(drawn[name], [2.5, 97.5])
        scores[name] = Measured(value, float(low), float(high))
    if part.answer is not None:
        least = min_cllr(*part.answer.pairs(part.weight))
        scores["min Cllr"] = Measured(least, float("nan"), float("nan"))
    return GalleryScores(
        size=part.size,
        asked=part.asked,
        searches=(int(part.found.mated.sum()), int((~part.found.mated).sum())),
        scores={name: scores[name] for name in NAMES if name in scores},
        det=det(part.found),
        reliability=None
        if part.answer is None
        else reliability_table(part.answer.top, part.answer.right, part.weight),
        carried=carried,
    )


def _values(part: PooledSearches, weight: np.ndarray) -> dict[str, float]:
    """Return the scores by name, with these weights of the searches."""
    found = part.found
    values = {
        "rank-1": 1 - fnir(found, -np.inf, 1, weight),
        "TPIR at FPIR 1 %": tpir_at(found, 0.01, weight),
        "TPIR at FPIR 10 %": tpir_at(found, 0.1, weight),
        "OSCR": oscr(found, weight),
    }
    if part.answer is None:
        return values
    both = weight[found.mated].sum(), weight[~found.mated].sum()
    if min(both) > 0:  # the share of known persons stays, whoever is drawn
        known = np.where(found.mated, part.known / both[0], (1 - part.known) / both[1])
        weight = weight * known
    answer = part.answer
    return values | {
        "TPIR at FPIR 10 %, by probability": tpir_at(answer.found, 0.1, weight),
        "Cllr": cllr(*answer.pairs(weight)),
        "log loss": log_loss(answer.top, answer.right, weight),
        "Brier": brier(answer.top, answer.right, weight),
        "calibration error": expected_calibration_error(answer.top, answer.right, weight),
        "bias": bias(answer.top, answer.right, weight),
        "bias of nobody": bias(answer.nobody, ~found.mated, weight),
    }


def _shown(name: str, found: Measured) -> str:
    scale, unit = (1, "") if name in ("Cllr", "min Cllr", "log loss", "Brier") else (100, " %")
    digits = 3 if scale == 1 else 1
    value = f"{scale * found.value:.{digits}f}{unit}"
    if np.isnan(found.low):
        return value
    return f"{value} ({scale * found.low:.{digits}f} to {scale * found.high:.{digits}f})"
