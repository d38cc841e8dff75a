"""answers.csv: kept, whole, by several people."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from sameplayer.errors import DataError, MissingFile
from sameplayer.pilot.labels import append_answers, read_answers


def test_answers_come_back_in_their_order(tmp_path: Path) -> None:
    append_answers(tmp_path, [("a", "yes")])
    append_answers(tmp_path, [("b", "no"), ("a", "unsure")])
    found = read_answers(tmp_path / "answers.csv", "ab")
    assert found == [("a", "yes"), ("b", "no"), ("a", "unsure")]


def test_a_stop_within_a_line_loses_that_line_alone(tmp_path: Path) -> None:
    append_answers(tmp_path, [("a", "yes"), ("b", "no")])
    path = tmp_path / "answers.csv"
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        before = read_answers(path, "ab")
        assert before == [("a", "yes"), ("b", "no")][: len(before)]
        append_answers(tmp_path, [("b", "yes")])
        assert read_answers(path, "ab") == [*before, ("b", "yes")]


def _answer_often(folder: Path, pair: str) -> None:
    for _ in range(50):
        append_answers(folder, [(pair, "yes"), (pair, "no")])


def test_people_who_answer_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_answer_often, args=(tmp_path, pair)) for pair in "abc"]
    for other in others:
        other.start()
    for other in others:
        other.join()
    found = read_answers(tmp_path / "answers.csv", "abc")
    assert len(found) == 300
    for pair in "abc":
        assert [said for one, said in found if one == pair] == ["yes", "no"] * 50


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pair,answer\nx,yes\n", r"line 2 names the pair 'x'.*another pilot"),
        ("pair,answer\na,yes\n\na,maybe\n", r"line 4: unknown answer 'maybe'; expected yes, no"),
        ("pair,answer\na\n", "line 2 has 1 cells"),
        ("a,yes\n", "the header is 'a,yes'; expected 'pair,answer'"),
        ("pair,answer\na,y\xe9s\n", "line 2: unknown answer"),
    ],
)
def test_a_strange_file_is_refused_and_the_line_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "given.csv").write_text(text)
    with pytest.raises(DataError, match=says):
        read_answers(tmp_path / "given.csv", "a")


def test_a_missing_file_and_one_that_is_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="pair,answer"):
        read_answers(tmp_path / "given.csv", "a")
    (tmp_path / "given.csv").write_bytes(b"pair,answer\n\xff\xfe\n")
    with pytest.raises(DataError, match="UTF-8"):
        read_answers(tmp_path / "given.csv", "a")


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "answers.csv").mkdir()
    with pytest.raises(DataError, match="it was not saved"):
        append_answers(tmp_path, [("a", "yes")])
