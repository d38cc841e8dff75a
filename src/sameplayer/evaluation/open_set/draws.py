"""Galleries drawn from a crop table, and what searching them gave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import DataError
from sameplayer.evaluation.open_set.config import OpenSetConfig
from sameplayer.evaluation.open_set.rates import Outcomes, outcomes
from sameplayer.ranking.open_set.fit import fit_likelihood
from sameplayer.ranking.open_set.gallery_draws import Person, Searches, draw_searches, people_of
from sameplayer.ranking.open_set.likelihood import Likelihood, posterior


@dataclass(frozen=True, eq=False)
class Answers:
    """What was answered, by probability.

    found         by the probability of each person
    top           (m,) of the first answer
    right         (m,) whether the first answer is right
    nobody        (m,) that it is nobody
    same, others  log ratios of the right pairs, and of all other pairs
    same_search, others_search    int64: the search that each of them is from
    """

    found: Outcomes
    top: np.ndarray
    right: np.ndarray
    nobody: np.ndarray
    same: np.ndarray
    others: np.ndarray
    same_search: np.ndarray
    others_search: np.ndarray

    def pairs(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return same, others, and their weights where searches weigh (m,)."""
        return self.same, self.others, weight[self.same_search], weight[self.others_search]


@dataclass(frozen=True, eq=False)
class PooledSearches:
    """All m searches of galleries of one size with so many pictures.

    size      enrolled persons, the mean over searches
    found     by similarity
    person    (m,) int64: who is asked about
    weight    (m,): mated searches sum to ``known``, the others to 1 - known
    answer    by probability; None without a likelihood ratio
    """

    asked: int
    size: float
    known: float
    found: Outcomes
    person: np.ndarray
    weight: np.ndarray
    answer: Answers | None


class OpenSetDraws:
    """Draws persons, galleries and questions from a table, and searches."""

    def __init__(
        self, embeddings: Embeddings, config: OpenSetConfig, likelihood: Likelihood | None
    ) -> None:
        self.embeddings, self.config, self.given = embeddings, config, likelihood
        self.people = people_of(embeddings.crops)
        self.codes = embeddings.crops.persons()
        self.why_uncalibrated = ""

    def all(self, progress: Callable[[int, int], None] | None = None) -> list[PooledSearches]:
        """Return the searches of every size of gallery and kind of question.

        Raises DataError where no scope has enough persons.
        """
        config = self.config
        sizes: tuple[int | None, ...] = config.enrolled or (None,)
        kinds = [(size, asked) for size in sizes for asked in config.asked]
        drawn: dict[tuple[int | None, int], list[tuple[Searches, Likelihood | None]]]
        drawn = {kind: [] for kind in kinds}
        for number in range(config.draws):
            rng = np.random.default_rng((config.seed, number))
            fitted, persons = self._parts(rng, number)
            for kind in kinds:
                drawn[kind] += [
                    (searches, fitted) for searches in self._searched(*kind, persons, rng)
                ]
            if progress is not None:
                progress(number + 1, config.draws)
        return [self._pooled(asked, parts) for (_, asked), parts in drawn.items()]

    @property
    def facts(self) -> dict[str, Any]:
        """What was drawn from."""
        mated = sum(self.people.can_be_mated(person) for person in self.people.persons)
        facts = {
            "encoder": self.embeddings.fingerprint,
            "persons": len(self.people.persons),
            "persons who can be looked for": mated,
            "questions and enrolled pictures": "of different tracks"
            if self.people.across
            else "different pictures",
            "enrolled pictures": self.config.pictures,
            "known": self.config.known,
            "persons to fit": self.config.fit if self.given is None else "others",
            "draws": self.config.draws,
            "seed": self.config.seed,
        }
        return facts | ({"uncalibrated": self.why_uncalibrated} if self.why_uncalibrated else {})

    def _parts(self, rng: np.random.Generator, seed: int) -> tuple[Likelihood | None, list[Person]]:
        """Return the ratio fitted to some persons, and the others, who are scored."""
        persons = [self.people.persons[at] for at in rng.permutation(len(self.people.persons))]
        if self.given is not None or self.config.fit == 0 or self.why_uncalibrated:
            return self.given, persons
        count = round(self.config.fit * len(persons))
        known = [person.code for person in persons[:count]]
        try:
            part = self.embeddings.where(np.isin(self.codes, known))
            return fit_likelihood(part, seed=seed), persons[count:]
        except DataError as error:
            self.why_uncalibrated = str(error)
            return None, persons

    def _searched(
        self, size: int | None, asked: int, persons: list[Person], rng: np.random.Generator
    ) -> list[Searches]:
        """Return the searches of one gallery in each scope that has the persons for it."""
        scopes: dict[int, list[Person]] = {}
        for person in persons:
            scopes.setdefault(person.scope, []).append(person)
        found = []
        for inside in scopes.values():
            enrolled = len(inside) // 2 if size is None else size
            if 0 < enrolled < len(inside):
                pictures = self.config.pictures
                counts: dict[str, Any] = {"enrolled": (pictures, pictures), "asked": (asked, asked)}
                searches = draw_searches(
                    self.embeddings.vectors, self.people, inside, enrolled, rng, **counts
                )
                found.append(searches)
        if not found:
            most = max(map(len, scopes.values()), default=0)
            raise DataError(
                f"{self.embeddings.crops.root}: galleries of {size or 1} persons, and somebody "
                f"who is in none of them; found {most} persons to score in the largest scope. "
                "Enrol fewer, fit to fewer, or bring more persons."
            )
        return found

    def _pooled(
        self, asked: int, parts: list[tuple[Searches, Likelihood | None]]
    ) -> PooledSearches:
        widest = max(searches.similarities.shape[1] for searches, _ in parts)
        mate = np.concatenate([searches.mate for searches, _ in parts])
        mated = mate >= 0
        if mated.all() or not mated.any():
            raise DataError(
                f"{self.embeddings.crops.root}: nobody who is enrolled has further "
                f"{'tracks' if self.people.across else 'pictures'} to ask with. Bring more."
            )
        scores = np.concatenate([_filled(searches.similarities, widest) for searches, _ in parts])
        known = self.config.known
        answer = None
        if all(fitted is not None for _, fitted in parts):
            answer = _answers(
                [(searches, fitted) for searches, fitted in parts if fitted], mate, known
            )
        return PooledSearches(
            asked,
            float(np.isfinite(scores).sum(axis=1).mean()),
            known,
            outcomes(scores, mate),
            np.concatenate([searches.person for searches, _ in parts]),
            np.where(mated, known / mated.sum(), (1 - known) / (~mated).sum()),
            answer,
        )


def _answers(parts: list[tuple[Searches, Likelihood]], mate: np.ndarray, known: float) -> Answers:
    """Return what the searches were answered, as a gallery answers: by ``posterior``."""
    widest = max(searches.similarities.shape[1] for searches, _ in parts)
    ratios, chances, nobody = [], [], []
    for searches, fitted in parts:
        search = searches.similarities, searches.query_pictures[:, None], searches.person_pictures
        answer = posterior(fitted, *search, known)
        ratios.append(_filled(fitted.log_ratios(*search), widest))
        chances.append(_filled(answer.persons, widest))
        nobody.append(answer.nobody)
    rows, persons = np.concatenate(ratios), np.concatenate(chances)
    found = outcomes(persons, mate)
    right = mate[:, None] == np.arange(rows.shape[1])
    wrong = ~right & np.isfinite(rows)
    return Answers(
        found=found,
        top=persons.max(axis=1),
        right=persons.argmax(axis=1) == mate,
        nobody=np.concatenate(nobody),
        same=rows[right],
        others=rows[wrong],
        same_search=np.nonzero(right)[0],
        others_search=np.nonzero(wrong)[0],
    )


def _filled(rows: np.ndarray, width: int) -> np.ndarray:
    """Return rows as wide as the widest gallery, with -inf where there is no person."""
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=-np.inf)
