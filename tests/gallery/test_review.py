"""What waits for a word, what looks wrong, and how far the stated probabilities held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import SettingError
from sameplayer.gallery.core import index
from sameplayer.gallery.core.records import NewPicture
from sameplayer.gallery.gallery import Gallery, create_gallery
from sameplayer.gallery.people.corrections import (
    confirm,
    confirm_new,
    mark_unknown,
    merge,
    reject,
    restrict,
    skip,
    split,
)
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.reverting.undo import undo
from sameplayer.gallery.review import anomalies as doubts
from sameplayer.gallery.review.queue import counts, duplicates, odd_pictures, queue, reliability
from sameplayer.gallery.search.asking import answer_vectors, ask_ready
from sameplayer.ranking.open_set.fit import fit_likelihood
from sameplayer.ranking.open_set.likelihood import Likelihood
from tests.fixtures import statements

WIDTH = 24  # of the space in which the persons differ
PLAYERS = 30
Make = Callable[..., list[NewPicture]]


def _question(gallery: Gallery, made) -> str:
    answer = ask_ready(gallery, made, actor="me", keep=True)
    assert answer.question is not None
    return answer.question


def _new(rows: np.ndarray, name: str) -> list[NewPicture]:
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return [NewPicture(row, f"{name}-{at}", 80, 40, 1.0) for at, row in enumerate(rows)]


def test_questions_wait_in_bands_without_those_whom_people_ruled_out(gallery, pictures) -> None:
    (ann, bea, cleo) = (
        np.stack([one.vector for one in pictures(at)]).mean(axis=0) for at in range(3)
    )
    sure = _question(gallery, pictures(1, 2, seed=9))
    between = _question(gallery, _new((ann + bea)[None], "between"))
    strange = _question(gallery, _new((-ann - bea - cleo)[None], "strange"))
    assert counts(gallery) == {"likely": 1, "unsure": 1, "unknown": 1}
    items = {one.question: one for one in queue(gallery)}
    assert {key: one.band for key, one in items.items()} == {
        sure: "likely",
        between: "unsure",
        strange: "unknown",
    }
    assert items[sure].answer.candidates[0].name == "Bea"
    assert [one.question for one in items[sure].pictures] == [sure, sure]
    assert items[sure].answer.candidates[0].evidence
    assert items[between].information > items[sure].information
    assert [one.question for one in queue(gallery, "unsure")] == [between]
    reject(gallery, sure, "Bea", actor="eva", expected=items[sure].revision)
    (item,) = (one for one in queue(gallery) if one.question == sure)
    assert "Bea" not in [one.name for one in item.answer.candidates]
    assert (item.band, item.answer.persons) == ("unknown", 2)
    with pytest.raises(SettingError, match="likely, unsure, unknown"):
        queue(gallery, "sure")


def test_what_was_answered_waits_no_more_and_what_was_left_comes_last(gallery, pictures) -> None:
    asked = [_question(gallery, pictures(at, 1, seed=9)) for at in (0, 1, 7)]
    first = queue(gallery)[0]
    skip(gallery, first.question, actor="eva", expected=first.revision)
    last = queue(gallery)[-1]
    assert (last.question, last.skipped) == (first.question, True)
    second = queue(gallery)[0]
    skip(gallery, second.question, actor="eva")
    assert [one.question for one in queue(gallery)][1:] == [first.question, second.question]
    mark_unknown(gallery, first.question, actor="eva", expected=last.revision)
    assert {one.question for one in queue(gallery)} == set(asked) - {first.question}
    assert sum(counts(gallery).values()) == 2
    undo(gallery, actor="eva")
    assert sum(counts(gallery).values()) == 3
    pages: list[str] = []
    rest = queue(gallery, most=1)
    while rest:
        pages.append(rest[0].question)
        rest = queue(gallery, most=1, after=rest[0].place)
    assert pages == [one.question for one in queue(gallery)]


def test_an_empty_gallery_knows_nobody(tmp_path: Path, encoder, pictures) -> None:
    with create_gallery(tmp_path / "new", encoder, purpose="test") as made:
        assert (queue(made), duplicates(made), odd_pictures(made)) == ([], [], [])
        _question(made, pictures(0))
        assert counts(made) == {"likely": 0, "unsure": 0, "unknown": 1}
        assert (reliability(made).known, reliability(made).waiting) == (None, 1)


# A gallery whose probabilities are fitted, and persons drawn as those it was fitted to.


class Players:
    """Persons of a drawn world, and pictures of them."""

    def __init__(self, width: int) -> None:
        self.width = width

    def rows(self, person: int, count: int, seed: int) -> np.ndarray:
        centre = np.random.default_rng((person, 1)).normal(size=WIDTH)
        rng = np.random.default_rng((person, seed, 2))
        rows = np.zeros((count, self.width))
        rows[:, :WIDTH] = centre + 0.9 * rng.normal(size=(count, WIDTH))
        return rows

    def pictures(self, person: int, count: int, seed: int = 0) -> list[NewPicture]:
        return _new(self.rows(person, count, seed), f"{person}-{seed}")


@pytest.fixture(scope="module")
def fitted(encoder) -> Likelihood:
    players = Players(encoder.row_width)
    rows = np.concatenate([players.rows(person, 8, 0) for person in range(1000, 1060)])
    names = np.repeat([str(person) for person in range(60)], 8)
    images = [f"{at}.png" for at in range(len(rows))]
    crops = Crops(pd.DataFrame({"image": images, "person": names}), Path("drawn"))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return fit_likelihood(Embeddings(rows.astype(np.float32), crops, encoder.fingerprint()))


@pytest.fixture
def league(tmp_path: Path, encoder, fitted: Likelihood) -> Iterator[Gallery]:
    """30 persons, 0 to 29, with three pictures each, calibrated."""
    players = Players(encoder.row_width)
    with create_gallery(tmp_path / "league", encoder, purpose="test", audit_reads=False) as made:
        enrol_pictures(
            made,
            {f"P{person}": players.pictures(person, 3) for person in range(PLAYERS)},
            actor="me",
        )
        made.set("me", likelihood=fitted.to_record())
        yield made


def _ask_all(gallery: Gallery, persons: range, seed: int = 5) -> dict[str, int]:
    """Ask about one picture of each person; return the person of each question."""
    players = Players(gallery.settings.width)
    return {_question(gallery, players.pictures(person, 1, seed)): person for person in persons}


def test_with_probabilities_bands_and_order_are_those_of_the_answer(league) -> None:
    _ask_all(league, range(10, 50))
    items = queue(league)
    assert len(items) == 40
    assert {one.band for one in items} == {"likely", "unsure", "unknown"}
    for one in items:
        named = [candidate.probability for candidate in one.answer.candidates]
        chances = np.array([one.answer.nobody, *named, 1 - sum(named) - one.answer.nobody])
        assert one.information == pytest.approx(entropy(chances.clip(0), base=2), rel=1e-4)
        assert (one.band == "likely") == (max(named) >= 0.9)
        assert (one.band == "unknown") == (one.answer.nobody >= 0.9)
    told = [one.information for one in items]
    assert told == sorted(told, reverse=True)
    assert counts(league) == {
        band: sum(one.band == band for one in items) for band in ("likely", "unsure", "unknown")
    }


def _answer_truly(gallery: Gallery, asked: dict[str, int]) -> None:
    for at, (question, person) in enumerate(asked.items()):
        if person < PLAYERS:
            confirm(gallery, question, f"P{person}", actor="eva")
        elif at % 2:
            mark_unknown(gallery, question, actor="eva")
        else:
            confirm_new(gallery, question, f"New {person}", actor="eva")


def test_stated_probabilities_that_held_give_no_warning(league) -> None:
    asked = _ask_all(league, range(10, 50))
    left = _ask_all(league, range(0, 5), seed=6)
    _answer_truly(league, asked)
    found = reliability(league)
    assert (found.answered, found.waiting, found.warnings) == (40, 5, ())
    share, (low, high) = found.known
    assert share == 0.5
    assert 0.3 < low < 0.5 < high < 0.7
    assert sum(one.answers for one in found.best) == 40
    for off in (found.best_off, found.nobody_off):
        assert off[1][0] <= off[0] <= off[1][1]
        assert off[1][0] <= 0 <= off[1][1]
    for one in (*found.best, *found.nobody):
        assert one.low <= one.stated <= one.high
        assert one.interval[0] <= one.found <= one.interval[1]
    confident = found.best[-1]
    assert confident.low == 0.9
    assert confident.found > 0.85
    merge(league, "P0", "P20", actor="eva")  # one who was confirmed is another name now
    assert reliability(league).best == found.best
    assert left


def test_people_who_say_otherwise_are_believed(league) -> None:
    asked = _ask_all(league, range(0, 30))
    for question in asked:
        mark_unknown(league, question, actor="eva")
    found = reliability(league)
    assert found.known[0] == 0
    assert [word.split(":")[0] for word in found.warnings[:2]] == [
        "The stated probabilities of the likeliest person are off",
        "The stated probabilities of nobody are off",
    ]
    assert found.best_off[0] < -0.3 < 0.3 < found.nobody_off[0]
    assert "but 50% is assumed" in found.warnings[2]


def test_an_answer_counts_when_it_is_undone_and_done_again(league) -> None:
    one, other, third = _ask_all(league, range(0, 3))
    for question, name in ((one, "P0"), (other, "P1"), (third, "P2")):
        confirm(league, question, name, actor="eva")
    before = reliability(league)
    undone = undo(league, actor="eva")
    assert (reliability(league).answered, before.answered) == (2, 3)
    undo(league, undone.seq, actor="eva")
    assert reliability(league) == before


def test_a_rejected_best_person_counts_and_a_forgotten_answer_does_not(league) -> None:
    asked = _ask_all(league, range(0, 2))
    one, other = asked
    reject(league, one, "P0", actor="eva")
    found = reliability(league)
    assert (sum(row.answers for row in found.best), found.best[0].found, found.known) == (
        1,
        0.0,
        None,
    )
    done = confirm(league, other, "P1", actor="eva")
    assert reliability(league).answered == 1
    with league.change("me", "forget") as change:
        change.cursor.run("UPDATE event SET detail = NULL, salt = NULL WHERE seq = ?", done.seq)
        change.done()
    assert reliability(league).answered == 0


# Persons who may be one, and pictures that may be another's.


def _means(gallery: Gallery) -> dict[str, np.ndarray]:
    with gallery.database.read() as cursor:
        rows = cursor.rows("SELECT id, mean FROM person WHERE state = 'active' AND pictures > 0")
    return {key: np.frombuffer(data, np.float32) for key, data in rows}


@pytest.fixture(params=[4096, 7])
def blocks(request, monkeypatch) -> None:
    """Persons in one block, and in many."""
    monkeypatch.setattr(index, "BLOCK", request.param)
    monkeypatch.setattr(doubts, "ROWS", max(3, request.param // 4))


def test_duplicates_are_the_most_alike_of_all_pairs(league, blocks) -> None:
    means = _means(league)
    pairs = ((float(a[1] @ b[1]), {a[0], b[0]}) for a, b in combinations(means.items(), 2))
    every = sorted(pairs, key=lambda one: -one[0])
    found = duplicates(league, 12)
    assert [{one.first.id, one.second.id} for one in found] == [pair for _, pair in every[:12]]
    assert [one.similarity for one in found] == pytest.approx([one[0] for one in every[:12]])
    assert len(duplicates(league, 1000)) == PLAYERS * (PLAYERS - 1) // 2


def test_persons_said_apart_or_restricted_are_no_duplicates(league, blocks) -> None:
    pair = duplicates(league, 1)[0]
    own = league.pictures(pair.first.id)
    made = split(league, pair.first.id, [own[0].id], "Apart", actor="eva")
    with league.change("me", "reject") as change:
        change.set_cannot_link(own[1].id, pair.second.id, True)
        change.done()
    found = [{one.first.id, one.second.id} for one in duplicates(league, 1000)]
    assert {pair.first.id, made.id} not in found
    assert {pair.first.id, pair.second.id} not in found
    assert {made.id, pair.second.id} in found
    restrict(league, pair.second.id, True, actor="eva")
    assert not any(
        pair.second.id in (one.first.id, one.second.id) for one in duplicates(league, 1000)
    )


def test_a_picture_under_a_wrong_name_is_odd_until_people_say_so(league, blocks) -> None:
    players = Players(league.settings.width)
    wrong = _new(players.rows(3, 9, seed=8).mean(axis=0)[None], "wrong")
    enrol_pictures(league, {"P4": wrong, "P3": players.pictures(3, 4, seed=9)}, actor="me")
    found = odd_pictures(league)
    own, other = league.person("P4"), league.person("P3")
    with league.database.read() as cursor:
        (key,) = cursor.one("SELECT id FROM picture WHERE digest = 'wrong-0'")
        (odd,) = (one for one in found if one.picture.id == key)
        (data,) = cursor.one("SELECT data FROM vector WHERE picture = ?", odd.picture.id)
        rest = cursor.rows(
            "SELECT data FROM vector JOIN picture ON picture.id = vector.picture "
            "WHERE person = ? AND picture.id <> ?",
            own.id,
            odd.picture.id,
        )
    assert (odd.person, odd.like) == (own, other)
    row = np.frombuffer(data, np.float32)
    mean = np.mean([np.frombuffer(one[0], np.float32) for one in rest], axis=0)
    assert odd.own == pytest.approx(row @ mean / np.linalg.norm(mean), abs=1e-4)
    assert odd.other == pytest.approx(row @ _means(league)[other.id], abs=1e-5)
    assert odd.other > odd.own
    gaps = [one.other - one.own for one in found]
    assert gaps == sorted(gaps, reverse=True)
    assert odd_pictures(league, 1) == found[:1]
    reject(league, odd.picture.id, own.id, actor="eva")
    (question,) = (one.question for one in queue(league))
    assert queue(league)[0].answer.candidates[0].person == other.id
    confirm(league, question, other.id, actor="eva")
    assert odd.picture.id not in [one.picture.id for one in odd_pictures(league)]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_page_of_the_queue_takes_a_few_statements(gallery, pictures) -> None:
    asked = [_question(gallery, pictures(60 + at, 2)) for at in range(10)]
    reject(gallery, asked[0], "Ann", actor="me")
    counts(gallery)  # all questions are judged once
    with statements(gallery) as ran:
        page = queue(gallery, most=10)
    assert len(ran) <= 20
    assert {one.question for one in page} == set(asked)
    for one in page:
        rows = np.stack([made.vector for made in pictures(60 + asked.index(one.question), 2)])
        without = [gallery.person("Ann").id] if one.question == asked[0] else []
        assert one.answer == answer_vectors(gallery, rows, without=without)
