"""Building the network that an EncoderSpec describes, and filling it with weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from sameplayer.data.batches.augment import seeded
from sameplayer.encoder.networks.locations import WEIGHTS_FOLDER, hub_if_reached
from sameplayer.encoder.networks.presets import SMALL
from sameplayer.encoder.networks.registry import OWN
from sameplayer.encoder.networks.spec import Build, EncoderSpec
from sameplayer.encoder.runtime.inference import refuse_training_mode
from sameplayer.errors import ConfigError, WeightsError


def spec_of(architecture: str, height: int | None = None, width: int | None = None) -> EncoderSpec:
    """Return the spec of a timm name with its own input size, mean and standard deviation."""
    if architecture in OWN:
        own = OWN[architecture]
        sides = own.height if height is None else height, own.width if width is None else width
        return EncoderSpec(architecture, *sides, *own.normal, {}, "relu", fit=own.fit)
    config: Any = timm.get_pretrained_cfg(architecture)
    size = config.input_size
    activation = "quickgelu" if "quickgelu" in architecture or ".openai" in architecture else ""
    return EncoderSpec(
        architecture,
        size[1] if height is None else height,
        size[2] if width is None else width,
        tuple(config.mean),
        tuple(config.std),
        {},
        activation or "the architecture's own",
    )


def build_model(spec: EncoderSpec, seed: int = 0, build: Build | None = None) -> nn.Module:
    """Build the network of a spec with random weights; the global random state is kept.

    build    makes the network in place of timm, from the spec; needed where ``own_module`` is set
    """
    if spec.own_module and build is None:
        raise WeightsError(
            f"{spec.architecture} is a module of the user's own. Load it with "
            "load_encoder(path, build=function), where function(spec) returns the module."
        )
    with seeded(seed):
        if build is not None:
            return build(spec)
        if spec.architecture in OWN:
            return OWN[spec.architecture].make(spec)
        model: nn.Module = timm.create_model(spec.architecture, **timm_args(spec))
        return model


def timm_args(spec: EncoderSpec) -> dict[str, Any]:
    """Return the arguments of ``timm.create_model`` for a spec."""
    args = {"num_classes": 0, **spec.model_args}
    config: Any = timm.get_pretrained_cfg(spec.architecture)
    other = (spec.height, spec.width) != own_input(spec.architecture)
    if other and getattr(config, "fixed_input_size", False):
        args.setdefault("img_size", (spec.height, spec.width))
    return args


def fetch_model(spec: EncoderSpec) -> nn.Module:
    """Build a timm network with its pre-trained weights; WeightsError where they are not there."""
    reached = True
    try:
        with hub_if_reached() as reached:
            model: nn.Module = timm.create_model(
                spec.architecture, pretrained=True, **timm_args(spec)
            )
    except Exception as error:  # the hub's client, its transport and the file readers all differ
        why = type(error).__name__ if reached else "the hub gave no answer, and no copy is here"
        raise WeightsError(
            f"The weights of {spec.architecture} could not be fetched ({why}). "
            f"Without a network, put {spec.architecture}.safetensors (or .pth) into a folder and "
            f"set {WEIGHTS_FOLDER} to it, or load the file with load_published()."
        ) from error
    return model


def check_architecture(spec: EncoderSpec) -> None:
    """Raise ConfigError unless timm's network takes the spec's pictures and gives feature rows.

    Costs no weights: the network is built and run without memory for them, on torch's "meta"
    device.
    """
    if spec.architecture == SMALL:
        return
    try:
        with torch.device("meta"):
            outline = build_model(spec).eval()
    except Exception as error:  # timm's networks raise whatever they meet in another input size
        raise _refusal(spec, error) from error
    feature_columns(outline, spec)


def feature_columns(model: nn.Module, spec: EncoderSpec) -> int:
    """Return how many feature columns a network gives: from one pass of a black picture.

    Raises ConfigError where it cannot take the spec's input, gives no row a picture, or is in
    training mode.
    """
    refuse_training_mode(model)
    state = next(model.parameters(), None)
    device = torch.device("cpu") if state is None else state.device
    dtype = torch.float32 if state is None else state.dtype
    images = torch.zeros(1, 3, spec.height, spec.width, device=device, dtype=dtype)
    try:
        with torch.no_grad(), device:
            features: Any = model(images)
    except Exception as error:  # a user's network, or timm's with another input, raises anything
        raise _refusal(spec, error) from error
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != 1:
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise ConfigError(
            f"{spec.architecture} gives {shape} for one picture; expected one row of features "
            "(1, d). Choose another network, or pool its output in a module of your own."
        )
    if not features.shape[1]:
        raise ConfigError(f"{spec.architecture} gives rows of no features; expected one or more.")
    return int(features.shape[1])


def _refusal(spec: EncoderSpec, error: Exception) -> ConfigError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    own = "expected a network of pictures (b, 3, height, width)"
    if not spec.own_module:
        high, wide = own_input(spec.architecture)
        own = f"its own input is {high} x {wide}"
    return ConfigError(
        f"{spec.architecture} takes no pictures of {spec.height} x {spec.width} ({lines[0]}); "
        f"{own}."
    )


def own_input(architecture: str) -> tuple[int, int]:
    """Return (height, width) that a timm network, or one of ours, is made for."""
    if architecture in OWN:
        return OWN[architecture].height, OWN[architecture].width
    config: Any = timm.get_pretrained_cfg(architecture)
    return int(config.input_size[1]), int(config.input_size[2])


def check_weights(
    model: nn.Module, weights: dict[str, Tensor], where: Path, stem: str = ""
) -> None:
    """Raise WeightsError, which says what does not fit, unless names and shapes are a model's.

    stem    what stood before the names in the file
    """
    own = model.state_dict()
    missing = [k for k in own if k not in weights]
    extra = [k for k in weights if k not in own]
    shapes = [
        f"{k} {tuple(weights[k].shape)} instead of {tuple(own[k].shape)}"
        for k in own
        if k in weights and own[k].shape != weights[k].shape
    ]
    kinds = [
        f"{k} {weights[k].dtype}"
        for k in own
        if k in weights and own[k].is_floating_point() and not weights[k].is_floating_point()
    ]
    if not (missing or extra or shapes or kinds):
        return
    parts = [("missing in the file", missing), ("not in the network", extra)]
    parts += [("of another shape", shapes), ("of another type", kinds)]
    found = "; ".join(f"{len(v)} {k}, such as {', '.join(v[:3])}" for k, v in parts if v)
    behind = f" The names were read behind {stem!r}." if stem else ""
    if extra or shapes or kinds or len(missing) == len(own):
        what, how = "a checkpoint of another architecture", "Name the one that it was trained with."
    else:
        what = "an incomplete checkpoint, or one of another architecture"
        how = "Save the whole state_dict(), or name the architecture that it was trained with."
    raise WeightsError(f"{where}: {what}: of {len(own)} weights {found}.{behind} {how}")


def load_weights(model: nn.Module, weights: dict[str, Tensor], where: Path) -> None:
    """Copy a state dict into a model; WeightsError says which names or shapes do not fit."""
    check_weights(model, weights, where)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise WeightsError(f"{where}: weights that cannot be copied ({error}).") from error
