"""TrainConfig: every setting of a training run, stated once."""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from sameplayer.encoder.presets import PRESETS, find_preset
from sameplayer.errors import ConfigError
from sameplayer.training.losses import LOSSES
from sameplayer.training.schedule import SCHEDULES

NEGATIVES = ("random", "team", "nearest")


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run. A setting left at None takes the preset's value."""

    preset: str = "small"
    """Encoder: a preset (small, vit-b16-openai, vit-l14-openai, ...) or any timm name."""
    weights: str | None = None
    """Start from this saved encoder or run folder instead of the preset's own weights."""
    pretrained: bool = True
    """Start from the preset's pre-trained weights; off: random weights."""
    height: int | None = None
    """Network input height in pixels."""
    width: int | None = None
    """Network input width in pixels: half the height wastes less on a standing player."""
    pairs: int | None = None
    """Pairs a batch; every other pair is a negative, so this changes the loss."""
    epochs: int | None = None
    """How many times every image is an anchor."""
    lr: float | None = None
    """Highest learning rate of AdamW."""
    lr_end: float | None = None
    """Learning rate at the end of the polynomial schedule."""
    schedule: Literal["polynomial", "cosine", "linear", "constant"] = "polynomial"
    """How the rate falls after warm-up."""
    warmup_epochs: float | None = None
    """Epochs over which the rate rises from 0."""
    weight_decay: float = 0.01
    """AdamW's weight decay."""
    loss: Literal["info-nce", "identity", "triplet", "info-nce+identity", "info-nce+triplet"] = (
        "info-nce"
    )
    """InfoNCE, or what it is compared with; a plus adds two."""
    negatives: Literal["random", "team", "nearest"] = "random"
    """Who shares a batch: anybody; team mates (columns game, team); the nearest by last epoch."""
    label_smoothing: float = 0.1
    """Share of the target spread over all pairs of the batch."""
    augment: Literal["none", "2022", "2023", "strong"] | None = None
    """2022: flip. 2023: flip, sharpen, erase. strong: 2023 with crop, colour and light as well."""
    clip_gradient: float = 100.0
    """Largest norm of the gradient; longer ones are scaled down."""
    train_on: Literal["training", "training+test"] = "training"
    """training+test: also on the test split's persons, for a final submission."""
    validate: Literal["fold", "test", "none"] = "fold"
    """Score each epoch on held-out training persons (fold), on the test split, or not."""
    fold: int = 0
    """Which of the person-disjoint folds is held out."""
    folds: int = 10
    """How many folds."""
    patience: int | None = None
    """Stop when the validation mAP has not risen for this many epochs."""
    seed: int = 1
    """Decides weights, order, pairs and augmentation."""
    cache_gb: float = 2.0
    """Memory for prepared pictures; what does not fit is decoded anew."""
    device: str = "cpu"
    """cpu, cuda or cuda:N."""
    chunk: int | None = None
    """Pairs a forward pass: a large batch in little memory (gradient caching), the same result."""
    accumulate: int = 1
    """Batches an optimiser step, fewer at an epoch's end; not the same as a larger batch, whose
    negatives are more."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Number format of the forward pass; fp16 scales the loss."""
    grad_checkpointing: bool = False
    """Compute activations again instead of keeping them: less memory, a third more time."""
    compile: bool = False
    """Compile the network with torch.compile."""
    freeze: int = 0
    """Keep the patch embedding and this many lower blocks as they are."""
    lora: int | None = None
    """Train low-rank adapters of this rank in the blocks instead of the weights themselves."""
    drop_padding: bool = False
    """Leave out patches that hold nothing but padding (a timm ViT with a class token)."""
    ema: float | None = None
    """Score and keep an exponential moving average of the weights, with this decay a step."""
    keep_epochs: bool = False
    """Keep every epoch's encoder as epoch-N, for a soup."""
    tensorboard: bool = False
    """Write curves and sample pairs for TensorBoard."""
    layer_decay: float = 1.0
    """Each block below the last learns at this much of the rate of the one above it."""
    save_minutes: float = 10.0
    """Save the state for --resume this often, besides after each epoch."""

    def resolved(self) -> TrainConfig:
        """Return the settings with the preset's values filled in, checked.

        Raises ConfigError naming the setting, the value found and what is expected.
        """
        names = tuple(_TIMM_DEFAULTS)
        preset = PRESETS.get(self.preset) or (
            None if "." in self.preset or "_" in self.preset else find_preset(self.preset)
        )
        known = asdict(preset) if preset else _TIMM_DEFAULTS
        filled: dict[str, Any] = {n: known.get(n) for n in names if getattr(self, n) is None}
        config = replace(self, **filled)
        config._check()
        return config

    def _check(self) -> None:
        rules: tuple[tuple[str, bool, str], ...] = (
            ("pairs", (self.pairs or 0) >= 2, "2 or more: with one pair there is no negative"),
            ("epochs", (self.epochs or 0) >= 1, "1 or more"),
            ("lr", (self.lr or 0) > 0, "over 0"),
            ("weight_decay", self.weight_decay >= 0, "0 or more"),
            ("warmup_epochs", (self.warmup_epochs or 0) >= 0, "0 or more"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "from 0 to below 1"),
            ("folds", self.folds >= 2, "2 or more"),
            ("fold", 0 <= self.fold < self.folds, f"from 0 to {self.folds - 1}"),
            ("clip_gradient", self.clip_gradient > 0, "over 0"),
            ("cache_gb", self.cache_gb >= 0, "0 or more"),
            ("chunk", self.chunk is None or self.chunk >= 1, "1 or more"),
            ("accumulate", self.accumulate >= 1, "1 or more"),
            ("freeze", self.freeze >= 0, "0 or more"),
            ("lora", self.lora is None or self.lora >= 1, "1 or more"),
            ("ema", self.ema is None or 0 < self.ema < 1, "over 0, below 1"),
            ("patience", self.patience is None or self.patience >= 1, "1 or more"),
            ("layer_decay", 0 < self.layer_decay <= 1, "over 0, up to 1"),
            ("save_minutes", self.save_minutes >= 0, "0 or more"),
            ("precision", self.precision in ("fp32", "bf16", "fp16"), "fp32, bf16 or fp16"),
            ("schedule", self.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
            ("loss", self.loss in LOSSES, f"one of {', '.join(LOSSES)}"),
            ("negatives", self.negatives in NEGATIVES, f"one of {', '.join(NEGATIVES)}"),
        )
        if self.patience is not None and self.validate == "none":
            raise ConfigError("--patience needs a validation; expected --validate fold or test.")
        if self.train_on == "training+test" and self.validate == "test":
            raise ConfigError("--validate test would score persons that were trained on; use fold.")
        if self.lora is not None and (self.freeze or self.layer_decay < 1):
            raise ConfigError("--lora excludes --freeze and --layer-decay: adapters alone learn.")
        if self.compile and self.drop_padding:
            raise ConfigError("--compile excludes --drop-padding, whose shapes change each batch.")
        for name, good, expected in rules:
            if not good:
                flag = name.replace("_", "-")
                raise ConfigError(f"--{flag} is {getattr(self, name)}; expected {expected}.")


_TIMM_DEFAULTS: dict[str, Any] = {
    "height": None,
    "width": None,
    "pairs": 16,
    "epochs": 4,
    "lr": 4e-5,
    "lr_end": 1e-5,
    "warmup_epochs": 1.0,
    "augment": "2022",
}


def read_config(path: str | Path) -> TrainConfig:
    """Read a run's config.json; unknown keys are errors."""
    path = Path(path)
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as a configuration ({error}).") from error
    if not isinstance(record, dict):
        raise ConfigError(f"{path}: expected a JSON object of settings.")
    record.pop("data", None)
    names = [item.name for item in fields(TrainConfig)]
    for key in record:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{path}: unknown setting {key!r}.{hint}")
    return TrainConfig(**record)
