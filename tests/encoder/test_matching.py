"""Are these two the same player? A similarity, and once calibrated a probability that holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.crops import Crops
from sameplayer.encoder.embed import embed
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.encoder.matching import Match, calibrate, same
from sameplayer.errors import DataError, RankingError


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return create_encoder("small", pretrained=False)


def drawn_embeddings(encoder: Encoder, persons: int, seed: int, **facts: object) -> Embeddings:
    """Eight pictures of each person around a place of their own."""
    rng = np.random.default_rng(seed)
    places = np.repeat(rng.normal(size=(persons, 16)), 8, axis=0)
    rows = (places + 0.9 * rng.normal(size=places.shape)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    names = [str(person) for person in np.repeat(np.arange(persons), 8)]
    table = pd.DataFrame({"image": [f"{row}.png" for row in range(len(rows))], "person": names})
    return Embeddings(rows, Crops(table.assign(**facts), Path()), encoder.fingerprint())


def pairs_of(embeddings: Embeddings) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.triu_indices(len(embeddings), 1)
    persons = embeddings.crops.persons()
    rows = embeddings.vectors
    return (rows[first] * rows[second]).sum(axis=1), persons[first] == persons[second]


def test_the_same_picture_is_alike_and_the_similarity_that_of_the_features(
    encoder: Encoder, league: Crops
) -> None:
    a, b = league.path(0), league.path(9)
    rows = encoder.embed([a, b])
    assert same(a, a, encoder) == Match(pytest.approx(1), None)
    assert same(a, league.read(9), encoder).similarity == pytest.approx(float(rows[0] @ rows[1]))


def test_several_pictures_of_a_player_are_their_mean(encoder: Encoder, league: Crops) -> None:
    few = [league.read(row) for row in range(3)]
    rows = encoder.embed(few)
    mean = rows[:2].mean(axis=0)
    expected = float(mean / np.linalg.norm(mean) @ rows[2])
    assert same(few[:2], few[2], encoder).similarity == pytest.approx(expected, abs=1e-6)
    with pytest.raises(DataError, match="one or more"):
        same([], few[0], encoder)


def test_a_probability_is_given_once_calibrated_and_for_single_pictures(
    encoder: Encoder, league: Crops, tmp_path: Path
) -> None:
    calibrated = calibrate(encoder, embed(encoder, league))
    calibrated.save(tmp_path / "encoder")
    a, b = league.read(0), league.read(9)
    match = same(a, b, tmp_path / "encoder")
    assert match.probability is not None
    assert 0 < match.probability < same(a, a, calibrated).probability <= 1
    assert same(a, b, calibrated, prior=0.01).probability < match.probability
    assert same([a, a], b, calibrated).probability is None
    assert same(a, b, encoder).probability is None


def test_calibrating_leaves_fingerprint_and_features_and_is_loaded_again(
    encoder: Encoder, tmp_path: Path
) -> None:
    calibrated = calibrate(encoder, drawn_embeddings(encoder, 40, 1), prior=0.2)
    assert calibrated.fingerprint() == encoder.fingerprint()
    calibrated.save(tmp_path)
    assert load_encoder(tmp_path).spec.calibration == calibrated.spec.calibration
    curve = calibrated.spec.calibration
    assert curve is not None
    assert (curve.prior, curve.same, curve.others) == (0.2, 40 * 28, 40 * 39 // 2 * 64)
    other = calibrate(encoder, drawn_embeddings(encoder, 39, 1)).spec.calibration
    assert other is not None
    assert other.data != curve.data


def test_probabilities_hold_for_persons_that_it_was_not_fitted_to(encoder: Encoder) -> None:
    calibrated = calibrate(encoder, drawn_embeddings(encoder, 60, 2))
    curve = calibrated.spec.calibration
    assert curve is not None
    similarities, match = pairs_of(drawn_embeddings(encoder, 60, 3))
    share = float(match.mean())
    said = np.array([curve.probability(float(s), share) for s in similarities])
    for low, high in ((0.0, 0.02), (0.02, 0.2), (0.2, 0.5), (0.5, 0.8)):
        part = (said >= low) & (said < high)
        assert part.sum() > 100
        assert match[part].mean() == pytest.approx(said[part].mean(), abs=0.1)


def test_only_pairs_of_one_scope_count(encoder: Encoder) -> None:
    games = np.repeat(["a", "b"], 80)
    drawn = drawn_embeddings(encoder, 20, 4, game=games)
    whole = calibrate(encoder, drawn).spec.calibration
    within = replace(drawn, crops=replace(drawn.crops, scope="game"))
    parted = calibrate(encoder, within).spec.calibration
    assert whole is not None
    assert parted is not None
    assert (whole.same, whole.others) == (20 * 28, 190 * 64)
    assert (parted.same, parted.others) == (20 * 28, 2 * 45 * 64)


def test_many_pairs_are_drawn_and_give_the_same_curve(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = drawn_embeddings(encoder, 60, 5)
    every = calibrate(encoder, drawn).spec.calibration
    monkeypatch.setattr("sameplayer.encoder.matching.MOST_PAIRS", 20_000)
    some = calibrate(encoder, drawn).spec.calibration
    assert every is not None
    assert some is not None
    assert some.others < 20_100 < every.others
    assert some.slope == pytest.approx(every.slope, rel=0.1)


def test_embeddings_of_another_encoder_and_unknown_persons_are_refused(encoder: Encoder) -> None:
    drawn = drawn_embeddings(encoder, 20, 6)
    with pytest.raises(RankingError, match="made by encoder 0"):
        calibrate(encoder, replace(drawn, fingerprint="0"))
    hidden = replace(drawn.crops, table=drawn.crops.table.assign(person=pd.NA))
    with pytest.raises(DataError, match="0 pairs of one person"):
        calibrate(encoder, replace(drawn, crops=hidden))
