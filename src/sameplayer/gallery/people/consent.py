"""Why, and how long, a person may be kept: set as an event."""

from __future__ import annotations

from sameplayer.common.dates import check_day
from sameplayer.common.names import check_line
from sameplayer.errors import DataError, SettingError
from sameplayer.gallery.core.events import Change, Event
from sameplayer.gallery.core.gallery import GalleryCore, find_person
from sameplayer.gallery.core.name_search import family
from sameplayer.gallery.core.records import Consent, Person


def set_policy(
    gallery: GalleryCore,
    person: str,
    *,
    actor: str,
    basis: str | None = None,
    consent: str | None = None,
    expires: str | None = None,
) -> Event:
    """Set what is given of a person, by name or id; an empty text takes it away.

    basis      legal basis, in words; it cannot be taken away where the gallery requires one
    consent    where the consent is recorded and of which date, in words
    expires    ISO date after which the person must go, see ``sweep``; it takes the place of the
               days of all who were merged into the person

    Raises MissingFile for nobody, SettingError for a date that is none.
    """
    values: dict[str, str | None] = {}
    if basis is not None:
        values["basis"] = check_line("basis", basis)
    if consent is not None:
        values["consent"] = check_line("consent", consent)
    if expires is not None:
        values["expires"] = check_day("expires", expires.strip() or None)
    if not values:
        raise DataError("Nothing to change; expected one or more of basis, consent and expires.")
    if gallery.refresh_settings().require_basis and values.get("basis", "kept") is None:
        raise SettingError("basis", "empty", "a legal basis: this gallery keeps nobody without")
    with gallery.change(actor, "policy") as change:
        key = find_person(change.cursor, person).id
        change.set("person", key, **values)
        if "expires" in values:
            for other in family(change.cursor, key)[1:]:
                change.set("person", other, expires=values["expires"])
        return change.done()


def renew_policy(change: Change, person: Person, consent: Consent) -> tuple[bool, bool]:
    """Take in what came with later pictures of a person: new texts, and the earlier of two days.

    Returns whether anything changed, and whether the person's own day is earlier than the new one
    and stays: ``set_policy`` sets a later one.
    """
    given = {
        "basis": consent.basis,
        "consent": consent.consent,
        "expires": earliest(person.expires, consent.expires) if consent.expires else None,
    }
    values = {
        name: value
        for name, value in given.items()
        if value is not None and value != getattr(person, name)
    }
    if values:
        change.set("person", person.id, **values)
    kept = consent.expires is not None and person.expires is not None
    return bool(values), kept and str(person.expires) < str(consent.expires)


def join_policies(change: Change, stays: Person, goes: Person) -> None:
    """Give a person what holds for another who is merged into it: the earlier day, both texts."""
    values = {
        "basis": _both(stays.basis, goes.basis),
        "consent": _both(stays.consent, goes.consent),
        "expires": earliest(stays.expires, goes.expires),
    }
    changed = {name: one for name, one in values.items() if one != getattr(stays, name)}
    if changed:
        change.set("person", stays.id, **changed)


def earliest(*days: str | None) -> str | None:
    """Return the earliest of some ISO days; None where there is none."""
    return min((day for day in days if day is not None), default=None)


def _both(first: str | None, second: str | None) -> str | None:
    if first is None or second is None or second in first.split("; "):
        return first or second
    return f"{first}; {second}"
