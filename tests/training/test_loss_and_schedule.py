"""Loss and schedules reproduce the published values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sameplayer.errors import ConfigError
from sameplayer.training.info_nce import info_nce
from sameplayer.training.schedule import learning_rates


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_info_nce_and_its_gradients_are_the_published_ones(golden: Path, smoothing: float) -> None:
    data = np.load(golden / "infonce.npz")
    inputs = [torch.tensor(data[name]) for name in ("query", "gallery", "log_scale")]
    for one in inputs:
        one.requires_grad_()
    loss = info_nce(inputs[0], inputs[1], inputs[2], smoothing)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(float(data[f"loss_{smoothing}"]), abs=1e-5)
    for one, name in zip(inputs, ("query", "gallery", "log_scale"), strict=True):
        assert one.grad is not None
        np.testing.assert_allclose(one.grad.numpy(), data[f"grad_{name}_{smoothing}"], atol=1e-5)


@pytest.mark.parametrize("name", ["polynomial", "cosine", "linear", "constant"])
def test_schedule_is_the_published_one(golden: Path, name: str) -> None:
    data = json.loads((golden / "schedule.json").read_text())
    settings = [data[k] for k in ("lr", "lr_end", "epochs", "steps_per_epoch", "warmup_epochs")]
    np.testing.assert_allclose(learning_rates(name, *settings), data["lr_at_step"][name], rtol=1e-9)


def test_unknown_schedule_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="polynomial"):
        learning_rates("step", 1, 0, 1, 1, 0)
