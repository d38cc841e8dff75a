"""Enrolling: nothing is counted in silence, and a table that contradicts itself is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sameplayer.data.crops import Crops
from sameplayer.errors import DataError
from sameplayer.gallery.people.enrolment import enrol, enrol_pictures
from sameplayer.gallery.search.asking import ask_ready

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
def table(tmp_path: Path):
    """A function that makes a crop table from columns; equal numbers are equal pixels."""

    def make(numbers: list[int], scope: str | None = None, **columns: list[object]) -> Crops:
        names = []
        for row, number in enumerate(numbers):
            pixels = np.random.default_rng(number).integers(0, 255, (16, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{row}.png")
            names.append(f"{row}.png")
        return Crops(pd.DataFrame({"image": names, **columns}), tmp_path, scope)

    return make


def test_a_picture_of_two_persons_names_both_rows(gallery, table) -> None:
    crops = table([1, 2, 1], person=["Dora", "Eve", "Eve"])
    with pytest.raises(DataError, match=r"row 0 \(0.png\) and row 2 .*'Dora' and 'Eve'"):
        enrol(gallery, crops, actor="me")
    assert [one.name for one in gallery.persons()] == ["Ann", "Bea", "Cleo"]
    same = enrol(gallery, table([1, 2, 1], person=["Dora", "Eve", "DORA"]), actor="me")
    assert (same.added, same.already_present, same.created) == (2, 1, ("Dora", "Eve"))


def test_two_names_do_not_claim_one_picture(gallery, pictures) -> None:
    with pytest.raises(DataError, match="both 'Dora' and 'Eve'"):
        enrol_pictures(gallery, {"Dora": pictures(7), "Eve": pictures(7, 1)}, actor="me")


def test_who_has_a_picture_already_is_said(gallery, table, pictures) -> None:
    enrol(gallery, table([1], person=["Dora"]), actor="me")
    made = enrol(gallery, table([1, 2], person=["Eve", "Eve"]), actor="me")
    (held,) = made.held
    assert (made.assigned_to_other, made.added) == (1, 1)
    assert (held.wanted, held.row, held.name, held.question) == ("Eve", 0, "Dora", None)
    assert held.person == gallery.person("Dora").id
    question = ask_ready(gallery, pictures(8, 1), actor="me", keep=True).question
    (asked,) = enrol_pictures(gallery, {"Eve": pictures(8, 1)}, actor="me").held
    assert (asked.person, asked.question) == (None, question)


def test_rows_without_a_person_are_left_out_and_counted(gallery, table) -> None:
    made = enrol(gallery, table([1, 2, 3], person=["Dora", None, ""]), actor="me")
    assert (made.added, made.unnamed) == (1, 2)
    with pytest.raises(DataError, match="none of 2 rows names a person"):
        enrol(gallery, table([4, 5], person=[None, None]), actor="me")


def test_people_whom_a_log_could_not_name_are_refused_unless_they_have_a_scope(
    gallery, table
) -> None:
    with pytest.raises(DataError, match=r"row 1 names 'grey unknown 3'.*the scope 'game'"):
        enrol(gallery, table([1, 2], person=["Dora", "grey unknown 3"]), actor="me")
    made = enrol(
        gallery, table([1, 2], "game", person=["grey unknown 3"] * 2, game=["w1", "w2"]), actor="me"
    )
    assert made.created == ("w1/grey unknown 3", "w2/grey unknown 3")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"taken": ["2026-01-01", "31/12/2019"]}, "row 1 .*'31/12/2019' is not an ISO date"),
        ({"taken": ["2026-99-99", None]}, "row 0 .*'2026-99-99' is not an ISO date"),
        ({"camera": ["left", "\x1b]0;owned\x07"]}, "row 1 .*'camera'.*on one line"),
        ({"game": ["a\nPlayer 9", "b"]}, "row 0 .*'game'.*on one line"),
        ({"person": ["Dora", "E\x1bve"]}, "row 1 .*is not a name"),
    ],
)
def test_facts_that_cannot_be_kept_are_refused_before_anything_is(
    gallery, table, columns, words
) -> None:
    with pytest.raises(DataError, match=words):
        enrol(gallery, table([1, 2], **{"person": ["Dora", "Eve"], **columns}), actor="me")
    assert len(gallery.persons()) == 3


def test_dates_are_kept_in_one_form(gallery, table) -> None:
    days = [pd.Timestamp("2026-03-01"), pd.Timestamp("2026-03-02 10:30")]
    enrol(gallery, table([1, 2], person=["Dora"] * 2, taken=days), actor="me")
    kept = gallery.pictures(gallery.person("Dora").id)
    assert [one.taken for one in kept] == ["2026-03-01", "2026-03-02T10:30:00"]
