"""Schedules reproduce the published values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sameplayer.errors import SettingError
from sameplayer.training.schedule import SCHEDULES, learning_rates


@pytest.mark.parametrize("name", ["polynomial", "cosine", "linear", "constant"])
def test_schedule_is_the_published_one(golden: Path, name: str) -> None:
    data = json.loads((golden / "schedule.json").read_text())
    settings = [data[k] for k in ("lr", "lr_end", "epochs", "steps_per_epoch", "warmup_epochs")]
    np.testing.assert_allclose(learning_rates(name, *settings), data["lr_at_step"][name], rtol=1e-9)


def test_unknown_schedule_lists_the_known_ones() -> None:
    with pytest.raises(SettingError, match="polynomial"):
        learning_rates("step", 1, 0, 1, 1, 0)


def test_an_own_schedule_is_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEDULES, "half", lambda done, lr, lr_end: lr if done < 0.5 else lr_end)
    assert learning_rates("half", 1.0, 0.25, 2, 2, 0) == [1.0, 1.0, 0.25, 0.25]
