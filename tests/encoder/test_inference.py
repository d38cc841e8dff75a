"""A network that embeds is in evaluation mode, and running it leaves it as it was."""

from __future__ import annotations

from threading import Lock

import numpy as np
import pytest
import torch
from torch import nn

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder
from sameplayer.encoder.runtime.inference import inference, own_layers, settle, unsettle
from sameplayer.errors import ConfigError, SettingError

PICTURE = np.random.default_rng(1).integers(0, 255, (80, 40, 3), dtype=np.uint8)


def test_an_encoder_is_in_evaluation_mode_from_the_start_and_stays_so() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 5, 4), nn.BatchNorm2d(8), nn.Flatten()).train()
    encoder = Encoder.of(model, 16, 8, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    before = encoder.fingerprint()
    encoder.embed([PICTURE])
    assert not any(layer.training for layer in model.modules())
    assert encoder.fingerprint() == before


def test_a_network_in_training_mode_is_refused_and_not_switched() -> None:
    encoder = create_encoder("small", pretrained=False)
    encoder.model.norm.train()
    for use in (encoder.embed, lambda one: encoder.feature_width):
        with pytest.raises(ConfigError, match=r"training mode.*Call encoder.model.eval\(\)"):
            use([PICTURE])
    assert encoder.model.norm.training
    assert not encoder.model.training


def test_what_a_tower_caches_for_evaluation_does_not_outlive_its_training() -> None:
    encoder = create_encoder("levit_128s", pretrained=False)
    before = encoder.embed([PICTURE])
    encoder.model.train()
    with torch.no_grad():
        for name, weights in encoder.model.named_parameters():
            if "attention_biases" in name:
                weights.add_(torch.arange(weights.shape[1]) % 5)
    encoder.model.eval()
    assert np.abs(encoder.embed([PICTURE]) - before).max() > 1e-4


def test_bfloat16_is_near_and_not_equal() -> None:
    encoder = create_encoder("test_vit", pretrained=False)
    exact, near = encoder.embed([PICTURE]), encoder.embed([PICTURE], precision="bf16")
    assert near.dtype == np.float32
    assert 0 < np.abs(exact - near).max() < 0.05
    with (
        pytest.raises(SettingError, match="precision is 'fp8'; expected one of fp32, bf16"),
        inference(encoder.model, encoder.device, "fp8"),
    ):
        pass


def test_weights_lie_as_the_device_likes_and_as_usual_for_training() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1), nn.Dropout())
    weight = network[0].weight
    settle(network, torch.device("cpu"))
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not network.training
    unsettle(network)
    assert network[0].weight is weight
    assert weight.is_contiguous()
    assert network[2].training


def test_own_layers_share_the_weights_and_nothing_else() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).eval()
    own = own_layers(network)
    own.train()
    own[0].register_forward_hook(lambda *given: None)
    assert not network.training
    assert not network[0]._forward_hooks
    assert own[0].weight is network[0].weight
    assert own[1].running_mean is network[1].running_mean
    network.lock = Lock()
    with pytest.raises(ConfigError, match="Sequential cannot be copied"):
        own_layers(network)
