"""Published checkpoint layouts to ours.

The 2022 release holds a plain state dict: the encoder's keys with the prefix ``model.``, either
OpenCLIP's (``model.visual.conv1.weight``, …) with or without the final projection, or timm's
(``model.blocks.0.…``), and ``model.logit_scale``.

Weights do not tell which activation they were trained with. OpenAI's CLIP used QuickGELU, and a
network built with ordinary GELU loads the same file and is silently worse. So the architecture
that the caller names decides, and the choice is recorded in ``EncoderSpec.activation``.
"""

from __future__ import annotations

import json
import logging
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models.vision_transformer import checkpoint_filter_fn
from torch import Tensor, nn

from sameplayer.encoder.encoder import (
    INITIAL_LOG_SCALE,
    Encoder,
    EncoderSpec,
    build_model,
    load_weights,
    spec_of,
)
from sameplayer.encoder.presets import CLIP_MEAN, CLIP_STD, PRESETS
from sameplayer.errors import WeightsError

log = logging.getLogger(__name__)


def load_published(path: str | Path, architecture: str, *, device: str = "cpu") -> Encoder:
    """Load a checkpoint of the published layouts.

    path            .pth (read with ``weights_only``: code in it is refused) or .safetensors
    architecture    preset name, timm name, or the path of an OpenCLIP model configuration (json)

    Features are raw; with ``visual.proj`` in the file they are the projected ones.
    Raises WeightsError for other layouts, other architectures, and pickles with code.
    """
    path = Path(path)
    weights = _read_state(path)
    spec = _published_spec(architecture)
    if "visual.proj" in weights:
        spec = replace(spec, model_args={**spec.model_args, "num_classes": _columns(weights)})
    if "visual.class_embedding" in weights and spec.activation != "quickgelu":
        log.warning(
            "%s: a CLIP checkpoint is loaded with %s; if it started from OpenAI's weights, use "
            "the quickgelu architecture.",
            path,
            spec.activation or "ordinary GELU",
        )
    spec = replace(spec, weights=str(path.name))
    return _fill(build_model(spec), spec, weights, path).to(device)


def fill_encoder(model: nn.Module, spec: EncoderSpec, path: Path) -> Encoder:
    """Fill a built network with a local weights file of any known layout."""
    return _fill(model, spec, _read_state(path), path)


def _fill(model: nn.Module, spec: EncoderSpec, weights: dict[str, Tensor], path: Path) -> Encoder:
    log_scale = weights.pop("logit_scale", torch.tensor(INITIAL_LOG_SCALE))
    if any(key.startswith("visual.") for key in weights):
        weights = {k: v for k, v in weights.items() if k.startswith("visual.")}
        if "visual.proj" in weights and not spec.model_args.get("num_classes"):
            del weights["visual.proj"]
        if "visual.class_embedding" not in weights:
            raise WeightsError(
                f"{path}: an OpenCLIP tower other than a plain ViT (no visual.class_embedding); "
                "expected a ViT. Use timm's name and layout for other towers."
            )
    if hasattr(model, "pos_embed") and hasattr(model, "patch_embed"):
        weights = checkpoint_filter_fn(weights, model)  # type: ignore[arg-type]
    own = model.state_dict()
    heads = {k for k in weights if k.split(".")[0] in ("head", "fc", "classifier")} - set(own)
    load_weights(model, {k: v for k, v in weights.items() if k not in heads}, path)
    return Encoder(model, spec, float(log_scale))


def _read_state(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file.") from None
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: holds objects other than tensors, which loading would have to run as code; "
            "refused. Ask its author for a plain state dict or safetensors."
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, SafetensorError) as error:
        raise WeightsError(f"{path}: not a checkpoint ({type(error).__name__}).") from error
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"{path}: expected a plain state dict of tensors.")
    return {k.removeprefix("module.").removeprefix("model."): v for k, v in state.items()}


def _published_spec(architecture: str) -> EncoderSpec:
    if architecture.endswith(".json"):
        return _openclip_spec(Path(architecture))
    preset = PRESETS.get(architecture)
    if preset is not None:
        return spec_of(preset.architecture, preset.height, preset.width)
    try:
        return spec_of(architecture)
    except RuntimeError as error:
        raise WeightsError(
            f"Architecture {architecture!r} is neither a preset ({', '.join(PRESETS)}), nor a timm "
            "name, nor the path of an OpenCLIP configuration (.json)."
        ) from error


def _openclip_spec(path: Path) -> EncoderSpec:
    try:
        config = json.loads(path.read_text())
        vision = config["vision_cfg"]
        size, heads = vision["image_size"], vision["width"] // vision.get("head_width", 64)
        args = {
            "img_size": size,
            "patch_size": vision["patch_size"],
            "embed_dim": vision["width"],
            "depth": vision["layers"],
            "num_heads": heads,
            "mlp_ratio": vision.get("mlp_ratio", 4.0),
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{path}: not an OpenCLIP configuration of a ViT ({type(error).__name__}: {error}); "
            "expected vision_cfg with image_size, patch_size, width and layers."
        ) from error
    if not all(isinstance(args[name], int) for name in ("patch_size", "depth", "embed_dim")):
        raise WeightsError(
            f"{path}: describes a ResNet or a timm tower (layers {vision['layers']}, patch_size "
            f"{vision['patch_size']}); only OpenCLIP's own ViTs are read from a configuration. "
            "Name the timm architecture instead, such as resnet50_clip.openai."
        )
    quick = bool(config.get("quick_gelu", False))
    name = f"vit_base_patch16_clip_{'quickgelu_' if quick else ''}224"
    activation = "quickgelu" if quick else "gelu"
    return EncoderSpec(name, size, size, CLIP_MEAN, CLIP_STD, args, activation)


def _columns(weights: dict[str, Tensor]) -> int:
    return int(weights["visual.proj"].shape[1])
