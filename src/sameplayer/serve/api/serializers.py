"""The gallery's records as the API gives them."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi.responses import StreamingResponse

from sameplayer.errors import Unfinished
from sameplayer.gallery.core.events import Event
from sameplayer.gallery.core.lookups import count, person_by_id, picture_by_id
from sameplayer.gallery.core.records import Answer, StoredPicture
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.privacy.subject_export import zipped_person
from sameplayer.serve.api.responses import AnswerOut, EventOut, GalleryOut, PictureOut, to_schema
from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.service import Caller

CHUNK = 1 << 16  # bytes of a zip that are sent together


def gallery_out(gallery: Gallery, label: str) -> GalleryOut:
    """Return what there is in a gallery."""
    settings = gallery.refresh_settings()
    return to_schema(
        GalleryOut,
        settings,
        label=label,
        encoder=settings.fingerprint,
        calibrated=settings.likelihood is not None,
        **vars(count(gallery)),
    )


def picture_out(kept: StoredPicture) -> PictureOut:
    """Return a picture's facts."""
    return to_schema(PictureOut, kept, shown=kept.file is not None)


def answer_out(answer: Answer) -> AnswerOut:
    """Return an answer."""
    return AnswerOut(**vars(answer), calibrated=answer.nobody is not None)


def event_out(event: Event) -> EventOut:
    """Return an event without its detail, in which names may stand."""
    return to_schema(EventOut, event, forgotten=event.detail is None)


def persons_in(answer: Answer | None) -> list[str]:
    """Return the ids of the persons that an answer names."""
    return [] if answer is None else [one.person for one in answer.candidates]


def refuse_stale(caller: Caller, person: str, seen: int | None) -> None:
    """Refuse (409) what names an old revision of a person."""
    found = person_by_id(caller.gallery, person)
    if found.id != person or (seen is not None and found.revision != seen):
        raise Refused(
            409,
            "this person was changed since you looked",
            where="header If-Match",
            expected=str(found.revision),
            found=str(seen),
            hint="look again",
        )


def picture_bytes(caller: Caller, key: str) -> bytes:
    """Return a picture's JPEG, as a look; Refused (404) where its pixels were not kept."""
    kept = picture_by_id(caller.gallery, key)
    caller.record_view(*filter(None, (kept.person, kept.question)))
    if kept.file is None:
        raise Refused(
            404,
            "the pixels of this picture were not kept",
            where="address",
            expected="a picture with shown: true",
        )
    return caller.gallery.files.read(key)


def exported(caller: Caller, person: str) -> StreamingResponse:
    """Return the zip of a person; the record says so before the first byte leaves."""
    zipped = zipped_person(caller.gallery, person_by_id(caller.gallery, person).id)
    # The name stands in the receipt of a later forgetting, so that the copy can be found.
    zipped.note(f"downloaded-by-token-{caller.token.id}.zip", caller.actor)

    def parts() -> Iterator[bytes]:
        with zipped:
            while part := zipped.file.read(CHUNK):
                yield part

    return StreamingResponse(parts(), media_type="application/zip")


def not_finished(caller: Caller, error: Unfinished) -> Refused:
    """Return what is told (503) of a deletion that could not be finished."""
    said = str(error)
    for text, instead in caller.service.hidden.items():
        said = said.replace(text, instead)
    return Refused(
        503,
        said,
        hint="send the same request again: it finishes this",
        headers={"Retry-After": "5"},
    )
