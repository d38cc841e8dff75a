"""Scores, the submission file and the report."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from sameplayer.data.crops import Crops
from sameplayer.encoder.embed import embed
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.encoder import create_encoder
from sameplayer.errors import DataError, RankingError
from sameplayer.evaluation.report import write_report
from sameplayer.evaluation.scores import average_precision, cmc, evaluate, mean_average_precision
from sameplayer.evaluation.submission import read_submission, write_submission
from sameplayer.ranking.ranking import rank
from sameplayer.ranking.rerank import rerank


def test_scores_are_the_published_ones(golden: Path) -> None:
    data = np.load(golden / "metrics.npz")
    ids = (data["dist"], data["query_ids"], data["gallery_ids"])
    cameras = (data["query_cams"], data["gallery_cams"])
    assert mean_average_precision(*ids, *cameras) == pytest.approx(float(data["map"]), abs=1e-6)
    synergy = mean_average_precision(*ids, cameras[0] * 0, cameras[1] * 0 + 1)
    assert synergy == pytest.approx(float(data["map_syn"]), abs=1e-6)
    for protocol in ("allshots", "market1501"):
        found = cmc(*ids, *cameras, protocol)
        np.testing.assert_allclose(found[4:], data[protocol][4:], atol=0.02)
    found = cmc(*ids, *cameras, "cuhk03", draws=500)
    np.testing.assert_allclose(found[4:], data["cuhk03_mean_of_500_draws"][4:], atol=0.02)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_average_precision_shares_ties_as_scikit_learn_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    distance = rng.integers(0, 6, (1, 20)).astype(float)
    ids = rng.integers(0, 3, 20)
    found = average_precision(distance, np.array([1]), ids, np.zeros(1), np.ones(20))
    if (ids == 1).any():
        expected = average_precision_score(ids == 1, -distance[0])
        assert found[0] == pytest.approx(expected)
        assert 0 <= found[0] <= 1
    else:
        assert np.isnan(found[0])


def perfect(names: list[str], spare: list[dict[str, object]], **settings: object) -> Embeddings:
    """A query and a gallery picture of each person, alike, and spare gallery rows."""
    rows: list[dict[str, object]] = [
        {"image": f"{role}{i}.png", "person": name, "role": role}
        for role in ("query", "gallery")
        for i, name in enumerate(names)
    ]
    rows += [{"image": f"spare{i}.png", "role": "gallery", **row} for i, row in enumerate(spare)]
    features = np.eye(len(names) + len(spare), dtype=np.float32)
    vectors = np.concatenate([features[: len(names)], features])
    return Embeddings(vectors, Crops(pd.DataFrame(rows), Path(), **settings), "none")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "names",
    [
        [str(i) for i in range(20)],
        [str(i) for i in range(10, 30)],
        [f"player_{i}" for i in range(20)],
        ["1/2", "1/3", "a/b/c", "nan", "None"],
    ],
)
@pytest.mark.parametrize("role", ["gallery", "distractor"])
def test_pictures_of_nobody_leave_perfect_scores_perfect(names: list[str], role: str) -> None:
    nobody = [{"person": None, "role": role}, {"person": None, "role": role}]
    scores = evaluate(rank(perfect(names, nobody)))
    assert (scores.mAP, scores.skipped, scores.queries) == (1.0, 0, len(names))


def test_a_distractor_with_a_name_matches_nobody() -> None:
    named = perfect(["a", "b"], [{"person": "a", "role": "distractor"}])
    assert evaluate(rank(named)).mAP == 1.0
    alone = named.where(named.crops.table["role"].ne("gallery").to_numpy())
    with pytest.raises(RankingError, match="nothing to score"):
        evaluate(rank(alone))


def test_a_person_of_another_scope_is_another_person() -> None:
    rows = [
        ("query", "1", "a"),
        ("gallery", "1", "b"),
        ("gallery", "2", "a"),
        ("gallery", "1", "a"),
    ]
    table = pd.DataFrame(
        [{"image": f"{i}.png", "role": role, "person": person, "sequence": sequence}
         for i, (role, person, sequence) in enumerate(rows)]
    )  # fmt: skip
    vectors = np.array([[1, 0], [1, 0], [0.8, 0.6], [0.6, 0.8]], np.float32)
    assert evaluate(rank(Embeddings(vectors, Crops(table, Path(), "sequence"), "none"))).mAP == 0.5
    assert evaluate(rank(Embeddings(vectors, Crops(table, Path()), "none"))).mAP > 0.5


@pytest.mark.parametrize("scope", ["sequence", "game"])
def test_a_scope_whose_column_is_missing_or_has_gaps_is_refused(scope: str) -> None:
    with pytest.raises(DataError, match=f"column '{scope}' is empty in 4 of 4 rows"):
        perfect(["a", "b"], [], scope=scope)
    table = perfect(["a", "b"], []).crops.table.assign(**{scope: ["1", None, "1", "1"]})
    with pytest.raises(DataError, match=r"in 1 of 4 rows, such as row 1, query1\.png"):
        Crops(table, Path(), scope)


def test_nothing_to_score_is_an_error() -> None:
    one = np.zeros(1)
    with pytest.raises(RankingError, match="nothing to score"):
        mean_average_precision(np.ones((1, 1)), np.array([1]), np.array([2]), one, one)


def test_submission_is_the_published_file(golden: Path, tmp_path: Path) -> None:
    data = np.load(golden / "submission.npz")
    path = tmp_path / "s.csv"
    write_submission(path, data["dist"], data["query_ids"], data["gallery_ids"])
    published = (golden / "submission.csv").read_text().splitlines()
    written = path.read_text().splitlines()
    assert written[0] == published[0]
    assert [line.split(",")[0] for line in written] == [line.split(",")[0] for line in published]
    for one, other in zip(read_submission(path), read_submission(golden / "submission.csv"),
                          strict=True):  # fmt: skip
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("text", "where"),
    [("0,1,2\n5,0.1\n", "line 2"), ("0,1\n5,x\n", "column 2"), ("1,2\n3,4\n", "header")],
)
def test_damaged_submission_is_refused_with_the_place(
    tmp_path: Path, text: str, where: str
) -> None:
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(DataError, match=where):
        read_submission(tmp_path / "s.csv")


def test_a_query_is_ranked_within_its_scope_only(volleyball: Path) -> None:
    from sameplayer.data.sources import read_source

    crops = read_source(volleyball / "data_reid", scope="sequence").of_split("test")
    ranking = rank(embed(create_encoder("small", pretrained=False), crops))
    assert (np.isfinite(ranking.distance).sum(axis=1) == 108).all()
    scores = evaluate(ranking)
    assert scores.skipped == 0
    assert scores.queries == 24


def test_foreign_gallery_is_refused(league: Crops) -> None:
    test = league.of_split("test")
    one, other = (embed(create_encoder("small", pretrained=False, seed=s), test) for s in (1, 2))
    with pytest.raises(RankingError, match="encoder"):
        rank(one, other)


def test_report_stands_alone_and_marks_right_and_wrong(league: Crops, tmp_path: Path) -> None:
    ranking = rank(embed(create_encoder("small", pretrained=False), league.of_split("test")))
    scores = evaluate(ranking)
    write_report(tmp_path / "r.html", ranking, scores, {"data": "<league>"})
    page = (tmp_path / "r.html").read_text()
    assert "✓" in page
    assert "✗" in page
    assert "&lt;league&gt;" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert f"{100 * scores.mAP:.2f} %" in page
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_scores_are_those_of_one_query_after_the_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, n = rng.integers(2, 8), rng.integers(5, 60)
    distance = rng.integers(0, rng.choice([5, 10_000]), (m, n)).astype(np.float32)
    ids = rng.integers(0, 3, m), rng.integers(0, 4, n)
    cameras = rng.integers(0, 2, m), rng.integers(0, 3, n)
    apart = cameras[0][:, None] != cameras[1]
    if not ((ids[0][:, None] == ids[1]) & apart).any():
        return
    everything = distance, *ids, *cameras
    expected = plain.mean_average_precision(*everything)
    assert mean_average_precision(*everything) == pytest.approx(expected)
    for protocol in ("allshots", "market1501"):
        found = cmc(*everything, protocol, top=n)
        np.testing.assert_allclose(found, plain.cmc(*everything, protocol, top=n), atol=1e-9)
        assert (np.diff(found) >= -1e-12).all()
        assert 0 <= found[0] <= found[-1] <= 1 + 1e-12


@given(st.integers(0, 5), st.integers(0, 3), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_features_that_are_not_finite_are_named_by_row(row: int, column: int, bad: float) -> None:
    rows = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    broken = rows.copy()
    broken[row, column] = bad
    for method in ("none", "k-reciprocal", "hard"):
        with pytest.raises(RankingError, match=rf"gallery.*rows \[{row}\]"):
            rerank(rows, broken, method)


@pytest.mark.parametrize("method", ["none", "k-reciprocal", "hard"])
def test_empty_or_misshaped_features_are_refused(method: str) -> None:
    rows = np.eye(4, dtype=np.float32)
    with pytest.raises(RankingError, match="query features have shape"):
        rerank(rows[:0], rows, method)
    with pytest.raises(RankingError, match="gallery features have shape"):
        rerank(rows, rows[0], method)
    with pytest.raises(RankingError, match="columns"):
        rerank(rows, rows[:, :3], method)


def test_ids_of_another_length_than_the_matrix_are_refused() -> None:
    with pytest.raises(RankingError, match="do not fit 3 query ids"):
        cmc(np.ones((2, 4)), np.ones(3), np.ones(4), np.ones(3), np.ones(4), "allshots")
    with pytest.raises(RankingError, match="one camera an id"):
        cmc(np.ones((2, 4)), np.ones(2), np.ones(4), np.ones(2), np.ones(3), "allshots")
    with pytest.raises(RankingError, match="expected one of allshots"):
        cmc(np.ones((1, 1)), np.ones(1), np.ones(1), np.zeros(1), np.ones(1), "market")
