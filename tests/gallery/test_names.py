"""A person is found, renamed, merged and forgotten by a name in whatever spelling."""

from __future__ import annotations

import secrets
import unicodedata

import pytest

from sameplayer.errors import DataError, MissingFile
from sameplayer.gallery.core.name_search import Register
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.people.corrections import confirm_new, merge, rename, split
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.forgetting import forget, lift_suppression
from sameplayer.gallery.reverting.undo import undo
from sameplayer.gallery.review.queue import duplicates

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
COMPOSED = unicodedata.normalize("NFC", "José Núñez")
SPELLINGS = (
    COMPOSED,
    unicodedata.normalize("NFD", COMPOSED),
    "JOSÉ  núñez",
    "Jose\u0301\u200b Núñez",
)


def _old(gallery: Gallery, name: str, pictures) -> str:
    """A person as they were enrolled when spellings were told apart."""
    key = enrol_pictures(gallery, {secrets.token_hex(4): pictures}, actor="me").persons.popitem()[1]
    with gallery.database.write() as cursor:
        cursor.run("UPDATE person SET name = ? WHERE id = ?", name, key)
    return key


def test_every_spelling_is_one_person(gallery, pictures) -> None:
    made = enrol_pictures(
        gallery, {name: pictures(5, 1, seed=at) for at, name in enumerate(SPELLINGS)}, actor="me"
    )
    assert made.created == (COMPOSED,)
    for name in SPELLINGS:
        assert gallery.person(name).id == made.persons[COMPOSED]
        with pytest.raises(DataError, match="already"):
            rename(gallery, "Ann", name, actor="me")
        with pytest.raises(DataError, match="already"):
            split(
                gallery, "Ann", [gallery.pictures(gallery.person("Ann").id)[0].id], name, actor="me"
            )
    assert gallery.person(SPELLINGS[0]).pictures == 4
    merge(gallery, "ANN", SPELLINGS[1], actor="me")
    assert gallery.person(SPELLINGS[2]).name == "Ann"
    undo(gallery, actor="me")
    assert gallery.person(SPELLINGS[2]).name == COMPOSED


def test_a_forgotten_name_stays_away_in_every_spelling(gallery, pictures) -> None:
    enrol_pictures(gallery, {SPELLINGS[1]: pictures(5)}, actor="me")
    forget(gallery, SPELLINGS[2], actor="me")
    for at, name in enumerate(SPELLINGS, start=1):
        assert enrol_pictures(gallery, {name: pictures(5, 1, seed=at)}, actor="me").suppressed == 1
    with pytest.raises(DataError, match="name was forgotten"):
        rename(gallery, "Ann", SPELLINGS[3], actor="me")
    lift_suppression(gallery, SPELLINGS[3], actor="me", basis="asked for it")
    assert enrol_pictures(gallery, {COMPOSED: pictures(5, 1, seed=9)}, actor="me").added == 1


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_forgotten_when_spellings_were_told_apart_stay_away(gallery, pictures, form) -> None:
    before = unicodedata.normalize(form, COMPOSED).casefold()
    with gallery.database.write() as cursor:
        sql = "INSERT INTO suppressed (hash, kind, at) VALUES (?, 'name', '')"
        cursor.run(sql, gallery.digest("name", before.encode()))
    assert enrol_pictures(gallery, {"JOSÉ NÚÑEZ": pictures(5)}, actor="me").suppressed == 4
    lift_suppression(gallery, "José Núñez", actor="me", basis="asked for it")
    assert enrol_pictures(gallery, {COMPOSED: pictures(5)}, actor="me").added == 4


def test_older_galleries_may_hold_one_name_twice(gallery, pictures) -> None:
    lower = _old(gallery, "ann", pictures(7))
    upper = gallery.person("Ann").id
    assert gallery.person("ann").id == lower  # as it is spelt
    for name in ("ANN", "Ann"):
        with pytest.raises(
            DataError, match=f"2 persons .*{min(lower, upper)}, {max(lower, upper)}"
        ):
            forget(gallery, name, actor="me")
    with pytest.raises(DataError, match="2 persons"):
        gallery.person("ANN")
    with gallery.database.read() as cursor:
        assert Register(cursor).shared() == [sorted((lower, upper))]
    pair = duplicates(gallery, most=1)[0]
    assert {pair.first.id, pair.second.id} == {lower, upper}
    rename(gallery, lower, "Zoe", actor="me")
    rename(gallery, lower, "Eve", actor="me")
    merge(gallery, "Ann", lower, actor="me")
    undo(gallery, actor="me")
    assert forget(gallery, "ANN", actor="me").person == upper


def test_undo_brings_back_no_name_that_another_has_in_another_spelling(gallery, pictures) -> None:
    renamed = rename(gallery, "Ann", "Dora", actor="me")
    enrol_pictures(gallery, {"ANN": pictures(7)}, actor="me")
    with pytest.raises(DataError, match="has the name now"):
        undo(gallery, renamed.seq, actor="me")


def test_nobody_has_an_unknown_name(gallery) -> None:
    for who in ("Zoe", "", "\u200b", "\ud800"):
        with pytest.raises(MissingFile):
            gallery.person(who)
    with pytest.raises(MissingFile):
        confirm_new(gallery, "0" * 16, "Zoe", actor="me")


def test_a_forgotten_name_with_a_letter_that_shows_nothing_stays_away(gallery, pictures) -> None:
    forget(gallery, "Ann", actor="me")
    for at, name in enumerate(("Ann\u3164", "A\u17b4nn", "\u2800Ann")):
        made = enrol_pictures(gallery, {name: pictures(5, 1, seed=at)}, actor="me")
        assert (made.added, made.suppressed) == (0, 1)


def test_a_person_who_was_merged_into_itself_by_hand_is_told_as_damage(gallery) -> None:
    with gallery.database.write() as cursor:
        cursor.run("UPDATE person SET state = 'merged', merged_into = id WHERE name = ?", "Ann")
    with pytest.raises(DataError, match="merged into itself"):
        gallery.person("Ann")
