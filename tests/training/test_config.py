"""Settings: types, ranges, choices, what excludes what, and files of them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from sameplayer.encoder.encoder import EncoderSpec
from sameplayer.encoder.networks.presets import PRESETS
from sameplayer.errors import ConfigError, SettingError
from sameplayer.training.config import TrainConfig
from sameplayer.training.run.run_metadata import read_config


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"pairs": 1}, "pairs is 1"),
        ({"lr": -1.0}, "lr is -1"),
        ({"lr": float("inf")}, "lr is inf"),
        ({"lr_end": -1.0}, "lr_end"),
        ({"fold": 10}, "fold is 10"),
        ({"epochs": 0}, "epochs is 0"),
        ({"height": -5}, "height is -5; expected 1 or more"),
        ({"width": 0}, "width is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**60}, "seed"),
        ({"validate": "fodl"}, "validate is 'fodl'; expected one of fold, valid, test, none"),
        ({"augment": "2024"}, "augment is '2024'; expected one of none, 2022"),
        ({"loss": "info-nce+nothing"}, "loss is 'info-nce.nothing'; expected one of info-nce,"),
        ({"loss": "triplet+triplet"}, "loss is"),
        ({"schedule": "step"}, "schedule is 'step'; expected one of polynomial"),
        ({"negatives": "all"}, "negatives is 'all'; expected one of random, team, nearest"),
        ({"precision": "fp8"}, "precision is 'fp8'; expected one of fp32, bf16, fp16"),
        ({"train_on": "all"}, "train_on"),
        ({"epochs": "3"}, "epochs is '3'; expected a whole number"),
        ({"epochs": 2.0}, "epochs is 2.0; expected a whole number"),
        ({"pairs": True}, "pairs is True; expected a whole number"),
        ({"pretrained": "no"}, "pretrained is 'no'; expected true or false"),
        ({"lr": "1e-3"}, "lr is '1e-3'; expected a number"),
        ({"lr": float("nan")}, "lr is nan; expected a number"),
        ({"augment": 2023}, "augment is 2023; expected text"),
        ({"schedule": ["cosine"]}, "schedule is .*; expected text"),
        ({"patience": 1, "validate": "none"}, "patience"),
        ({"lora": 4, "freeze": 1}, "lora excludes"),
        ({"compile": True, "drop_padding": True}, "compile excludes"),
        ({"train_on": "training+test", "validate": "test"}, "use fold or valid"),
        ({"preset": "smal"}, "Did you mean"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        TrainConfig(**change).resolved()


def test_the_preset_fills_in_what_is_left_open() -> None:
    config = TrainConfig("small", epochs=3).resolved()
    small = PRESETS["small"]
    assert (config.preset, config.epochs, config.pairs) == ("small", 3, small.pairs)
    assert (config.lr, config.height, config.width) == (small.lr, 128, 64)
    assert config.resolved() == config


def test_any_timm_name_gets_careful_rates_and_its_own_size() -> None:
    for name in ("resnet18", "vgg11"):
        config = TrainConfig(preset=name).resolved()
        assert (config.preset, config.height, config.width) == (name, None, None)
        assert (config.pairs, config.epochs, config.lr, config.augment) == (16, 4, 4e-5, "2022")


def spec(architecture: str, **facts: Any) -> EncoderSpec:
    return EncoderSpec(architecture, 96, 48, (0.5,) * 3, (0.5,) * 3, facts=facts)


def test_a_start_brings_the_rates_of_its_own_preset() -> None:
    small = spec("sameplayer_small", preset="small")
    config = TrainConfig(weights="run").resolved(small)
    assert (config.preset, config.height, config.width, config.lr) == ("small", 96, 48, 2e-3)
    eva = spec("eva_large_patch14_336.in22k_ft_in22k_in1k", preset="eva-l14-336")
    assert TrainConfig(weights="run").resolved(eva).pairs == 32


@pytest.mark.parametrize(
    "start",
    [
        spec("vit_large_patch14_clip_quickgelu_224.openai"),
        spec("vit_large_patch14_clip_quickgelu_224.openai", preset="small"),
        spec("my_network", preset=["x"]),
        spec("sameplayer_small"),
    ],
)
def test_a_start_without_a_true_preset_gets_careful_rates(start: EncoderSpec) -> None:
    config = TrainConfig(weights="run").resolved(start)
    assert (config.preset, config.lr, config.lr_end) == (start.architecture, 4e-5, 1e-5)
    assert (config.epochs, config.pairs, config.warmup_epochs) == (4, 16, 1.0)


@pytest.mark.parametrize(
    "change", [{"preset": "vit-b16-openai"}, {"pretrained": False}, {"height": 128}, {"width": 50}]
)
def test_settings_that_a_start_decides_are_refused(change: dict[str, Any]) -> None:
    start = spec("sameplayer_small", preset="small")
    with pytest.raises(SettingError) as error:
        TrainConfig(weights="run", **change).resolved(start)
    assert error.value.name == next(iter(change))
    same = TrainConfig(weights="run", preset="small", height=96, width=48)
    assert same.resolved(start).resolved(start) == same.resolved(start)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'{"epoch": 3}', "unknown setting 'epoch'. Did you mean 'epochs'"),
        (b'{"epochs": "3"}', "epochs is '3'; expected a whole number"),
        (b'{"lr": [1]}', r"lr is \[1\]; expected a number"),
        (b'{"lr": 1' + 400 * b"0" + b"}", "lr is"),
        (b'{"lr": NaN}', "lr is nan"),
        (b'{"validate": null}', "validate is None; expected text"),
        (b"[1]", "expected a JSON object"),
        (b"3", "expected a JSON object"),
        (b"", "cannot be read"),
        (b'{"epochs": ', "cannot be read"),
        (b'{"preset": "\xff"}', "cannot be read"),
        (100_000 * b"[", "cannot be read"),
    ],
)
def test_a_damaged_configuration_names_file_and_key(
    tmp_path: Path, content: bytes, text: str
) -> None:
    (tmp_path / "c.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"c\.json: ") as error:
        read_config(tmp_path / "c.json")
    assert error.match(text)


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    config = replace(TrainConfig(), lr=1, epochs=3, augment="strong")
    (tmp_path / "c.json").write_text(json.dumps({**asdict(config), "data": {"scope": "set"}}))
    assert read_config(tmp_path / "c.json") == config


def test_settings_and_choices_load_without_torch() -> None:
    code = (
        "import sys; import sameplayer.training.config, sameplayer.training.run.run_metadata;"
        "from sameplayer.training import LOSSES, SCHEDULES, NEGATIVES;"
        "sameplayer.training.config.TrainConfig().resolved();"
        "print({'torch', 'timm', 'torchvision', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
