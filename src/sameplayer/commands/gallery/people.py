"""The verbs by which people correct a gallery, and by which persons leave it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from sameplayer.commands.gallery.ask import lines_of
from sameplayer.commands.gallery.gallery import Club, Who
from sameplayer.commands.shared import console, lines_shown, say

if TYPE_CHECKING:
    from sameplayer.gallery.core.events import Event


PersonId = tyro.conf.Positional[
    Annotated[str, tyro.conf.arg(metavar="PERSON", help="Name or id of a person.")]
]
Question = tyro.conf.Positional[
    Annotated[str, tyro.conf.arg(metavar="QUESTION", help="Id of a question, see review.")]
]
Ids = tyro.conf.Positional[
    Annotated[tuple[str, ...], tyro.conf.arg(metavar="PICTURE [...]", help="Ids of pictures.")]
]
Name = tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="NAME", help="The new name.")]]


def show(gallery: Club, person: PersonId, who: Who = Who()) -> None:
    """Show what is known of a person: facts and pictures."""
    with who.open(gallery) as opened:
        found = opened.person(person)
        pictures = opened.pictures(found.id)
        opened.note(who.actor, "show", found.id)
        for name in ("id", "name", "state", "team", "basis", "consent", "expires", "created"):
            say(f"{name:<10}{getattr(found, name)}")
        for one in pictures:
            pinned = "pinned" if one.pinned_by else None
            facts = one.taken, one.game, one.camera, one.track, pinned
            say(f"  {one.id}  {one.wide} x {one.high}  {'  '.join(str(f) for f in facts if f)}")
    print(f"{len(pictures)} pictures")


def review(gallery: Club, band: str | None = None, most: int = 20, who: Who = Who()) -> None:
    """List the questions that wait for a person's word, those that tell most first.

    Args:
        band: likely, unsure or unknown; left out: all.
        most: Questions to list, at most.
    """
    with who.open(gallery) as opened:
        items = opened.queue(band=band, most=most)
        shown = [one.question for one in items]
        shown += [named.person for one in items for named in one.answer.candidates]
        opened.note(who.actor, "look", *shown)
    for one in items:
        for line in lines_of(f"{one.band}, question {one.question}", one.answer):
            say(line)
    print(f"{len(items)} questions")


def confirm(gallery: Club, question: Question, person: PersonId, who: Who = Who()) -> None:
    """Say that a question shows a person: the pictures are the person's from now on."""
    with who.open(gallery) as opened:
        _told(opened.confirm(question, person, actor=who.actor))


def confirm_new(gallery: Club, question: Question, name: Name, who: Who = Who()) -> None:
    """Say that a question shows somebody new."""
    with who.open(gallery) as opened:
        made = opened.confirm_new(question, name, actor=who.actor)
    say(f"{made.id}  {made.name}")


def reject(gallery: Club, picture: Question, person: PersonId, who: Who = Who()) -> None:
    """Say that a question, or a picture by its id, does not show a person."""
    with who.open(gallery) as opened:
        _told(opened.reject(picture, person, actor=who.actor))


def nobody(gallery: Club, question: Question, who: Who = Who()) -> None:
    """Say that a question shows nobody we know."""
    with who.open(gallery) as opened:
        _told(opened.mark_unknown(question, actor=who.actor))


def merge(gallery: Club, into: PersonId, other: PersonId, who: Who = Who()) -> None:
    """Say that two persons are one: the first keeps name and id; undo takes it back exactly."""
    with who.open(gallery) as opened:
        _told(opened.merge(into, other, actor=who.actor))


def split(gallery: Club, person: PersonId, name: Name, pictures: Ids, who: Who = Who()) -> None:
    """Say that some of a person's pictures show somebody new."""
    with who.open(gallery) as opened:
        made = opened.split(person, pictures, name, actor=who.actor)
    say(f"{made.id}  {made.name}")


def rename(gallery: Club, person: PersonId, name: Name, who: Who = Who()) -> None:
    """Give a person another name."""
    with who.open(gallery) as opened:
        _told(opened.rename(person, name, actor=who.actor))


def restrict(gallery: Club, person: PersonId, off: bool = False, who: Who = Who()) -> None:
    """Keep a person, but never name them in an answer.

    Args:
        off: Take that back.
    """
    with who.open(gallery) as opened:
        _told(opened.restrict(person, not off, actor=who.actor))


def undo(gallery: Club, event: int | None = None, who: Who = Who()) -> None:
    """Take back what was done last, or an event by its number.

    Args:
        event: Number of the event, see history.
    """
    with who.open(gallery) as opened:
        _told(opened.undo(event, actor=who.actor))


def history(gallery: Club, person: str | None = None, most: int = 50, who: Who = Who()) -> None:
    """List what was done, the newest first.

    Args:
        person: Name or id; left out: everything.
        most: Events to list, at most.
    """
    with who.open(gallery) as opened:
        subject = None if person is None else opened.person(person).id
        events = opened.history(subject, most=most)
        opened.note(who.actor, "look", *(key for event in events for key in event.subjects))
        for event in events:
            _told(event)


def forget(
    gallery: Club, person: PersonId, reason: str = "", yes: bool = False, who: Who = Who()
) -> int:
    """Remove every byte of a person, look for what is left, and keep a receipt without a name.

    Args:
        reason: Why, in words that name nobody.
        yes: Do not ask again.
    """
    with who.open(gallery) as opened:
        if not yes and not _asked_again(f"Forget {person!r} for good? There is no undo. [y/N] "):
            print("nothing was changed")
            return 0
        print(lines_shown(str(opened.forget(person, actor=who.actor, reason=reason))))
    return 0


def lift_suppression(gallery: Club, name: Name, basis: str, who: Who = Who()) -> None:
    """Let a name that was forgotten come again.

    Args:
        basis: Why the person may be kept now, in words.
    """
    with who.open(gallery) as opened:
        _told(opened.lift_suppression(name, actor=who.actor, basis=basis))


def sweep(gallery: Club, dry_run: bool = False, who: Who = Who()) -> None:
    """Forget everyone whose time is over: retention, or the day that their consent ends.

    Args:
        dry_run: List them only.
    """
    from sameplayer.gallery.privacy.retention import Incomplete

    failed: Incomplete | None = None
    with who.open(gallery) as opened:
        found = opened.due() if dry_run else []
        if found:
            opened.note(who.actor, "look", *(person.id for person, _ in found))
        for person, why in found:
            say(f"{person.id}  {person.name}: {why}")
        try:
            receipts = opened.sweep(actor=who.actor, dry_run=dry_run)
        except Incomplete as error:
            failed, receipts = error, error.receipts
        for receipt in () if dry_run else receipts:
            print(lines_shown(str(receipt)))
        pictures = sum(one.pictures for one in receipts)
        print(f"{len(receipts)} {'due' if dry_run else 'forgotten'}, with {pictures} pictures")
    if failed is not None:
        raise failed


def policy(
    gallery: Club,
    person: PersonId,
    basis: str | None = None,
    consent: str | None = None,
    expires: str | None = None,
    who: Who = Who(),
) -> None:
    """Set why, and how long, a person may be kept; an empty text takes one away.

    Args:
        basis: Legal basis, in words.
        consent: Where the consent is recorded, and of which date.
        expires: Day after which the person must go (2026-12-31).
    """
    facts = {"basis": basis, "consent": consent, "expires": expires}
    with who.open(gallery) as opened:
        _told(opened.set_policy(person, actor=who.actor, **facts))


def export(gallery: Club, person: PersonId, out: Path, who: Who = Who()) -> None:
    """Write all that is kept of a person into one file: facts, pictures, vectors, events.

    Args:
        out: File to write (.zip).
    """
    with who.open(gallery) as opened:
        opened.export_person(person, out, actor=who.actor)
    print(out)


def _told(event: Event) -> None:
    undone = "" if event.undone_by is None else f"  undone by {event.undone_by}"
    about = " ".join(event.subjects)
    say(f"{event.seq:>6}  {event.at}  {event.actor}  {event.kind}  {about}{undone}")


def _asked_again(words: str) -> bool:
    return console.input(words).strip().lower() in ("y", "yes")


VERBS: dict[str, Callable[..., Any]] = {
    "show": show,
    "review": review,
    "confirm": confirm,
    "confirm-new": confirm_new,
    "reject": reject,
    "nobody": nobody,
    "merge": merge,
    "split": split,
    "rename": rename,
    "restrict": restrict,
    "undo": undo,
    "history": history,
    "forget": forget,
    "readmit": lift_suppression,
    "sweep": sweep,
    "policy": policy,
    "export": export,
}
