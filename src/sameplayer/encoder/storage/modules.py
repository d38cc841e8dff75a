"""What a torch module that the user brings is: a network of timm's by its name, or an own one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import timm
import torch
from torch import nn

from sameplayer.encoder.networks.build import build_model, spec_of
from sameplayer.encoder.networks.spec import EncoderSpec, Triple
from sameplayer.encoder.storage.saved import LOG_SCALE
from sameplayer.errors import ConfigError, SettingError


def spec_of_module(
    module: nn.Module,
    height: int | None,
    width: int | None,
    mean: Triple | None,
    std: Triple | None,
    name: str,
    model_args: dict[str, Any] | None,
    fit: str,
) -> EncoderSpec:
    """Return the spec of a module; what is None is read from timm's ``pretrained_cfg``.

    A module of timm's without a name or arguments given gets timm's name where timm builds the
    same network by it, which its features of a drawn picture say. Every other one is an own module.

    The module is put into evaluation mode. Raises SettingError for what is neither given nor known,
    or out of range, ConfigError for a weight of a name that is taken.
    """
    if LOG_SCALE in module.state_dict():
        raise ConfigError(f"The module holds a weight named {LOG_SCALE!r}; give it another name.")
    module.eval()
    config: Any = getattr(module, "pretrained_cfg", None) or {}
    known = dict(config) if isinstance(config, dict) else config.to_dict()
    size = _input_of(module, known)
    given: dict[str, Any] = {"height": height or size[0], "width": width or size[1]}
    given |= {"mean": mean or known.get("mean"), "std": std or known.get("std")}
    missing = [key for key, value in given.items() if value is None]
    if missing:
        raise SettingError(missing[0], None, "a value: the module has no pretrained_cfg that says")
    values: dict[str, Any] = {**given, "fit": fit}
    if not name and model_args is None:
        named = _named_by_timm(module, known, values)
        if named is not None:
            return named
    architecture = name or type(module).__name__
    args = dict(model_args or {})
    return EncoderSpec(architecture, model_args=args, own_module=True, **values)


def _input_of(module: nn.Module, known: dict[str, Any]) -> tuple[int | None, int | None]:
    built = getattr(getattr(module, "patch_embed", None), "img_size", None)
    if isinstance(built, (tuple, list)) and len(built) == 2:
        return int(built[0]), int(built[1])
    size = known.get("input_size")
    return (None, None) if size is None else (int(size[1]), int(size[2]))


def _named_by_timm(
    module: nn.Module, known: dict[str, Any], values: dict[str, Any]
) -> EncoderSpec | None:
    """Return the spec of a network that timm builds by a name; None where it is another one."""
    name = str(known.get("architecture") or "")
    if not name or not timm.is_model(name):
        return None
    if known.get("tag"):
        name += f".{known['tag']}"
    classes = getattr(module, "num_classes", 0)
    try:
        spec = replace(spec_of(name), model_args={"num_classes": classes} if classes else {})
        spec = replace(spec, **values)
        again = build_model(spec).eval()
        again.load_state_dict(module.state_dict())
        where = next(module.parameters()).device
        drawn = torch.rand(1, 3, spec.height, spec.width).to(where)
        with torch.no_grad():
            same = torch.allclose(again.to(where)(drawn), module(drawn), atol=1e-4)
    except (ConfigError, RuntimeError, TypeError, ValueError, StopIteration):
        return None
    return spec if same else None
