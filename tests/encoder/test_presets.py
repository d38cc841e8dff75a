"""Names: what is a preset, what a timm model, and what neither."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch

from sameplayer.encoder.networks.build import build_model, spec_of
from sameplayer.encoder.networks.presets import PRESETS, SMALL, Preset, find_preset_or_timm
from sameplayer.encoder.networks.registry import OWN
from sameplayer.encoder.speed import crops_per_second, describe_presets
from sameplayer.errors import ConfigError


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_names_an_architecture_that_exists(name: str) -> None:
    preset = PRESETS[name]
    spec = spec_of(preset.architecture, preset.height, preset.width)
    assert (spec.height, spec.width) == (preset.height, preset.width)
    assert (spec.activation == "quickgelu") == ("openai" in name)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_weights_and_licence_of_a_preset_are_those_of_timm(name: str) -> None:
    preset = PRESETS[name]
    with torch.device("meta"):
        model = build_model(spec_of(preset.architecture))
    assert preset.weights == sum(weights.numel() for weights in model.parameters())
    if preset.architecture not in OWN:
        assert preset.licence == timm.get_pretrained_cfg(preset.architecture).license


def test_presets_of_the_winners_are_theirs_to_the_letter() -> None:
    def recipe(name: str) -> tuple:
        p = PRESETS[name]
        return p.height, p.pairs, p.epochs, p.lr, p.lr_end, p.warmup_epochs, p.augment

    assert recipe("vit-l14-openai") == (224, 16, 4, 4e-5, 1e-5, 1.0, "2022")
    assert recipe("vit-b16-openai") == (224, 16, 4, 4e-5, 1e-5, 1.0, "2022")
    assert recipe("vit-l14-openai-paper") == (224, 16, 8, 4e-5, 4e-6, 2.0, "2022")
    assert recipe("resnet50")[3] == 4e-4
    assert recipe("eva-l14-336") == (336, 32, 8, 4e-5, 1e-5, 1.0, "2023")
    assert recipe("eva-g14-336") == (336, 8, 8, 4e-5, 1e-5, 1.0, "2023")
    assert recipe("eva02-l14-448") == (448, 4, 8, 4e-5, 1e-5, 1.0, "2023")
    assert recipe("beitv2-l16-224") == (224, 32, 8, 4e-5, 1e-5, 1.0, "2023")


@pytest.mark.parametrize(
    "name", ["resnet18", "vgg11", "densenet121", "resnet50.a1_in1k", "vit_tiny_patch16_224"]
)
def test_a_timm_name_is_a_preset_with_the_usual_settings_and_its_own_input(name: str) -> None:
    assert find_preset_or_timm(name) == Preset(name)
    assert Preset(name).height is None
    assert Preset(name).lr == 4e-5


def test_a_preset_comes_before_a_timm_model_of_its_name() -> None:
    assert find_preset_or_timm("resnet50") is PRESETS["resnet50"]
    assert find_preset_or_timm(SMALL) is PRESETS["small"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vit-b16-opena", "Did you mean 'vit-b16-openai'"),
        ("resnet181", "Did you mean 'resnet18"),
        ("resnet18.bogus", "no weights tagged 'bogus'.*a1_in1k"),
        ("", "no timm model"),
        ("vit_tiny_patch16_224_in21k", "Did you mean 'vit_tiny_patch16_224'"),
    ],
)
def test_an_unknown_name_is_refused_with_what_there_is(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        find_preset_or_timm(name)


def test_the_table_of_presets_holds_a_line_for_each() -> None:
    lines = describe_presets().splitlines()
    assert len(lines) == len(PRESETS) + 1
    small = next(line for line in lines if line.startswith("small "))
    assert all(word in small for word in ("128 x 64", "0.8 M", "apache-2.0", "from scratch"))


def test_the_table_says_where_the_weights_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMEPLAYER_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / f"{PRESETS['vit-b16-openai'].architecture}.pth").touch()
    kept = tmp_path / "hub" / f"models--timm--{PRESETS['resnet50'].architecture}" / "snapshots"
    (kept / "1").mkdir(parents=True)
    (kept / "1" / "model.safetensors").touch()
    lines = {line.split()[0]: line for line in describe_presets().splitlines()}
    assert "package" in lines["person"]
    assert "none needed" in lines["colour"]
    assert "folder" in lines["vit-b16-openai"]
    assert "cache" in lines["resnet50"]
    assert "to fetch" in lines["vit-l14-openai"]


def test_a_measured_speed_stands_in_the_table() -> None:
    speed = crops_per_second("small", seconds=0.1)
    assert speed > 0
    lines = describe_presets(["small", "colour"], {"small": speed}).splitlines()
    assert "crops/s" in lines[0]
    assert f"{speed:.1f}" in lines[1]


def test_reading_the_presets_loads_neither_torch_nor_timm() -> None:
    code = (
        "import sys, sameplayer.encoder, sameplayer.maps; "
        "from sameplayer.encoder.networks.presets import *; "
        "from sameplayer.encoder.speed import describe_presets; "
        "find_preset_or_timm('small'); describe_presets(); "
        "assert not {'torch', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("package", ["sameplayer.encoder", "sameplayer.maps"])
def test_every_exported_name_is_there_and_hides_no_module(package: str) -> None:
    stage = importlib.import_module(package)
    modules = {module.name for module in pkgutil.iter_modules(stage.__path__)}
    assert len(stage.__all__) > 5
    assert not set(stage.__all__) & modules
    for name in stage.__all__:
        assert callable(getattr(stage, name)) or name.isupper() or name == "MapMethod"
