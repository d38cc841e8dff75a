"""The optimiser: AdamW, with lower blocks frozen or slowed where that is asked for."""

from __future__ import annotations

from typing import Any

import torch
from timm.optim._param_groups import param_groups_layer_decay

from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import ConfigError
from sameplayer.training.config import TrainConfig


def make_optimiser(encoder: Encoder, config: TrainConfig) -> torch.optim.Optimizer:
    """Return AdamW over the weights that learn, with a rate share ("lr_scale") for each group.

    Raises ConfigError where the network cannot freeze blocks or recompute activations.
    """
    model: Any = encoder.model
    if config.freeze:
        _freeze(model, config.freeze)
    if config.grad_checkpointing:
        if not hasattr(model, "set_grad_checkpointing"):
            raise ConfigError(
                f"--grad-checkpointing: {encoder.spec.architecture} does not offer it."
            )
        model.set_grad_checkpointing(True)
    groups: list[dict[str, Any]]
    if config.layer_decay < 1:
        groups = param_groups_layer_decay(
            model, weight_decay=config.weight_decay, layer_decay=config.layer_decay
        )
        groups.append({"params": [encoder.log_scale]})
    else:
        learning = [p for p in model.parameters() if p.requires_grad]
        groups = [{"params": [*learning, encoder.log_scale]}]
    return torch.optim.AdamW(
        groups,
        lr=config.lr or 0.0,
        weight_decay=config.weight_decay,
        fused=encoder.device.type == "cuda",
    )


def _freeze(model: Any, blocks: int) -> None:
    held = getattr(model, "blocks", None)
    if held is None or blocks > len(held):
        found = "none" if held is None else str(len(held))
        raise ConfigError(f"--freeze is {blocks}; the encoder has {found} blocks to freeze.")
    stems = ("patch_embed", "cls_token", "pos_embed", "norm_pre")
    for name, parameter in model.named_parameters():
        below = name.startswith("blocks.") and int(name.split(".")[1]) < blocks
        parameter.requires_grad_(not (below or name.startswith(stems)))
