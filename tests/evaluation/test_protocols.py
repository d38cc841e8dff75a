"""Protocols: the published curves, the plain ones query by query, own ones."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from sameplayer.errors import RankingError, SettingError
from sameplayer.evaluation import PROTOCOLS, cmc, evaluate, mean_average_precision
from sameplayer.evaluation.protocols import MatchRanks
from sameplayer.evaluation.scores import average_precision
from sameplayer.ranking import rank
from tests.ranking.drawn import persons


@pytest.fixture(scope="module")
def published(golden: Path) -> dict[str, np.ndarray]:
    return dict(np.load(golden / "metrics.npz"))


def arguments(data: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [
        data[name] for name in ("dist", "query_ids", "gallery_ids", "query_cams", "gallery_cams")
    ]


def test_map_is_the_published_one(published: dict[str, np.ndarray]) -> None:
    distance, *ids, query, gallery = arguments(published)
    everything = mean_average_precision(distance, *ids, query, gallery)  # type: ignore[call-arg]
    assert everything == pytest.approx(float(published["map"]), abs=1e-6)
    synergy = mean_average_precision(distance, *ids, query * 0, gallery * 0 + 1)  # type: ignore[call-arg]
    assert synergy == pytest.approx(float(published["map_syn"]), abs=1e-6)


@pytest.mark.parametrize("protocol", ["allshots", "market1501"])
def test_curves_are_the_published_ones_from_rank_1_on(
    published: dict[str, np.ndarray], protocol: str
) -> None:
    curve = cmc(*arguments(published), protocol)
    assert curve[0] == pytest.approx(published[protocol][0], abs=0.005)  # equal distances in it
    np.testing.assert_allclose(curve[4:], published[protocol][4:], atol=0.02)


def test_single_shot_is_the_published_one_in_the_mean(published: dict[str, np.ndarray]) -> None:
    curve = cmc(*arguments(published), "cuhk03", draws=500)
    expected = published["cuhk03_mean_of_500_draws"]
    assert curve[0] == pytest.approx(expected[0], abs=0.005)
    np.testing.assert_allclose(curve[4:], expected[4:], atol=0.02)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000))
def test_average_precision_shares_ties_as_scikit_learn_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    distance = rng.integers(0, 6, (1, 20)).astype(float)
    ids = rng.integers(0, 3, 20)
    values = average_precision(distance, np.array([1]), ids, np.zeros(1), np.ones(20))
    if (ids == 1).any():
        expected = average_precision_score(ids == 1, -distance[0])
        assert values[0] == pytest.approx(expected)
        assert 0 <= values[0] <= 1
    else:
        assert np.isnan(values[0])


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
        curve = cmc(*everything, protocol, top=n)
        np.testing.assert_allclose(curve, plain.cmc(*everything, protocol, top=n), atol=1e-9)
        assert (np.diff(curve) >= -1e-12).all()
        assert 0 <= curve[0] <= curve[-1] <= 1 + 1e-12


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_single_shot_of_one_picture_a_person_is_the_plain_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, n = rng.integers(2, 8), rng.integers(2, 30)
    distance = rng.integers(0, rng.choice([5, 10_000]), (m, n)).astype(np.float32)
    ids = rng.integers(0, n, m), rng.permutation(n)
    cameras = rng.integers(0, 2, m), rng.integers(0, 2, n)
    everything = distance, *ids, *cameras
    if not ((ids[0][:, None] == ids[1]) & (cameras[0][:, None] != cameras[1])).any():
        return
    expected = plain.cmc(*everything, "cuhk03", top=n)
    np.testing.assert_allclose(cmc(*everything, "cuhk03", top=n), expected, atol=1e-9)


def test_single_shot_draws_every_picture_of_a_person_alike() -> None:
    rng = np.random.default_rng(3)
    distance = rng.permutation(36).reshape(3, 12).astype(float)
    ids, gallery = np.arange(3), np.repeat(np.arange(4), 3)
    curve = cmc(distance, ids, gallery, np.zeros(3), np.ones(12), "cuhk03", top=4, draws=4000)
    hits = np.zeros(4)
    for drawn in product(range(3), repeat=4):
        shown = distance[:, np.arange(4) * 3 + drawn]
        ranks = (shown < shown[ids, ids][:, None]).sum(axis=1)
        hits += np.bincount(ranks, minlength=4)
    np.testing.assert_allclose(curve, np.cumsum(hits) / hits.sum(), atol=0.02)


def test_a_query_whose_camera_saw_the_whole_gallery_is_left_out_of_single_shot() -> None:
    distance, ids = np.array([[1.0, 2], [1, 2]]), (np.array([0, 1]), np.array([0, 1]))
    curve = cmc(distance, *ids, np.array([5, 6]), np.array([5, 5]), "cuhk03", top=2)
    assert curve.tolist() == [0, 1]


def test_an_own_protocol_is_a_function_or_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    def last(ranks: MatchRanks, top: int, draws: int, seed: int) -> np.ndarray:
        hardest = np.zeros(ranks.queries, int)
        np.maximum.at(hardest, ranks.row, ranks.before)
        return np.cumsum(np.bincount(hardest[hardest < top], minlength=top)) / ranks.queries

    everything = np.array([[1.0, 2, 3]]), np.zeros(1), np.array([0, 1, 0]), np.zeros(1), np.ones(3)
    assert cmc(*everything, last, top=4).tolist() == [0, 0, 1, 1]
    monkeypatch.setitem(PROTOCOLS, "last", last)
    assert cmc(*everything, "last", top=4).tolist() == [0, 0, 1, 1]
    scores = evaluate(rank(persons()))
    assert list(scores.json()["cmc"]) == ["allshots", "market1501", "cuhk03", "last"]


def test_ids_of_another_length_than_the_matrix_are_refused() -> None:
    with pytest.raises(RankingError, match="do not fit 3 query ids"):
        cmc(np.ones((2, 4)), np.ones(3), np.ones(4), np.ones(3), np.ones(4), "allshots")
    with pytest.raises(RankingError, match="one camera an id"):
        cmc(np.ones((2, 4)), np.ones(2), np.ones(4), np.ones(2), np.ones(3), "allshots")
    with pytest.raises(RankingError, match="one dimension"):
        cmc(np.ones((2, 4)), np.ones((2, 1)), np.ones(4), np.ones(2), np.ones(4), "allshots")


@pytest.mark.parametrize("kind", [object, complex, "U3", bool])
def test_distances_that_are_no_numbers_are_refused(kind: type) -> None:
    ones = np.ones(2)
    with pytest.raises(RankingError, match="expected numbers"):
        mean_average_precision(np.ones((2, 2)).astype(kind), ones, ones, ones, ones)


def test_unknown_protocols_and_settings_out_of_range_are_named() -> None:
    one = np.ones((1, 1)), np.ones(1), np.ones(1), np.zeros(1), np.ones(1)
    with pytest.raises(SettingError, match="protocol is 'market'; expected one of allshots"):
        cmc(*one, "market")
    with pytest.raises(SettingError, match="top is 0"):
        cmc(*one, "allshots", top=0)
    with pytest.raises(SettingError, match="draws is 0"):
        cmc(*one, "cuhk03", draws=0)


def test_similarities_by_mistake_are_refused() -> None:
    ranking = rank(persons(noise=0.2))
    distance, cameras = 1 - ranking.distance, (np.zeros(12), np.ones(48))
    with pytest.raises(RankingError, match="seem to be similarities"):
        MatchRanks(distance, np.arange(12), np.repeat(np.arange(12), 4), *cameras)
