"""The API's correcting half: the review queue, what people say of it, undo, forget, export.

A change of a person or question names the revision that was seen, in If-Match: what was changed
meanwhile is refused with 409, and nothing is applied.
"""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Annotated, Any, Literal

from fastapi import Header, Response
from fastapi import Path as InPath

from sameplayer.errors import Unfinished
from sameplayer.gallery.core.records import Person
from sameplayer.gallery.privacy.forgetting import forget
from sameplayer.gallery.privacy.pending_deletions import pending_marker
from sameplayer.gallery.reverting import undo
from sameplayer.gallery.review.queue import counts, question_by_id, queue
from sameplayer.gallery.search.paging import seal, unseal
from sameplayer.serve.api.changes import PERSON_CHANGES, QUESTION_CHANGES, Change
from sameplayer.serve.api.read import After, GalleryId, Most, PersonId, api_router
from sameplayer.serve.api.requests import ForgetIn, Given
from sameplayer.serve.api.responses import (
    EventOut,
    QuestionOut,
    QueueOut,
    ReceiptOut,
    answer_out,
    event_out,
    exported,
    not_finished,
    persons_in,
    picture_out,
    refuse_stale,
    to_schema,
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
        to_schema(
            QuestionOut,
            one,
            state="skipped" if one.skipped else "open",
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
    found = question_by_id(caller.gallery, question)
    caller.record_view(question, *persons_in(found.answer))
    response.headers["ETag"] = f'"{found.revision}"'
    return to_schema(
        QuestionOut,
        found,
        band=None,
        information=None,
        pictures=[picture_out(one) for one in found.pictures],
        answer=None if found.answer is None else answer_out(found.answer),
    )


def _add_change(kind: str, key: Any, tag: str, word: str, change: Change) -> None:
    """Add the route of a change: POST to the word behind the address of what it changes."""

    def route(
        caller: Caller, seen: str | None, body: Given | None = None, **ids: str
    ) -> Person | EventOut:
        values = {} if body is None else dict(body)
        done = change.apply(caller, ids[kind], values, expected(seen))
        return done if isinstance(done, Person) else event_out(done)

    takes = {
        "caller": CallerDep,
        "gallery": GalleryId,
        kind: key,
        "body": change.body,
        "seen": Seen,
    }
    route.__signature__ = Signature(  # type: ignore[attr-defined]
        [
            Parameter(
                name,
                Parameter.KEYWORD_ONLY,
                annotation=annotation,
                default=None if name == "seen" else Parameter.empty,
            )
            for name, annotation in takes.items()
            if annotation is not None
        ]
    )
    router.add_api_route(
        f"/galleries/{{gallery}}/{kind}s/{{{kind}}}/{word}",
        needs("correct")(route),
        methods=["POST"],
        name=word,
        description=change.does,
        tags=[tag],
        response_model=Person if change.gives_person else EventOut,
    )


for _word, _change in QUESTION_CHANGES.items():
    _add_change("question", QuestionId, "review", _word, _change)
for _word, _change in PERSON_CHANGES.items():
    _add_change("person", PersonId, "persons", _word, _change)


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
    return to_schema(ReceiptOut, receipt)


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
