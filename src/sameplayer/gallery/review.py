"""What waits for a person's word: open questions, the most informative first, in three bands.

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
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from scipy.stats import entropy

from sameplayer.data.latest import Latest
from sameplayer.errors import SettingError
from sameplayer.gallery.asking import answer_vectors
from sameplayer.gallery.doubts import Odd as Odd
from sameplayer.gallery.doubts import Pair as Pair
from sameplayer.gallery.doubts import duplicates as duplicates
from sameplayer.gallery.doubts import odd_pictures as odd_pictures
from sameplayer.gallery.gallery import Gallery, pictures_of
from sameplayer.gallery.index import Means
from sameplayer.gallery.lookups import WAITING
from sameplayer.gallery.records import Answer, Kept
from sameplayer.gallery.reliability import Reliability as Reliability
from sameplayer.gallery.reliability import Stated as Stated
from sameplayer.gallery.reliability import reliability as reliability

BANDS = ("likely", "unsure", "unknown")
SURE = 0.9
RATIO = 0.8
SAMPLE = 512  # persons whose nearest other is looked for
STEP = 500  # questions that are read at a time


@dataclass(frozen=True)
class Item:
    """A question that waits.

    question       its id
    revision       to be given as ``expected`` with the word of it
    band           likely, unsure or unknown
    answer         what the gallery says now, without those whom people ruled out
    pictures       whom it is about
    information    how much a word of it tells; larger is more
    skipped        somebody left it for later
    """

    question: str
    revision: int
    band: str
    answer: Answer
    pictures: tuple[Kept, ...]
    information: float
    skipped: bool


def queue(gallery: Gallery, band: str | None = None, most: int = 50, offset: int = 0) -> list[Item]:
    """Return questions that wait, the most informative first, those left for later last.

    band      one of BANDS; None: all
    offset    how many to leave out, to read on
    """
    if band is not None and band not in BANDS:
        raise SettingError("band", repr(band), ", ".join(BANDS))
    found = [one for one in _judged(gallery) if band in (None, one.band)]
    items = []
    for one in found[offset : offset + most]:
        for asked in _asked(gallery, [one.key]):  # none where it was answered since
            with gallery.database.read() as cursor:
                pictures = tuple(pictures_of(cursor, "question", asked.key))
            answer = answer_vectors(gallery, asked.rows, without=asked.without)
            items.append(
                Item(
                    one.key, asked.revision, one.band, answer, pictures, one.information,
                    asked.skipped,
                )
            )  # fmt: skip
    return items


def counts(gallery: Gallery) -> dict[str, int]:
    """Return how many questions wait in each band."""
    found = [one.band for one in _judged(gallery)]
    return {band: found.count(band) for band in BANDS}


@dataclass(frozen=True, eq=False)
class _Asked:
    """A question: its rows (n, d), and the persons whom people ruled out."""

    key: str
    revision: int
    skipped: bool
    rows: np.ndarray
    without: frozenset[str]


@dataclass(frozen=True)
class _Judged:
    """A question's place in the queue."""

    key: str
    left: int  # revision of a question that was left for later, else 0
    band: str
    information: float


_JUDGED: WeakKeyDictionary[Gallery, Latest[list[_Judged]]] = WeakKeyDictionary()


def _judged(gallery: Gallery) -> list[_Judged]:
    """Return all questions that wait, in order; made anew once something changed."""
    latest = _JUDGED.setdefault(gallery, Latest(1))
    return latest.get((gallery.index.means().changed, gallery.settings), lambda: _judge(gallery))


def _judge(gallery: Gallery) -> list[_Judged]:
    with gallery.database.read() as cursor:
        marks = ", ".join("?" * len(WAITING))
        keys = [row[0] for row in cursor.rows(
            f"SELECT id FROM question WHERE state IN ({marks}) ORDER BY id", *WAITING)]  # fmt: skip
    strangers = None if gallery.settings.likelihood else _strangers(gallery.index.means())
    found = []
    for start in range(0, len(keys), STEP):
        for one in _asked(gallery, keys[start : start + STEP]):
            answer = answer_vectors(gallery, one.rows, without=one.without, shown=0)
            judged = _by_chance(answer) if strangers is None else _by_distance(answer, strangers)
            found.append(_Judged(one.key, one.revision if one.skipped else 0, *judged))
    return sorted(found, key=lambda one: (one.left, -one.information, one.key))


def _asked(gallery: Gallery, keys: list[str]) -> list[_Asked]:
    """Read those of some questions that wait."""
    chosen = f"({', '.join('?' * len(keys))})"
    with gallery.database.read() as cursor:
        asked = cursor.rows(f"SELECT id, state, revision FROM question WHERE id IN {chosen}", *keys)
        rows: dict[str, list[bytes]] = {key: [] for key in keys}
        for key, data in cursor.rows(
            "SELECT picture.question, vector.data FROM picture "
            "JOIN vector ON vector.picture = picture.id "
            f"WHERE picture.question IN {chosen} AND picture.state = 'kept' ORDER BY picture.id",
            *keys,
        ):
            rows[key].append(data)
        without: dict[str, set[str]] = {key: set() for key in keys}
        for key, person in cursor.rows(
            "SELECT picture.question, apart.person FROM apart "
            "JOIN picture ON picture.id = apart.picture "
            f"WHERE picture.question IN {chosen} AND picture.state = 'kept'", *keys,
        ):  # fmt: skip
            without[key].add(person)
    return [
        _Asked(
            key, int(revision), state == "skipped",
            np.frombuffer(b"".join(rows[key]), np.float32).reshape(len(rows[key]), -1),
            frozenset(without[key]),
        )
        for key, state, revision in sorted(asked)
        if state in WAITING and rows[key]
    ]  # fmt: skip


def _by_chance(answer: Answer) -> tuple[str, float]:
    """Return band and information of an answer with probabilities."""
    nobody = answer.nobody or 0.0
    named = [one.probability or 0.0 for one in answer.candidates]
    chances = np.array([nobody, *named, max(0.0, 1 - nobody - sum(named))])
    band = "unsure"
    if nobody >= SURE:
        band = "unknown"
    elif max(named, default=0.0) >= SURE:
        band = "likely"
    return band, float(entropy(chances, base=2))


def _by_distance(answer: Answer, strangers: float) -> tuple[str, float]:
    """Return band and information of an answer without probabilities.

    strangers    similarity of two persons who are not one, see ``_strangers``
    """
    similarities = [one.similarity for one in answer.candidates[:2]]
    if not similarities:
        return "unknown", 0.0
    best, second = (*similarities, strangers)[:2]
    ratio = math.sqrt(max(1 - best, 0.0) / max(1 - second, 1e-12)) if best > second else 1.0
    if best <= strangers:
        return "unknown", min(ratio, 1.0)
    return "likely" if ratio <= RATIO else "unsure", min(ratio, 1.0)


def _strangers(means: Means) -> float:
    """Return the median similarity of a person to the person nearest, of a sample of persons."""
    if len(means) < 2:
        return 0.0
    rows = np.concatenate([block.means for block in means.blocks])
    chosen = np.unique(np.linspace(0, len(rows) - 1, SAMPLE).astype(int))
    alike = rows[chosen] @ rows.T
    alike[np.arange(len(chosen)), chosen] = -1
    return float(np.median(alike.max(axis=1)))
