"""Answers as people read them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sameplayer.gallery.core.records import percent


def test_a_percentage_is_never_surer_than_the_probability() -> None:
    texts = [percent(one) for one in (0, 0.0004, 0.001, 0.29, 0.5, 2 / 3, 0.99996, 1)]
    assert texts == [
        "0.0 %",
        "under 0.1 %",
        "0.1 %",
        "29.0 %",
        "50.0 %",
        "66.6 %",
        "99.9 %",
        "100.0 %",
    ]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9).filter(any))
def test_the_percentages_of_one_answer_sum_to_100_at_most(odds: list[float]) -> None:
    shown = [percent(one / sum(odds)) for one in odds]
    assert sum(float(one.split()[0]) for one in shown if "under" not in one) <= 100 + 1e-6
