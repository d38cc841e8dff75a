"""Dates are ISO, and kept in the one form that sorts by time."""

from __future__ import annotations

import pytest

from sameplayer.common.dates import iso_day, iso_moment


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-03-01", "2026-03-01"),
        ("2026-03-01T15:30", "2026-03-01T15:30:00"),
        ("2026-03-01 15:30:05.25", "2026-03-01T15:30:05.250000"),
        ("2026-03-01T15:30:05Z", "2026-03-01T15:30:05"),
        ("2026-03-01T23:30:00-05:00", "2026-03-02T04:30:00"),
    ],
)
def test_moments_have_one_form(given: str, kept: str) -> None:
    assert iso_moment(given) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "31.12.2019",
        "31/12/2019",
        "2026-99-99",
        "2026-02-30",
        "20260301",
        "2026-W09-7",
        "soon",
        "2026-03-01T25:00",
        "2026-03-01 ",
        "2026-3-1",
        "٢٠٢٦-٠٣-٠١",
        "0001-01-01T00:00+05:00",
    ],
)
def test_what_is_not_iso_is_no_date(text: str) -> None:
    assert iso_day(text) is None
    assert iso_moment(text) is None


def test_a_day_has_no_time() -> None:
    assert iso_day("2026-03-01") == "2026-03-01"
    assert iso_day("2026-03-01T15:30") is None
