"""How often a search finds whom it should, and how often it names somebody who is not enrolled.

Of N enrolled persons, a mated search asks about one, a non-mated search about nobody of them. The
terms are those of ISO/IEC 19795-1:2021 and of NIST's FRTE 1:N; scores are larger for more alike.
Every function takes the weight of each search, by which persons are resampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sameplayer.errors import RankingError, SettingError


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What m searches gave.

    best    (m,) the highest score of anybody
    mate    (m,) the score of the right person; -inf where none is enrolled
    rank    (m,) int64: where the right person stands, from 1, equal scores before; 0: none
    """

    best: np.ndarray
    mate: np.ndarray
    rank: np.ndarray

    @property
    def mated(self) -> np.ndarray:
        """(m,) whether the one who is asked about is enrolled."""
        return self.rank > 0


def outcomes(scores: np.ndarray, mate: np.ndarray) -> Outcomes:
    """Return what searches gave: scores (m, N), -inf for no person; mates (m,), -1 for none.

    Raises RankingError for NaN, for shapes that do not fit, and for a mate who is not there.
    """
    scores, mate = np.asarray(scores, np.float64), np.asarray(mate)
    if scores.ndim != 2 or mate.shape != (len(scores),) or 0 in scores.shape:
        raise RankingError(
            f"Scores of shape {scores.shape} and mates of shape {mate.shape}; expected (m, N) and "
            "(m,), neither m nor N 0."
        )
    if np.isnan(scores).any():
        raise RankingError(f"The score in row {np.argwhere(np.isnan(scores))[0][0]} is NaN.")
    if mate.max() >= scores.shape[1] or mate.min() < -1:
        raise RankingError(f"Mates are columns from 0 to {scores.shape[1] - 1}, or -1 for none.")
    mated = mate >= 0
    own = np.where(mated, scores[np.arange(len(mate)), np.maximum(mate, 0)], -np.inf)
    if np.isneginf(own[mated]).any():
        raise RankingError("A mate has the score -inf; expected a number.")
    as_high = (scores >= own[:, None]).sum(axis=1)
    return Outcomes(scores.max(axis=1), own, np.where(mated, as_high, 0))


def fpir(found: Outcomes, threshold: float, weight: np.ndarray | None = None) -> float:
    """Return the share of non-mated searches that name anybody at or above the threshold."""
    others = _weights(found, weight) * ~found.mated
    return _share(others @ (found.best >= threshold), others.sum())


def fnir(
    found: Outcomes, threshold: float, rank: int = 1, weight: np.ndarray | None = None
) -> float:
    """Return the share of mated searches whose mate is below the threshold or beyond the rank."""
    own = _weights(found, weight) * found.mated
    hit = (found.rank <= rank) & (found.mate >= threshold)
    return _share(own @ ~hit, own.sum())


def threshold_at(found: Outcomes, rate: float, weight: np.ndarray | None = None) -> float:
    """Return the lowest threshold at which FPIR is at most ``rate``.

    It lies just above the score of a non-mated search; -inf where every threshold will do.
    """
    if not 0 <= rate <= 1:
        raise SettingError("rate", rate, "a share from 0 to 1")
    others = ~found.mated
    best, own = found.best[others], _weights(found, weight)[others]
    order = np.argsort(-best, kind="stable")
    named = np.cumsum(own[order])
    too_many = np.flatnonzero(named > rate * named[-1] * (1 + 1e-12)) if len(order) else order
    return float(np.nextafter(best[order[too_many[0]]], np.inf)) if len(too_many) else -np.inf


def tpir_at(found: Outcomes, rate: float, weight: np.ndarray | None = None) -> float:
    """Return TPIR, 1 - FNIR at rank 1, at the threshold where FPIR is at most ``rate``."""
    return 1 - fnir(found, threshold_at(found, rate, weight), 1, weight)


def oscr(found: Outcomes, weight: np.ndarray | None = None) -> float:
    """Return the area under the open-set classification rate curve (Dhamija et al., 2018).

    The curve is TPIR at rank 1 over FPIR, so the area is the share of pairs of a mated and a
    non-mated search in which the mate stands first and scores higher than the other's best; equal
    scores count half.
    """
    own, mated = _weights(found, weight), found.mated
    best = found.best[~mated]
    order = np.argsort(best, kind="stable")
    upto = np.concatenate([[0.0], np.cumsum(own[~mated][order])])
    below = upto[np.searchsorted(best[order], found.mate[mated], "left")]
    level = upto[np.searchsorted(best[order], found.mate[mated], "right")]
    right = own[mated] * (found.rank[mated] == 1)
    return _share(right @ (below + level) / 2, own[mated].sum() * upto[-1])


def det(found: Outcomes, points: int = 200) -> np.ndarray:
    """Return (k, 3) threshold, FPIR and FNIR at rank 1: the detection error trade-off.

    points    thresholds at most, spread evenly over the searches' best scores
    """
    best = np.unique(found.best)
    chosen = best[np.unique(np.linspace(0, len(best) - 1, points).round().astype(int))]
    # Above the highest score nothing is named.
    thresholds = np.append(chosen, np.nextafter(best[-1], np.inf))
    return np.array([(at, fpir(found, at), fnir(found, at)) for at in thresholds])


def _weights(found: Outcomes, weight: np.ndarray | None) -> np.ndarray:
    return np.ones(len(found.best)) if weight is None else np.asarray(weight, np.float64)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")
