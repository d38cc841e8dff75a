"""The integer program that gives names, and what it says where it cannot."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sameplayer.errors import DataError
from sameplayer.identity.naming import assignment as choosing

CHANCES = np.array([[0.9, 0.05], [0.6, 0.3]])
CROWD: Any = ([frozenset({0, 1})], np.array(["Reds", "Reds"], object), 11)
APART = np.array([[False, True], [True, False]])


def chosen(allowed: float, fixed: dict[int, int] | None = None) -> tuple[list[int], bool]:
    found, best = choosing.assign_players(CHANCES, allowed <= CHANCES, APART, CROWD, fixed or {})
    return found.tolist(), best


def test_the_likeliest_names_that_hold_together_are_given() -> None:
    assert chosen(0.2) == ([0, 1], True)
    assert chosen(0.95) == ([-1, -1], True)
    with pytest.raises(DataError, match="cannot hold together"):
        chosen(0.2, {0: 0, 1: 0})


def test_a_program_that_ran_out_of_time_is_not_taken_for_corrections_that_contradict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = SimpleNamespace(x=None, status=1, message="Time limit reached.")
    monkeypatch.setattr(choosing, "milp", lambda *_, **__: late)
    with pytest.raises(DataError, match=r"No names were found in 60 s .*Time limit reached"):
        chosen(0.2)
    late.x = np.array([1.0, 0.0, 0.0])
    assert chosen(0.2) == ([0, -1], False)
