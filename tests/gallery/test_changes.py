"""What people say counts, is kept apart from what the machine says, and is refused when stale."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from sameplayer.errors import DataError, MissingFile, SettingError, Stale
from sameplayer.gallery.gallery import Gallery, open_gallery
from sameplayer.gallery.people.checks import kept_of
from sameplayer.gallery.people.corrections import (
    confirm,
    confirm_new,
    mark_unknown,
    merge,
    reject,
    remove_pictures,
    rename,
    restrict,
    skip,
    split,
)
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.people.suppression import name_hashes
from sameplayer.gallery.reverting.undo import history, undo
from sameplayer.gallery.search.asking import ask_ready, ask_vectors

# what these say is said above the store: their statements run on PostgreSQL in the others
sqlite_alone = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
TABLES = ("person", "question", "picture", "apart", "event", "latest, setting")


def _question(gallery: Gallery, made) -> str:
    answer = ask_ready(gallery, made, actor="me", keep=True)
    assert answer.question is not None
    return answer.question


def _revision(gallery: Gallery, key: str) -> int:
    with gallery.database.read() as cursor:
        for table in ("person", "question"):
            row = cursor.one(f"SELECT revision FROM {table} WHERE id = ?", key)
            if row:
                return row[0]
    raise AssertionError(key)


def _ids(gallery: Gallery, name: str) -> list[str]:
    return [one.id for one in gallery.pictures(gallery.person(name).id)]


def _head(gallery: Gallery) -> int:
    return history(gallery, most=1)[0].seq


def test_confirming_gives_the_pictures_to_the_person_and_pins_them(gallery, pictures) -> None:
    question = _question(gallery, pictures(1, 2, seed=9))
    event = confirm(gallery, question, "Bea", actor="eva")
    bea = gallery.person("Bea")
    own = gallery.pictures(bea.id)
    assert (event.kind, event.actor) == ("confirm", "eva")
    assert {bea.id, question} <= set(event.subjects)
    assert (bea.pictures, len(own)) == (6, 6)
    assert sorted(str(one.pinned_by) for one in own) == ["None"] * 4 + ["eva"] * 2
    with pytest.raises(Stale, match=r"answered already, by event \d+ \(confirm, by eva"):
        confirm(gallery, question, "Ann", actor="me")


def test_a_new_person_never_takes_the_name_of_another(gallery, pictures) -> None:
    question = _question(gallery, pictures(7, 2))
    for name in ("Ann", " ann "):
        with pytest.raises(DataError, match="There is a person 'Ann' already"):
            confirm_new(gallery, question, name, actor="eva")
    made = confirm_new(gallery, question, "Dora", actor="eva")
    assert (made.name, made.pictures, made.state) == ("Dora", 2, "active")
    merge(gallery, "Ann", "Bea", actor="eva")
    with pytest.raises(DataError, match="There is a person 'Bea' already"):
        confirm_new(gallery, _question(gallery, pictures(8)), "Bea", actor="eva")


@sqlite_alone
def test_a_forgotten_name_or_picture_does_not_come_back_by_a_word(gallery, pictures) -> None:
    question = _question(gallery, pictures(7, 2))
    rename(gallery, "Ann", "Dora", actor="eva")
    rename(gallery, "Dora", "Anna", actor="eva")
    removed = remove_pictures(gallery, _ids(gallery, "Bea")[:1], actor="eva")
    with gallery.change("me", "forget") as change:
        for hashed in (
            name_hashes(gallery, "Dora")[0],
            pictures(1)[0].digest,
            pictures(1)[1].digest,
        ):
            sql = "INSERT INTO suppressed (hash, kind, at) VALUES (?, 'x', ?)"
            change.cursor.run(sql, hashed, change.at)
        change.done()
    with pytest.raises(DataError, match="name was forgotten"):
        confirm_new(gallery, question, "dora", actor="eva")
    with pytest.raises(DataError, match="name was forgotten"):
        rename(gallery, "Anna", "Dora", actor="eva")
    for seq in (removed.seq - 1, removed.seq):
        with pytest.raises(DataError, match="would bring back was forgotten since"):
            undo(gallery, seq, actor="eva")


@sqlite_alone
def test_a_rejected_person_is_no_candidate_and_the_last_word_counts(gallery, pictures) -> None:
    question = _question(gallery, pictures(1, 2, seed=9))
    reject(gallery, question, "Bea", actor="eva")
    with pytest.raises(DataError, match="said already"):
        reject(gallery, question, "Bea", actor="eva")
    confirm(gallery, question, "Bea", actor="eva")
    with gallery.database.read() as cursor:
        assert cursor.rows("SELECT * FROM apart") == []


@sqlite_alone
def test_a_rejected_picture_leaves_the_person_and_is_asked_about(gallery, pictures) -> None:
    key = _ids(gallery, "Ann")[0]
    event = reject(gallery, key, "Ann", actor="eva")
    ann = gallery.person("Ann")
    question = next(one for one in event.subjects if one != ann.id)
    assert ann.pictures == 3
    with gallery.database.read() as cursor:
        row = cursor.one("SELECT person, question FROM picture WHERE id = ?", key)
        assert row == (None, question)
        assert cursor.rows("SELECT * FROM apart") == [(key, ann.id)]
    again = enrol_pictures(gallery, {"Ann": pictures(0)}, actor="me")
    assert (again.added, again.already_present, again.rejected) == (0, 3, 1)
    with pytest.raises(MissingFile, match="No question and no picture"):
        reject(gallery, _ids(gallery, "Bea")[0], "Ann", actor="eva")


@sqlite_alone
def test_nobody_and_skip(gallery, pictures) -> None:
    question = _question(gallery, pictures(9))
    skip(gallery, question, actor="eva")
    mark_unknown(gallery, question, actor="eva")
    with pytest.raises(Stale, match="nobody, by eva"):
        skip(gallery, question, actor="eva")
    with pytest.raises(MissingFile, match="No question 'none'"):
        mark_unknown(gallery, "none", actor="eva")


def test_merging_moves_pictures_and_keeps_the_other_name(gallery, pictures, encoder) -> None:
    ann, bea = gallery.person("Ann"), gallery.person("Bea")
    question = _question(gallery, pictures(1, 1, seed=5))
    reject(gallery, question, "Bea", actor="eva")
    merge(gallery, "Ann", bea.id, actor="eva")
    assert (gallery.person("Bea").id, gallery.person("Ann").pictures) == (ann.id, 8)
    with gallery.database.read() as cursor:
        assert len(cursor.rows("SELECT * FROM apart WHERE person = ?", ann.id)) == 1
    with open_gallery(gallery.folder, encoder) as other:
        rows = np.stack([one.vector for one in pictures(1)])
        answer = ask_vectors(other, rows, actor="me")
        assert (answer.persons, answer.candidates[0].name) == (2, "Ann")


@sqlite_alone
def test_merges_that_make_no_sense_are_refused(gallery) -> None:
    ann, bea, cleo = (gallery.person(name) for name in ("Ann", "Bea", "Cleo"))
    with pytest.raises(DataError, match="one person already"):
        merge(gallery, "Ann", ann.id, actor="eva")
    with pytest.raises(SettingError, match="expected"):
        merge(gallery, "Ann", "Bea", actor="eva", expected=3)
    merge(gallery, "Ann", "Bea", actor="eva")
    with pytest.raises(DataError, match=f"merged into '{ann.id}', by event .* by eva"):
        merge(gallery, "Ann", bea.id, actor="eva")
    restrict(gallery, "Cleo", True, actor="eva")
    with pytest.raises(DataError, match="restricted"):
        merge(gallery, "Ann", cleo.id, actor="eva")
    with pytest.raises(MissingFile, match="No person 'Nina'"):
        merge(gallery, "Ann", "Nina", actor="eva")


@sqlite_alone
def test_persons_of_whom_somebody_said_they_are_two_are_not_merged(gallery) -> None:
    made = split(gallery, "Ann", _ids(gallery, "Ann")[:2], "Dora", actor="eva")
    before = _head(gallery)
    for pair in (("Ann", "Dora"), ("Dora", "Ann")):
        with pytest.raises(
            DataError, match=r"does not show the other in event \d+ \(split, by eva"
        ):
            merge(gallery, *pair, actor="me")
    assert (_head(gallery), gallery.person("Ann").pictures, made.pictures) == (before, 2, 2)


def test_splitting_takes_some_pictures_of_the_person_only(gallery) -> None:
    own = _ids(gallery, "Ann")
    with pytest.raises(DataError, match="all pictures"):
        split(gallery, "Ann", own, "Dora", actor="eva")
    with pytest.raises(DataError, match="No pictures chosen"):
        split(gallery, "Ann", [], "Dora", actor="eva")
    with pytest.raises(MissingFile, match="No picture"):
        split(gallery, "Ann", _ids(gallery, "Bea")[:1], "Dora", actor="eva")
    made = split(gallery, "Ann", own[:1], "Dora", actor="eva")
    kept = gallery.pictures(made.id)
    assert [(one.id, one.pinned_by) for one in kept] == [(own[0], "eva")]


def test_renaming_and_restricting(gallery, pictures) -> None:
    rename(gallery, "Ann", "Anna", actor="eva")
    assert gallery.person("Anna").pictures == 4
    rename(gallery, "Anna", "ANNA", actor="eva")
    with pytest.raises(DataError, match="'Bea' already"):
        rename(gallery, "ANNA", "Bea", actor="eva")
    with pytest.raises(DataError, match="this name already"):
        rename(gallery, "Bea", "Bea", actor="eva")
    rows = np.stack([one.vector for one in pictures(1)])
    restrict(gallery, "Bea", True, actor="eva")
    assert ask_vectors(gallery, rows, actor="me").candidates[0].name != "Bea"
    with pytest.raises(DataError, match="restricted already"):
        restrict(gallery, "Bea", True, actor="eva")
    with pytest.raises(DataError, match="restricted"):
        confirm(gallery, _question(gallery, pictures(1, 1, seed=3)), "Bea", actor="eva")
    restrict(gallery, "Bea", False, actor="eva")
    assert ask_vectors(gallery, rows, actor="me").candidates[0].name == "Bea"


@sqlite_alone
def test_pictures_that_people_took_out_do_not_come_back(gallery, pictures) -> None:
    gone = _ids(gallery, "Ann")[:2]
    remove_pictures(gallery, gone, actor="eva")
    again = enrol_pictures(gallery, {"Ann": pictures(0)}, actor="me")
    assert (again.added, again.already_present, again.rejected) == (0, 2, 2)
    assert gallery.person("Ann").pictures == 2
    question = _question(gallery, pictures(1, 1, seed=3))
    with gallery.database.read() as cursor:
        (own,) = cursor.one("SELECT id FROM picture WHERE question = ?", question)
    remove_pictures(gallery, [own], actor="eva", expected=_revision(gallery, question))
    with pytest.raises(MissingFile, match="No question"):
        confirm(gallery, question, "Bea", actor="eva")
    with pytest.raises(MissingFile, match="No picture"):
        remove_pictures(gallery, gone, actor="eva")


def test_some_pictures_of_a_question_are_removed_and_come_back(gallery, pictures) -> None:
    question = _question(gallery, pictures(1, 3, seed=3))
    before, seen = _owned(gallery, question), _revision(gallery, question)
    remove_pictures(gallery, before[:2], actor="eva", expected=seen)
    assert _owned(gallery, question) == before[2:]
    with pytest.raises(Stale):  # what was seen is not what is there
        confirm(gallery, question, "Bea", actor="eva", expected=seen)
    seen = _revision(gallery, question)
    undo(gallery, actor="eva")
    assert _owned(gallery, question) == before
    with pytest.raises(Stale):
        confirm(gallery, question, "Bea", actor="eva", expected=seen)
    confirm(gallery, question, "Bea", actor="eva")
    assert set(before) <= set(_ids(gallery, "Bea"))


def _owned(gallery: Gallery, question: str) -> list[str]:
    with gallery.database.read() as cursor:
        return kept_of(cursor, "question", question)


@sqlite_alone
def test_what_people_pinned_is_never_moved_by_enrolling(gallery, pictures) -> None:
    asked = pictures(1, 2, seed=9)
    confirm(gallery, _question(gallery, asked), "Bea", actor="eva")
    moved = split(gallery, "Ann", _ids(gallery, "Ann")[:2], "Dora", actor="eva")
    pinned = {
        (one.id, one.person)
        for name in ("Bea", "Dora")
        for one in gallery.pictures(gallery.person(name).id)
    }
    found = enrol_pictures(gallery, {"Cleo": asked, "Ann": pictures(0)}, actor="machine")
    assert (found.added, found.assigned_to_other, found.rejected, found.already_present) == (
        0,
        2,
        2,
        2,
    )
    assert moved.pictures == 2
    assert pinned == {
        (one.id, one.person)
        for name in ("Bea", "Dora")
        for one in gallery.pictures(gallery.person(name).id)
    }


def _everything(gallery: Gallery) -> list[object]:
    with gallery.database.read() as cursor:
        return [cursor.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES]


def test_a_write_that_saw_an_older_state_changes_nothing(gallery, pictures) -> None:
    ann, bea = gallery.person("Ann"), gallery.person("Bea")
    question = _question(gallery, pictures(0, 2, seed=9))
    asked, picture = _revision(gallery, question), _ids(gallery, "Ann")[0]
    reject(gallery, question, "Cleo", actor="eva")
    rename(gallery, "Ann", "Anna", actor="eva")
    before = _everything(gallery)
    old = {"actor": "me", "expected": asked}
    seen = {"actor": "me", "expected": ann.revision}
    stale = [
        lambda: confirm(gallery, question, ann.id, **old),
        lambda: confirm_new(gallery, question, "Dora", **old),
        lambda: reject(gallery, question, ann.id, **old),
        lambda: mark_unknown(gallery, question, **old),
        lambda: skip(gallery, question, **old),
        lambda: reject(gallery, picture, ann.id, **seen),
        lambda: split(gallery, ann.id, [picture], "Dora", **seen),
        lambda: rename(gallery, ann.id, "Annie", **seen),
        lambda: restrict(gallery, ann.id, True, **seen),
        lambda: remove_pictures(gallery, [picture], **seen),
        lambda: merge(
            gallery,
            bea.id,
            ann.id,
            actor="me",
            expected={ann.id: ann.revision, bea.id: bea.revision},
        ),
    ]
    for late in stale:
        with pytest.raises(Stale, match=r"changed since you looked, by event \d+ \(re\w+, by eva"):
            late()
    assert _everything(gallery) == before
    with pytest.raises(MissingFile, match="No person or question 'other'"):
        rename(gallery, ann.id, "Annie", actor="me", expected={"other": 1})
    rename(gallery, ann.id, "Annie", actor="me", expected=gallery.person(ann.id).revision)


def test_of_two_who_answer_at_once_one_wins(gallery, pictures, encoder) -> None:
    question = _question(gallery, pictures(1, 2, seed=9))
    seen, said, start = _revision(gallery, question), [], threading.Barrier(2)

    def answer(name: str) -> None:
        with open_gallery(gallery.folder, encoder) as own:
            start.wait()
            try:
                confirm(own, question, name, actor=name, expected=seen)
                said.append("won")
            except Stale:
                said.append("stale")

    threads = [threading.Thread(target=answer, args=(name,)) for name in ("Ann", "Bea")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["stale", "won"]
    assert sum(gallery.person(name).pictures for name in ("Ann", "Bea")) == 10


@sqlite_alone
def test_a_gallery_that_wants_a_basis_wants_it_of_new_persons(gallery, pictures) -> None:
    gallery.set("me", require_basis=True)
    question = _question(gallery, pictures(7))
    with pytest.raises(DataError, match="legal basis"):
        confirm_new(gallery, question, "Dora", actor="eva")


def test_history_is_of_everything_or_of_one(gallery) -> None:
    rename(gallery, "Ann", "Anna", actor="eva")
    merge(gallery, "Anna", "Bea", actor="eva")
    assert [one.kind for one in history(gallery, "Anna")] == ["merge", "rename", "enrol"]
    assert [one.kind for one in history(gallery, "Cleo")] == ["enrol"]
    newest = history(gallery, most=1)
    assert [one.kind for one in newest] == ["merge"]
    assert [one.kind for one in history(gallery, before=newest[0].seq, most=1)] == ["rename"]
    undo(gallery, actor="eva")
    assert history(gallery)[1].undone_by == history(gallery)[0].seq
