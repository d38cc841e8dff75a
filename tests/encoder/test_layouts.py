"""Checkpoints as the usual trainers save them: the right weights are taken, the rest is said."""

from __future__ import annotations

import argparse
import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from sameplayer.encoder.checkpoints import load_published, recognise
from sameplayer.encoder.load import create_encoder
from sameplayer.encoder.networks.osnet import OsNet
from sameplayer.errors import SettingError, WeightsError

State = dict[str, Tensor]


def _drawn(seed: int = 0, name: str = "test_resnet", **settings: Any) -> State:
    rng = torch.Generator().manual_seed(seed)
    state = timm.create_model(name, **settings).state_dict()
    return {
        k: torch.rand(v.shape, generator=rng) if v.is_floating_point() else v
        for k, v in state.items()
    }


def _put(prefix: str, state: State) -> State:
    return {f"{prefix}{name}": value for name, value in state.items()}


ONE, OTHER = _drawn(1, num_classes=3), _drawn(2, num_classes=3)
BODY = {k: v for k, v in ONE.items() if not k.startswith("fc.")}
HEAD = {"weight": torch.ones(2, 2)}

FORMS: dict[str, tuple[Any, str]] = {
    "torchreid": (
        {
            "state_dict": OrderedDict(_put("module.", ONE)),
            "epoch": 60,
            "rank1": np.float64(0.9),
            "optimizer": {"state": {0: {"step": 1, "exp_avg": torch.ones(3)}}, "param_groups": []},
            "scheduler": {"_step_count": np.int64(3), "base_lrs": [np.float32(0.1)]},
        },
        "fc.weight, fc.bias",
    ),
    "open-reid": (
        {
            "state_dict": {
                **_put("module.base.", ONE),
                **_put("module.feat.", HEAD),
                **_put("module.classifier.", HEAD),
            },
            "epoch": 3,
            "best_top1": np.float32(0.3),
        },
        "module.feat.weight",
    ),
    "fast-reid": (
        {
            "model": {
                **_put("backbone.", BODY),
                **_put("heads.bottleneck.0.", HEAD),
                "pixel_mean": torch.ones(1, 3, 1, 1),
            },
            "optimizer": {"state": {}},
            "iteration": 9,
        },
        "model.heads.bottleneck.0.weight",
    ),
    "bag of tricks": ({**_put("base.", BODY), **_put("bottleneck.", HEAD)}, "bottleneck.weight"),
    "Lightning": (
        {
            "state_dict": {**_put("model.", BODY), "loss.centers": torch.ones(3, 3)},
            "hyper_parameters": argparse.Namespace(lr=np.float64(0.1), out=Path("/x")),
            "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.3)}},
        },
        "loss.centers",
    ),
    "timm with an average": (
        {"state_dict": OTHER, "state_dict_ema": ONE, "args": argparse.Namespace(model="x")},
        "not those of 'state_dict.'",
    ),
    "ema in a dictionary": ({"model": OTHER, "ema": _put("module.", ONE)}, "'ema.module.'"),
    "DINO": (
        {
            "student": _put("module.backbone.", OTHER),
            "teacher": {**_put("backbone.", ONE), **_put("head.mlp.0.", HEAD)},
        },
        "not those of 'student.module.backbone.'",
    ),
    "wrapped many times": (_put("_orig_mod.module.model.net.", ONE), "fc.weight"),
    "a model's own key": ({"model_state_dict": BODY, "loss": torch.tensor(0.3)}, "loss"),
    "fine-tuned head": (ONE, "fc.weight"),
    "before torch 0.4.1": ({k: v for k, v in BODY.items() if "num_batches" not in k}, ""),
    "parameters": ({k: torch.nn.Parameter(v, v.is_floating_point()) for k, v in BODY.items()}, ""),
}


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before torch 1.6"])
@pytest.mark.parametrize(("form", "said"), FORMS.values(), ids=FORMS)
def test_a_trainers_checkpoint_gives_its_weights_and_says_the_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, form: Any, said: str, old: bool
) -> None:
    path = tmp_path / "model.pth.tar-60"
    torch.save(form, path, _use_new_zipfile_serialization=not old)
    with caplog.at_level(logging.WARNING):
        found = load_published(path, "test_resnet").model.state_dict()
    for name, value in found.items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(value, ONE[name]), name
    assert said in caplog.text
    assert bool(said) == bool(caplog.records)


def _in_openai_names(golden: Path) -> State:
    state = torch.load(golden / "tiny-vit.pth", weights_only=True)
    state = state.get("state_dict", state)
    return {k.partition("visual.")[2]: v for k, v in state.items() if "visual." in k}


def _as_clip_reid(tower: State) -> Any:
    text = {"class_text": torch.ones(2), "transformer.resblocks.0.ln_1.weight": torch.ones(2)}
    beside = {**_put("classifier.", HEAD), "prompt_learner.cls_ctx": torch.ones(2, 4, 2)}
    return {**_put("image_encoder.", tower), **_put("text_encoder.", text), **beside}


def _as_transformers(tower: State) -> Any:
    swaps = {
        "positional_embedding": "embeddings.position_embedding.weight",
        "ln_pre": "pre_layrnorm",
        "class_embedding": "embeddings.class_embedding",
        "conv1": "embeddings.patch_embedding",
        "ln_post": "post_layernorm",
        "transformer.resblocks": "encoder.layers",
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "attn.out_proj": "self_attn.out_proj",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
    }
    named: State = {"vision_model.embeddings.position_ids": torch.arange(5)}
    for name, value in tower.items():
        if name == "proj":
            named["visual_projection.weight"] = value.t().contiguous()
            continue
        for ours, theirs in swaps.items():
            name = name.replace(ours, theirs)
        if "in_proj_" in name:
            for part, third in zip("qkv", value.chunk(3), strict=True):
                key = name.replace("attn.in_proj_", f"self_attn.{part}_proj.")
                named[f"vision_model.{key}"] = third.contiguous()
        else:
            named[f"vision_model.{name}"] = value
    text = {"text_model.embeddings.token_embedding.weight": torch.ones(2, 2)}
    return {**named, **text, "logit_scale": torch.tensor(4.0)}


@pytest.mark.parametrize(
    "form",
    [
        lambda tower: {"state_dict": _put("module.visual.", tower), "epoch": 3},
        lambda tower: {"model": {**_put("clip.visual.", tower), "head.weight": torch.ones(2)}},
        lambda tower: _put("module.", _as_clip_reid(tower)),
        _as_transformers,
    ],
    ids=["OpenCLIP", "within a model", "CLIP-ReID", "transformers"],
)
def test_the_image_tower_of_clip_gives_the_published_features(
    golden: Path, tmp_path: Path, form: Any
) -> None:
    path = tmp_path / "clip.pth"
    torch.save(form(_in_openai_names(golden)), path)
    encoder = load_published(path, str(golden / "tiny-vit.json"))
    data = np.load(golden / "tiny-vit.npz")
    with torch.no_grad():
        found = encoder.features(torch.tensor(data["images"])).numpy()
    np.testing.assert_allclose(found, data["features_projected"], atol=1e-4)
    assert encoder.log_scale.item() == pytest.approx(
        4.0 if form is _as_transformers else 2.659, 1e-3
    )


@pytest.mark.parametrize("change", ["no keys", "other shapes"])
def test_a_damaged_tower_of_transformers_is_refused(
    golden: Path, tmp_path: Path, change: str
) -> None:
    state = _as_transformers(_in_openai_names(golden))
    name = next(name for name in state if name.endswith("self_attn.k_proj.weight"))
    state[name] = torch.ones(3, 5)
    if change == "no keys":
        del state[name]
    torch.save(state, tmp_path / "clip.pth")
    with pytest.raises(WeightsError, match="damaged"):
        load_published(tmp_path / "clip.pth", str(golden / "tiny-vit.json"))


def test_what_is_beside_the_tower_of_clip_is_said(
    golden: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.save(_as_clip_reid(_in_openai_names(golden)), tmp_path / "clip.pth")
    load_published(tmp_path / "clip.pth", str(golden / "tiny-vit.json"))
    assert "4 weights (text_encoder.class_text" in caplog.text
    assert "classifier.weight" in caplog.text


@pytest.mark.parametrize("wrapped", ["", "state_dict.module."])
@pytest.mark.parametrize("name", ["osnet_x0_25", "osnet_ain_x0_25"])
def test_a_checkpoint_of_osnet_loads(tmp_path: Path, wrapped: str, name: str) -> None:
    torch.manual_seed(3)
    prefix, network = "module." if wrapped else "", OsNet(name).state_dict()
    state = {**_put(prefix, network), f"{prefix}classifier.weight": torch.ones(9)}
    path = tmp_path / "osnet.pth.tar"
    torch.save({"state_dict": state, "rank1": np.float64(0.5)} if wrapped else state, path)
    encoder = load_published(path, name)
    assert all(torch.equal(value, network[k]) for k, value in encoder.model.state_dict().items())


def test_the_architecture_of_a_checkpoint_of_osnet_is_told(tmp_path: Path) -> None:
    path = tmp_path / "osnet.pth"
    torch.save({"state_dict": _put("module.", OsNet("osnet_x0_75").state_dict())}, path)
    assert recognise(path) == "osnet_x0_75"
    with pytest.raises(WeightsError, match=r"These are the weights of osnet_x0_75: name it"):
        load_published(path, "test_resnet")


def test_names_that_do_not_fit_are_told_in_each_direction(tmp_path: Path) -> None:
    state = _put("module.", BODY)
    first, second, third = list(state)[:3]
    state[f"{first}2"], state[second] = state.pop(first), torch.ones(7)
    del state[third]
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(WeightsError) as error:
        load_published(tmp_path / "x.pth", "test_resnet")
    words = str(error.value)
    own = [name.removeprefix("module.") for name in (first, second, third)]
    assert f"2 missing in the file, such as {own[0]}, {own[2]}" in words
    assert f"1 not in the network, such as {own[0]}2" in words
    assert f"1 of another shape, such as {own[1]} (7,) instead of" in words
    assert "behind 'module.'" in words


def test_a_part_of_the_weights_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save({"conv1.conv.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=r"incomplete.*of 565 weights 484 missing"):
        load_published(tmp_path / "x.pth", "osnet_x1_0")


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    name = next(name for name, value in BODY.items() if value.is_floating_point())
    torch.save(BODY | {name: BODY[name] * torch.nan}, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=f"1 of .* weights hold NaN or infinity, such as {name}"):
        load_published(tmp_path / "x.pth", "test_resnet")


def test_numbers_of_a_quantised_network_are_no_weights(tmp_path: Path) -> None:
    state = {k: v.to(torch.int8) for k, v in BODY.items()}
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=r"of another type, such as .* torch\.int8"):
        load_published(tmp_path / "x.pth", "test_resnet")


def test_position_embeddings_of_another_size_are_resized_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = _drawn(4, "test_vit")
    torch.save({"model": state}, tmp_path / "vit.pth")
    encoder = load_published(tmp_path / "vit.pth", "test_vit", height=64, width=32)
    assert (encoder.spec.height, encoder.spec.width) == (64, 32)
    grid = timm.layers.resample_abs_pos_embed(state["pos_embed"], (4, 2))
    torch.testing.assert_close(encoder.model.state_dict()["pos_embed"], grid)
    assert f"resized from {state['pos_embed'].shape[1]} to {grid.shape[1]}" in caplog.text


def test_a_tall_grid_needs_its_height_and_width(tmp_path: Path) -> None:
    state = _drawn(4, "test_vit", img_size=(256, 128), num_classes=0)
    torch.save(_put("base.", state), tmp_path / "transreid.pth")
    with pytest.raises(WeightsError, match="Name the height and width"):
        load_published(tmp_path / "transreid.pth", "test_vit")
    tall = load_published(tmp_path / "transreid.pth", "test_vit", height=256, width=128)
    assert torch.equal(tall.model.state_dict()["pos_embed"], state["pos_embed"])
    with pytest.raises(SettingError, match="height"):
        load_published(tmp_path / "transreid.pth", "test_vit", height=0)


def test_an_embedding_of_cameras_is_no_part_of_a_plain_vit(tmp_path: Path) -> None:
    state = {**_drawn(4, "test_vit", num_classes=0), "sie_embed": torch.ones(6, 1, 64)}
    torch.save(_put("base.", state), tmp_path / "transreid.pth")
    with pytest.raises(WeightsError, match=r"1 not in the network, such as sie_embed"):
        load_published(tmp_path / "transreid.pth", "test_vit")


def test_a_folder_of_the_hub_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architecture": "test_resnet"}')
    save_file({k: v.contiguous() for k, v in ONE.items()}, tmp_path / "model.safetensors")
    found = load_published(tmp_path, "test_resnet").model.state_dict()
    assert torch.equal(found["layer1.0.conv1.weight"], ONE["layer1.0.conv1.weight"])


def test_a_file_in_the_weights_folder_makes_its_name_an_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"state_dict": OsNet("osnet_x0_25").state_dict()}, tmp_path / "osnet_x0_25.pth.tar")
    monkeypatch.setenv("SAMEPLAYER_WEIGHTS", str(tmp_path))
    encoder = create_encoder("osnet_x0_25", pretrained=True)
    assert encoder.spec.weights.endswith("osnet_x0_25.pth.tar")
