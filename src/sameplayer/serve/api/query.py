"""The API's asking half: whose pictures are these, and enrolling pictures of known persons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from fastapi import File, Form, Header, UploadFile

from sameplayer.data.images.picture import Picture
from sameplayer.gallery.core.records import Consent, NewPicture, PictureFilter
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.idempotency import claim_key, keep_answer, release_key
from sameplayer.gallery.people.enrolment import enrol_pictures, new_pictures
from sameplayer.gallery.search.questions import keep_question, stated
from sameplayer.serve.api.read import GalleryId, api_router
from sameplayer.serve.api.requests import (
    AskBase64In,
    AskIn,
    AskVectorsIn,
    Date,
    Day,
    EnrolBase64In,
    EnrolIn,
    EnrolVectorsIn,
    FactsIn,
    Name,
    WhereIn,
    Word,
)
from sameplayer.serve.api.responses import AnswersOut, EnrolledOut, answer_out, to_schema
from sameplayer.serve.auth import CallerDep, needs
from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.images.uploads import decode_all, from_base64, vectors_of
from sameplayer.serve.service import Caller

router = api_router()
Files = Annotated[list[UploadFile], File(description="JPEG, PNG or WebP files")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=200,
        pattern="^[!-~]+$",
        description="a random key: the same request with the same key changes nothing",
    ),
]


@router.post("/galleries/{gallery}/ask", tags=["ask"])
@needs("query", heavy=True)
def ask_files(
    caller: CallerDep,
    gallery: GalleryId,
    pictures: Files,
    track: Annotated[bool, Form(description="all are of one person")] = False,
    top: Annotated[int, Form(ge=1, le=100)] = 5,
    known: Annotated[float | None, Form(gt=0, lt=1)] = None,
    keep: Annotated[bool, Form(description="keep as questions for a person's word")] = False,
    team: Annotated[Word | None, Form()] = None,
    game: Annotated[Word | None, Form()] = None,
    camera: Annotated[Word | None, Form()] = None,
    since: Annotated[Day | None, Form()] = None,
    until: Annotated[Day | None, Form()] = None,
) -> AnswersOut:
    """Whose pictures are these? Of files."""
    where = WhereIn(team=team, game=game, camera=camera, since=since, until=until)
    how = AskIn(track=track, where=where, top=top, known=known, keep=keep)
    return _answers_to_files(caller, how, [one.file.read() for one in pictures])


@router.post("/galleries/{gallery}/ask/base64", tags=["ask"])
@needs("query", heavy=True)
def ask_base64(caller: CallerDep, gallery: GalleryId, body: AskBase64In) -> AnswersOut:
    """Whose pictures are these? Of files in base64."""
    contents = from_base64(body.pictures, caller.service.limits)
    return _answers_to_files(caller, body, contents)


@router.post("/galleries/{gallery}/ask/vectors", tags=["ask"])
@needs("query")
def ask_vectors(caller: CallerDep, gallery: GalleryId, body: AskVectorsIn) -> AnswersOut:
    """Whose pictures are these? Of unit vectors that the gallery's encoder made elsewhere."""
    rows = vectors_of(caller.gallery, body.vectors, caller.service.limits)
    return _answers(
        caller, body, rows, prepared(caller.gallery, rows, FactsIn()) if body.keep else None
    )


@router.post("/galleries/{gallery}/enrol", tags=["enrol"])
@needs("correct", heavy=True)
def enrol_files(
    caller: CallerDep,
    gallery: GalleryId,
    pictures: Files,
    name: Annotated[Name, Form()],
    track: Annotated[Word | None, Form()] = None,
    team: Annotated[Word | None, Form()] = None,
    game: Annotated[Word | None, Form()] = None,
    camera: Annotated[Word | None, Form()] = None,
    taken: Annotated[Day | None, Form()] = None,
    basis: Annotated[Word | None, Form()] = None,
    consent: Annotated[Word | None, Form()] = None,
    expires: Annotated[Date | None, Form()] = None,
    key: Key = None,
) -> EnrolledOut:
    """Add pictures to the person of this name, who is made where new. Of files."""
    facts = FactsIn(track=track, team=team, game=game, camera=camera, taken=taken)
    who = EnrolIn(name=name, facts=facts, basis=basis, consent=consent, expires=expires)
    return _enrol_contents(caller, who, [one.file.read() for one in pictures], key)


@router.post("/galleries/{gallery}/enrol/base64", tags=["enrol"])
@needs("correct", heavy=True)
def enrol_base64(
    caller: CallerDep, gallery: GalleryId, body: EnrolBase64In, key: Key = None
) -> EnrolledOut:
    """Add pictures to the person of this name, who is made where new. Of files in base64."""
    return _enrol_contents(caller, body, from_base64(body.pictures, caller.service.limits), key)


@router.post("/galleries/{gallery}/enrol/vectors", tags=["enrol"])
@needs("correct")
def enrol_vectors(
    caller: CallerDep, gallery: GalleryId, body: EnrolVectorsIn, key: Key = None
) -> EnrolledOut:
    """Add unit vectors, whose pictures stay elsewhere, to the person of this name."""
    rows = vectors_of(caller.gallery, body.vectors, caller.service.limits)
    return _enrol(
        caller, body, [rows.tobytes()], lambda: prepared(caller.gallery, rows, body.facts), key
    )


def _answers_to_files(caller: Caller, how: AskIn, contents: Sequence[bytes]) -> AnswersOut:
    """Answer for picture files; what is only looked at is embedded and no more."""
    found = decoded(caller, contents)
    if how.keep:
        ready = embedded(caller, found)
        return _answers(caller, how, np.stack([one.vector for one in ready]), ready)
    with caller.service.encoder_turn:
        rows = caller.gallery.encoder.embed(found)
    return _answers(caller, how, rows)


def _answers(
    caller: Caller, how: AskIn, rows: np.ndarray, keep: Sequence[NewPicture] | None = None
) -> AnswersOut:
    """Answer for a track at once, else for each row.

    rows    (n, d) unit rows
    keep    their pictures, to be kept as questions
    """
    where, found = PictureFilter(**how.where.model_dump()), []
    step = len(rows) if how.track else 1
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        answer = caller.gallery.ask_vectors(
            rows[part], actor=caller.actor, where=where, top=how.top, known=how.known
        )
        if keep is not None:
            key = keep_question(caller.gallery, keep[part], caller.actor, stated(answer))
            answer = replace(answer, question=key)
        found.append(answer_out(answer))
    return AnswersOut(answers=found)


def decoded(caller: Caller, contents: Sequence[bytes]) -> list[Picture]:
    """Decode files of a caller, within the bounds of the server."""
    return decode_all(contents, caller.service.limits, caller.service.decoders)


def embedded(
    caller: Caller,
    pictures: Sequence[Picture],
    facts: FactsIn | None = None,
    keep: bool | None = None,
) -> list[NewPicture]:
    """Embed pictures, one request after the other: the encoder uses every core already."""
    told = None if facts is None else [facts.model_dump()] * len(pictures)
    with caller.service.encoder_turn:
        return new_pictures(caller.gallery, pictures, told, keep=keep)


def prepared(gallery: Gallery, rows: np.ndarray, facts: FactsIn) -> list[NewPicture]:
    """Return unit rows as pictures without pixels, known again by the bytes of the row."""
    return [
        NewPicture(row, gallery.digest("row", row.tobytes()), 0, 0, 1.0, **facts.model_dump())
        for row in rows
    ]


def _enrol_contents(
    caller: Caller, who: EnrolIn, contents: list[bytes], key: str | None
) -> EnrolledOut:
    found = decoded(caller, contents)
    return _enrol(caller, who, contents, lambda: embedded(caller, found, who.facts), key)


def _enrol(
    caller: Caller,
    who: EnrolIn,
    contents: list[bytes],
    make: Callable[[], list[NewPicture]],
    key: str | None,
) -> EnrolledOut:
    """Enrol what ``make`` returns; a repeat with the same key is answered alike."""

    def work() -> EnrolledOut:
        consent = Consent(who.basis, who.consent, who.expires)
        found = enrol_pictures(
            caller.gallery, {who.name: make()}, actor=caller.actor, consent=consent
        )
        holders = dict.fromkeys(one.person or one.question or "" for one in found.held)
        return to_schema(
            EnrolledOut,
            found,
            person=next(iter(found.persons.values()), None),
            created=bool(found.created),
            held_by=list(holders),
            policy_changed=bool(found.policies),
            earlier_day_kept=bool(found.earlier),
        )

    if key is None:
        return work()
    said = who.model_dump_json(include=set(EnrolIn.model_fields)).encode()
    asked = b"\0".join([said, *(bytes(str(len(one)), "ascii") + b":" + one for one in contents)])
    return _once(caller, f"{caller.actor}\0{key}", asked, work)


def _once(caller: Caller, key: str, asked: bytes, work: Callable[[], EnrolledOut]) -> EnrolledOut:
    """Do the work, or return what it gave when this caller sent the same key before.

    Refuses another request with the same key (422), and a repeat while the first is still worked on
    (409).
    """
    earlier = claim_key(caller.gallery, key, asked)
    if earlier is None:
        try:
            result = work()
        except BaseException:
            release_key(caller.gallery, key)
            raise
        keep_answer(caller.gallery, key, result.model_dump())
        return result
    if not earlier.same:
        raise Refused(
            422,
            "this key came with another request before",
            where="header Idempotency-Key",
            expected="the same request, or a new key",
            hint="make a random key for each request",
        )
    if earlier.answer is None:
        raise Refused(
            409,
            "the first request with this key is still worked on",
            where="header Idempotency-Key",
            hint="send it again in a few seconds",
            headers={"Retry-After": "5"},
        )
    return EnrolledOut(**earlier.answer)
