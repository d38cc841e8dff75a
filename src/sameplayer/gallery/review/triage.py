"""How much each open question would tell, and in which of three bands it is.

In a gallery that is calibrated, a question is

    likely     where the likeliest person has a probability of SURE or more
    unknown    where nobody has it
    unsure     else

and tells as much as its answer is open: the entropy of the probabilities, in bits, of the persons
named, of nobody, and of all others together.

In one that is not, there are similarities only. A question is likely where its distance to the
best person is at most RATIO of that to the second (the ratio test of Lowe, 2004); unknown where no
person is more like it than persons of the gallery are like the person nearest to them; else unsure.
It tells as much as the two distances are alike: their ratio, 1 where nothing tells them apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sameplayer.common.vectors import unit_mean
from sameplayer.gallery.core.gallery import STORED, GalleryCore
from sameplayer.gallery.core.index import Means
from sameplayer.gallery.core.records import Answer, StoredPicture
from sameplayer.gallery.people.checks import WAITING
from sameplayer.gallery.search.asking import TOP, answer_vectors
from sameplayer.gallery.store.base import rows_in

BANDS = ("likely", "unsure", "unknown")
SURE = 0.9
RATIO = 0.8
SAMPLE = 512  # persons whose nearest other is looked for
STEP = 500  # questions that are read at a time
CELLS = 250_000  # of questions x persons that are compared at a time

Verdict = tuple[str, float]  # band and information


@dataclass(frozen=True, eq=False)
class Waiting:
    """A question: its pictures and their rows (n, d), and the persons whom people ruled out."""

    key: str
    revision: int
    skipped: bool
    pictures: tuple[StoredPicture, ...]
    rows: np.ndarray
    without: frozenset[str]


@dataclass(frozen=True)
class Judged:
    """A question's place in the queue.

    left    its revision, where somebody left it for later; else 0
    """

    key: str
    left: int
    band: str
    information: float

    @property
    def place(self) -> tuple[int, float, str]:
        """What the queue is sorted by."""
        return self.left, -self.information, self.key


def judge(gallery: GalleryCore) -> list[Judged]:
    """Return all questions that wait, in the order of the queue."""
    sql = f"SELECT id FROM question WHERE state IN {WAITING} ORDER BY id"
    keys = [row[0] for row in gallery.rows(sql)]
    means = gallery.means()
    verdicts = _verdicts(gallery, means)
    found = []
    step = min(STEP, max(1, CELLS // max(len(means), 1)))
    for start in range(0, len(keys), step):
        asked = read_waiting(gallery, keys[start : start + step])
        for one, (band, information) in zip(asked, verdicts(asked), strict=True):
            found.append(Judged(one.key, one.revision if one.skipped else 0, band, information))
    return sorted(found, key=lambda one: one.place)


def read_waiting(gallery: GalleryCore, keys: Sequence[str]) -> list[Waiting]:
    """Read those of some questions that wait, by id; their pictures by date."""
    columns = ", ".join(f"picture.{name}" for name in STORED.split(", "))
    of_questions = "AND picture.state = 'kept' AND picture.question IN"
    with gallery.database.read() as cursor:
        sql = f"SELECT id, revision, state FROM question WHERE state IN {WAITING} AND id IN"
        asked = sorted(rows_in(cursor, sql, keys))
        kept: dict[str, list[tuple[StoredPicture, bytes]]] = {key: [] for key in keys}
        for *row, data in rows_in(
            cursor,
            f"SELECT {columns}, vector.data FROM picture "
            f"JOIN vector ON vector.picture = picture.id {of_questions}",
            keys,
            also="ORDER BY COALESCE(picture.taken, ''), picture.added, picture.id",
        ):
            picture = StoredPicture(*row)
            kept[str(picture.question)].append((picture, data))
        without: dict[str, set[str]] = {key: set() for key in keys}
        for key, person in rows_in(
            cursor,
            "SELECT picture.question, apart.person FROM apart "
            f"JOIN picture ON picture.id = apart.picture {of_questions}",
            keys,
        ):
            without[key].add(person)
    return [
        Waiting(
            key,
            int(revision),
            state == "skipped",
            tuple(picture for picture, _ in kept[key]),
            np.frombuffer(b"".join(data for _, data in kept[key]), np.float32).reshape(
                len(kept[key]), -1
            ),
            frozenset(without[key]),
        )
        for key, revision, state in asked
        if kept[key]
    ]


def _verdicts(
    gallery: GalleryCore, means: Means
) -> Callable[[Sequence[Waiting]], Iterator[Verdict]]:
    """Return what judges questions: together, but for those of whom people ruled somebody out."""
    strangers = None if gallery.settings.likelihood else _strangers(means)

    def verdicts(asked: Sequence[Waiting]) -> Iterator[Verdict]:
        free = [one for one in asked if not one.without]
        together = iter(_together(gallery, means, free, strangers))
        for one in asked:
            if one.without:
                answer = answer_vectors(gallery, one.rows, without=one.without, shown=0)
                yield _of_answer(answer, strangers)
            else:
                yield next(together)

    return verdicts


def _together(
    gallery: GalleryCore, means: Means, asked: Sequence[Waiting], strangers: float | None
) -> Iterator[Verdict]:
    """Judge questions as ``answer_vectors`` answers them, many at a time."""
    if not asked or not len(means):
        yield from ((("unknown", 0.0),) * len(asked))
        return
    queries = np.stack([unit_mean(one.rows) for one in asked])
    similarities = np.concatenate([queries @ block.means.T for block in means.blocks], axis=1)
    if strangers is not None:
        for row in np.sort(similarities, axis=1)[:, :-3:-1]:
            yield _by_distance(row.tolist(), strangers)
        return
    from sameplayer.ranking.open_set.likelihood import Likelihood, posterior

    likelihood = Likelihood.from_record(gallery.settings.likelihood)
    counts = np.array([[len(one.rows)] for one in asked])
    found = posterior(likelihood, similarities, counts, means.pictures, gallery.settings.known)
    likeliest = np.sort(found.persons, axis=1)[:, : -TOP - 1 : -1]
    for row, chance in zip(likeliest, found.nobody, strict=True):
        yield _by_chance(row.tolist(), float(chance))


def _of_answer(answer: Answer, strangers: float | None) -> Verdict:
    if strangers is not None:
        return _by_distance([one.similarity for one in answer.candidates[:2]], strangers)
    named = [one.probability or 0.0 for one in answer.candidates]
    return _by_chance(named, answer.nobody or 0.0)


def _by_chance(named: list[float], nobody: float) -> Verdict:
    """Return band and information of the probabilities of the likeliest persons and of nobody."""
    chances = np.array([nobody, *named, max(0.0, 1 - nobody - sum(named))])
    some = chances[chances > 0]
    band = "unsure"
    if nobody >= SURE:
        band = "unknown"
    elif max(named, default=0.0) >= SURE:
        band = "likely"
    return band, float(-(some * np.log2(some)).sum())


def _by_distance(similarities: list[float], strangers: float) -> Verdict:
    """Return band and information of the similarities to the two most alike persons.

    strangers    similarity of two persons who are not one, see ``_strangers``
    """
    if not similarities:
        return "unknown", 0.0
    best, second = (*similarities, strangers)[:2]
    ratio = math.sqrt(max(1 - best, 0.0) / max(1 - second, 1e-12)) if best > second else 1.0
    if best <= strangers:
        return "unknown", ratio
    return "likely" if ratio <= RATIO else "unsure", ratio


def _strangers(means: Means) -> float:
    """Return the median similarity of a person to the person nearest, of a sample of persons."""
    if len(means) < 2:
        return 0.0
    rows = np.concatenate([block.means for block in means.blocks])
    chosen = np.unique(np.linspace(0, len(rows) - 1, SAMPLE).astype(int))
    alike = rows[chosen] @ rows.T
    alike[np.arange(len(chosen)), chosen] = -1
    return float(np.median(alike.max(axis=1)))
