"""One step: the average, the summed gradient, precision, compiling, memory."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sameplayer.data.batches.augment import find_augment
from sameplayer.data.batches.loading import PairBatch
from sameplayer.encoder.load import create_encoder
from sameplayer.errors import TrainingError
from sameplayer.training.config import TrainConfig
from sameplayer.training.losses.info_nce import Outcome
from sameplayer.training.processes import Process
from sameplayer.training.run import step as step_module
from sameplayer.training.run.step import Learner

CONFIG = TrainConfig("small", height=64, width=32, pairs=6, label_smoothing=0.0).resolved()
PERSONS = torch.arange(6)


def learner(**change: Any) -> Learner:
    encoder = create_encoder("small", pretrained=False, height=64, width=32, seed=1)
    config = replace(CONFIG, **change)
    return Learner(
        encoder, config.loss, find_augment("none"), 6, config, Process(torch.device("cpu"))
    )


def images(seed: int) -> Tensor:
    return torch.randn((12, 3, 64, 32), generator=torch.Generator().manual_seed(seed))


def parameters(learner: Learner) -> list[Tensor]:
    return [weight.detach().clone() for weight in learner.encoder.model.parameters()]


def test_the_average_is_the_decayed_sum_of_the_weights_after_each_step() -> None:
    learning = learner(ema=0.7)
    average = parameters(learning)
    for seed in range(3):
        learning.learn(images(seed), PERSONS, 1e-2)
        now = parameters(learning)
        average = [0.7 * old + 0.3 * new for old, new in zip(average, now, strict=True)]
    found = list(learning.learned().model.parameters())
    for weight, expected, raw in zip(found, average, now, strict=True):
        torch.testing.assert_close(weight.detach(), expected, atol=1e-6, rtol=1e-5)
        assert weight.data_ptr() != raw.data_ptr()
    assert any((a - b).abs().max() > 1e-3 for a, b in zip(average, now, strict=True))


def test_accumulating_steps_with_the_sum_of_the_gradients() -> None:
    learning = learner(clip_gradient=1e9)
    reference = copy.deepcopy(learning.encoder)
    start = parameters(learning)
    learning.learn(images(1), PERSONS, 1e-2, update=False)
    for weight, before in zip(parameters(learning), start, strict=True):
        assert torch.equal(weight, before)
    learning.learn(images(2), PERSONS, 1e-2, update=True)

    scale = torch.nn.Parameter(reference.log_scale.detach().clone())
    total = torch.zeros(())
    for seed in (1, 2):
        rows = reference.features(images(seed))
        total = total + step_module.make_loss(
            "info-nce", step_module.LossSetting(scale, rows.shape[1], 6)
        )(rows[:6], rows[6:], PERSONS)
    total.backward()
    weights = [*reference.model.parameters(), scale]
    torch.optim.AdamW(weights, lr=1e-2, weight_decay=CONFIG.weight_decay).step()
    found = [*parameters(learning), learning.encoder.log_scale.detach()]
    for weight, expected in zip(found, weights, strict=True):
        torch.testing.assert_close(weight, expected.detach(), atol=2e-4, rtol=1e-4)
    assert learning.done == 2
    assert all(weight.grad is None for weight in learning.encoder.model.parameters())


def test_a_longer_gradient_is_scaled_down_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    learning, norms = learner(clip_gradient=0.01), []
    step = learning.optimiser.step

    def measured() -> None:
        gradients = [w.grad for w in learning.encoder.model.parameters()]
        norms.append(torch.cat([g.flatten() for g in gradients if g is not None]).norm().item())
        step()

    monkeypatch.setattr(learning.optimiser, "step", measured)
    learning.learn(images(1), PERSONS, 1e-2)
    assert norms == [pytest.approx(0.01, rel=1e-3)]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_on_the_cpu(precision: str) -> None:
    exact, half = learner(), learner(precision=precision)
    seen: list[torch.dtype] = []
    layer = half.encoder.model.head
    layer.register_forward_hook(lambda module, given, rows: seen.append(rows.dtype))
    losses = [
        [learning.learn(images(seed), PERSONS, 1e-3).loss for seed in 6 * (1, 2)]
        for learning in (exact, half)
    ]
    assert seen[0] == {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    assert losses[1][0] == pytest.approx(losses[0][0], abs=0.03)
    for learnt in losses:  # fp16 leaves out its first steps, until the scale of the loss fits
        assert max(learnt[-2:]) < 0.5 < 1.9 < min(learnt[:2])
    assert all(torch.isfinite(weight).all() for weight in parameters(half))


def test_a_compiled_network_learns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = partial(torch.compile, backend="aot_eager")  # all but the slow making of C++
    monkeypatch.setattr(torch, "compile", traced)
    plain, compiled = learner(), learner(compile=True)
    for learning in (plain, compiled):
        learning.learn(images(1), PERSONS, 1e-3)
    for weight, other in zip(parameters(plain), parameters(compiled), strict=True):
        torch.testing.assert_close(weight, other, atol=2e-4, rtol=1e-3)


def test_a_state_goes_on_to_the_same_bits() -> None:
    whole, cut, late = (learner(ema=0.9, loss="info-nce+identity") for _ in range(3))
    for learning in (whole, cut):
        learning.learn(images(1), PERSONS, 1e-3)
    late.restore(copy.deepcopy(cut.state()))
    for learning in (whole, late):
        learning.learn(images(2), PERSONS, 1e-3)
    assert whole.learned().fingerprint() == late.learned().fingerprint()
    assert whole.done == late.done == 2
    with pytest.raises(TrainingError, match="another network, loss or optimiser"):
        learner().restore(cut.state())


def test_pictures_are_normalised_and_erased_where_the_augmentation_says_so() -> None:
    learning = learner()
    pictures = torch.full((12, 64, 32, 3), 255, dtype=torch.uint8)
    batch = PairBatch(pictures, [np.random.default_rng(i) for i in range(6)])
    assert torch.equal(learning.images(batch), torch.ones(12, 3, 64, 32))
    learning.augment = find_augment("2023")
    erased = learning.images(batch)
    assert set(erased.unique().tolist()) == {0.0, 1.0}


def test_out_of_memory_says_which_setting_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **settings: Any) -> Outcome:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    monkeypatch.setattr(step_module, "backward", full)
    with pytest.raises(TrainingError, match=r"12 pictures of \(64, 32\).*Lower chunk.*lora"):
        learner().learn(images(1), PERSONS, 1e-3)
