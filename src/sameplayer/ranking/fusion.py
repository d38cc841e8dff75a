"""FUSIONS: several models' distances become one, as in the 2023 ensemble; five decimals.

``similarity``, ``dissimilarity`` and ``combined`` are the published ones. ``fuse`` adds weights for
the models and normalisation, without which a model of larger distances outvotes the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from sameplayer.errors import RankingError, SettingError, refuse_other_types

if TYPE_CHECKING:
    from sameplayer.ranking.ranking import Ranking

TOP = 15  # length of the lists whose disagreement counts

Matrices = Sequence[np.ndarray]
Fusion = Callable[[Matrices, np.ndarray, int], np.ndarray]
Normalisation = Callable[[np.ndarray], np.ndarray]
Choice = TypeVar("Choice", bound=Callable)


def similarity(distances: Matrices) -> np.ndarray:
    """Return the mean (m, n) of the models' distance matrices.

    >>> similarity([np.array([[0.2, 0.8]]), np.array([[0.4, 0.4]])]).tolist()
    [[0.3, 0.6]]
    """
    matrices = _matrices(distances)
    return _mean(matrices, np.ones(len(matrices)), TOP)


def dissimilarity(distances: Matrices, top: int = TOP) -> np.ndarray:
    """Return the (m, n) mean weighted by disagreement, for each query.

    A model whose ``top`` nearest agree less with the majority's weighs more, as published.

    >>> dissimilarity([np.array([[0.2, 0.8]]), np.array([[0.4, 0.4]])], top=1).tolist()
    [[0.3, 0.6]]
    """
    _check_top(top)
    matrices = _matrices(distances)
    return _by_disagreement(matrices, np.ones(len(matrices)), top)


def combined(distances: Matrices, top: int = TOP) -> np.ndarray:
    """Return the mean of ``similarity`` and ``dissimilarity``.

    >>> combined([np.array([[0.2, 0.8]]), np.array([[0.4, 0.4]])], top=1).tolist()
    [[0.3, 0.6]]
    """
    _check_top(top)
    matrices = _matrices(distances)
    return _combined(matrices, np.ones(len(matrices)), top)


def fuse(
    distances: Matrices,
    method: str | Fusion = "similarity",
    *,
    weights: Sequence[float] | None = None,
    normalise: str | Normalisation = "none",
    top: int = TOP,
) -> np.ndarray:
    """Fuse distance matrices (m, n) of several models into one; one matrix stays as it is.

    method       a name of FUSIONS, or an own function like those of FUSIONS
    weights      one number over 0 a model; None: all alike
    normalise    a name of NORMALISATIONS, or an own function like those of NORMALISATIONS
    top          length of the lists that "dissimilarity" compares

    Raises RankingError for matrices that do not fit each other, are not finite, or run the other
    way round (similarities by mistake), SettingError for an unknown name or a value out of range.

    >>> fuse([np.array([[0.2, 0.8]]), np.array([[0.4, 0.4]])], weights=[3, 1]).tolist()
    [[0.25, 0.7]]
    """
    advice = "For rankings there is fuse_rankings."
    refuse_other_types("fuse", advice, distances=(distances, (list, tuple, np.ndarray)))
    fusion = _chosen("method", method, FUSIONS)
    normalisation = _chosen("normalise", normalise, NORMALISATIONS)
    _check_top(top)
    matrices = _matrices(distances)
    shares = _shares(weights, len(matrices))
    _refuse_similarities(matrices)
    matrices = _matrices([normalisation(matrix) for matrix in matrices])
    if len(matrices) == 1:
        return matrices[0]
    fused = np.asarray(fusion(matrices, shares, top))
    if fused.shape != matrices[0].shape:
        raise RankingError(
            f"Fusion {_name(method)} returned shape {fused.shape}; expected {matrices[0].shape}."
        )
    return fused


def fuse_rankings(
    rankings: Sequence[Ranking],
    method: str | Fusion = "similarity",
    *,
    weights: Sequence[float] | None = None,
    normalise: str | Normalisation = "none",
    top: int = TOP,
) -> Ranking:
    """Fuse rankings of the same queries and gallery; settings and errors as in ``fuse``.

    Pairs of different identity scopes stay at infinity. Raises RankingError also where one ranking
    holds other pictures, or none is given.
    """
    if not rankings:
        raise RankingError("No rankings to fuse; expected one or more.")
    first = rankings[0]
    for number, other in enumerate(rankings[1:], start=2):
        for what, a, b in (
            ("queries", first.query, other.query),
            ("gallery", first.gallery, other.gallery),
        ):
            if not a.table["image"].equals(b.table["image"]):
                raise RankingError(
                    f"Ranking {number} has other {what} than ranking 1, or another order; rank the "
                    "same table with every model."
                )
    far = ~np.isfinite(first.distance)
    finite = [np.where(far, np.float32(0), ranking.distance) for ranking in rankings]
    fused = fuse(finite, method, weights=weights, normalise=normalise, top=top).astype(np.float32)
    fused[far] = np.inf
    names = " + ".join(ranking.fingerprint for ranking in rankings)
    facts = {**first.facts, "fusion": _name(method), "normalise": _name(normalise)}
    facts |= {"fusion top": top} if method in ("dissimilarity", "combined") else {}
    facts |= {} if weights is None else {"fusion weights": list(weights)}
    return replace(first, distance=fused, fingerprint=names, facts=facts)


def _mean(matrices: Matrices, weights: np.ndarray, top: int) -> np.ndarray:
    total = np.zeros(matrices[0].shape)
    for matrix, share in zip(matrices, weights, strict=True):
        total += matrix if share == 1 else share * matrix
    total /= weights.sum()
    return np.round(total, 5, out=total)


def _by_disagreement(matrices: Matrices, weights: np.ndarray, top: int) -> np.ndarray:
    from sameplayer.ranking.kernels.neighbours import smallest_columns, start_threads

    start_threads()
    models, (queries, gallery) = len(matrices), matrices[0].shape
    lists = [smallest_columns(matrix, min(top, gallery)) for matrix in matrices]
    votes = np.zeros((queries, gallery), np.int16)
    for listed in lists:
        np.put_along_axis(
            votes, listed.astype(np.int64), np.take_along_axis(votes, listed, 1) + 1, 1
        )
    agreed = votes >= models // 2 + 1
    count = np.array([np.take_along_axis(agreed, listed, 1).sum(axis=1) for listed in lists], float)
    total = count.sum(axis=0)
    share = count / np.where(total == 0, 1, total)
    weight = np.where(total == 0, 1 / models, np.where(count == 0, 0.1, share))
    inverse = 1 / weight
    inverse *= weights[:, None]
    inverse /= inverse.sum(axis=0)
    fused = np.zeros((queries, gallery))
    for matrix, factor in zip(matrices, inverse, strict=True):
        fused += factor[:, None] * matrix
    return np.round(fused, 5, out=fused)


def _combined(matrices: Matrices, weights: np.ndarray, top: int) -> np.ndarray:
    both = _mean(matrices, weights, top), _by_disagreement(matrices, weights, top)
    return _mean(both, np.ones(2), top)


FUSIONS: dict[str, Fusion] = {
    "similarity": _mean,
    "dissimilarity": _by_disagreement,
    "combined": _combined,
}
"""Name -> f(matrices, weights, top) -> (m, n) distances; put an own one in, or pass it to ``fuse``.

matrices    k arrays (m, n) of finite distances, after normalisation
weights     (k,) numbers over 0, all 1 where none were given
top         see ``fuse``
"""


def _as_it_is(matrix: np.ndarray) -> np.ndarray:
    return matrix


def _by_score(matrix: np.ndarray) -> np.ndarray:
    """Each row less its smallest, divided by its span."""
    low, high = matrix.min(axis=1, keepdims=True), matrix.max(axis=1, keepdims=True)
    return (matrix - low) / np.maximum(high - low, 1e-12)


def _by_rank(matrix: np.ndarray) -> np.ndarray:
    """Each distance becomes its rank in the row, from 0 to 1."""
    ranks = np.argsort(np.argsort(matrix, axis=1, kind="stable"), axis=1)
    return ranks / max(matrix.shape[1] - 1, 1)


NORMALISATIONS: dict[str, Normalisation] = {"none": _as_it_is, "score": _by_score, "rank": _by_rank}
"""Name -> f(matrix (m, n)) -> (m, n), which makes distances of different scale comparable."""


def _chosen(setting: str, choice: str | Choice, known: dict[str, Choice]) -> Choice:
    if callable(choice):
        return choice
    if not isinstance(choice, str) or choice not in known:
        raise SettingError(setting, repr(choice), f"one of {', '.join(known)}")
    return known[choice]


def _name(choice: object) -> str:
    return choice if isinstance(choice, str) else getattr(choice, "__name__", "own function")


def _check_top(top: int) -> None:
    if top < 1:
        raise SettingError("top", top, "1 or more")


def _shares(weights: Sequence[float] | None, models: int) -> np.ndarray:
    if weights is None:
        return np.ones(models)
    shares = np.asarray(weights, float)
    if shares.shape != (models,) or not (np.isfinite(shares) & (shares > 0)).all():
        raise SettingError("weights", list(weights), f"{models} numbers over 0, one for each model")
    return shares


def _matrices(distances: Matrices) -> list[np.ndarray]:
    """Return the matrices as float32 or float64, checked; compiled code takes them as they are."""
    matrices = [np.asarray(matrix) for matrix in distances]
    shapes = {matrix.shape for matrix in matrices}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2 or 0 in next(iter(shapes)):
        raise RankingError(
            f"Matrices of shapes {sorted(shapes)} cannot be fused; expected one shape (m, n)."
        )
    for number, matrix in enumerate(matrices, start=1):
        if matrix.dtype.kind not in "fiu":
            raise RankingError(f"Matrix {number} holds {matrix.dtype}; expected numbers.")
        if matrix.dtype not in (np.float32, np.float64):
            matrices[number - 1] = matrix.astype(np.float64)
        bad = np.argwhere(~np.isfinite(matrix))
        if len(bad):
            raise RankingError(
                f"Matrix {number}: the distance in row {bad[0][0]}, column {bad[0][1]} is not "
                "finite."
            )
    return matrices


def _refuse_similarities(matrices: list[np.ndarray]) -> None:
    """Refuse a matrix that ranks the gallery the other way round than the others do."""
    if len(matrices) < 2 or matrices[0].size < 100:
        return
    every = max(1, matrices[0].size // 100_000)
    sample = np.corrcoef([matrix.ravel()[::every] for matrix in matrices])
    for number, row in enumerate(sample, start=1):
        if np.nanmean(np.delete(row, number - 1)) < -0.5:
            raise RankingError(
                f"Matrix {number} runs against the others (correlation {np.nanmin(row):.2f}): it "
                "seems to hold similarities. Distances are smaller for more alike pictures; pass "
                "1 - similarity."
            )
