"""The challenge's file: the published one, to the byte; damaged ones refused with the place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sameplayer.errors import DataError, MissingFile, RankingError, SameplayerError
from sameplayer.evaluation import read_submission, write_submission
from sameplayer.evaluation.submission import fuse_submissions, write_distances
from sameplayer.ranking import rank
from tests.ranking.drawn import persons

IDS = np.array([1, 2]), np.array([7, 8, 9])


def test_submission_is_the_published_file(golden: Path, tmp_path: Path) -> None:
    data = np.load(golden / "submission.npz")
    path = tmp_path / "s.csv"
    write_submission(path, data["dist"], data["query_ids"], data["gallery_ids"])
    published = (golden / "submission.csv").read_text().splitlines()
    written = path.read_text().splitlines()
    assert written[0] == published[0]
    assert [line.split(",")[0] for line in written] == [line.split(",")[0] for line in published]
    both = read_submission(path), read_submission(golden / "submission.csv")
    for ours, theirs in zip(*both, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("0,1,2\n5,0.1\n", "line 2: 2 cells; expected 3"),
        ("0,1\n\n5,x\n", "line 3, column 2: expected a number, found 'x'"),
        ("1,2\n3,4\n", "header"),
        ("0\n5\n", "names no gallery picture"),
        ("0,1\n5,nan\n", "line 2, column 2: expected a distance, found 'nan'"),
        ("0,1\n5,inf\n", "line 2, column 2: expected a distance"),
        ("0,1\n5.5,0.1\n", r"line 2, column 1: expected a whole number, found '5\.5'"),
        ("0,nan\n5,0.1\n", "line 1, column 2: expected a whole number"),
        ("0,1e300\n5,0.1\n", "line 1, column 2: expected a whole number"),
        ("", "header"),
    ],
)
def test_damaged_submission_is_refused_with_the_place(
    tmp_path: Path, text: str, where: str
) -> None:
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(DataError, match=where):
        read_submission(tmp_path / "s.csv")


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no such file"):
        read_submission(tmp_path / "s.csv")
    (tmp_path / "s.csv").write_bytes(b"0,1\n\xff\xfe,1\n")
    with pytest.raises(DataError, match="cannot be read"):
        read_submission(tmp_path / "s.csv")


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_file_reads_or_raises_our_own_errors(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "mutated.csv"
    write_submission(path, np.arange(6).reshape(2, 3) / 7, *IDS)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(
            st.one_of(st.sampled_from(b"0123456789,.-e\nnaif_"), st.integers(0, 255))
        )
    path.write_bytes(content)
    try:
        distance, query, gallery = read_submission(path)
    except SameplayerError:
        return
    assert distance.shape == (len(query), len(gallery))
    assert np.isfinite(distance).all()


def test_ids_with_decimals_are_read_as_the_numbers_that_they_are(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("0.00000,7.00000,8.00000\n12.00000,0.5,0.25\n")
    distance, query, gallery = read_submission(tmp_path / "s.csv")
    assert (distance.tolist(), query.tolist(), gallery.tolist()) == ([[0.5, 0.25]], [12], [7, 8])


def test_what_does_not_fit_is_not_written(tmp_path: Path) -> None:
    rows = np.ones((2, 3))
    with pytest.raises(RankingError, match="expected integers"):
        write_submission(tmp_path / "s.csv", rows, np.array(["x", "y"]), IDS[1])
    with pytest.raises(RankingError, match="do not fit"):
        write_submission(tmp_path / "s.csv", rows.T, *IDS)
    with pytest.raises(RankingError, match="row 1, column 2 is not finite"):
        write_submission(tmp_path / "s.csv", np.array([[1, 1, 1], [1, 1, np.inf]]), *IDS)
    assert list(tmp_path.iterdir()) == []


def test_submission_files_are_fused_by_equal_ids_only(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).random((2, 3))
    write_submission(tmp_path / "a.csv", rows, *IDS)
    write_submission(tmp_path / "b.csv", rows + 1, *IDS)
    write_submission(tmp_path / "c.csv", rows, IDS[0], np.array([7, 9, 8]))
    fused, queries, gallery = fuse_submissions([tmp_path / "a.csv", tmp_path / "b.csv"])
    np.testing.assert_allclose(fused, rows + 0.5, atol=2e-5)
    assert (queries.tolist(), gallery.tolist()) == ([1, 2], [7, 8, 9])
    with pytest.raises(DataError, match=r"c\.csv: its gallery ids"):
        fuse_submissions([tmp_path / "a.csv", tmp_path / "c.csv"])
    with pytest.raises(DataError, match="expected two or more"):
        fuse_submissions([tmp_path / "a.csv"])


def test_rankings_without_ids_are_written_by_row(tmp_path: Path) -> None:
    write_distances(tmp_path / "rows.csv", rank(persons()))
    assert read_submission(tmp_path / "rows.csv")[1].tolist() == list(range(12))
