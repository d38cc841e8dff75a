"""Pictures of known persons into a gallery."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sameplayer.data.crops import Crops
from sameplayer.data.encode import encode_picture
from sameplayer.data.images import Picture
from sameplayer.data.quality import quality
from sameplayer.errors import DataError
from sameplayer.gallery.database import Cursor
from sameplayer.gallery.gallery import Gallery, find_person
from sameplayer.gallery.history import Change
from sameplayer.gallery.pictures import KIND
from sameplayer.gallery.records import Consent, Enrolled, NewPicture, Person
from sameplayer.gallery.rows import FACTS, add_picture, refresh_mean

BATCH = 256  # pictures that are enrolled in one step, whole or not at all
JPEG_QUALITY = 95
Progress = Callable[[int, int], None]
NO_CONSENT = Consent()


def enrol(
    gallery: Gallery,
    crops: Crops,
    *,
    actor: str,
    consent: Consent = NO_CONSENT,
    progress: Progress | None = None,
) -> Enrolled:
    """Add labelled pictures: each to the person of its row's name, who is made where new.

    crops      with persons; columns sequence (the track), team, game, camera and taken (ISO date)
               are kept. Where names hold within a game or sequence only, that is put before them
    actor      who does it, for the record
    progress   called with (done, all) pictures

    Pictures go in by steps of ``BATCH``, each whole or not at all; enrolling the same table again
    adds what is missing. What people said is kept: a picture that another person has stays there.

    Raises DataError for pictures without a person, or that cannot be read, before anything changes
    in their step.
    """
    names = person_names(crops)
    result = Enrolled()
    for start in range(0, len(crops), BATCH):
        rows = range(start, min(start + BATCH, len(crops)))
        pictures = {row: crops.read(row) for row in rows}
        known, fresh = _known_already(gallery, pictures, names)
        made = new_pictures(gallery, [pictures[row] for row in fresh], _facts(crops, fresh))
        by_name: dict[str, list[NewPicture]] = {}
        for row, one in zip(fresh, made, strict=True):
            by_name.setdefault(names[row], []).append(one)
        added = enrol_pictures(gallery, by_name, actor=actor, consent=consent)
        result = result.plus(known).plus(added)
        if progress is not None:
            progress(rows.stop, len(crops))
    return result


def new_pictures(
    gallery: Gallery,
    pictures: Sequence[Picture],
    facts: Sequence[Mapping[str, str | None]] | None = None,
    *,
    keep: bool | None = None,
) -> list[NewPicture]:
    """Embed pictures, uint8 RGB, and make them ready to be kept.

    facts    of each picture: track, team, game, camera, taken
    keep     keep the picture's pixels; None: as the gallery does
    """
    if not pictures:
        return []
    kept = gallery.renewed().keep_pictures if keep is None else keep
    vectors = gallery.check_vectors(gallery.encoder.embed(list(pictures)))
    return [
        NewPicture(
            vector=vector,
            digest=pixel_digest(gallery, one),
            high=one.shape[0],
            wide=one.shape[1],
            quality=quality(one),
            content=encode_picture(one, KIND, JPEG_QUALITY) if kept else None,
            **(facts[row] if facts is not None else {}),
        )
        for row, (one, vector) in enumerate(zip(pictures, vectors, strict=True))
    ]


def pixel_digest(gallery: Gallery, picture: Picture) -> str:
    """Return the keyed digest by which a gallery knows a picture again, in whatever file."""
    return gallery.digest("pixels", f"{picture.shape}".encode() + picture.tobytes())


def enrol_pictures(
    gallery: Gallery,
    pictures: Mapping[str, Sequence[NewPicture]],
    *,
    actor: str,
    consent: Consent = NO_CONSENT,
) -> Enrolled:
    """Add pictures that are embedded already, by the name of their person: all or nothing."""
    ready = {clean_name(name): rows for name, rows in pictures.items() if len(rows)}
    if not ready:
        return Enrolled()
    with gallery.change(actor, "enrol") as change:
        result, to_add = _sorted_out(gallery, change.cursor, ready)
        contents = {key: one.content for _, key, one in to_add if one.content is not None}
        change.journals += gallery.files.add(contents)
        for name, key, one in to_add:
            if name not in result.persons:
                result.persons[name] = add_person(gallery, change, name, consent)
                result.created.append(name)
            add_picture(change, key, one, person=result.persons[name])
        for key in sorted({result.persons[name] for name, _, _ in to_add}):
            refresh_mean(change, key)
        if to_add:
            change.done()
    return result.frozen()


def person_names(crops: Crops) -> list[str]:
    """Return the name of each row's person; DataError where one has none."""
    table = crops.table
    missing = np.flatnonzero(table["person"].isna())
    if len(missing):
        raise DataError(
            f"{crops.root}: row {missing[0]} names no person; expected a name for each picture. "
            "Leave out pictures of nobody, or ask who they are."
        )
    names = table["person"].astype(str)
    if crops.scope is not None:
        names = table[crops.scope].astype(str) + "/" + names
    return [clean_name(name) for name in names]


def clean_name(name: str) -> str:
    """Return a name without blanks around it; DataError for one that is empty or no line."""
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > 200 or not cleaned.isprintable():
        raise DataError(f"{name!r} is no name; expected 1 to 200 letters on one line.")
    return cleaned


@dataclass
class _Sorting:
    """An ``Enrolled`` in the making."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(
        ("added", "there", "elsewhere", "rejected", "suppressed"), 0))  # fmt: skip
    persons: dict[str, str] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)

    def frozen(self) -> Enrolled:
        return Enrolled(**self.counts, persons=self.persons, created=tuple(self.created))


def _sorted_out(
    gallery: Gallery, cursor: Cursor, pictures: Mapping[str, Sequence[NewPicture]]
) -> tuple[_Sorting, list[tuple[str, str, NewPicture]]]:
    """Return the counts, and the pictures to add as (name, new id, picture)."""
    result, to_add, seen = _Sorting(), [], set()
    for name, rows in pictures.items():
        if is_suppressed(gallery, cursor, name):
            result.counts["suppressed"] += len(rows)
            continue
        person = _there(cursor, name)
        if person is not None:
            result.persons[name] = person.id
        for one in rows:
            verdict = _verdict(cursor, one.digest, person)
            if verdict == "added" and one.digest in seen:
                verdict = "there"
            result.counts[verdict] += 1
            if verdict == "added":
                seen.add(one.digest)
                to_add.append((name, secrets.token_hex(16), one))
    return result, to_add


def _known_already(
    gallery: Gallery, pictures: Mapping[int, Picture], names: Sequence[str]
) -> tuple[Enrolled, list[int]]:
    """Return the counts of pictures that need no embedding, and the rows of all others."""
    result, fresh = _Sorting(), []
    with gallery.database.read() as cursor:
        for row, one in pictures.items():
            person = _there(cursor, names[row])
            verdict = _verdict(cursor, pixel_digest(gallery, one), person)
            if verdict == "added":
                fresh.append(row)
                continue
            result.counts[verdict] += 1
            if person is not None:
                result.persons[names[row]] = person.id
    return result.frozen(), fresh


def _verdict(cursor: Cursor, digest: str, person: Person | None) -> str:
    """Return which count of ``Enrolled`` a picture belongs to."""
    if cursor.one("SELECT 1 FROM suppressed WHERE hash = ?", digest):
        return "suppressed"
    # Who took a picture out of a person stands in its row: it does not come back there.
    for key, owner, state in cursor.rows(
        "SELECT id, person, state FROM picture WHERE digest = ? "
        "AND (state = 'kept' OR pinned_by IS NOT NULL) ORDER BY state, person IS NULL", digest,
    ):  # fmt: skip
        if person is not None and owner == person.id:
            return "there" if state == "kept" else "rejected"
        if state == "removed":
            continue
        apart = "SELECT 1 FROM apart WHERE picture = ? AND person = ?"
        if person is not None and cursor.one(apart, key, person.id):
            return "rejected"
        return "elsewhere"
    return "added"


def is_suppressed(gallery: Gallery, cursor: Cursor, name: str) -> bool:
    """Tell whether a name was forgotten and must not come back."""
    found = cursor.one("SELECT 1 FROM suppressed WHERE hash = ?", name_hash(gallery, name))
    return found is not None


def name_hash(gallery: Gallery, name: str) -> str:
    """Return the keyed hash under which a forgotten name is kept out."""
    return gallery.digest("name", clean_name(name).casefold().encode())


def _there(cursor: Cursor, name: str) -> Person | None:
    found = cursor.one("SELECT id FROM person WHERE name = ? AND state <> 'removed'", name)
    return None if found is None else find_person(cursor, found[0])


def add_person(gallery: Gallery, change: Change, name: str, consent: Consent = NO_CONSENT) -> str:
    """Add a person, and return the id; DataError where a legal basis is needed and not given."""
    basis = consent.basis or gallery.settings.basis
    if gallery.settings.require_basis and not basis:
        raise DataError(
            f"{gallery.folder}: a new person needs a legal basis here; nothing was changed. Give "
            "one with basis."
        )
    key = secrets.token_hex(8)
    change.add(
        "person", key, name=name, state="active", basis=basis, consent=consent.consent,
        expires=consent.expires, created=change.at,
    )  # fmt: skip
    return key


def _facts(crops: Crops, rows: Sequence[int]) -> list[dict[str, str | None]]:
    columns = {"track": "sequence", **{name: name for name in FACTS[1:]}}
    table = crops.table.iloc[list(rows)]
    facts: list[dict[str, str | None]] = [{} for _ in rows]
    for name, column in columns.items():
        if column in table.columns:
            for fact, value in zip(facts, table[column], strict=True):
                fact[name] = None if pd.isna(value) else str(value)
    return facts
