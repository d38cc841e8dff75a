"""A question as people see it: its pictures, and what the gallery says now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sameplayer.errors import MissingFile
from sameplayer.gallery.core.gallery import pictures_of
from sameplayer.gallery.core.records import Answer, StoredPicture
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.people.checks import WAITING
from sameplayer.gallery.search.asking import answer_vectors

NAMED = 5  # candidates of a question


@dataclass(frozen=True)
class Waiting:
    """A question: its state and revision, pictures, and an answer where it still waits."""

    question: str
    state: str
    revision: int
    pictures: tuple[StoredPicture, ...]
    answer: Answer | None

    @property
    def waits(self) -> bool:
        """Whether nobody has answered it."""
        return self.state in WAITING


def waiting_question(gallery: Gallery, key: str) -> Waiting:
    """Return a question by id; MissingFile where there is none."""
    with gallery.database.read() as cursor:
        row = cursor.one("SELECT state, revision FROM question WHERE id = ?", key)
        if row is None or row[0] == "removed":
            raise MissingFile(f"No question {key!r} in this gallery; expected an id of one.")
        pictures = tuple(pictures_of(cursor, "question", key))
        kept = (
            "JOIN picture ON picture.id = {} WHERE picture.question = ? AND picture.state = 'kept'"
        )
        vectors = cursor.rows(
            f"SELECT vector.data FROM vector {kept.format('vector.picture')}", key
        )
        apart = cursor.rows(f"SELECT apart.person FROM apart {kept.format('apart.picture')}", key)
    answer = None
    if vectors and row[0] in WAITING:
        rows = np.frombuffer(b"".join(one[0] for one in vectors), np.float32)
        without = {one[0] for one in apart}
        answer = answer_vectors(gallery, rows.reshape(len(vectors), -1), top=NAMED, without=without)
    return Waiting(key, str(row[0]), int(row[1]), pictures, answer)
