"""Modules that users bring: timm's say their input themselves, and are loaded by name again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
from torch import nn

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.errors import ConfigError, SettingError

PICTURE = np.random.default_rng(0).integers(0, 255, (90, 40, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("test_resnet", {"num_classes": 0}),
        ("test_vit", {"num_classes": 0, "img_size": (96, 64)}),
        ("test_resnet", {"num_classes": 7}),
    ],
)
def test_a_network_of_timms_says_its_input_and_is_loaded_by_its_name(
    name: str, settings: dict[str, object], tmp_path: Path
) -> None:
    network = timm.create_model(name, **settings)
    encoder = Encoder.of(network)
    height, width = settings.get("img_size", network.pretrained_cfg["input_size"][1:])
    assert (encoder.spec.height, encoder.spec.width) == (height, width)  # type: ignore[has-type]
    assert encoder.spec.mean == network.pretrained_cfg["mean"]
    assert encoder.spec.std == network.pretrained_cfg["std"]
    encoder.save(tmp_path / "saved")
    again = load_encoder(tmp_path / "saved", device="cpu")
    assert again.fingerprint() == encoder.fingerprint()
    np.testing.assert_allclose(again.embed([PICTURE]), encoder.embed([PICTURE]), atol=1e-6)


def test_a_changed_network_of_timms_is_the_users_own() -> None:
    pooled = timm.create_model("test_vit", num_classes=0, global_pool="avg", fc_norm=False)
    widened = timm.create_model("test_resnet", num_classes=0)
    widened.conv1 = nn.Sequential(widened.conv1, nn.ReLU())
    for network in (pooled, widened):
        assert Encoder.of(network).spec.own_module
    assert Encoder.of(timm.create_model("test_vit", num_classes=0), name="mine").spec.own_module


def test_what_a_module_does_not_say_must_be_given() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 8, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(SettingError, match="height is None; expected a value: the module has no"):
        Encoder.of(plain)
    with pytest.raises(SettingError, match="mean is None"):
        Encoder.of(plain, 32, 16)
    with pytest.raises(ConfigError, match=r"Encoder.of takes \(module: Module\); found \(str\)"):
        Encoder.of("resnet50")
    half = (0.5, 0.5, 0.5)
    assert Encoder.of(plain, 32, 16, half, half).embed([PICTURE]).shape == (1, 4)
