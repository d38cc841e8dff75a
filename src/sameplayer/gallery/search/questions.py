"""Pictures of an unknown player, kept until somebody says who it is."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sameplayer.gallery.core.events import canonical
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.core.means import add_picture
from sameplayer.gallery.core.records import Answer, NewPicture
from sameplayer.gallery.store.base import Cursor


def stated(answer: Answer) -> str | None:
    """Return the probabilities of an answer, as text to keep; None where it had none."""
    if answer.nobody is None:
        return None
    persons = {one.person: one.probability for one in answer.candidates}
    return canonical({"nobody": answer.nobody, "persons": persons})


def keep_question(
    gallery: GalleryCore, pictures: Sequence[NewPicture], actor: str, said: str | None = None
) -> str | None:
    """Keep pictures of one unknown person; return the question's id.

    said    what was answered, see ``stated``

    Pictures that the gallery has already are not kept twice: where all of them belong to one open
    question, that one is returned. Pictures of somebody who was forgotten are not kept; None where
    nothing is left.
    """
    with gallery.change(actor, "question") as change:
        new = {one.digest: one for one in pictures if _is_new(change.cursor, one.digest)}
        if not new:
            return _waiting(change.cursor, pictures)
        key = secrets.token_hex(8)
        named = {secrets.token_hex(16): one for one in new.values()}
        files = {name: one.content for name, one in named.items() if one.content is not None}
        change.journals += gallery.files.add(files)
        change.add("question", key, state="open", asked=change.at, answer=said)
        for name, one in named.items():
            add_picture(change, name, one, question=key)
        change.done()
    return key


def _is_new(cursor: Cursor, digest: str) -> bool:
    held = cursor.one("SELECT 1 FROM picture WHERE digest = ? AND state = 'kept'", digest)
    return held is None and not cursor.one("SELECT 1 FROM suppressed WHERE hash = ?", digest)


def _waiting(cursor: Cursor, pictures: Sequence[NewPicture]) -> str | None:
    """Return the open question that all of these pictures belong to."""
    found = {
        row[0]
        for one in pictures
        for row in cursor.rows(
            "SELECT picture.question FROM picture JOIN question ON question.id = picture.question "
            "WHERE picture.digest = ? AND picture.state = 'kept' AND question.state = 'open'",
            one.digest,
        )
    }
    return found.pop() if len(found) == 1 else None
