"""What learns: frozen and slowed blocks, adapters."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder
from sameplayer.errors import ConfigError, SettingError
from sameplayer.training.config import TrainConfig
from sameplayer.training.run.step import make_optimiser, merged_model, prepared

CONFIG = TrainConfig(preset="vit_tiny_patch16_224", height=32, width=32, lr=1e-3).resolved()
CPU = torch.device("cpu")


def vit() -> Encoder:
    return create_encoder("vit_tiny_patch16_224", pretrained=False, height=32, width=32, seed=1)


def after_a_step(config: TrainConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """Weights before and after one step on a plain sum."""
    encoder = prepared(vit(), config)
    encoder.model.train()
    optimiser = make_optimiser(encoder.model, nn.Module(), config, CPU)
    for group in optimiser.param_groups:
        group["lr"] = 1e-3 * group.get("lr_scale", 1.0)
    encoder.features(torch.ones(2, 3, 32, 32) * torch.linspace(-1, 1, 32)).square().sum().backward()
    optimiser.step()
    return vit().model.state_dict(), merged_model(encoder.model).state_dict()


def moved(before: dict[str, Any], after: dict[str, Any], name: str) -> float:
    return float((before[name] - after[name]).abs().max())


def test_frozen_blocks_and_what_is_below_them_stay() -> None:
    before, after = after_a_step(replace(CONFIG, freeze=6, grad_checkpointing=True))
    for name in ("blocks.5.attn.qkv.weight", "patch_embed.proj.weight", "pos_embed", "cls_token"):
        assert moved(before, after, name) == 0
    assert moved(before, after, "blocks.6.attn.qkv.weight") > 5e-4


def test_lower_blocks_learn_more_slowly() -> None:
    before, after = after_a_step(replace(CONFIG, layer_decay=0.5, weight_decay=0.0))
    steps = [moved(before, after, f"blocks.{block}.attn.qkv.weight") for block in range(12)]
    for lower, upper in pairwise(steps):
        assert lower == pytest.approx(upper / 2, rel=0.05)


def test_adapters_leave_all_else_as_it_is() -> None:
    config = replace(CONFIG, lora=4)
    encoder = prepared(vit(), config)
    learning = {name for name, weight in encoder.model.named_parameters() if weight.requires_grad}
    assert learning
    assert all("lora_" in name for name in learning)
    before, after = after_a_step(config)
    assert before.keys() == after.keys()
    assert moved(before, after, "pos_embed") == 0
    assert moved(before, after, "blocks.6.attn.qkv.weight") > 0


def test_what_a_network_cannot_is_said() -> None:
    with pytest.raises(SettingError, match="freeze is 13; expected 0 to 12"):
        prepared(vit(), replace(CONFIG, freeze=13))
    small = create_encoder("small", pretrained=False)
    with pytest.raises(ConfigError, match="does not offer it"):
        prepared(small, replace(CONFIG, grad_checkpointing=True))
    with pytest.raises(ConfigError, match="no transformer blocks"):
        prepared(small, replace(CONFIG, lora=2))
    with pytest.raises(SettingError, match="the encoder has 0 blocks"):
        prepared(small, replace(CONFIG, freeze=1))
