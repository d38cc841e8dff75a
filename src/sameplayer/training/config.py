"""TrainConfig: every setting of a training run, stated once."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from sameplayer.data.batches.augment import AUGMENTS
from sameplayer.encoder.networks.presets import DEFAULT, PRESETS, Preset, find_preset_or_timm
from sameplayer.errors import ConfigError, SettingError
from sameplayer.training.losses.registry import LOSSES, loss_sums
from sameplayer.training.negatives import NEGATIVES
from sameplayer.training.schedule import SCHEDULES

if TYPE_CHECKING:
    from sameplayer.encoder.networks.spec import EncoderSpec

    AugmentName: TypeAlias = str
    LossName: TypeAlias = str
    NegativesName: TypeAlias = str
    ScheduleName: TypeAlias = str
else:  # the command line's choices are the keys; own entries may follow in Python
    AugmentName = Literal[tuple(AUGMENTS)]
    LossName = Literal[loss_sums(LOSSES)]
    NegativesName = Literal[tuple(NEGATIVES)]
    ScheduleName = Literal[tuple(SCHEDULES)]

FIXED = ("pairs_from", "train_on", "validate", "precision")
"""Settings whose words are these in their annotations."""
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
OWN = "own:"
"""Begins what a run records of a loss, an augmentation or an encoder that was passed to it."""


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run. A setting left at None takes the preset's value."""

    preset: str | None = None
    """Encoder: a preset (small, vit-b16-openai, ...) or any timm name; None: person."""
    weights: str | None = None
    """Start from these weights: a run, a saved encoder or "person", with its input size and its
    preset's rates; or a checkpoint of another program (.pth, .safetensors) with the architecture
    that preset names."""
    pretrained: bool = True
    """Start from the preset's pre-trained weights; off: random weights."""
    height: int | None = None
    """Network input height in pixels."""
    width: int | None = None
    """Network input width in pixels: half the height wastes less on a standing player."""
    pairs_from: Literal["persons", "tracks"] = "persons"
    """tracks: learn without labels; pictures of one track make a pair, and only tracks that were
    seen in the same frame are negatives."""
    track_gap: int = 1
    """With tracks: frames between two pictures of a track, at least; neighbours look alike."""
    pairs: int | None = None
    """Pairs per batch; every other pair is a negative, so this changes the loss."""
    epochs: int | None = None
    """Passes over the training pictures; in each, a picture is an anchor at most once."""
    lr: float | None = None
    """Highest learning rate of AdamW."""
    lr_end: float | None = None
    """Learning rate at the end of the polynomial schedule; ignored by other schedules."""
    schedule: ScheduleName = "polynomial"
    """How the learning rate falls after warm-up."""
    warmup_epochs: float | None = None
    """Epochs over which the learning rate rises from 0."""
    weight_decay: float = 0.01
    """AdamW's weight decay."""
    loss: LossName = "info-nce"
    """Loss of a batch; a plus adds losses."""
    negatives: NegativesName = "random"
    """Which persons share a batch: random: any; team: team mates (needs the columns game and team);
    nearest: those whose embeddings were nearest after the last epoch."""
    label_smoothing: float = 0.1
    """Share of the target spread over all pairs of the batch."""
    augment: AugmentName | None = None
    """2022: flip. 2023: flip, sharpen, erase. strong: 2023 with crop, colour and light as well."""
    clip_gradient: float = 100.0
    """Largest norm of the gradient; longer ones are scaled down."""
    train_on: Literal["training", "training+test"] = "training"
    """training+test: also on the test split's persons, for a final submission."""
    validate: Literal["fold", "valid", "test", "none"] = "fold"
    """Score each epoch on held-out training persons (fold), on the valid or test split, or not."""
    fold: int = 0
    """Number of the person-disjoint fold that is held out, from 0."""
    folds: int = 10
    """Number of folds."""
    patience: int | None = None
    """Stop when the validation mAP has not risen for this many epochs."""
    seed: int = 0
    """Random seed of weights, order, pairs and augmentation."""
    cache_gb: float = 2.0
    """Memory for prepared pictures; pictures that do not fit are decoded each time."""
    device: str = "auto"
    """auto (the GPU where there is one), cpu, cuda, cuda:N or mps."""
    chunk: int | None = None
    """Pairs per forward pass: a large batch in little memory (gradient caching), with the same
    result except for batch normalisation."""
    accumulate: int = 1
    """Batches per optimiser step. Not the same as a larger batch, which has more negatives."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Number format of the forward pass; fp16 scales the loss, and is slow on a CPU."""
    grad_checkpointing: bool = False
    """Compute activations again instead of keeping them: less memory, a third more time."""
    compile: bool = False
    """Compile the network with torch.compile."""
    freeze: int = 0
    """Freeze the patch embedding and this many lower blocks."""
    lora: int | None = None
    """Train low-rank adapters of this rank in the blocks instead of the weights themselves."""
    drop_padding: bool = False
    """Leave out patches that hold nothing but padding (a timm ViT with a class token)."""
    ema: float | None = None
    """Score and keep an exponential moving average of the weights, with this decay per step."""
    keep_epochs: bool = False
    """Keep every epoch's encoder as epoch-N, for a soup."""
    tensorboard: bool = False
    """Write curves and sample pairs for TensorBoard."""
    layer_decay: float = 1.0
    """Factor on the learning rate from each block to the one below it."""
    save_minutes: float = 10.0
    """Minutes between saves of the state for resuming; it is also saved after each epoch."""

    def resolved(self, start: EncoderSpec | None = None) -> TrainConfig:
        """Return the settings with the preset's values filled in, checked.

        start    of the encoder that ``weights`` names or that was passed to ``train``. It decides
                 preset and input size. Its rates are those of the preset it was trained with, or
                 else careful ones for fine-tuning: ``Preset``'s defaults, 4e-5 over 4 epochs

        Raises SettingError or ConfigError naming the setting, the value found and what is expected.
        """
        self.refuse_wrong_types()
        if start is None and self.weights is not None:
            raise ConfigError("weights decide the settings: load them, and pass their spec here.")
        if start is None:
            preset, name = find_preset_or_timm(self.preset or DEFAULT), self.preset or DEFAULT
        else:
            preset, name = _preset_of(start)
            self._refuse_what_is_decided(name, start)
        filled: dict[str, Any] = {
            key: getattr(preset, key)
            for key in ("height", "width", "pairs", "epochs", "lr", "lr_end", "warmup_epochs")
            if getattr(self, key) is None
        }
        config = replace(self, **filled, preset=name, augment=self.augment or preset.augment)
        if start is not None and start.drop_padding:
            config = replace(config, drop_padding=True)
        config._check()
        return config

    def refuse_wrong_types(self) -> None:
        """Raise SettingError for the first setting that is not of its type."""
        for name, hint in get_type_hints(TrainConfig).items():
            value = getattr(self, name)
            expected = _expected_kind(value, hint)
            if expected is not None:
                raise SettingError(name, repr(value), expected)

    def _refuse_what_is_decided(self, name: str, start: EncoderSpec) -> None:
        if self.preset not in (None, name, start.architecture):
            raise SettingError("preset", self.preset, f"none, or {name}, which the weights are of")
        if not self.pretrained:
            raise SettingError("pretrained", False, "True where the start is given by weights")
        for key in ("height", "width"):
            asked, found = getattr(self, key), getattr(start, key)
            if asked not in (None, found):
                raise SettingError(key, asked, f"none, or {found}, as the encoder to start from")

    def _check(self) -> None:
        self._refuse_contradictions()
        for name, known in self._choices().items():
            value = str(getattr(self, name))
            if value not in known and not value.startswith(OWN):
                raise SettingError(name, repr(value), f"one of {', '.join(known)}")
        for name, good, expected in self._ranges():
            if not good:
                raise SettingError(name, getattr(self, name), expected)

    def _refuse_contradictions(self) -> None:
        if self.patience is not None and self.validate == "none":
            raise ConfigError(
                "patience needs a validation; expected validate: fold, valid or test."
            )
        if self.train_on == "training+test" and self.validate == "test":
            raise ConfigError(
                "validate: test would score persons that were trained on; use fold or valid."
            )
        if self.lora is not None and (self.freeze or self.layer_decay < 1):
            raise ConfigError("lora excludes freeze and layer_decay: adapters alone learn.")
        if self.compile and self.drop_padding:
            raise ConfigError("compile excludes drop_padding, whose shapes change each batch.")

    def _choices(self) -> dict[str, Collection[str]]:
        parts = self.loss.split("+")
        sums = [self.loss] if len(set(parts)) == len(parts) and set(parts) <= set(LOSSES) else []
        hints = get_type_hints(TrainConfig)
        fixed = {name: get_args(hints[name]) for name in FIXED}
        return {
            "schedule": SCHEDULES,
            "augment": AUGMENTS,
            "negatives": NEGATIVES,
            "loss": sums or loss_sums(LOSSES),
            **fixed,
        }

    def _ranges(self) -> tuple[tuple[str, bool, str], ...]:
        return (
            ("height", self.height is None or self.height >= 1, "1 or more"),
            ("width", self.width is None or self.width >= 1, "1 or more"),
            ("pairs", (self.pairs or 0) >= 2, "2 or more: with one pair there is no negative"),
            ("epochs", (self.epochs or 0) >= 1, "1 or more"),
            ("lr", 0 < (self.lr or 0) < math.inf, "over 0"),
            ("lr_end", 0 <= (self.lr_end or 0) < math.inf, "0 or more"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "0 or more"),
            ("warmup_epochs", 0 <= (self.warmup_epochs or 0) < math.inf, "0 or more"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "from 0 to below 1"),
            ("folds", self.folds >= 2, "2 or more"),
            ("fold", 0 <= self.fold < self.folds, f"from 0 to {self.folds - 1}"),
            ("track_gap", self.track_gap >= 1, "1 or more"),
            ("seed", 0 <= self.seed < 2**32, "from 0 to 4294967295"),
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
        )


def _preset_of(start: EncoderSpec) -> tuple[Preset, str]:
    """Return the preset that an encoder was trained with, if its record names one that fits."""
    shipped = (
        name
        for name, one in PRESETS.items()
        if one.shipped and one.architecture == start.architecture
    )
    name = str(start.facts.get("preset") or next(shipped, ""))
    recorded = PRESETS.get(name)
    if recorded is not None and recorded.architecture == start.architecture:
        return replace(recorded, height=start.height, width=start.width), name
    return Preset(start.architecture, start.height, start.width), start.architecture


def _expected_kind(value: object, hint: Any) -> str | None:
    """Return in words what a value of another type should be; None where it fits ``hint``."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if any(_fits(value, kind) for kind in kinds):
        return None
    return " or ".join(KINDS[_kind(kind)] for kind in kinds if kind is not type(None))


def _kind(hint: Any) -> type:
    return str if get_origin(hint) is Literal else hint


def _fits(value: object, hint: Any) -> bool:
    kind = _kind(hint)
    if kind is not float:
        return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return not math.isnan(float(value))
    except OverflowError:
        return False
