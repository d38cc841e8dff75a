"""Specs, and every family of timm: it gives feature rows or says in a line why not."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.encoder.networks.build import (
    EncoderSpec,
    build_model,
    check_architecture,
    feature_columns,
    spec_of,
)
from sameplayer.errors import ConfigError, SettingError, WeightsError

SMALLEST = """
    beit_base_patch16_224 halonet_h1 test_byobnet cait_xxs24_224 coat_tiny convit_tiny
    convmixer_768_32 test_convnext cpubone_nano crossvit_tiny_240 csatv2 cs3darknet_focus_s
    cspnext_tiny davit_tiny deepseek_vit_412m deit_tiny_patch16_224 densenet121 dla46x_c dpn48b
    edgenext_xx_small efficientformer_l1 efficientformerv2_s0 test_efficientnet efficientvim_m1
    efficientvit_b0 efficientvit_m0 vit_tiny_patch16_dinov3_qkvb fasternet_t0 fastvit_t8
    focalnet_tiny_srf gcvit_xxtiny gemma4_vit_167m ghostnet_050 hardcorenas_b hgnetv2_b0
    hiera_tiny_224 sam2_hiera_tiny hrnet_w18_small iformer_t inception_next_atto
    inception_resnet_v2 inception_v3 inception_v4 lcnetv2_small levit_128s lowformer_b0
    test_mambaout test_coatnet poolformerv2_s12 gmlp_ti16_224 lcnet_035 mobilenetv5_base
    mobilevit_xxs mvitv2_tiny naflexvit_base_patch16_parfac_gap nasnetalarge nest_tiny
    nextvit_small test_nfnet pit_ti_224 pnasnet5large pvt_v2_b0 qwen3_vit_88m rdnet_tiny
    regnetx_002 repghostnet_050 repvit_m1 res2next50 resnest14d test_resnet resnetv2_18 rexnet_100
    selecsls42 legacy_seresnet18 sequencer2d_s shvit_s1 skresnet18 starnet_s050 swiftformer_xs
    swin_tiny_patch4_window7_224 swinv2_tiny_window16_256 swinv2_cr_tiny_224 tiny_vit_5m_224
    tnt_s_legacy_patch16_224 tresnet_m twins_svt_small vgg11 visformer_tiny test_vit
    vit_tiny_r_s16_p8_224 test_vit_relpos samvit_base_patch16_224 vitamin_small_224 volo_d1_224
    ese_vovnet19b_slim_dw legacy_xception xception41p xcit_nano_12_p8_224
""".split()  # noqa: SIM905
MOST_WEIGHTS = 1_500_000  # weights that a real pass of a test may have; larger towers run on "meta"


def one_of_each_family() -> list[str]:
    """The smallest model of each timm module, and the first of modules that came later."""
    known = {name for name in SMALLEST if timm.is_model(name)}
    modules = {timm.models.model_entrypoint(name).__module__.rpartition(".")[2] for name in known}
    missing = set(timm.list_modules()) - modules
    later = [timm.list_models(module=module)[:1] for module in sorted(missing)]
    return sorted(known) + [name for names in later for name in names]


@pytest.mark.parametrize("name", one_of_each_family())
def test_one_of_each_timm_family_gives_feature_rows_and_learns(name: str) -> None:
    spec = spec_of(name)
    with torch.device("meta"):
        outline = build_model(spec).eval()
    if sum(weights.numel() for weights in outline.parameters()) < MOST_WEIGHTS:
        _runs(name)
    else:
        _runs_in_outline(outline, spec)


def _runs(name: str) -> None:
    encoder = create_encoder(name, pretrained=False)
    pictures = [np.full((50, 30, 3), grey, np.uint8) for grey in (0, 200)]
    assert encoder.embed(pictures).shape == (2, encoder.feature_width)
    images = encoder.normalise(torch.from_numpy(np.stack(list(map(encoder.prepare, pictures)))))
    encoder.model.train()
    encoder.features(images)[:, 0].sum().backward()
    assert any(weights.grad is not None for weights in encoder.model.parameters())


def _runs_in_outline(model: nn.Module, spec: EncoderSpec) -> None:
    with torch.device("meta"), torch.no_grad():
        columns = feature_columns(model, spec)
        model.train()
        for layer in model.modules():  # which "meta" runs by slow Python code in training
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()
        if not any(isinstance(layer, nn.LSTM) for layer in model.modules()):
            assert model(torch.zeros(2, 3, spec.height, spec.width)).shape == (2, columns)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("qwen3_vit_88m_enc", r"\(1, 576, 1024\)"), ("mobilenetv5_300m_enc", r"\(1, 2048, 16, 16\)")],
)
def test_a_tower_that_gives_no_feature_row_says_so(name: str, shape: str) -> None:
    if not timm.is_model(name):
        pytest.skip(f"this timm has no {name}")
    with pytest.raises(ConfigError, match=rf"{name} gives {shape}.*expected one row"):
        create_encoder(name, pretrained=False)


@pytest.mark.parametrize(
    ("name", "size"), [("test_vit", (130, 67)), ("test_coatnet", (100, 60)), ("test_vit", (8, 8))]
)
def test_an_input_that_a_tower_does_not_take_is_refused_in_a_line(
    name: str, size: tuple[int, int]
) -> None:
    words = rf"{name} takes no pictures of {size[0]} x {size[1]} \(.*its own input is"
    with pytest.raises(ConfigError, match=words) as raised:
        create_encoder(name, pretrained=False, height=size[0], width=size[1])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "test_resnet", "test_mambaout"])
def test_an_odd_input_size_embeds_where_the_tower_takes_it(name: str) -> None:
    spec = spec_of(name, 130, 67)
    check_architecture(spec)
    with torch.device("meta"):
        assert feature_columns(build_model(spec).eval(), spec) > 0


def test_building_and_trying_a_network_leaves_the_random_state() -> None:
    before = torch.get_rng_state()
    feature_columns(build_model(spec_of("test_resnet")).eval(), spec_of("test_resnet"))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("height", 0),
        ("height", "64"),
        ("height", True),
        ("width", -5),
        ("width", 10**9),
        ("mean", (0.5, 0.5)),
        ("mean", ("a", "b", "c")),
        ("mean", None),
        ("std", (0.5, 0.5, 0.0)),
        ("std", (0.5, 0.5, float("nan"))),
        ("model_args", []),
        ("architecture", 3),
        ("drop_padding", "yes"),
    ],
)
def test_a_spec_out_of_range_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(SettingError, match=f"^{field} is"):
        replace(spec_of("sameplayer_small"), **{field: value})


def test_a_spec_is_its_record() -> None:
    spec = spec_of("test_vit", 64, 32)
    record: dict[str, Any] = json.loads(json.dumps(asdict(spec)))
    assert EncoderSpec.from_record({**record, "of a later version": 1}) == spec


def test_without_network_the_error_says_how_to_bring_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build = timm.create_model

    def no_network(*names: Any, pretrained: bool = False, **settings: Any) -> Any:
        if pretrained:
            raise ConnectionError("no route")
        return build(*names, **settings)

    monkeypatch.setattr(timm, "create_model", no_network)
    with pytest.raises(WeightsError, match="SAMEPLAYER_WEIGHTS"):
        load_encoder("vit-b16-openai")


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_weights_come_from_the_local_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    model = build_model(spec_of("resnet10t.c3_in1k"), seed=5)
    save = save_file if ending == ".safetensors" else torch.save
    save(model.state_dict(), tmp_path / f"resnet10t.c3_in1k{ending}")
    monkeypatch.setenv("SAMEPLAYER_WEIGHTS", str(tmp_path))
    loaded = load_encoder("resnet10t.c3_in1k")
    for name, value in loaded.model.state_dict().items():
        assert torch.equal(value, model.state_dict()[name])
