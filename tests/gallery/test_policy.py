"""The strictest day holds, whatever joins persons or comes later; nothing is lost in silence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sameplayer.errors import SettingError
from sameplayer.gallery.core.records import Consent
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.people.consent import set_policy
from sameplayer.gallery.people.corrections import merge, split
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.retention import due
from sameplayer.gallery.reverting.undo import undo

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def _policy(gallery: Gallery, name: str) -> tuple[str | None, str | None, str | None]:
    person = gallery.person(name)
    return person.basis, person.consent, person.expires


def _due(gallery: Gallery) -> dict[str, str]:
    return {person.name: why for person, why in due(gallery, LATER)}


@pytest.mark.parametrize("into", ["Ann", "Bea"])
def test_of_merged_persons_the_earlier_day_holds_and_both_texts(gallery, into) -> None:
    set_policy(gallery, "Ann", actor="me", basis="consent", expires="2031-12-01")
    set_policy(gallery, "Bea", actor="me", basis="contract", consent="form 3", expires="2026-12-01")
    before = [_policy(gallery, name) for name in ("Ann", "Bea")]
    other = {"Ann": "Bea", "Bea": "Ann"}[into]
    merge(gallery, into, other, actor="me")
    basis, consent, expires = _policy(gallery, into)
    assert {*(basis or "").split("; ")} == {"consent", "contract"}
    assert (consent, expires) == ("form 3", "2026-12-01")
    assert _due(gallery) == {into: "to be kept until 2026-12-01"}
    undo(gallery, actor="me")
    assert [_policy(gallery, name) for name in ("Ann", "Bea")] == before


def test_the_day_of_somebody_merged_long_ago_counts_until_a_new_one_is_set(gallery) -> None:
    merge(gallery, "Ann", "Bea", actor="me")
    with gallery.database.write() as cursor:  # as merges left it once
        cursor.run("UPDATE person SET expires = '2026-12-01' WHERE state = 'merged'")
    assert _due(gallery) == {"Ann": "to be kept until 2026-12-01"}
    set_policy(gallery, "Ann", actor="me", expires="2031-01-01")
    assert _due(gallery) == {}
    undo(gallery, actor="me")
    assert _due(gallery) == {"Ann": "to be kept until 2026-12-01"}


def test_who_is_split_off_keeps_the_day_under_which_the_pictures_came(gallery) -> None:
    set_policy(gallery, "Ann", actor="me", consent="form 3", expires="2026-12-01")
    own = [one.id for one in gallery.pictures(gallery.person("Ann").id)]
    split(gallery, "Ann", own[:1], "Dora", actor="me")
    later = Consent("contract", None, "2031-01-01")
    split(gallery, "Ann", own[1:2], "Eve", actor="me", consent=later)
    assert _policy(gallery, "Dora") == (None, None, "2026-12-01")
    assert _policy(gallery, "Eve") == ("contract", None, "2026-12-01")


def test_consent_that_comes_later_is_kept_and_of_two_days_the_earlier(gallery, pictures) -> None:
    first = Consent("consent", "form 3", "2027-01-01")
    made = enrol_pictures(gallery, {"ANN": pictures(0)}, actor="me", consent=first)
    assert (made.already_present, made.policies, made.earlier) == (4, ("ANN",), ())
    assert _policy(gallery, "Ann") == ("consent", "form 3", "2027-01-01")
    refresh_settings = Consent(None, "form 9", "2029-01-01")
    more = {"Ann": pictures(0, seed=1), "Dora": pictures(7)}
    made = enrol_pictures(gallery, more, actor="me", consent=refresh_settings)
    assert (made.policies, made.earlier, made.created) == (("Ann",), ("Ann",), ("Dora",))
    assert _policy(gallery, "Ann") == ("consent", "form 9", "2027-01-01")
    assert _policy(gallery, "Dora") == (None, "form 9", "2029-01-01")
    again = enrol_pictures(gallery, more, actor="me", consent=refresh_settings)
    assert (again.added, again.policies) == (0, ())
    undo(gallery, actor="me")
    assert _policy(gallery, "Ann") == ("consent", "form 3", "2027-01-01")


def test_a_blank_text_is_none(gallery) -> None:
    assert Consent(" ", "", None) == Consent()
    assert gallery.set("me", basis=" ").basis is None
    gallery.set("me", basis="contract", require_basis=True)
    with pytest.raises(SettingError, match="a legal basis"):
        set_policy(gallery, "Ann", actor="me", basis="  ")
    with pytest.raises(SettingError, match="control characters"):
        Consent(basis="a\x1b[2J")
