"""Published checkpoints load, give the published features, and never run code."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from sameplayer.encoder.checkpoints import load_published
from sameplayer.encoder.encoder import create_encoder
from sameplayer.errors import WeightsError


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


def test_timm_layout_with_prefix_loads(tmp_path: Path) -> None:
    own = create_encoder("resnet10t", pretrained=False, height=64, width=32)
    state = {f"model.{k}": v for k, v in own.model.state_dict().items()}
    torch.save({**state, "model.logit_scale": torch.tensor(3.0)}, tmp_path / "timm.pth")
    loaded = load_published(tmp_path / "timm.pth", "resnet10t")
    picture = np.full((64, 32, 3), 90, np.uint8)
    loaded_rows = loaded.features(loaded.normalise(torch.tensor(picture[None])))
    assert loaded_rows.shape == (1, own.feature_width)
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
