"""The API's correcting half: the review queue, what people say of it, undo, forget, export.

A change of a person or question names the revision that was seen, in If-Match: what was changed
meanwhile is refused with 409, and nothing is applied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import Header, Response
from fastapi import Path as InPath

from sameplayer.errors import Unfinished
from sameplayer.gallery.core.events import Event
from sameplayer.gallery.people import corrections as changes
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.privacy.pending_deletions import pending_marker
from sameplayer.gallery.reverting import undo
from sameplayer.gallery.review.queue import counts, queue
from sameplayer.gallery.search.paging import seal, unseal
from sameplayer.serve.api.questions import question_detail
from sameplayer.serve.api.read import After, GalleryId, Most, PersonId, api_router
from sameplayer.serve.api.requests import (
    ForgetIn,
    MergeIn,
    NameIn,
    ReceiptOut,
    RestrictIn,
    SplitIn,
    ToPersonIn,
)
from sameplayer.serve.api.schemas import EventOut, PersonOut, QuestionOut, QueueOut, to_schema
from sameplayer.serve.api.serializers import (
    answer_out,
    event_out,
    exported,
    not_finished,
    persons_in,
    picture_out,
    refuse_stale,
)
from sameplayer.serve.auth import CallerDep, needs
from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.service import Caller

router = api_router()
QuestionId = Annotated[str, InPath(pattern="^[0-9a-f]{16}$", description="id of a question")]
Seen = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description='the revision that was seen, such as "12"; * for any',
        pattern=r'^(\*|"?\d{1,15}"?)$',
    ),
]
ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
}


def expected(seen: str | None) -> int | None:
    """Return the revision of If-Match, None for any (``*``); Refused (428) where it is missing."""
    if seen is None:
        raise Refused(
            428,
            "no revision was named",
            where="header If-Match",
            expected="the revision that was seen",
            hint="read it first",
        )
    return None if seen == "*" else int(seen.strip('"'))


@router.get("/galleries/{gallery}/questions", tags=["review"])
@needs("read")
def list_questions(
    caller: CallerDep,
    gallery: GalleryId,
    band: Literal["likely", "unsure", "unknown"] | None = None,
    after: After = None,
    most: Most = 20,
) -> QueueOut:
    """List open review items, the most informative first."""
    place = None if after is None else unseal(caller.gallery, "questions", after)
    items = queue(caller.gallery, band, most + 1, after=place)
    shown = items[:most]
    caller.record_view(*(key for one in shown for key in (one.question, *persons_in(one.answer))))
    found = [
        QuestionOut(
            question=one.question,
            revision=one.revision,
            state="skipped" if one.skipped else "open",
            band=one.band,
            information=one.information,
            pictures=[picture_out(kept) for kept in one.pictures],
            answer=answer_out(one.answer),
        )
        for one in shown
    ]
    following = seal(caller.gallery, "questions", items[most - 1].place) if items[most:] else None
    return QueueOut(questions=found, counts=counts(caller.gallery), next=following)


@router.get("/galleries/{gallery}/questions/{question}", tags=["review"])
@needs("read")
def one_question(
    caller: CallerDep, gallery: GalleryId, question: QuestionId, response: Response
) -> QuestionOut:
    """One question, also an answered one."""
    found = question_detail(caller.gallery, question)
    caller.record_view(question, *persons_in(found.answer))
    response.headers["ETag"] = f'"{found.revision}"'
    return QuestionOut(
        question=question,
        revision=found.revision,
        state=found.state,
        band=None,
        information=None,
        pictures=[picture_out(one) for one in found.pictures],
        answer=None if found.answer is None else answer_out(found.answer),
    )


@router.post("/galleries/{gallery}/questions/{question}/confirm", tags=["review"])
@needs("correct")
def confirm(
    caller: CallerDep, gallery: GalleryId, question: QuestionId, body: ToPersonIn, seen: Seen = None
) -> EventOut:
    """Assign the question's pictures to this person."""
    return _said(changes.confirm, caller, question, body.person, seen=seen)


@router.post("/galleries/{gallery}/questions/{question}/confirm-new", tags=["review"])
@needs("correct")
def confirm_new(
    caller: CallerDep, gallery: GalleryId, question: QuestionId, body: NameIn, seen: Seen = None
) -> PersonOut:
    """Assign the question's pictures to a new person of this name."""
    return to_schema(
        PersonOut,
        changes.confirm_new(
            caller.gallery, question, body.name, actor=caller.actor, expected=expected(seen)
        ),
    )


@router.post("/galleries/{gallery}/questions/{question}/reject", tags=["review"])
@needs("correct")
def reject(
    caller: CallerDep, gallery: GalleryId, question: QuestionId, body: ToPersonIn, seen: Seen = None
) -> EventOut:
    """Rule this person out for the question; the person is not suggested again."""
    return _said(changes.reject, caller, question, body.person, seen=seen)


@router.post("/galleries/{gallery}/questions/{question}/nobody", tags=["review"])
@needs("correct")
def nobody(
    caller: CallerDep, gallery: GalleryId, question: QuestionId, seen: Seen = None
) -> EventOut:
    """Mark the question's player as unknown."""
    return _said(changes.mark_unknown, caller, question, seen=seen)


@router.post("/galleries/{gallery}/questions/{question}/skip", tags=["review"])
@needs("correct")
def skip_question(
    caller: CallerDep, gallery: GalleryId, question: QuestionId, seen: Seen = None
) -> EventOut:
    """Leave it for later."""
    return _said(changes.skip, caller, question, seen=seen)


@router.post("/galleries/{gallery}/persons/{person}/rename", tags=["persons"])
@needs("correct")
def rename(
    caller: CallerDep, gallery: GalleryId, person: PersonId, body: NameIn, seen: Seen = None
) -> EventOut:
    """Give a person another name, which nobody has."""
    return _said(changes.rename, caller, person, body.name, seen=seen)


@router.post("/galleries/{gallery}/persons/{person}/restrict", tags=["persons"])
@needs("correct")
def restrict(
    caller: CallerDep, gallery: GalleryId, person: PersonId, body: RestrictIn, seen: Seen = None
) -> EventOut:
    """Keep a person, but never answer with one; or answer again."""
    return _said(changes.restrict, caller, person, body.on, seen=seen)


@router.post("/galleries/{gallery}/persons/{person}/merge", tags=["persons"])
@needs("correct")
def merge(
    caller: CallerDep, gallery: GalleryId, person: PersonId, body: MergeIn, seen: Seen = None
) -> EventOut:
    """Both are one person: this one stays, the other's pictures come to it."""
    own = expected(seen)
    both = {body.other: body.expected_other, **({} if own is None else {person: own})}
    return event_out(
        changes.merge(caller.gallery, person, body.other, actor=caller.actor, expected=both)
    )


@router.post("/galleries/{gallery}/persons/{person}/split", tags=["persons"])
@needs("correct")
def split(
    caller: CallerDep, gallery: GalleryId, person: PersonId, body: SplitIn, seen: Seen = None
) -> PersonOut:
    """Split some pictures off into a new person."""
    return to_schema(
        PersonOut,
        changes.split(
            caller.gallery,
            person,
            body.pictures,
            body.name,
            actor=caller.actor,
            expected=expected(seen),
        ),
    )


@router.post("/galleries/{gallery}/events/{seq}/undo", tags=["events"])
@needs("correct")
def undo_event(
    caller: CallerDep, gallery: GalleryId, seq: Annotated[int, InPath(ge=1, le=2**62)]
) -> EventOut:
    """Take a change back."""
    return event_out(undo.undo(caller.gallery, seq, actor=caller.actor))


@router.post("/galleries/{gallery}/persons/{person}/forget", tags=["persons"])
@needs("admin")
def forget_person(
    caller: CallerDep, gallery: GalleryId, person: PersonId, body: ForgetIn, seen: Seen = None
) -> ReceiptOut:
    """Delete every byte of a person; there is no undo. After a 503 the same request finishes it."""
    revision = expected(seen)
    if pending_marker(caller.gallery, person) is None:
        refuse_stale(caller, person, revision)
    try:
        receipt = forget(caller.gallery, person, actor=caller.actor, reason=body.reason)
    except Unfinished as error:
        raise not_finished(caller, error) from error
    finally:
        caller.service.evict(gallery)
    return to_schema(ReceiptOut, receipt, copies=list(receipt.copies), notes=list(receipt.notes))


@router.post(
    "/galleries/{gallery}/persons/{person}/export",
    tags=["persons"],
    response_class=Response,
    responses=ZIP,
)
@needs("admin")
def export(caller: CallerDep, gallery: GalleryId, person: PersonId) -> Response:
    """Everything of one person, as a zip; it is an event, for it is a copy."""
    return exported(caller, person)


def _said(change: Callable[..., Event], caller: Caller, *what: Any, seen: str | None) -> EventOut:
    return event_out(change(caller.gallery, *what, actor=caller.actor, expected=expected(seen)))
