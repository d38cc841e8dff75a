"""What learns: all weights, the upper blocks, slower lower blocks, or adapters beside them."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from timm.optim import param_groups_layer_decay  # type: ignore[attr-defined]
from torch import nn

from sameplayer.data.batches.augment import seeded
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import ConfigError, SettingError, import_extra
from sameplayer.training.config import TrainConfig


def prepared(encoder: Encoder, config: TrainConfig) -> Encoder:
    """Return the encoder with blocks frozen, adapters added, activations computed again, as asked.

    Raises ConfigError where the network cannot, or where peft is missing.
    """
    model: Any = encoder.model
    if config.freeze:
        _freeze(model, config.freeze)
    if config.grad_checkpointing:
        if not hasattr(model, "set_grad_checkpointing"):
            raise ConfigError(
                f"grad_checkpointing: {encoder.spec.architecture} does not offer it; leave it off."
            )
        model.set_grad_checkpointing(True)
    if config.lora is None:
        return encoder
    adapted = _with_adapters(model, config.lora, config.seed)
    return Encoder(adapted, encoder.spec, encoder.log_scale.item()).to(encoder.device)


def merged_model(model: nn.Module) -> nn.Module:
    """Return a copy of the network, plain: adapters, if any, are added into its weights."""
    copied: Any = copy.deepcopy(model)
    if not hasattr(copied, "merge_and_unload"):
        return cast("nn.Module", copied)
    plain: nn.Module = copied.merge_and_unload()
    return plain


def make_optimiser(
    model: nn.Module, loss: nn.Module, config: TrainConfig, device: torch.device
) -> torch.optim.Optimizer:
    """Return AdamW over the weights that learn, with a rate share ("lr_scale") for each group."""
    groups: list[dict[str, Any]]
    if config.layer_decay < 1:
        groups = param_groups_layer_decay(
            model, weight_decay=config.weight_decay, layer_decay=config.layer_decay
        )
        groups.append({"params": list(loss.parameters())})
    else:
        learning = [p for p in model.parameters() if p.requires_grad]
        groups = [{"params": [*learning, *loss.parameters()]}]
    return torch.optim.AdamW(
        groups, lr=config.lr or 0.0, weight_decay=config.weight_decay, fused=device.type == "cuda"
    )


def _freeze(model: Any, blocks: int) -> None:
    count = len(getattr(model, "blocks", ()))
    if blocks > count:
        raise SettingError("freeze", blocks, f"0 to {count}: the encoder has {count} blocks")
    stems = ("patch_embed", "cls_token", "pos_embed", "norm_pre")
    for name, parameter in model.named_parameters():
        below = name.startswith("blocks.") and int(name.split(".")[1]) < blocks
        parameter.requires_grad_(not (below or name.startswith(stems)))


def _with_adapters(model: nn.Module, rank: int, seed: int) -> nn.Module:
    peft = import_extra("peft", "lora", "lora")
    layers = [
        name
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and name.startswith("blocks.")
    ]
    if not layers:
        raise ConfigError("lora: the encoder has no transformer blocks to add adapters to.")
    settings = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=layers)
    with seeded(seed):
        adapted: nn.Module = peft.get_peft_model(model, settings)
        return adapted
