"""A tiny CLIP of random weights."""

from __future__ import annotations

import json

import open_clip
import pytest
import torch
from safetensors.torch import save_file

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Configuration and weights file of a tiny CLIP."""
    folder = tmp_path_factory.mktemp("clip")
    config = folder / "tiny-clip.json"
    config.write_text(json.dumps(TINY))
    open_clip.add_model_config(config)
    torch.manual_seed(3)
    model = open_clip.create_model("tiny-clip", pretrained=None)
    save_file(model.state_dict(), folder / "tiny-clip.safetensors")
    return str(config), str(folder / "tiny-clip.safetensors")
