"""OSNet is the published network: its weights' names, their number, its work and its features."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder
from sameplayer.encoder.networks.osnet import OsNet
from sameplayer.encoder.networks.presets import OSNETS
from sameplayer.errors import WeightsError


def _filled(name: str) -> OsNet:
    """Return the network with weights that a formula gives, so that any code gives its features."""
    network = OsNet(name).eval()
    for place, (key, value) in enumerate(sorted(network.state_dict().items())):
        if value.is_floating_point():
            wave = torch.sin(torch.arange(value.numel(), dtype=torch.float64) * 0.7 + place)
            if value.ndim > 1:
                wave = wave * (2 / value[0].numel()) ** 0.5
            else:
                wave = wave / 4 if key.endswith(("bias", "mean")) else 1 + wave / 4
            value.copy_(wave.view(value.shape))
    return network


def _picture() -> Tensor:
    pixels = torch.sin(torch.arange(3 * 256 * 128, dtype=torch.float64) * 0.01)
    return pixels.view(1, 3, 256, 128).float()


@pytest.mark.parametrize(
    ("name", "norm", "positive"),
    [
        ("osnet_x1_0", 220.0340118408203, 255),
        ("osnet_x0_25", 35.83993911743164, 257),
        ("osnet_ibn_x1_0", 216.164794921875, 256),
        ("osnet_ain_x0_5", 77.49034881591797, 255),
    ],
)
def test_features_are_those_of_torchreid_for_the_same_weights(
    name: str, norm: float, positive: int
) -> None:
    """Norm and number of positive features: of torchreid 0.2.5 with these weights and picture."""
    with torch.no_grad():
        features = _filled(name)(_picture())[0]
    assert features.norm().item() == pytest.approx(norm, rel=1e-5)
    assert int((features > 0).sum()) == positive


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("osnet_x1_0", 2_169_508),
        ("osnet_x0_75", 1_285_754),
        ("osnet_x0_5", 630_034),
        ("osnet_x0_25", 201_864),
        ("osnet_ibn_x1_0", 2_170_532),
        ("osnet_ain_x1_0", 2_169_508),
    ],
)
def test_each_width_has_the_published_number_of_weights(name: str, weights: int) -> None:
    assert name in OSNETS
    with torch.device("meta"):
        assert sum(value.numel() for value in OsNet(name).parameters()) == weights


def test_the_work_of_a_picture_is_the_published_one() -> None:
    with torch.device("meta"):
        network, picture = OsNet("osnet_x1_0").eval(), torch.zeros(1, 3, 256, 128)
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        network(picture)
    assert counted.get_total_flops() / 2 == pytest.approx(978.9e6, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("osnet_x1_0", "conv2.0.conv2d.3.bn.running_var conv2.2.0.conv.weight fc.1.weight"),
        ("osnet_ibn_x1_0", "conv2.1.IN.weight conv2.0.conv3.bn.weight conv4.1.gate.fc2.bias"),
        (
            "osnet_ain_x1_0",
            "conv2.0.conv2.3.layers.3.conv2.weight pool2.0.bn.weight conv3.1.IN.bias",
        ),
    ],
)
def test_weights_have_the_names_of_published_files(name: str, held: str) -> None:
    with torch.device("meta"):
        names = set(OsNet(name).state_dict())
    assert set(held.split()) <= names
    assert len(names) == {"osnet_x1_0": 565, "osnet_ibn_x1_0": 566, "osnet_ain_x1_0": 550}[name]


@pytest.mark.parametrize("name", ["osnet_x0_25", "osnet_ain_x0_25"])
def test_every_name_makes_an_encoder_of_tall_stretched_pictures(name: str) -> None:
    encoder = create_encoder(name, pretrained=False)
    assert (encoder.spec.height, encoder.spec.width, encoder.spec.fit) == (256, 128, "stretch")
    assert encoder.feature_width == 512
    assert isinstance(encoder, Encoder)


def test_without_weights_the_error_says_how_to_bring_them() -> None:
    with pytest.raises(WeightsError, match=r"osnet_x0_5\.pth, into a folder.*load_published"):
        create_encoder("osnet_x0_5", pretrained=True)
