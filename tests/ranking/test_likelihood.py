"""Who is it, how sure, or nobody: the likelihood ratio, and Bayes' rule over a gallery."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import DataError, RankingError, SettingError
from sameplayer.ranking.open_set.fit import fit_likelihood
from sameplayer.ranking.open_set.gallery_draws import draw_searches, people_of
from sameplayer.ranking.open_set.likelihood import Likelihood, bayes, posterior
from tests.ranking.drawn import unit


def drawn(persons: int, seed: int, pictures: int = 12, noise: float = 0.9) -> Embeddings:
    """Persons of unlike similarity: a picture is its person, its own noise, and a common blur."""
    rng = np.random.default_rng(seed)
    width = 24
    centres = np.repeat(rng.normal(size=(persons, width)), pictures, axis=0)
    blur = rng.uniform(0, 0.8, (len(centres), 1)) * np.ones(width)
    rows = centres + noise * rng.normal(size=centres.shape) + blur
    names = np.repeat([f"{seed}-{number}" for number in range(persons)], pictures)
    images = [f"{number}.png" for number in range(len(rows))]
    crops = Crops(pd.DataFrame({"image": images, "person": names}), Path("drawn"))
    return Embeddings(unit(rows), crops, "an encoder")


@pytest.fixture(scope="module")
def fitted() -> Likelihood:
    return fit_likelihood(drawn(80, 1))


@pytest.mark.parametrize("size", [1, 5, 40])
@pytest.mark.parametrize("known", [0.2, 0.8])
@pytest.mark.parametrize("asked", [1, 5])
def test_stated_probabilities_hold_for_persons_never_seen(
    fitted: Likelihood, size: int, known: float, asked: int
) -> None:
    others = drawn(120, 2)
    people, rng = people_of(others.crops), np.random.default_rng(3)
    gaps = np.zeros(2)
    galleries = 100 if size == 1 else 8
    for _ in range(galleries):
        one = draw_searches(
            others.vectors, people, people.persons, size, rng, enrolled=(1, 6), asked=(asked, asked)
        )
        all_at_once = posterior(fitted, one.similarities, asked, one.person_pictures, known)
        persons, nobody = all_at_once.persons, all_at_once.nobody
        first = posterior(fitted, one.similarities[0], asked, one.person_pictures, known)
        assert first.persons == pytest.approx(persons[0])
        assert type(first.nobody) is float
        mated = one.mate >= 0
        weight = np.where(mated, known / mated.sum(), (1 - known) / (~mated).sum()) / galleries
        right = persons.argmax(axis=1) == one.mate
        gaps += weight @ (persons.max(axis=1) - right), weight @ (nobody - ~mated)
    assert np.abs(gaps).max() < 0.04


def test_without_the_counts_of_pictures_a_ratio_would_be_wrong(fitted: Likelihood) -> None:
    few, many = fitted.log_ratio(np.array(0.6), 1, 1), fitted.log_ratio(np.array(0.6), 8, 8)
    assert few > many + 1  # means of many pictures are alike for less reason


def test_a_question_that_is_like_everybody_proves_less(fitted: Likelihood) -> None:
    alike = np.full(30, 0.3)
    alike[0] = 0.75
    blurred = alike + 0.2
    blurred[0] = 0.75
    clear, dim = (posterior(fitted, row, 1, np.full(30, 3), 0.5) for row in (alike, blurred))
    assert clear.persons[0] > dim.persons[0]


@given(counts=st.tuples(st.integers(1, 50), st.integers(1, 50)), level=st.floats(-3, 3))
def test_a_ratio_never_falls_with_similarity_and_stays_within_its_bounds(
    fitted: Likelihood, counts: tuple[int, int], level: float
) -> None:
    ratio = fitted.log_ratio(np.linspace(-1, 1, 400), *counts, level)
    assert (np.diff(ratio) >= -1e-9).all()
    assert ratio.min() >= fitted.lowest
    assert ratio.max() <= fitted.highest


def test_the_sharpest_ratio_is_as_large_as_so_many_persons_can_show(fitted: Likelihood) -> None:
    assert fitted.highest == pytest.approx(math.log(80 * 79 / 2 + 1))
    assert fitted.lowest == pytest.approx(-math.log(81))
    assert fitted.persons == 80
    assert fitted.same > 1000
    assert fitted.others > 10 * fitted.same


@given(ratios=st.lists(st.floats(-50, 50), min_size=1, max_size=30), known=st.floats(0.001, 0.999))
def test_bayes_rule_is_its_definition(ratios: list[float], known: float) -> None:
    persons, nobody = bayes(np.array(ratios), known)
    plain = [known / len(ratios) * math.exp(ratio) for ratio in ratios]
    total = math.fsum(plain) + 1 - known
    assert persons == pytest.approx([part / total for part in plain], abs=1e-12)
    assert nobody == pytest.approx((1 - known) / total, abs=1e-12)
    assert persons.sum() + nobody == pytest.approx(1)


def test_rows_of_galleries_of_several_sizes_are_filled_up_with_no_person() -> None:
    both = np.array([[1.0, -2.0, -np.inf, -np.inf], [0.5, 0.0, 3.0, -1.0]])
    persons, nobody = bayes(both, 0.4)
    alone = bayes(both[0, :2], 0.4)
    assert persons[0, :2] == pytest.approx(alone[0])
    assert persons[0, 2:].tolist() == [0, 0]
    assert nobody[0] == pytest.approx(alone[1])


def test_by_hand_one_person_enrolled_a_ratio_of_three_and_half_known() -> None:
    persons, nobody = bayes(np.array([math.log(3)]), 0.5)
    assert persons[0] == pytest.approx(0.75)
    assert nobody == pytest.approx(0.25)


def test_an_empty_gallery_knows_nobody(fitted: Likelihood) -> None:
    answer = posterior(fitted, np.zeros(0), 1, np.zeros(0), 0.5)
    assert answer.nobody == 1
    assert len(answer.persons) == 0


def test_a_record_through_json_gives_the_same(fitted: Likelihood) -> None:
    assert Likelihood.from_record(json.loads(json.dumps(fitted.to_record()))) == fitted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [1.0]}, "expected 14 numbers"),
        ({"weights": "abc"}, "expected 14 numbers"),
        ({"level": [1.0, 2.0, float("nan"), 1.0]}, "level holds what is no finite number"),
        ({"highest": float("inf")}, "highest is inf"),
        ({"lowest": 1.0}, "out of range"),
        ({"cohesion": 3}, "out of range"),
        ({"persons": "many"}, "persons is 'many'"),
        ({"same": True}, "same is True"),
        ({"encoder": 3}, "encoder is 3"),
        ({"more": 1}, "expected the keys"),
    ],
    ids=str,
)
def test_a_damaged_record_is_refused(
    fitted: Likelihood, change: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Likelihood.from_record({**fitted.to_record(), **change})


def test_what_is_no_record_is_refused() -> None:
    for record in (None, [], "text", {}):
        with pytest.raises(DataError, match="Calibrate again"):
            Likelihood.from_record(record)


def test_the_seed_decides_and_another_seed_gives_nearly_the_same(fitted: Likelihood) -> None:
    again, other = fit_likelihood(drawn(80, 1)), fit_likelihood(drawn(80, 1), seed=1)
    assert again == fitted
    at = np.linspace(0, 0.9, 10)
    assert np.abs(other.log_ratio(at) - fitted.log_ratio(at)).max() < 1.5
    assert other != fitted


def test_too_few_persons_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"needs at least 10 persons seen in two or more pictures; .* has 9"
    ):
        fit_likelihood(drawn(9, 1))
    single = drawn(40, 1, pictures=1)
    with pytest.raises(DataError, match=r"two or more pictures; .* has 0"):
        fit_likelihood(single)


def test_an_encoder_that_tells_nobody_apart_is_refused() -> None:
    blind = drawn(30, 1)
    rng = np.random.default_rng(0)
    rows = unit(rng.normal(size=blind.vectors.shape))
    with pytest.raises(DataError, match="no more alike"):
        fit_likelihood(replace(blind, vectors=rows))


@pytest.mark.parametrize(
    ("similarities", "asked", "held", "message"),
    [
        ([0.5, math.nan], 1, 1, "NaN"),
        ([0.5, 0.1], 0, 1, "expected 1 or more"),
        ([0.5, 0.1], 1, [1, 0], "expected 1 or more"),
        ([0.5, 0.1], 1, [1, 2, 3], "do not fit"),
        (0.5, 1, 1, "expected those to all"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(
    fitted: Likelihood, similarities: object, asked: int, held: object, message: str
) -> None:
    with pytest.raises(RankingError, match=message):
        posterior(fitted, np.array(similarities), asked, np.array(held), 0.5)


@pytest.mark.parametrize("known", [0, 1, -0.1, math.nan])
def test_a_share_of_known_persons_out_of_range_is_refused(fitted: Likelihood, known: float) -> None:
    with pytest.raises(SettingError, match="prior"):
        posterior(fitted, np.array([0.5]), 1, np.array([1]), known)
