"""Pictures of known persons into a gallery."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence

from sameplayer.common.names import clean_name, name_key
from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import Picture, encode_picture, quality
from sameplayer.errors import DataError
from sameplayer.gallery.core.events import Change
from sameplayer.gallery.core.gallery import GalleryCore, find_person
from sameplayer.gallery.core.means import add_picture, refresh_mean
from sameplayer.gallery.core.name_search import Register
from sameplayer.gallery.core.records import Consent, Enrolled, NewPicture
from sameplayer.gallery.people.consent import renew_policy
from sameplayer.gallery.people.labelled import facts_of, person_names
from sameplayer.gallery.people.sorting import Found, Sorting, verdict_of
from sameplayer.gallery.people.suppression import is_suppressed
from sameplayer.gallery.store.base import Cursor
from sameplayer.gallery.store.picture_files import KIND

BATCH = 256  # pictures that are enrolled in one step, whole or not at all
JPEG_QUALITY = 95
Progress = Callable[[int, int], None]
NO_CONSENT = Consent()


def enrol(
    gallery: GalleryCore,
    crops: Crops,
    *,
    actor: str,
    consent: Consent = NO_CONSENT,
    progress: Progress | None = None,
) -> Enrolled:
    """Add labelled pictures: each to the person of its row's name, who is made where new.

    crops      with persons; columns sequence (the track), team, game, camera and taken (ISO date)
               are kept. Where names hold within a game or sequence only, that is put before them.
               Rows without a person are left out and counted
    actor      who does it, for the record
    consent    of new persons; for those who are there, see ``enrol_pictures``
    progress   called with (done, all) pictures

    Pictures go in by steps of ``BATCH``, each whole or not at all; enrolling the same table again
    adds what is missing. What people said is kept: a picture that another person has stays there.

    Raises DataError, before anything changes, for a table that names nobody, names that stand for
    nobody in particular, dates that are not ISO and facts that are no single line; and, before
    anything changes in its step, for a picture that cannot be read or that the table gives to two
    persons.
    """
    names, facts = person_names(crops), facts_of(crops)
    result = Enrolled(unnamed=names.count(None))
    claimed: dict[str, int] = {}
    for start in range(0, len(crops), BATCH):
        rows = range(start, min(start + BATCH, len(crops)))
        named = {row: name for row in rows if (name := names[row]) is not None}
        pictures = {row: crops.read(row) for row in named}
        digests = {row: pixel_digest(gallery, one) for row, one in pictures.items()}
        _refuse_claimed_twice(crops, names, digests, claimed)
        known, fresh = _known_already(gallery, digests, named)
        made = new_pictures(
            gallery, [pictures[row] for row in fresh], [facts[row] for row in fresh]
        )
        by_name: dict[str, list[NewPicture]] = {name: [] for name in named.values()}
        for row, one in zip(fresh, made, strict=True):
            by_name[named[row]].append(one)
        added = enrol_pictures(gallery, by_name, actor=actor, consent=consent)
        result = result.plus(known).plus(added)
        if progress is not None:
            progress(rows.stop, len(crops))
    return result


def new_pictures(
    gallery: GalleryCore,
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
    kept = gallery.refresh_settings().keep_pictures if keep is None else keep
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


def pixel_digest(gallery: GalleryCore, picture: Picture) -> str:
    """Return the keyed digest by which a gallery knows a picture again, in whatever file."""
    return gallery.digest("pixels", f"{picture.shape}".encode() + picture.tobytes())


def enrol_pictures(
    gallery: GalleryCore,
    pictures: Mapping[str, Sequence[NewPicture]],
    *,
    actor: str,
    consent: Consent = NO_CONSENT,
) -> Enrolled:
    """Add pictures that are embedded already, by the name of their person: all or nothing.

    consent    of new persons. Persons who are there, also those named without pictures, take over
               the texts that are given, and of two days keep the earlier one

    Names that differ in spelling only are one person, under the spelling that came first. Raises
    DataError for a picture that two of the names claim.
    """
    ready = _by_spelling(pictures)
    if not ready:
        return Enrolled()
    with gallery.change(actor, "enrol") as change:
        result, to_add = _sorted_out(gallery, change.cursor, ready)
        policies_changed = _renew_policies(change, result, consent)
        contents = {key: one.content for _, key, one in to_add if one.content is not None}
        change.journals += gallery.files.add(contents)
        for name, key, one in to_add:
            if name not in result.persons:
                result.persons[name] = add_person(gallery, change, name, consent)
                result.created.append(name)
            add_picture(change, key, one, person=result.persons[name])
        for key in sorted({result.persons[name] for name, _, _ in to_add}):
            refresh_mean(change, key)
        if to_add or policies_changed:
            change.done()
    return result.frozen()


def _by_spelling(pictures: Mapping[str, Sequence[NewPicture]]) -> dict[str, list[NewPicture]]:
    """Return pictures by name, spellings of one name together; refuse what two names claim."""
    first: dict[str, str] = {}
    ready: dict[str, list[NewPicture]] = {}
    owner: dict[str, str] = {}
    for name, rows in pictures.items():
        shown = clean_name(name)
        shown = first.setdefault(name_key(shown), shown)
        ready.setdefault(shown, []).extend(rows)
        for one in rows:
            if owner.setdefault(one.digest, shown) != shown:
                raise DataError(
                    f"One picture came for both {owner[one.digest]!r} and {shown!r}; nothing was "
                    "changed. Give it to the one it shows."
                )
    return ready


def _sorted_out(
    gallery: GalleryCore, cursor: Cursor, pictures: Mapping[str, Sequence[NewPicture]]
) -> tuple[Sorting, list[tuple[str, str, NewPicture]]]:
    """Return the counts, and the pictures to add as (name, new id, picture)."""
    result, to_add, seen = Sorting(), [], set()
    register = Register(cursor)
    for name, rows in pictures.items():
        if is_suppressed(gallery, cursor, name):
            result.counts["suppressed"] += len(rows)
            continue
        person = register.person(name)
        if person is not None:
            result.persons[name] = person
        for one in rows:
            found = verdict_of(cursor, one.digest, person)
            if found.verdict == "added" and one.digest in seen:
                found = Found("already_present")
            result.count(found, name)
            if found.verdict == "added":
                seen.add(one.digest)
                to_add.append((name, secrets.token_hex(16), one))
    return result, to_add


def _renew_policies(change: Change, result: Sorting, consent: Consent) -> bool:
    """Give persons who are there what came with this enrolment; tell whether anything changed."""
    if consent == NO_CONSENT:
        return False
    for name, key in result.persons.items():
        changed, earlier = renew_policy(change, find_person(change.cursor, key), consent)
        result.policies += [name] if changed else []
        result.earlier += [name] if earlier else []
    return bool(result.policies)


def _known_already(
    gallery: GalleryCore, digests: Mapping[int, str], names: Mapping[int, str]
) -> tuple[Enrolled, list[int]]:
    """Return the counts of pictures that need no embedding, and the rows of all others."""
    result, fresh = Sorting(), []
    with gallery.database.read() as cursor:
        register = Register(cursor)
        for row, digest in digests.items():
            person = register.person(names[row])
            found = verdict_of(cursor, digest, person)
            if found.verdict == "added":
                fresh.append(row)
                continue
            result.count(found, names[row], row)
            if person is not None:
                result.persons[names[row]] = person
    return result.frozen(), fresh


def _refuse_claimed_twice(
    crops: Crops, names: Sequence[str | None], digests: Mapping[int, str], claimed: dict[str, int]
) -> None:
    """Raise DataError for a picture that rows of two persons show; ``claimed`` are rows so far."""
    for row, digest in digests.items():
        other = claimed.setdefault(digest, row)
        mine, theirs = names[row] or "", names[other] or ""
        if name_key(mine) != name_key(theirs):
            before = "; the steps before it are enrolled" if row >= BATCH else ""
            raise DataError(
                f"{crops.root}: row {other} ({crops.path(other).name}) and row {row} "
                f"({crops.path(row).name}) are the same picture, and name {theirs!r} and {mine!r}; "
                f"nothing of this step was changed{before}. Take out the row that is wrong."
            )


def add_person(
    gallery: GalleryCore, change: Change, name: str, consent: Consent = NO_CONSENT
) -> str:
    """Add a person, and return the id; DataError where a legal basis is needed and not given."""
    basis = consent.basis or gallery.settings.basis
    if gallery.settings.require_basis and basis is None:
        raise DataError(
            f"{gallery.folder}: a new person needs a legal basis here; nothing was changed. Give "
            "one with basis."
        )
    key = secrets.token_hex(8)
    change.add(
        "person",
        key,
        name=name,
        state="active",
        basis=basis,
        consent=consent.consent,
        expires=consent.expires,
        created=change.at,
    )
    return key
