"""The API's asking half: whose pictures are these, and enrolling pictures of known persons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from fastapi import File, Form, Header, UploadFile

from sameplayer.data.images.picture import Picture
from sameplayer.gallery.core.records import Answer, Consent, NewPicture, PictureFilter
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.people.enrolment import enrol_pictures, new_pictures
from sameplayer.gallery.search.asking import ask_ready
from sameplayer.serve.api.read import GalleryId, api_router
from sameplayer.serve.api.schemas import (
    AnswersOut,
    AskBase64In,
    AskIn,
    AskVectorsIn,
    Date,
    Day,
    EnrolBase64In,
    EnrolIn,
    EnrolledOut,
    EnrolVectorsIn,
    FactsIn,
    Name,
    WhereIn,
    Word,
)
from sameplayer.serve.api.serializers import answer_out
from sameplayer.serve.auth import CallerDep, needs
from sameplayer.serve.http.idempotency import run_once
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
    found = decoded(caller, [one.file.read() for one in pictures])
    return answers(caller, how, embedded(caller, found, keep=keep))


@router.post("/galleries/{gallery}/ask/base64", tags=["ask"])
@needs("query", heavy=True)
def ask_base64(caller: CallerDep, gallery: GalleryId, body: AskBase64In) -> AnswersOut:
    """Whose pictures are these? Of files in base64."""
    limits = caller.service.limits
    found = decoded(caller, from_base64(body.pictures, limits))
    return answers(caller, body, embedded(caller, found, keep=body.keep))


@router.post("/galleries/{gallery}/ask/vectors", tags=["ask"])
@needs("query")
def ask_vectors(caller: CallerDep, gallery: GalleryId, body: AskVectorsIn) -> AnswersOut:
    """Whose pictures are these? Of unit vectors that the gallery's encoder made elsewhere."""
    rows = vectors_of(caller.gallery, body.vectors, caller.service.limits)
    return answers(caller, body, prepared(caller.gallery, rows, FactsIn()))


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


def answers(caller: Caller, how: AskIn, pictures: Sequence[NewPicture]) -> AnswersOut:
    """Answer for a track at once, else for each picture."""
    tracks = [list(pictures)] if how.track else [[one] for one in pictures]
    return AnswersOut(answers=[answer_out(answer(caller, how, one)) for one in tracks])


def answer(caller: Caller, how: AskIn, pictures: Sequence[NewPicture]) -> Answer:
    """Answer for pictures of one person."""
    return ask_ready(
        caller.gallery,
        pictures,
        actor=caller.actor,
        where=PictureFilter(**how.where.model_dump()),
        top=how.top,
        known=how.known,
        keep=how.keep,
    )


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


def _enrol(caller: Caller, who: EnrolIn, contents: list[bytes], make, key) -> EnrolledOut:  # type: ignore[no-untyped-def]
    def work() -> dict:
        consent = Consent(who.basis, who.consent, who.expires)
        found = enrol_pictures(
            caller.gallery, {who.name: make()}, actor=caller.actor, consent=consent
        )
        counts = {name: getattr(found, name) for name in COUNTS}
        person = next(iter(found.persons.values()), None)
        holders = dict.fromkeys(one.person or one.question for one in found.held)
        return {
            **counts,
            "person": person,
            "created": bool(found.created),
            "held_by": list(holders),
            "policy_changed": bool(found.policies),
            "earlier_day_kept": bool(found.earlier),
        }

    said = who.model_dump_json(include=set(EnrolIn.model_fields)).encode()
    asked = b"\0".join([said, *(bytes(str(len(one)), "ascii") + b":" + one for one in contents)])
    return EnrolledOut(**run_once(caller.gallery, caller.actor, key, asked, work))


COUNTS = ("added", "already_present", "assigned_to_other", "rejected", "suppressed")
