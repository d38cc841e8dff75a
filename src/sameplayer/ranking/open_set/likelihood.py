"""Who is it, how sure, or nobody we know: a likelihood ratio, and Bayes' rule over a gallery.

A likelihood ratio says how many times more often a similarity is met between pictures of one
person than of two. It does not depend on how many persons are enrolled, nor on how many of those
who are asked about are among them: both come in by Bayes' rule, so the answer holds for a gallery
that grows. The ratio does depend on how many pictures each side has, since means of many pictures
are alike for less reason; and on how alike the question is to everybody, as a blurred picture is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from sameplayer.encoder.calibration import check_prior, is_number
from sameplayer.errors import DataError, RankingError

PARTS = (6, 5, 3)  # weights of a ratio's offset, slope and bend
FORM = 4  # numbers of a line over the counts of pictures


@dataclass(frozen=True)
class Likelihood:
    """The log likelihood ratio of a cosine similarity between a question and a person.

    The similarity is that of two unit means: of the question's q pictures, of the person's e.

    weights        of the terms of the ratio (``terms``)
    cohesion       mean cosine of two pictures of one person, by which similarities of means of few
                   and of many pictures are brought to one scale
    level, spread  mean and variance of a similarity of two persons, over the counts of pictures
    lowest, highest    bounds of the ratio's log: nothing is surer than the persons can show
    persons        how many it was fitted to
    same, others   pairs of a question and an enrolled person: the right one, and another
    encoder        fingerprint of the encoder
    """

    weights: tuple[float, ...]
    cohesion: float
    level: tuple[float, ...]
    spread: tuple[float, ...]
    lowest: float
    highest: float
    persons: int
    same: int
    others: int
    encoder: str

    def log_ratio(
        self,
        similarity: np.ndarray,
        query_pictures: int | np.ndarray = 1,
        person_pictures: int | np.ndarray = 1,
        query_level: float | np.ndarray = 0.0,
    ) -> np.ndarray:
        """Return the natural log of the likelihood ratio, never falling with the similarity.

        similarity         cosine, of any shape
        query_pictures     how many pictures ask; with the others, broadcast to one shape
        person_pictures    how many pictures of the person are enrolled
        query_level        how alike the question is to everybody (``query_level``); 0: as usual

        Raises RankingError for similarities that are no numbers and for counts below 1.
        """
        alike, n_query, n_person = _checked(similarity, query_pictures, person_pictures)
        scaled = one_scale(alike, n_query, n_person, self.cohesion)
        offset, slope, bend = self._curve(n_query, n_person, query_level)
        turn = np.divide(-slope, 2 * bend, out=np.zeros(np.shape(bend)), where=bend != 0)
        # Beyond its turn the curve would fall again: there it stays as high, or as low.
        scaled = np.where(bend < 0, np.minimum(scaled, turn), np.maximum(scaled, turn))
        return np.asarray(
            np.clip(offset + scaled * (slope + scaled * bend), self.lowest, self.highest)
        )

    def query_level(
        self,
        similarities: np.ndarray,
        query_pictures: int | np.ndarray = 1,
        person_pictures: int | np.ndarray = 1,
    ) -> np.ndarray:
        """Return how alike each question is to everybody, (...,) of similarities (..., N).

        The mean of the standardised similarities to all but the most alike, drawn towards 0 where
        there are few.
        """
        alike, n_query, n_person = _checked(similarities, query_pictures, person_pictures)
        line = line_over(n_query, n_person)
        deviation = np.sqrt(np.maximum(line @ np.asarray(self.spread), 1e-6))
        scaled = one_scale(alike, n_query, n_person, self.cohesion)
        standard = (scaled - line @ np.asarray(self.level)) / deviation
        count = standard.shape[-1]
        return np.asarray((standard.sum(axis=-1) - standard.max(axis=-1)) / (count + 1))

    def log_ratios(
        self,
        similarities: np.ndarray,
        query_pictures: int | np.ndarray,
        person_pictures: int | np.ndarray,
    ) -> np.ndarray:
        """Return the log ratios (..., N) of searches, each with the level of its own query.

        similarities       (..., N) cosine of each query to each enrolled person
        query_pictures     how many pictures each query has, (..., 1) or one number
        person_pictures    how many pictures of each person are enrolled, (N,) or one number
        """
        level = self.query_level(similarities, query_pictures, person_pictures)
        return self.log_ratio(similarities, query_pictures, person_pictures, level[..., None])

    def _curve(
        self, n_query: np.ndarray, n_person: np.ndarray, level: float | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return offset, slope and bend of the parabola over the scaled similarity."""
        weights = np.split(np.asarray(self.weights), np.cumsum(PARTS)[:-1])
        parts = terms(n_query, n_person, np.asarray(level, np.float64))
        offset, slope, bend = (part @ own for part, own in zip(parts, weights, strict=True))
        return offset, slope, bend

    def to_record(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        record = asdict(self)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in record.items()
        }

    @classmethod
    def from_record(cls, record: object) -> Likelihood:
        """Return what ``to_record`` gave; DataError for anything else."""
        names = {item.name for item in fields(cls)}
        if not isinstance(record, dict) or set(record) != names:
            raise _damaged(f"expected the keys {', '.join(sorted(names))}")
        for name, count in (("weights", sum(PARTS)), ("level", FORM), ("spread", FORM)):
            row = record[name]
            if not isinstance(row, list | tuple) or len(row) != count:
                raise _damaged(f"{name} is {row!r:.80}; expected {count} numbers")
            if not all(map(is_number, row)):
                raise _damaged(f"{name} holds what is no finite number")
        for name in ("cohesion", "lowest", "highest"):
            if not is_number(record[name]):
                raise _damaged(f"{name} is {record[name]!r:.80}; expected a finite number")
        kinds = {"persons": int, "same": int, "others": int, "encoder": str}
        for name, kind in kinds.items():
            if type(record[name]) is not kind:
                raise _damaged(f"{name} is {record[name]!r:.80}; expected {kind.__name__}")
        if not 0 <= record["cohesion"] <= 1 or not record["lowest"] < 0 < record["highest"]:
            raise _damaged("cohesion, lowest or highest is out of range")
        rows = {name: tuple(map(float, record[name])) for name in ("weights", "level", "spread")}
        return cls(**{**record, **rows})


@dataclass(frozen=True, eq=False)
class Posterior:
    """Probabilities that sum to 1: of each enrolled person (..., N), and of nobody (...).

    Of a single search, nobody is a float.
    """

    persons: np.ndarray
    nobody: Any


def posterior(
    likelihood: Likelihood,
    similarities: np.ndarray,
    query_pictures: int | np.ndarray,
    person_pictures: int | np.ndarray,
    known: float,
) -> Posterior:
    """Return who it is, by Bayes' rule: known / N times the ratio for each of N, 1 - known nobody.

    similarities       (..., N) cosine of one query or many to each enrolled person
    query_pictures     how many pictures each query has, (..., 1) or one number
    person_pictures    (N,) how many pictures of each are enrolled, or one number for all
    known              share of the queries that are about an enrolled person

    An empty gallery knows nobody. Raises SettingError for a share out of range, RankingError for
    what does not fit.
    """
    check_prior(known)
    similarities = np.asarray(similarities, np.float64)
    if similarities.ndim == 0:
        raise RankingError("One similarity; expected those to all enrolled persons, (..., N).")
    if similarities.shape[-1] == 0:
        return Posterior(
            similarities, np.ones(similarities.shape[:-1]) if similarities.ndim > 1 else 1.0
        )
    ratios = likelihood.log_ratios(similarities, query_pictures, person_pictures)
    persons, nobody = bayes(ratios, known)
    return Posterior(persons, nobody if np.ndim(nobody) else float(nobody))


def bayes(log_ratio: np.ndarray, known: float) -> tuple[np.ndarray, Any]:
    """Return probabilities (..., N) of the persons and (...) of nobody, from log ratios (..., N).

    A ratio of -inf stands for no person, as where rows of galleries of several sizes are in one
    array: N is the number of the others.

    >>> persons, nobody = bayes(np.log([3.0, 2.0]), known=0.5)
    >>> persons.round(2).tolist(), round(float(nobody), 2)
    ([0.43, 0.29], 0.29)
    """
    size = np.isfinite(log_ratio).sum(axis=-1, keepdims=True)
    odds = np.log(known) - np.log(np.maximum(size, 1)) + log_ratio
    highest = np.maximum(odds.max(axis=-1, keepdims=True), np.log1p(-known))
    grown = np.exp(odds - highest)
    nobody = np.exp(np.log1p(-known) - highest)
    total = grown.sum(axis=-1, keepdims=True) + nobody
    return grown / total, (nobody / total)[..., 0]


def one_scale(
    alike: np.ndarray, n_query: np.ndarray, n_person: np.ndarray, cohesion: float
) -> np.ndarray:
    """Bring the cosine of two means to that of two single pictures.

    The mean of n unit rows whose mean cosine is c has the squared length c + (1 - c) / n.
    """
    lengths = (cohesion + (1 - cohesion) / n_query) * (cohesion + (1 - cohesion) / n_person)
    return np.asarray(alike * np.sqrt(lengths))


def terms(
    n_query: np.ndarray, n_person: np.ndarray, level: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what offset, slope and bend are made of: (..., 6), (..., 5) and (..., 3)."""
    one, a, b, level = np.broadcast_arrays(1.0, 1 / n_query, 1 / n_person, level)
    offset = np.stack([one, a, b, a * b, level, level * a], axis=-1)
    slope = np.stack([one, a, b, a * b, level], axis=-1)
    return offset, slope, np.stack([one, a, b], axis=-1)


def line_over(n_query: np.ndarray, n_person: np.ndarray) -> np.ndarray:
    one, a, b = np.broadcast_arrays(1.0, 1 / n_query, 1 / n_person)
    return np.stack([one, a, b, a * b], axis=-1)


def _checked(
    similarity: np.ndarray, *counts: int | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the similarity and both counts as float64."""
    alike = np.asarray(similarity, np.float64)
    if not np.isfinite(alike).all():
        raise RankingError("Similarities hold NaN or infinite values; expected cosines.")
    n_query, n_person = (np.asarray(count, np.float64) for count in counts)
    for count in (n_query, n_person):
        if count.size and not (np.isfinite(count) & (count >= 1)).all():
            raise RankingError(f"{count.min()} pictures; expected 1 or more on each side.")
    try:
        np.broadcast_shapes(alike.shape, n_query.shape, n_person.shape)
    except ValueError as error:
        raise RankingError(f"Similarities and counts of pictures do not fit: {error}.") from error
    return alike, n_query, n_person


def _damaged(why: str) -> DataError:
    return DataError(f"No likelihood ratio: {why}. Calibrate again.")
