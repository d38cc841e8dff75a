"""Why, and how long, a person may be kept: set as an event."""

from __future__ import annotations

from sameplayer.errors import SettingError
from sameplayer.gallery.gallery import Gallery, find_person
from sameplayer.gallery.history import Event
from sameplayer.gallery.records import check_day


def set_policy(
    gallery: Gallery,
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
    expires    ISO date after which the person must go, see ``sweep``

    Raises MissingFile for nobody, SettingError for a date that is none.
    """
    given = {"basis": basis, "consent": consent, "expires": check_day("expires", expires or None)}
    if expires == "":
        given["expires"] = ""
    values = {name: value or None for name, value in given.items() if value is not None}
    if not values:
        raise SettingError("policy", "empty", "basis, consent or expires")
    if gallery.renewed().require_basis and values.get("basis", "kept") is None:
        raise SettingError("basis", "empty", "a legal basis: this gallery keeps nobody without")
    with gallery.change(actor, "policy") as change:
        key = find_person(change.cursor, person).id
        change.set("person", key, **values)
        return change.done()
