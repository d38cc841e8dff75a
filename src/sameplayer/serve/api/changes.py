"""The changes that both the API and the pages offer: the function of each, and what it takes.

The API makes a route of each; the forms of the pages name them. All need the scope ``correct``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sameplayer.gallery.core.events import Event
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.core.records import Person
from sameplayer.gallery.people import corrections
from sameplayer.serve.api.requests import Given, MergeIn, NameIn, RestrictIn, SplitIn, ToPersonIn
from sameplayer.serve.service import Caller


@dataclass(frozen=True)
class Change:
    """A change of a person or a question.

    does            what it does, for the API's description
    function        takes the gallery, the id, the fields of ``body`` in order, actor and expected
    body            what the API takes; None: nothing
    gives_person    it returns the person that it made; else the event
    """

    does: str
    function: Callable[..., Event | Person]
    body: type[Given] | None = None
    gives_person: bool = False

    def apply(
        self, caller: Caller, key: str, values: Mapping[str, Any], expected: int | None
    ) -> Event | Person:
        """Do it.

        key         id of the person or question
        values      at least the fields of ``body``
        expected    revision of it that was seen; None: any
        """
        given = [values[name] for name in (self.body.model_fields if self.body else ())]
        return self.function(caller.gallery, key, *given, actor=caller.actor, expected=expected)


def number_of(done: Event | Person) -> int:
    """Return the number of the event that a change was."""
    return done.revision if isinstance(done, Person) else done.seq


def _merge(
    gallery: GalleryCore,
    into: str,
    other: str,
    expected_other: int,
    *,
    actor: str,
    expected: int | None,
) -> Event:
    own = {} if expected is None else {into: expected}
    return corrections.merge(
        gallery, into, other, actor=actor, expected={other: expected_other, **own}
    )


QUESTION_CHANGES = {
    "confirm": Change(
        "Assign the question's pictures to this person.", corrections.confirm, ToPersonIn
    ),
    "confirm-new": Change(
        "Assign the question's pictures to a new person of this name.",
        corrections.confirm_new,
        NameIn,
        gives_person=True,
    ),
    "reject": Change(
        "Rule this person out for the question; the person is not suggested again.",
        corrections.reject,
        ToPersonIn,
    ),
    "nobody": Change("Mark the question's player as unknown.", corrections.mark_unknown),
    "skip": Change("Leave the question for later.", corrections.skip),
}
PERSON_CHANGES = {
    "rename": Change("Give a person another name, which nobody has.", corrections.rename, NameIn),
    "restrict": Change(
        "Keep a person, but never answer with one; or answer again.",
        corrections.restrict,
        RestrictIn,
    ),
    "merge": Change(
        "Both are one person: this one stays, the other's pictures come to it.", _merge, MergeIn
    ),
    "split": Change(
        "Split some pictures off into a new person.", corrections.split, SplitIn, gives_person=True
    ),
}
