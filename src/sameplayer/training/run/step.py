"""What learns, and one step of it: network, loss and optimiser learn from one batch.

All weights learn, or the upper blocks, slower lower blocks, or adapters beside them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from timm.optim import param_groups_layer_decay  # type: ignore[attr-defined]
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn

from sameplayer.data.batches.augment import Augment, erase, seeded
from sameplayer.data.batches.loading import PairBatch
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.runtime.inference import unsettle
from sameplayer.errors import ConfigError, SettingError, TrainingError, import_extra
from sameplayer.training.config import TrainConfig
from sameplayer.training.losses.info_nce import Outcome, backward
from sameplayer.training.losses.pair_losses import Loss, LossSetting
from sameplayer.training.losses.registry import make_loss
from sameplayer.training.processes import Process, sum_gradients

HALF = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class Learner:
    """What learns in one process, and the number of batches that it has learnt from.

    encoder    to start from; its network is changed in place
    loss       a name of LOSSES, a sum of them, or an own one
    persons    how many (scope, person) there are, for losses with a weight for each
    """

    def __init__(
        self,
        encoder: Encoder,
        loss: str | Loss,
        augment: Augment,
        persons: int,
        config: TrainConfig,
        process: Process,
    ) -> None:
        self.config, self.process, self.augment = config, process, augment
        width = encoder.feature_width
        self.encoder = prepared(encoder.to(process.device), config)
        setting = LossSetting(
            self.encoder.log_scale, width, persons, config.label_smoothing, config.seed
        )
        self.loss = make_loss(loss, setting).to(process.device)
        if config.pairs_from == "tracks":
            self.loss.refuse_guesses(str(loss))
        model = self.encoder.model
        unsettle(model)
        self.average = ModelEmaV3(model, config.ema) if config.ema is not None else None
        self.optimiser = make_optimiser(model, self.loss, config, process.device)
        half = config.precision == "fp16"
        self.scaler = torch.amp.GradScaler(process.device.type, enabled=half)
        self.network = torch.compile(model) if config.compile else self.encoder.features
        self.done = 0

    def images(self, batch: PairBatch) -> Tensor:
        """Return the pictures (2b, 3, h, w), normalised and, where it is so set, erased."""
        images = self.encoder.normalise(batch.pictures)
        return erase(images, batch.generators) if self.augment.erases else images

    def learn(
        self,
        images: Tensor,
        persons: Tensor,
        rate: float,
        *,
        update: bool = True,
        differ: Tensor | None = None,
    ) -> Outcome:
        """Add the gradients of one batch, and let the optimiser step where ``update``.

        images     (2b, 3, h, w) of this process: all anchors, then all positives
        persons    (p,) of the pairs of all processes
        rate       learning rate of this step
        differ     (p, p) which persons are known to be different ones; None: all
        """
        config = self.config
        number = self.done * self.process.world + self.process.rank
        torch.manual_seed(config.seed * 1_000_003 + number)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group.get("lr_scale", 1.0)
        half = HALF[config.precision]

        def features(part: Tensor) -> Tensor:
            with torch.autocast(part.device.type, half, enabled=half is not None):
                return self.network(part)

        with _memory_advice(images):
            outcome = backward(
                features,
                images,
                lambda query, gallery: self.loss(query, gallery, persons, differ),
                chunk=config.chunk,
                scale=self.scaler.scale,
                model=self.encoder.model,
                differ=differ,
            )
        if update:
            self._update()
        self.done += 1
        return outcome

    def learned(self) -> Encoder:
        """Return a copy of the encoder as it is scored and saved: averaged, adapters merged."""
        model = self.encoder.model if self.average is None else self.average.module
        return Encoder(merged_model(model), self.encoder.spec, self.encoder.log_scale.item())

    def state(self) -> dict[str, Any]:
        """Return tensors and numbers from which ``restore`` goes on to the same bits."""
        return {
            "model": self.encoder.model.state_dict(),
            "log_scale": self.encoder.log_scale.detach(),
            "loss": self.loss.state_dict(),
            "average": None if self.average is None else self.average.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "done": self.done,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; TrainingError where it is of another network or loss."""
        try:
            self.encoder.model.load_state_dict(state["model"])
            self.encoder.log_scale.data.copy_(state["log_scale"])
            self.loss.load_state_dict(state["loss"])
            if self.average is not None:
                self.average.module.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.scaler.load_state_dict(state["scaler"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(
                "The saved state is of another network, loss or optimiser than this run's "
                f"({str(error).splitlines()[0]}). Bring the ones that it began with."
            ) from error
        self.done = int(state["done"])

    def _update(self) -> None:
        model = self.encoder.model
        sum_gradients(model, self.loss)
        self.scaler.unscale_(self.optimiser)
        torch.nn.utils.clip_grad_norm_(model.parameters(), self.config.clip_gradient)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(model)


@contextmanager
def _memory_advice(images: Tensor) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # on the CPU it has no type of its own
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        raise TrainingError(
            f"Out of memory with {len(images)} pictures of {tuple(images.shape[2:])} pixels. "
            "Lower chunk (the same result in less memory), or use grad_checkpointing, "
            "precision bf16, lora or freeze."
        ) from error


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
