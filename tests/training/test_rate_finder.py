"""The rate finder stops where the loss turns and writes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sameplayer.data.crops import Crops
from sameplayer.errors import TrainingError
from sameplayer.training.run.rate_finder import find_rate
from tests.training.small_runs import QUICK


def test_it_stops_where_the_loss_turns(league: Crops, tmp_path: Path) -> None:
    tested = find_rate(league, QUICK, low=1e-5, high=10, steps=60)
    assert (np.diff(tested.rates) > 0).all()
    assert len(tested.rates) == len(tested.losses) < 60
    assert 1e-5 < tested.suggestion < tested.rates[-1] / 2
    tested.draw(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")


def test_it_goes_on_over_epochs_and_writes_nothing(
    league: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done: list[tuple[int, int]] = []
    config = replace(QUICK, tensorboard=True, pairs=16)
    tested = find_rate(
        league, config, low=1e-6, high=2e-6, steps=14, progress=lambda *at: done.append(at)
    )
    assert done == [(number, 14) for number in range(1, 15)]
    np.testing.assert_allclose(tested.rates, np.geomspace(1e-6, 2e-6, 14))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("change", [{"low": 1.0, "high": 0.1}, {"steps": 3}])
def test_a_range_without_sense_is_refused(league: Crops, change: dict) -> None:
    with pytest.raises(TrainingError, match="low < high and 10 or more"):
        find_rate(league, QUICK, **change)
