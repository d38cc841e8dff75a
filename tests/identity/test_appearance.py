"""The curve from likeness to odds is learnt from a match that nobody labelled."""

from __future__ import annotations

import numpy as np

from sameplayer.common.vectors import unit_means
from sameplayer.identity.evidence.appearance import DEFAULT, LIMIT, fit_appearance


def _match(noise: float, persons: int = 30, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Rows of nine pictures a person, a second apart, about a centre of his own."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(persons, 32))
    of = np.repeat(np.arange(persons), 9)
    rows = centres[of] + rng.normal(0, noise, (len(of), 32))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    time = np.tile(np.arange(9.0), persons)
    pairs = np.argwhere(np.triu(np.ones((persons, persons), bool), 1))
    return rows.astype(np.float16), np.ones(len(of)), of, time, pairs


def test_the_curve_says_one_person_for_likeness_that_one_person_has() -> None:
    rows, clear, of, time, pairs = _match(0.5)
    curve = fit_appearance(rows, clear, of, time, pairs)
    assert curve.source == "this match"
    assert (curve.same, curve.others) == (3 * 30, 3 * 435)
    means = unit_means(rows, of, 30, clear)
    others = curve((means @ means.T)[~np.eye(30, dtype=bool)], 9, 9)
    assert (others < 0).mean() > 0.99
    assert curve(np.array([0.98]), 9, 9)[0] > 2
    assert np.abs(curve(np.array([-1.0, 1.0]), 1, 9)).max() <= LIMIT


def test_noisier_looks_say_less() -> None:
    said = []
    for noise in (0.4, 3.0):
        rows, clear, of, time, pairs = _match(noise)
        curve = fit_appearance(rows, clear, of, time, pairs)
        early, late = (
            unit_means(rows[part], of[part], 30, clear[part]) for part in (time < 3, time > 5)
        )
        said.append(float(np.median(curve((early * late).sum(axis=1), 3, 3))))
    assert said[1] < said[0] - 1


def test_looks_that_tell_nobody_apart_say_nothing() -> None:
    rng = np.random.default_rng(1)
    rows, clear, of, time, pairs = _match(1.0)
    blind = rng.normal(size=rows.shape)
    blind /= np.linalg.norm(blind, axis=1, keepdims=True)
    curve = fit_appearance(blind, clear, of, time, pairs)
    assert np.abs(curve(np.linspace(-0.5, 0.5, 9), 4, 4)).max() < 3.5


def test_too_few_pairs_take_the_curve_of_other_matches() -> None:
    assert fit_appearance(*_match(0.5, persons=4)) == DEFAULT
    empty = np.zeros((0, 32), np.float16)
    none = np.zeros(0, int)
    assert fit_appearance(empty, none, none, none, np.zeros((0, 2), int)) == DEFAULT


def test_clear_pictures_weigh_more() -> None:
    rows = np.eye(2, dtype=np.float16)
    mean = unit_means(rows, np.array([0, 0]), 2, np.array([3.0, 1.0]))
    assert np.allclose(mean[0], np.array([3, 1]) / np.sqrt(10), atol=1e-3)
    assert not mean[1].any()


def test_single_pictures_need_less_likeness_than_many() -> None:
    curve = fit_appearance(*_match(1.0))
    likeness = np.linspace(-1, 1, 401)
    even = [likeness[np.abs(curve(likeness, n, n)).argmin()] for n in (1, 4)]
    assert even[0] < even[1] - 0.1
