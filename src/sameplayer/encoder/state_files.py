"""State dicts of others: read from a file without running code, and filled into a network."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from timm.models.vision_transformer import checkpoint_filter_fn
from torch import Tensor, nn

from sameplayer.encoder import places
from sameplayer.encoder.build import (
    EncoderSpec,
    build_model,
    check_weights,
    fetch_model,
    load_weights,
)
from sameplayer.encoder.presets import COLOUR, SMALL
from sameplayer.errors import MissingFile, WeightsError

INITIAL_LOG_SCALE = math.log(1 / 0.07)
# What torch.compile, DataParallel and the 2022 release put before every name.
WRAPPERS = re.compile(r"^(_orig_mod\.|module\.|model\.)+")


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors or .pth file; prefixes of wrappers (WRAPPERS) go.

    Raises MissingFile, and WeightsError for a damaged file or one with code in it.
    """
    if not path.is_file():
        raise MissingFile(f"{path}: no such file.")
    try:
        if path.suffix == ".safetensors":
            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle makes torch raise almost anything
        if "weights_only" in str(error).lower():
            raise WeightsError(
                f"{path}: holds objects other than tensors, which loading would have to run as "
                "code; refused. Ask its author for a plain state dict or safetensors."
            ) from error
        raise WeightsError(f"{path}: not a checkpoint ({type(error).__name__}).") from error
    for key in ("state_dict", "model", "model_state_dict", "net", "network"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and _is_plain(value) for name, value in state.items()
    ):
        raise WeightsError(f"{path}: expected a plain state dict of tensors.")
    return {WRAPPERS.sub("", name): value for name, value in state.items()}


def fill_model(
    spec: EncoderSpec, weights: dict[str, Tensor], path: Path, seed: int = 1
) -> tuple[nn.Module, float]:
    """Build a network and fill it with the weights of any known layout.

    Returns the network and the logarithm of the scale. Raises WeightsError for other weights.
    """
    log_scale = read_log_scale(weights.pop("logit_scale", None), path)
    if any(key.startswith("visual.") for key in weights):
        weights = _image_tower(weights, spec, path)
    try:
        with torch.device("meta"):
            outline = build_model(spec)
        weights = _fitted(_named_as(outline, weights), outline)
    except Exception as error:  # timm converts by shape arithmetic, which fails as it happens to
        raise WeightsError(
            f"{path}: weights of another layout than {spec.architecture} "
            f"({type(error).__name__}: {error})."
        ) from error
    check_weights(outline, weights, path)  # before memory is taken for what does not fit
    model = build_model(spec, seed)
    load_weights(model, weights, path)
    return model, log_scale


def weighted_model(
    spec: EncoderSpec, shipped: str, pretrained: bool, seed: int
) -> tuple[nn.Module, EncoderSpec, float]:
    """Return a network with weights, its spec, and the logarithm of the scale.

    shipped    file of its weights in this package, or empty

    Raises WeightsError where pre-trained weights cannot be had.
    """
    if spec.architecture in (SMALL, COLOUR):  # of which there are none
        return build_model(spec, seed), spec, INITIAL_LOG_SCALE
    if not pretrained:
        drawn = replace(spec, weights=f"random, seed {seed}")
        return build_model(spec, seed), drawn, INITIAL_LOG_SCALE
    return shipped_model(spec, shipped) if shipped else pretrained_model(spec, seed)


def pretrained_model(spec: EncoderSpec, seed: int) -> tuple[nn.Module, EncoderSpec, float]:
    """Return a timm network with its pre-trained weights, from the local folder or timm's hub.

    Raises WeightsError saying how to bring weights when there is no network.
    """
    local = places.local_weights(spec.architecture)
    if local is None:
        return (
            fetch_model(spec),
            replace(spec, weights=f"timm {spec.architecture}"),
            INITIAL_LOG_SCALE,
        )
    model, log_scale = fill_model(spec, read_state(local), local, seed)
    return model, replace(spec, weights=str(local)), log_scale


def shipped_model(spec: EncoderSpec, name: str) -> tuple[nn.Module, EncoderSpec, float]:
    """Return a network with weights that lie in this package; WeightsError where they do not."""
    path = places.SHIPPED / name
    if not path.is_file():
        raise WeightsError(f"{path}: the weights that belong to the package are missing; install "
                           "sameplayer again.")  # fmt: skip
    weights = {key: value.float() for key, value in read_state(path).items()}
    model = build_model(spec)
    load_weights(model, weights, path)
    return model, replace(spec, weights=f"sameplayer {name}"), INITIAL_LOG_SCALE


def read_log_scale(value: Tensor | None, path: Path) -> float:
    """Return the logarithm of the scale; WeightsError unless it is one finite number."""
    if value is None:
        return INITIAL_LOG_SCALE
    if value.numel() != 1 or not value.is_floating_point() or not math.isfinite(value.item()):
        raise WeightsError(f"{path}: logit_scale is no finite number; expected one.")
    return float(value.item())


def _named_as(model: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights by a network's own names, where those stand behind one common prefix.

    Weights beside that prefix are the head or loss of what the network was a part of: they go. That
    is done only where the prefix makes most of the network's names out of names that were none.
    """
    own = set(model.state_dict())
    stems = {name[: -len(end)] for name in weights for end in _ends(name) if end in own}
    found = {
        stem: {k.removeprefix(stem): v for k, v in weights.items() if k.startswith(stem)}
        for stem in sorted(stems)
    }
    if own & set(weights) or not found:
        return weights
    best = max(found.values(), key=lambda named: len(own & set(named)))
    return best if 2 * len(own & set(best)) > len(own) else weights


def _ends(name: str) -> list[str]:
    """Return what a dotted name is without its first part, its first two parts, and so on."""
    parts = name.split(".")
    return [".".join(parts[start:]) for start in range(1, len(parts))]


def _image_tower(weights: dict[str, Tensor], spec: EncoderSpec, path: Path) -> dict[str, Tensor]:
    weights = {k: v for k, v in weights.items() if k.startswith("visual.")}
    if "visual.proj" in weights and not spec.model_args.get("num_classes"):
        del weights["visual.proj"]
    if "visual.class_embedding" not in weights:
        raise WeightsError(
            f"{path}: an OpenCLIP tower other than a plain ViT (no visual.class_embedding); "
            "expected a ViT. Use timm's name and layout for other towers."
        )
    return weights


def _fitted(weights: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return the weights under the names of a timm network, heads that it lacks left out."""
    if hasattr(model, "pos_embed") and hasattr(model, "patch_embed"):
        weights = checkpoint_filter_fn(weights, model)  # type: ignore[arg-type]
    own = model.state_dict()
    heads = {k for k in weights if k.split(".")[0] in ("head", "fc", "classifier")} - set(own)
    return {k: v for k, v in weights.items() if k not in heads}


def _is_plain(value: object) -> bool:
    """Tell whether this is a tensor that holds its values: dense, in memory, not expanded."""
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )
