"""Where a run starts: saved weights, an own encoder, an own loss, an own augmentation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sameplayer.data.crops import Crops
from sameplayer.encoder.calibration import Calibration
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.encoder.networks.presets import PRESETS
from sameplayer.errors import SettingError, TrainingError
from sameplayer.training.config import TrainConfig
from sameplayer.training.run.init_encoder import OwnParts
from sameplayer.training.run.run_metadata import read_config
from sameplayer.training.run.train import train
from tests.training.small_runs import QUICK, record, stop_at, weights

SHORT = replace(QUICK, epochs=1, validate="none")
OPEN = replace(SHORT, preset=None, height=None, width=None)


class Proxies(nn.Module):
    """A loss with weights: each person pulls towards a direction that is learnt."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.directions = nn.Parameter(torch.randn(16, width))

    def forward(self, query: Tensor, gallery: Tensor, persons: Tensor) -> Tensor:
        rows = nn.functional.normalize(torch.cat([query, gallery]), dim=1)
        logits = 8 * rows @ nn.functional.normalize(self.directions, dim=1).T
        return nn.functional.cross_entropy(logits, torch.cat([persons, persons]))


def test_weights_bring_preset_rates_and_size(league: Crops, tmp_path: Path) -> None:
    first = train(league, tmp_path / "first", replace(SHORT, height=48, width=24, lr=1e-12))
    more = train(
        league, tmp_path / "more", replace(OPEN, weights=str(tmp_path / "first"), lr=1e-12)
    )
    settings = record(tmp_path / "more")
    assert (settings["height"], settings["width"], settings["preset"]) == (48, 24, "small")
    assert settings["lr_end"] == 2e-5
    before, after = first.model.state_dict(), more.model.state_dict()
    assert torch.allclose(before["head.weight"], after["head.weight"], atol=1e-6)
    assert load_encoder(tmp_path / "more").spec.height == 48


def test_an_encoder_without_a_recorded_preset_is_fine_tuned_with_care(
    league: Crops, tmp_path: Path
) -> None:
    create_encoder("small", pretrained=False, height=48, width=24).save(tmp_path / "start")
    config = TrainConfig(weights=str(tmp_path / "start"), epochs=1, validate="none", device="cpu")
    train(league, tmp_path / "run", config)
    settings = record(tmp_path / "run")
    assert (settings["lr"], settings["pairs"], settings["augment"]) == (4e-5, 16, "2022")
    train(league, tmp_path / "again", read_config(tmp_path / "run" / "config.json"))
    assert weights(tmp_path / "again") == weights(tmp_path / "run")


def test_a_calibration_does_not_outlive_its_weights(league: Crops, tmp_path: Path) -> None:
    drawn = create_encoder("small", pretrained=False, height=64, width=32)
    known = Calibration(9.0, -4.0, 0.1, 20, 80, "digest")
    start = Encoder(drawn.model, replace(drawn.spec, calibration=known))
    start.save(tmp_path / "start")
    assert load_encoder(tmp_path / "start").spec.calibration == known
    trained = train(league, tmp_path / "run", replace(OPEN, weights=str(tmp_path / "start")))
    assert trained.spec.calibration is None


def test_weights_that_do_not_exist_are_named(league: Crops, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="weights is runs/typo"):
        train(league, tmp_path / "run", replace(OPEN, weights="runs/typo"))


def test_an_own_loss_learns_its_weights_and_resumes_to_the_same_bits(
    league: Crops, tmp_path: Path
) -> None:
    config = replace(QUICK, validate="none", save_minutes=0.0)
    loss = Proxies(create_encoder("small", pretrained=False).feature_width)
    begun = loss.directions.detach().clone()
    train(league, tmp_path / "whole", config, loss=loss)
    with pytest.raises(KeyboardInterrupt):
        train(league, tmp_path / "cut", config, loss=loss, progress=stop_at(2, 3))
    assert torch.equal(loss.directions, begun)
    saved = torch.load(tmp_path / "cut" / "state.pt", weights_only=True)
    state = saved["state"]["learner"]["loss"]
    assert not torch.equal(state["weights.0.directions"], begun)
    settings = read_config(tmp_path / "cut" / "config.json")
    assert settings.loss == "own:tests.training.test_start.Proxies"
    with pytest.raises(SettingError, match=r"loss is own.*loss=") as error:
        train(league, tmp_path / "cut", settings, resume=True)
    assert error.value.name == "loss"
    with pytest.raises(TrainingError, match=r"loss was own:.*Proxies, now own:"):
        train(league, tmp_path / "cut", settings, resume=True, loss=lambda q, g, p: (q - g).sum())
    train(league, tmp_path / "cut", settings, resume=True, loss=loss)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


def flip_never(
    anchor: np.ndarray, positive: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    return anchor, positive


def test_an_own_augmentation_is_used_and_recorded(league: Crops, tmp_path: Path) -> None:
    train(league, tmp_path / "own", SHORT, augment=flip_never)
    train(league, tmp_path / "none", replace(SHORT, augment="none"))
    train(league, tmp_path / "flip", replace(SHORT, augment="2022"))
    prints = [load_encoder(tmp_path / run).fingerprint() for run in ("own", "none", "flip")]
    assert prints[0] == prints[1] != prints[2]
    assert record(tmp_path / "own")["augment"] == "own:tests.training.test_start.flip_never"
    with pytest.raises(SettingError, match="augment is own"):
        train(league, tmp_path / "more", read_config(tmp_path / "own" / "config.json"))


def test_a_shipped_encoder_is_a_start_like_a_run(league: Crops) -> None:
    config = TrainConfig(weights="person", validate="none")
    start = OwnParts().start(config)
    assert start is not None
    assert start.fingerprint() == load_encoder("person").fingerprint()
    resolved = config.resolved(start.spec)
    assert (resolved.preset, resolved.lr) == ("person", PRESETS["person"].lr)
    with pytest.raises(SettingError, match="preset is named by preset"):
        OwnParts().start(TrainConfig(weights="small"))


def test_colours_alone_cannot_learn(league: Crops, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="a network, which can learn"):
        train(league, tmp_path / "run", TrainConfig("colour", pairs=4, validate="none"))
    assert not (tmp_path / "run").exists()


def own_encoder() -> Encoder:
    """A network that timm does not know."""
    torch.manual_seed(1)
    network = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(3 * 8 * 4, 16))
    return Encoder.of(network, 64, 32, (0.5,) * 3, (0.5,) * 3, name="mine")


def test_an_own_encoder_is_trained_in_a_copy(league: Crops, tmp_path: Path) -> None:
    encoder = own_encoder()
    before = encoder.fingerprint()
    config = replace(OPEN, epochs=2, save_minutes=0.0)
    best = train(league, tmp_path / "whole", config, encoder=encoder)
    assert encoder.fingerprint() == before != best.fingerprint()
    settings = record(tmp_path / "whole")
    assert (settings["weights"], settings["preset"]) == (f"own:{before}", "mine")
    assert (settings["height"], settings["width"], settings["lr"]) == (64, 32, 4e-5)
    assert best.embed([league.read(0)]).shape == (1, 16)
    with pytest.raises(KeyboardInterrupt):
        train(league, tmp_path / "cut", config, encoder=encoder, progress=stop_at(2, 2))
    train(league, tmp_path / "cut", config, encoder=encoder, resume=True)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


@pytest.mark.parametrize(
    "change", [{"preset": "small"}, {"weights": "run"}, {"height": 128}, {"pretrained": False}]
)
def test_settings_that_do_not_apply_to_an_own_encoder_are_refused(
    league: Crops, tmp_path: Path, change: dict[str, Any]
) -> None:
    with pytest.raises(SettingError, match=next(iter(change))):
        train(league, tmp_path / "run", replace(OPEN, **change), encoder=own_encoder())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["own.pth", "own.safetensors"])
def test_a_checkpoint_of_others_starts_a_run_of_the_named_preset(name: str, tmp_path: Path) -> None:
    network = create_encoder("small", pretrained=False, seed=9).model
    state = {f"backbone.{key}": value.contiguous() for key, value in network.state_dict().items()}
    path = tmp_path / name
    (torch.save if name.endswith(".pth") else save_file)(state, path)
    start = OwnParts().start(TrainConfig(weights=str(path), preset="small"))
    assert start is not None
    assert torch.equal(start.model.head.weight, network.head.weight)
    assert TrainConfig(weights=str(path), preset="small").resolved(start.spec).lr == 2e-3
    with pytest.raises(SettingError, match=f"preset is None; expected the preset.*{name}"):
        OwnParts().start(TrainConfig(weights=str(path)))


def test_a_checkpoint_of_torchreid_starts_a_run_and_tells_its_preset(tmp_path: Path) -> None:
    network = create_encoder("osnet_x0_75", pretrained=False, seed=9).model
    state = {f"module.{key}": value for key, value in network.state_dict().items()}
    path = tmp_path / "model.pth.tar-60"  # an ending of the trainer's
    torch.save({"state_dict": state, "rank1": np.float64(0.5)}, path)
    config = TrainConfig(weights=str(path), preset="osnet_x0_75", height=128, width=64)
    start = OwnParts().start(config)
    assert start is not None
    assert torch.equal(start.model.fc[0].weight, network.fc[0].weight)
    assert (config.resolved(start.spec).height, start.spec.width) == (128, 64)
    with pytest.raises(SettingError, match="osnet_x0_75, of which these are the weights"):
        OwnParts().start(TrainConfig(weights=str(path)))
