"""The state on disk: what is read is what was written, or an error."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sameplayer.errors import TrainingError
from sameplayer.training.run.run_folder import load_state, save_state

STATE = {
    "model": {"weight": torch.arange(6.0).reshape(2, 3), "empty": torch.zeros(0)},
    "optimiser": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-3}]},
    "half": torch.ones(3, dtype=torch.bfloat16),
    "done": 7,
    "average": None,
    "rows": "[]",
}


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None
    save_state(tmp_path, STATE)
    state = load_state(tmp_path)
    assert state is not None
    assert list(state) == list(STATE)
    torch.testing.assert_close(state["model"], STATE["model"], rtol=0, atol=0)
    assert state["optimiser"]["param_groups"] == [{"lr": 1e-3}]
    assert state["done"] == 7
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


@pytest.mark.parametrize(
    "change",
    [
        {"done": 8},
        {"done": True},
        {"done": 7.0},
        {"rows": "[ ]"},
        {"average": "None"},
        {"half": torch.ones(3)},
        {"model": {"weight": torch.arange(6.0).reshape(3, 2), "empty": torch.zeros(0)}},
        {"model": {"empty": torch.zeros(0), "weight": torch.arange(6.0).reshape(2, 3)}},
    ],
    ids=str,
)
def test_any_other_content_is_damage(change: dict[str, object], tmp_path: Path) -> None:
    save_state(tmp_path, STATE)
    record = torch.load(tmp_path / "state.pt", weights_only=True)
    torch.save({**record, "state": {**record["state"], **change}}, tmp_path / "state.pt")
    with pytest.raises(TrainingError, match=r"damaged.*not what was written"):
        load_state(tmp_path)


@pytest.mark.parametrize("record", [[], {}, {"format": 4}, {"format": torch.ones(2)}], ids=str)
def test_another_version_says_so(record: object, tmp_path: Path) -> None:
    torch.save(record, tmp_path / "state.pt")
    with pytest.raises(TrainingError, match="written by another version"):
        load_state(tmp_path)
