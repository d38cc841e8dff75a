"""Where a run starts: its encoder, and the parts of it that a user's own code brings."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from sameplayer.data.batches.augment import Augment, PairTransform, find_augment
from sameplayer.data.crops import Crops
from sameplayer.encoder.checkpoints import load_published, recognise
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.encoder.networks.presets import DEFAULT, PRESETS
from sameplayer.encoder.storage.saved import is_saved
from sameplayer.errors import SettingError
from sameplayer.training.config import OWN, TrainConfig
from sameplayer.training.losses.pair_losses import Loss
from sameplayer.training.sampling.plan import Plan, make_plan, refuse_uneven_shares


@dataclass(frozen=True, eq=False)
class OwnParts:
    """What is passed to ``train`` in place of a setting's word; None: the setting decides."""

    loss: Loss | None = None
    augment: PairTransform | Augment | None = None
    encoder: Encoder | None = None

    def recorded(self, config: TrainConfig) -> TrainConfig:
        """Return the settings with the names of own parts, which a resumed run wants again.

        Raises SettingError where the settings name an own part that is not given.
        """
        if self.encoder is not None and not (config.weights or OWN).startswith(OWN):
            raise SettingError("weights", config.weights, "none beside an encoder of your own")
        given = {
            "loss": None if self.loss is None else _name(self.loss),
            "augment": None if self.augment is None else _name(self.augment),
            "weights": None if self.encoder is None else self.encoder.fingerprint(),
        }
        for setting, name in given.items():
            if name is not None:
                change: dict[str, Any] = {setting: OWN + name}
                config = replace(config, **change)
            elif str(getattr(config, setting)).startswith(OWN):
                argument = "encoder" if setting == "weights" else setting
                raise SettingError(
                    setting,
                    getattr(config, setting),
                    f"the same again, passed from Python: train(..., {argument}=...)",
                )
        return config

    def start(self, config: TrainConfig) -> Encoder | None:
        """Return a copy of the own encoder or the one that ``weights`` names; None: a preset's."""
        if self.encoder is not None:
            return copy.deepcopy(self.encoder)
        if config.weights is None:
            return None
        shipped = config.weights in PRESETS and PRESETS[config.weights].shipped
        if not shipped and not Path(config.weights).exists():
            expected = (
                "a run folder or a saved encoder that exists, or person or person-large; another "
                "preset is named by preset"
            )
            raise SettingError("weights", config.weights, expected)
        if not is_saved(config.weights):
            return _published(config)
        return load_encoder(config.weights, device="cpu")

    def chosen_loss(self, config: TrainConfig) -> str | Loss:
        return config.loss if self.loss is None else self.loss

    def chosen_augment(self, config: TrainConfig) -> Augment:
        return find_augment(self.augment or config.augment or "none")


class Beginning(NamedTuple):
    """What a run begins with: plan, encoder and augmentation."""

    plan: Plan
    encoder: Encoder
    augment: Augment

    @property
    def persons(self) -> int:
        """How many (scope, person) are learnt from."""
        return int(self.plan.learn.persons().max()) + 1


def begin(crops: Crops, asked: TrainConfig, own: OwnParts, world: int = 1) -> Beginning:
    """Plan a run of ``world`` processes and make its encoder; see ``make_plan`` for what it raises.

    asked    as ``OwnParts.recorded`` returns it
    """
    start = own.start(asked)
    plan = make_plan(crops, asked, None if start is None else start.spec)
    refuse_uneven_shares(plan, world)
    encoder = first_encoder(plan.config, start)
    plan = plan.of_size(encoder.spec.height, encoder.spec.width)
    return Beginning(plan, encoder, own.chosen_augment(plan.config))


def _published(config: TrainConfig) -> Encoder:
    """Return an encoder of a checkpoint of others, of the architecture that ``preset`` names."""
    if config.preset is None:
        known = recognise(str(config.weights))
        meant = f"{known}, of which these are the weights" if known else "which it does not say"
        raise SettingError("preset", None, f"the preset or timm name of {config.weights}: {meant}")
    sides = {"height": config.height, "width": config.width}
    encoder = load_published(str(config.weights), config.preset, **sides, device="cpu")
    facts = {**encoder.spec.facts, "preset": config.preset}
    return Encoder(encoder.model, replace(encoder.spec, facts=facts), encoder.log_scale.item())


def first_encoder(config: TrainConfig, start: Encoder | None) -> Encoder:
    """Return the encoder that training begins with: ``start``, or the preset's."""
    if start is None:
        encoder = create_encoder(
            config.preset or DEFAULT,
            pretrained=config.pretrained,
            height=config.height,
            width=config.width,
            seed=config.seed,
        )
    else:  # what was calibrated holds for the old weights alone
        spec = replace(start.spec, calibration=None)
        encoder = Encoder(start.model, spec, start.log_scale.item())
    if next(encoder.model.parameters(), None) is None:
        raise SettingError("preset", encoder.spec.architecture, "a network, which can learn")
    if config.drop_padding and not encoder.spec.drop_padding:
        return encoder.without_padding()
    return encoder


def _name(part: object) -> str:
    named = part if hasattr(part, "__qualname__") else type(part)
    return f"{named.__module__}.{named.__qualname__}"


def finished_encoder(out: str | Path, own: OwnParts) -> Encoder:
    """Return a run's best encoder; an own network is filled with the weights that were saved."""
    if own.encoder is None or not own.encoder.spec.own_module:
        return load_encoder(out, device="cpu")
    module = own.encoder.model
    return load_encoder(out, device="cpu", build=lambda spec: copy.deepcopy(module))
