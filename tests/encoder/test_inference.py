"""Running a network leaves it as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sameplayer.encoder.encoder import create_encoder
from sameplayer.encoder.inference import evaluating, inference, read_picture
from sameplayer.errors import ConfigError, SettingError


def test_every_layer_comes_back_in_its_own_mode_even_after_an_error() -> None:
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.Dropout())
    model[0].eval()

    def stumble() -> None:
        with evaluating(model):
            assert not any(layer.training for layer in model.modules())
            raise ValueError("on the way")

    with pytest.raises(ValueError, match="on the way"):
        stumble()
    assert [layer.training for layer in model.modules()] == [True, False, True]


def test_what_a_tower_caches_for_evaluation_does_not_outlive_its_training() -> None:
    encoder = create_encoder("levit_128s", pretrained=False)
    picture = np.random.default_rng(1).integers(0, 255, (80, 40, 3), dtype=np.uint8)
    encoder.model.train()
    before = encoder.embed([picture])
    with torch.no_grad():
        for name, weights in encoder.model.named_parameters():
            if "attention_biases" in name:
                weights.add_(torch.arange(weights.shape[1]) % 5)
    assert np.abs(encoder.embed([picture]) - before).max() > 1e-4


def test_bfloat16_is_near_and_not_equal() -> None:
    encoder = create_encoder("test_vit", pretrained=False)
    picture = np.random.default_rng(1).integers(0, 255, (80, 40, 3), dtype=np.uint8)
    exact, near = encoder.embed([picture]), encoder.embed([picture], precision="bf16")
    assert near.dtype == np.float32
    assert 0 < np.abs(exact - near).max() < 0.05
    with (
        pytest.raises(SettingError, match="precision is 'fp8'; expected one of fp32, bf16"),
        inference(encoder.model, encoder.device, "fp8"),
    ):
        pass


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((10, 10, 3), np.float32),
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((0, 10, 3), np.uint8),
        None,
        7,
    ],
)
def test_what_is_no_picture_is_refused(picture: object) -> None:
    with pytest.raises(ConfigError, match="A picture must be"):
        read_picture(picture)


def test_the_weights_of_a_training_are_put_back_as_they_were() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1))
    weight = network[0].weight
    place = weight.data_ptr()
    with inference(network, torch.device("cpu")):
        assert weight.is_contiguous(memory_format=torch.channels_last)
        assert weight.data_ptr() != place
    assert network[0].weight is weight
    assert weight.data_ptr() == place
    assert weight.is_contiguous()
