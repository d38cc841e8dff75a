"""Published checkpoints load, give the published features, and never run code."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from sameplayer.encoder.checkpoints import load_published
from sameplayer.encoder.load import create_encoder
from sameplayer.errors import DataError, MissingFile, WeightsError


@pytest.mark.parametrize(
    ("file", "features"),
    [("tiny-vit.pth", "features_projected"), ("tiny-vit-noproj.pth", "features_unprojected")],
)
def test_published_vit_gives_the_published_features(golden: Path, file: str, features: str) -> None:
    data = np.load(golden / "tiny-vit.npz")
    encoder = load_published(golden / file, str(golden / "tiny-vit.json"))
    found = encoder.features(torch.tensor(data["images"])).detach().numpy()
    np.testing.assert_allclose(found, data[features], atol=1e-4)
    assert encoder.feature_width == found.shape[1]
    assert encoder.spec.activation == "quickgelu"


def test_activation_is_recorded_and_changes_features_and_fingerprint(
    golden: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.json"
    text = (golden / "tiny-vit.json").read_text()
    plain.write_text(text.replace('"quick_gelu": true', '"quick_gelu": false'))
    quick = load_published(golden / "tiny-vit.pth", str(golden / "tiny-vit.json"))
    other = load_published(golden / "tiny-vit.pth", str(plain))
    assert other.spec.activation == "gelu"
    assert other.fingerprint() != quick.fingerprint()
    images = torch.tensor(np.load(golden / "tiny-vit.npz")["images"])
    assert not torch.allclose(quick.features(images), other.features(images), atol=1e-3)


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "model.",
        "module.model.",
        "_orig_mod.",
        "backbone.",
        "module.encoder.net.",
        "model.base.",
    ],
)
def test_timm_layout_gives_the_features_it_was_saved_from(
    tmp_path: Path, ending: str, prefix: str
) -> None:
    own = create_encoder("test_resnet", pretrained=False, height=64, width=32, seed=7)
    state = {f"{prefix}{k}": v.contiguous() for k, v in own.model.state_dict().items()}
    wrapper = prefix if prefix in ("", "model.", "module.model.", "_orig_mod.") else ""
    state[f"{wrapper}logit_scale"] = torch.tensor(3.0)
    state["projector.weight"] = torch.zeros(2, 2)  # of what the network was a part of
    if wrapper == prefix:
        del state["projector.weight"]
    path = tmp_path / f"timm{ending}"
    (save_file if ending == ".safetensors" else torch.save)(state, path)
    loaded = load_published(path, "test_resnet")
    images = own.normalise(torch.randint(0, 255, (2, 64, 32, 3), dtype=torch.uint8))
    with torch.no_grad():
        rows = own.features(images)
        torch.testing.assert_close(loaded.features(images), rows, rtol=0, atol=0)
    assert rows[0].std() > 0
    assert loaded.log_scale.item() == 3.0


def test_checkpoint_of_another_architecture_is_refused_with_what_differs(golden: Path) -> None:
    with pytest.raises(WeightsError, match=r"another architecture.*such as"):
        load_published(golden / "tiny-vit.pth", "vit-b16-openai")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/sameplayer-evil",)


def test_pickle_with_code_is_refused(golden: Path, tmp_path: Path) -> None:
    torch.save({"model.x": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="refused"):
        load_published(tmp_path / "evil.pth", str(golden / "tiny-vit.json"))
    assert not Path("/tmp/sameplayer-evil").exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint"])
def test_damaged_checkpoint_is_refused(golden: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(WeightsError):
        load_published(tmp_path / "bad.pth", str(golden / "tiny-vit.json"))


def test_configuration_of_a_resnet_is_refused(golden: Path, tmp_path: Path) -> None:
    vision = {"image_size": 224, "layers": [3, 4, 6, 3], "width": 64, "patch_size": None}
    (tmp_path / "rn50.json").write_text(json.dumps({"vision_cfg": vision}))
    with pytest.raises(WeightsError, match="describes a ResNet"):
        load_published(golden / "tiny-vit.pth", str(tmp_path / "rn50.json"))


@pytest.mark.parametrize(
    "state",
    [
        [torch.zeros(2)],
        {"a": "text"},
        {3: torch.zeros(2)},
        {"visual.proj": torch.zeros(3)},
        {"visual.class_embedding": torch.zeros(2), "visual.proj": torch.zeros(2, 2)},
        {"logit_scale": torch.zeros(2)},
        {"logit_scale": torch.tensor(float("nan"))},
        {"pos_embed": torch.zeros(1), "patch_embed.proj.weight": torch.zeros(1)},
        {"pos_embed": torch.zeros(1).expand(10**9)},
        {"pos_embed": torch.zeros(2).to_sparse()},
        {"pos_embed": torch.zeros(3, device="meta")},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_state_of_another_kind_is_refused(golden: Path, tmp_path: Path, state: Any) -> None:
    torch.save(state, tmp_path / "bad.pth")
    for architecture in (str(golden / "tiny-vit.json"), "test_vit"):
        with pytest.raises(WeightsError):
            load_published(tmp_path / "bad.pth", architecture)


def test_a_missing_checkpoint_and_an_unknown_architecture_are_refused(golden: Path) -> None:
    with pytest.raises(MissingFile, match="no such file"):
        load_published(golden / "typo.pth", "test_vit")
    with pytest.raises(WeightsError, match="neither a preset, nor a timm name"):
        load_published(golden / "tiny-vit.pth", "vit-b99")


@pytest.mark.parametrize(
    "change",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"vision_cfg": []}',
        '{"vision_cfg": "text"}',
        {"image_size": [64, "a"]},
        {"image_size": [64]},
        {"image_size": 10**6},
        {"image_size": 16_000, "patch_size": 1},
        {"patch_size": 0},
        {"patch_size": 10**6},
        {"width": 10**9},
        {"width": True},
        {"layers": 10**9},
        {"layers": -1},
        {"head_width": 0},
        {"mlp_ratio": "4"},
        {"mlp_ratio": 1e9},
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_damaged_configuration_is_refused(
    golden: Path, tmp_path: Path, change: str | dict[str, Any]
) -> None:
    config = json.loads((golden / "tiny-vit.json").read_text())
    if isinstance(change, dict):
        config["vision_cfg"] |= change
        change = json.dumps(config)
    (tmp_path / "bad.json").write_text(change)
    with pytest.raises(WeightsError, match=r"bad\.json"):
        load_published(golden / "tiny-vit.pth", str(tmp_path / "bad.json"))


def test_a_configuration_with_more_memory_than_its_weights_is_refused_first(
    golden: Path, tmp_path: Path
) -> None:
    config = json.loads((golden / "tiny-vit.json").read_text())
    config["vision_cfg"] |= {"width": 65_536, "layers": 4}  # 0.8 TB
    (tmp_path / "large.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=r"another (architecture|layout)"):
        load_published(golden / "tiny-vit.pth", str(tmp_path / "large.json"))


@settings(max_examples=150)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_any_damage_to_a_checkpoint_is_an_error_of_ours(
    golden: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray((golden / "tiny-vit.pth").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        # of the file's half megabyte, its first part holds the pickle and its last the directory
        place = data.draw(st.integers(-5_000, 15_000))
        content[place % len(content)] = data.draw(st.integers(0, 255))
    bad = tmp_path_factory.getbasetemp() / "bad.pth"
    bad.write_bytes(content)
    with suppress(WeightsError, DataError):
        load_published(bad, str(golden / "tiny-vit.json"))
