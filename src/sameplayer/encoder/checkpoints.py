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
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.networks.build import spec_of
from sameplayer.encoder.networks.presets import CLIP_MEAN, CLIP_STD, find_preset_or_timm
from sameplayer.encoder.networks.spec import EncoderSpec
from sameplayer.encoder.runtime.device import pick_device
from sameplayer.encoder.storage.key_layouts import recognised
from sameplayer.encoder.storage.state_dicts import fill_model, read_state
from sameplayer.errors import ConfigError, SettingError, WeightsError

MOST_LAYERS = 1000
MOST_PATCHES = 65_536

log = logging.getLogger(__name__)


def load_published(
    path: str | Path,
    architecture: str,
    *,
    height: int | None = None,
    width: int | None = None,
    device: str = "auto",
) -> Encoder:
    """Load a checkpoint of the published layouts.

    path            a file of ``torch.save`` or safetensors, whatever its ending, or a folder as the
                    hub's clients keep it. Nothing in a pickle is run
    architecture    preset name, timm name, a name of ``OSNETS``, or the path of an OpenCLIP model
                    configuration (json)
    height, width   of the input in pixels, where they are not the architecture's own

    Features are raw; with ``visual.proj`` in the file they are the projected ones. What is left out
    or resized is logged as a warning.

    Raises WeightsError for other layouts, other architectures, and files without plain weights;
    MissingFile; SettingError for a device that is not there and for a side out of range.
    """
    where, path = pick_device(device), Path(path)
    weights = read_state(path)
    spec = _published_spec(architecture, height, width)
    if "visual.proj" in weights and weights["visual.proj"].ndim == 2:
        spec = _projected(spec, weights["visual.proj"])
    if "visual.class_embedding" in weights and spec.activation != "quickgelu":
        log.warning(
            "%s: a CLIP checkpoint is loaded with %s; if it started from OpenAI's weights, use "
            "the quickgelu architecture.",
            path,
            spec.activation or "ordinary GELU",
        )
    spec = replace(spec, weights=str(path.name))
    model, log_scale = fill_model(spec, weights, path)
    return Encoder(model, spec, log_scale).to(where)


def recognise(path: str | Path) -> str | None:
    """Return the usual architecture that a checkpoint's weights fill whole, or None.

    Raises WeightsError and MissingFile as ``load_published``.
    """
    return recognised(read_state(Path(path)))


def _published_spec(architecture: str, height: int | None, width: int | None) -> EncoderSpec:
    if architecture.endswith(".json"):
        if height is not None or width is not None:
            raise SettingError("height", height or width, "none beside a configuration's")
        return _openclip_spec(Path(architecture))
    try:
        preset = find_preset_or_timm(architecture)
    except ConfigError as error:
        raise WeightsError(
            f"Architecture {architecture!r} is neither a preset, nor a timm name, nor the path of "
            f"an OpenCLIP configuration (.json): {error}"
        ) from error
    sides = (preset.height if height is None else height, preset.width if width is None else width)
    return spec_of(preset.architecture, *sides)


def _openclip_spec(path: Path) -> EncoderSpec:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        vision = dict(config["vision_cfg"])
        size = vision["image_size"]
        high, wide = size if isinstance(size, (list, tuple)) else (size, size)
        args = _vit_args(vision, path)
        args["img_size"] = high if high == wide else (high, wide)
        if high * wide > MOST_PATCHES * args["patch_size"] ** 2:
            raise ValueError(f"{high} x {wide} pixels in patches of {args['patch_size']}")
        quick = bool(config.get("quick_gelu", False))
        name = f"vit_base_patch16_clip_{'quickgelu_' if quick else ''}224"
        activation = "quickgelu" if quick else "gelu"
        return EncoderSpec(name, high, wide, CLIP_MEAN, CLIP_STD, args, activation)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, ConfigError) as error:
        raise WeightsError(
            f"{path}: not an OpenCLIP configuration of a ViT ({type(error).__name__}: {error}); "
            "expected vision_cfg with image_size, patch_size, width and layers."
        ) from error


def _vit_args(vision: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return timm's arguments for the ViT that a configuration describes, all within bounds."""
    if not all(isinstance(vision[name], int) for name in ("patch_size", "layers", "width")):
        raise WeightsError(
            f"{path}: describes a ResNet or a timm tower (layers {vision['layers']}, patch_size "
            f"{vision['patch_size']}); only OpenCLIP's own ViTs are read from a configuration. "
            "Name the timm architecture instead, such as resnet50_clip.openai."
        )
    head = vision.get("head_width", 64)
    bounds = {"layers": MOST_LAYERS, "width": 65_536, "patch_size": 64, "head_width": 65_536}
    for name, most in bounds.items():
        value = vision.get(name, head)
        if type(value) is not int or not 1 <= value <= most:
            raise ValueError(f"{name} is {value!r}; expected 1 to {most}")
    ratio = vision.get("mlp_ratio", 4.0)
    if not isinstance(ratio, (int, float)) or not 0 < ratio <= 64:
        raise ValueError(f"mlp_ratio is {ratio!r}; expected over 0, up to 64")
    return {
        "patch_size": vision["patch_size"],
        "embed_dim": vision["width"],
        "depth": vision["layers"],
        "num_heads": vision["width"] // head,
        "mlp_ratio": ratio,
    }


def _projected(spec: EncoderSpec, projection: Tensor) -> EncoderSpec:
    columns = int(projection.shape[1])
    return replace(spec, model_args={**spec.model_args, "num_classes": columns})
