"""The verbs of a gallery: make one, fill it, calibrate it."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from sameplayer.commands.shared import RUN, USUAL, Compute, Data, Reading, bar, say
from sameplayer.encoder.networks.presets import DEFAULT
from sameplayer.errors import SettingError

if TYPE_CHECKING:
    from sameplayer.data.crops import Crops
    from sameplayer.gallery.core.records import Enrolled
    from sameplayer.gallery.gallery import Gallery

Club = tyro.conf.Positional[
    Annotated[Path, tyro.conf.arg(metavar="GALLERY", help="Folder of a gallery.")]
]
UNITS = {"d": 1, "w": 7, "y": 365}
SHOWN = 10  # of a list, at most


@dataclass(frozen=True)
class By:
    """Who does it."""

    by: str = ""
    """Name for the record of what was done; empty: that of the user of this machine."""

    @property
    def actor(self) -> str:
        return self.by or getpass.getuser()


@dataclass(frozen=True)
class Who(By):
    """Who does it, and with which encoder."""

    encoder: str | None = None
    """The encoder that the gallery was made with, where it lies elsewhere now."""
    device: str = "auto"
    """auto: the GPU where there is one; cpu, cuda, cuda:N or mps."""

    def open(self, gallery: Path) -> AbstractContextManager[Gallery]:
        """Open a gallery; the encoder is loaded when it is needed."""
        from sameplayer.gallery.gallery import open_gallery

        return open_gallery(gallery, self.encoder, device=self.device)


def create(
    gallery: Club,
    purpose: str,
    encoder: str = DEFAULT,
    retention: str | None = None,
    basis: str | None = None,
    require_basis: bool = False,
    keep_pictures: bool = True,
    audit_reads: bool = True,
    known: float = 0.5,
    store: str | None = None,
    who: By = By(),
) -> None:
    """Make an empty gallery of known players.

    Args:
        purpose: What the gallery is for, in words.
        encoder: Run folder, saved encoder, ONNX file, preset, or name of a timm model.
        retention: How long a person is kept after the last picture came: 365d, 52w, 2y; none, or
            left out: without limit.
        basis: Legal basis of persons who come without one of their own, in words.
        require_basis: Refuse persons without a legal basis.
        keep_pictures: Keep the pictures beside the vectors; without, nobody can look at them, and
            the gallery cannot get another encoder.
        audit_reads: Write an event for every answer too.
        known: Share of the players asked about who are enrolled; it can be set for each question.
        store: postgresql://... for a server with many users; left out: one file in the folder.
    """
    from sameplayer.gallery.gallery import create_gallery

    made = create_gallery(
        gallery,
        encoder,
        purpose=purpose,
        retention=days(retention),
        basis=basis,
        require_basis=require_basis,
        keep_pictures=keep_pictures,
        audit_reads=audit_reads,
        known=known,
        store=store,
        actor=who.actor,
    )
    with made:
        print(f"{gallery}: an empty gallery for {purpose!r}, encoder {made.settings.fingerprint}")


def enrol(
    gallery: Club,
    data: Data,
    basis: str | None = None,
    consent: str | None = None,
    expires: str | None = None,
    reading: Reading = Reading(),
    who: Who = Who(),
) -> None:
    """Add labelled pictures to a gallery: each to the person that its row names.

    Args:
        basis: Legal basis, in words; left out: new persons get the gallery's.
        consent: Where their consent is recorded, and of which date.
        expires: Day after which they must go (2026-12-31); whoever has an earlier one keeps it.
    """
    from sameplayer.gallery.core.records import Consent

    with who.open(gallery) as opened, bar("enrolling") as advance:
        crops = reading.read(data)
        made = opened.enrol(
            crops, actor=who.actor, consent=Consent(basis, consent, expires), progress=advance
        )
    for line in _elsewhere(crops, made):
        say(line)
    counts = {
        "added": made.added,
        "there already": made.already_present,
        "with somebody else": made.assigned_to_other,
        "rejected by a person": made.rejected,
        "forgotten for good": made.suppressed,
        "without a name left out": made.unnamed,
    }
    told = ", ".join(
        f"{count} {what}" for what, count in counts.items() if count or what == "added"
    )
    say(f"{len(crops)} pictures: {told}; {len(made.created)} new persons")
    if made.policies:
        say(f"basis, consent or day changed of {len(made.policies)}: {_some(made.policies)}")
    if made.earlier:
        say(
            f"an earlier day stays for {len(made.earlier)}: {_some(made.earlier)}; set a later one "
            "with: sameplayer gallery policy"
        )


def _elsewhere(crops: Crops, made: Enrolled) -> list[str]:
    """Return a line for each picture that somebody else has, up to SHOWN of them."""
    lines = []
    for one in made.held[:SHOWN]:
        who = f"{one.name} ({one.person})" if one.person else f"question {one.question}"
        where = "" if one.row is None else f"row {one.row}, {crops.path(one.row)}: "
        lines.append(f"{where}came for {one.wanted}, but is with {who} already; it stays there")
    if len(made.held) > SHOWN:
        lines.append(f"... and {len(made.held) - SHOWN} more")
    return lines


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def calibrate(gallery: Club, data: Data, reading: Reading = Reading(), who: Who = Who()) -> None:
    """Fit the probabilities of a gallery's answers, on persons whom its encoder never saw.

    The pictures are not kept; they need names, and tracks and teams where they are known.
    """
    from sameplayer.ranking.open_set.fit import refuse_few

    with who.open(gallery) as opened:
        crops = reading.read(data)
        refuse_few(crops)
        embeddings = Compute(device=who.device).embed(opened.encoder, crops)
        fitted = opened.calibrate(embeddings, who.actor)
    print(
        f"{gallery}: calibrated on {fitted.persons} persons: {fitted.same} pairs of one, "
        f"{fitted.others} of two"
    )


def re_embed(
    gallery: Club,
    out: Path,
    encoder: Annotated[str, tyro.conf.arg(help=RUN + USUAL)] = DEFAULT,
    store: str | None = None,
    who: By = By(),
) -> None:
    """Make a gallery anew, with another encoder, from the pictures it keeps; whole or not at all.

    Args:
        out: New folder. The old gallery stays; delete it when the new one is right.
        store: postgresql://... for a server with many users; left out: one file in the folder.
    """
    with Who(who.by).open(gallery) as opened, bar("embedding") as advance:
        count = opened.re_embed(out, encoder, actor=who.actor, store=store, progress=advance)
    print(f"{out}: {count} pictures, embedded anew; calibrate it before you trust its numbers")


def settings(
    gallery: Club,
    purpose: str | None = None,
    retention: str = "",
    basis: str | None = None,
    require_basis: bool | None = None,
    keep_pictures: bool | None = None,
    audit_reads: bool | None = None,
    known: float | None = None,
    who: Who = Who(),
) -> None:
    """Show the settings of a gallery; change those that are given.

    Args:
        purpose: What the gallery is for, in words.
        retention: How long a person is kept after the last picture came: 365d, 52w, 2y; none:
            without limit.
        basis: Legal basis of persons who come without one of their own, in words; '': none.
        require_basis: Refuse persons without a legal basis.
        keep_pictures: Keep the pictures that come from now on.
        audit_reads: Write an event for every answer too.
        known: Share of the players asked about who are enrolled.
    """
    given = {
        "purpose": purpose,
        "basis": basis,
        "require_basis": require_basis,
        "keep_pictures": keep_pictures,
        "audit_reads": audit_reads,
        "known": known,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if retention:
        changes["retention"] = days(retention)
    with who.open(gallery) as opened:
        if changes:
            opened.set(who.actor, **changes)
        for name, value in asdict(opened.settings).items():
            say(f"{name:<14}{'yes' if name == 'likelihood' and value else value}")


def persons(gallery: Club, who: Who = Who()) -> None:
    """List the persons of a gallery, with their ids."""
    from sameplayer.gallery.core.name_search import Register

    with who.open(gallery) as opened:
        found = [one for one in opened.persons() if one.state in ("active", "restricted")]
        with opened.database.read() as cursor:
            shared = Register(cursor).shared()
        opened.note(who.actor, "list", count=len(found))
    for one in found:
        word = "" if one.state == "active" else f"  {one.state}"
        say(f"{one.id}  {one.pictures:>6}  {one.name}{word}")
    say(f"{len(found)} persons")
    for group in shared:
        say(f"one name in several spellings, to be merged or renamed: {', '.join(group)}")


def days(text: str | None) -> int | None:
    """Return the days that a text such as 365d, 52w or 2y means; None for "none", and for None."""
    if text is None or text.strip().lower() == "none":
        return None
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "d")
    if not (number.isascii() and number.isdecimal()) or int(number) < 1:
        raise SettingError(
            "retention",
            repr(text),
            "days, weeks or years, such as 365d, 52w or 2y, or none to keep persons without limit",
        )
    return int(number) * UNITS[unit]


VERBS: dict[str, Callable[..., Any]] = {
    "create": create,
    "enrol": enrol,
    "calibrate": calibrate,
    "persons": persons,
    "settings": settings,
    "re-embed": re_embed,
}
