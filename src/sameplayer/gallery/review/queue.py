"""What waits for a person's word: open questions, the most informative first, in three bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sameplayer.common.cache import Latest
from sameplayer.errors import MissingFile, SettingError
from sameplayer.gallery.core.gallery import GalleryCore, pictures_of
from sameplayer.gallery.core.records import Answer, StoredPicture
from sameplayer.gallery.people.checks import WAITING
from sameplayer.gallery.review.anomalies import MislabelCandidate as MislabelCandidate
from sameplayer.gallery.review.anomalies import Pair as Pair
from sameplayer.gallery.review.anomalies import duplicates as duplicates
from sameplayer.gallery.review.anomalies import odd_pictures as odd_pictures
from sameplayer.gallery.review.reliability import Reliability as Reliability
from sameplayer.gallery.review.reliability import Stated as Stated
from sameplayer.gallery.review.reliability import reliability as reliability
from sameplayer.gallery.review.triage import BANDS, Judged, judge, read_waiting
from sameplayer.gallery.search.asking import Query, answer_queries, answer_vectors


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
    pictures: tuple[StoredPicture, ...]
    information: float
    skipped: bool

    @property
    def place(self) -> tuple[int, float, str]:
        """What the queue is sorted by: a later question has a larger one."""
        return self.revision if self.skipped else 0, -self.information, self.question


@dataclass(frozen=True)
class Question:
    """A question as it is now, also one that was answered.

    answer      what the gallery says now, without those whom people ruled out; None once somebody
                has answered
    revision    to be given as ``expected`` with the word of it
    """

    question: str
    state: str
    revision: int
    pictures: tuple[StoredPicture, ...]
    answer: Answer | None

    @property
    def waits(self) -> bool:
        """Whether nobody has answered it."""
        return self.state in WAITING


def question_by_id(gallery: GalleryCore, key: str) -> Question:
    """Return a question by its id; MissingFile where there is none."""
    with gallery.database.read() as cursor:
        row = cursor.one("SELECT state, revision FROM question WHERE id = ?", key)
        if row is None or row[0] == "removed":
            raise MissingFile(
                f"No question {key!r} in this gallery; expected the id of a question."
            )
        pictures = tuple(pictures_of(cursor, "question", key))
    answer = None
    for one in read_waiting(gallery, [key]):
        answer = answer_vectors(gallery, one.rows, without=one.without)
    return Question(key, str(row[0]), int(row[1]), pictures, answer)


def queue(
    gallery: GalleryCore,
    band: str | None = None,
    most: int = 50,
    after: Sequence[Any] | None = None,
) -> list[Item]:
    """Return questions that wait, the most informative first, those left for later last.

    band     one of BANDS; None: all
    after    ``place`` of the last question read, to read on; None: from the first
    """
    if band is not None and band not in BANDS:
        raise SettingError("band", repr(band), ", ".join(BANDS))
    found = [one for one in _judged(gallery) if band in (None, one.band)]
    if after is not None:
        found = [one for one in found if one.place > tuple(after)]
    shown = {one.key: one for one in found[:most]}
    asked = read_waiting(gallery, list(shown))  # without those that were answered since
    asked.sort(key=lambda one: shown[one.key].place)
    answers = answer_queries(gallery, [Query(one.rows, one.without) for one in asked])
    return [
        Item(
            one.key,
            one.revision,
            shown[one.key].band,
            answer,
            one.pictures,
            shown[one.key].information,
            one.skipped,
        )
        for one, answer in zip(asked, answers, strict=True)
    ]


def counts(gallery: GalleryCore) -> dict[str, int]:
    """Return how many questions wait in each band."""
    found = [one.band for one in _judged(gallery)]
    return {band: found.count(band) for band in BANDS}


_JUDGED: WeakKeyDictionary[GalleryCore, Latest[list[Judged]]] = WeakKeyDictionary()


def evict_deleted(gallery: GalleryCore) -> None:
    """Hold no answers about the questions any more: they name persons."""
    _JUDGED.pop(gallery, None)


def _judged(gallery: GalleryCore) -> list[Judged]:
    """Return all questions that wait, in order; made anew once something changed."""
    latest = _JUDGED.setdefault(gallery, Latest(1))
    now = (gallery.means().changed, str(gallery.settings))
    return latest.get(now, lambda: judge(gallery))
