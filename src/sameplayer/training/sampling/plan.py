"""What a run learns from and is scored on, and who shares a batch in each epoch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.common.vectors import unit_means
from sameplayer.data.batches.pairs import draw_batches, draw_track_batches
from sameplayer.data.columns import BOX
from sameplayer.data.crops import Crops
from sameplayer.data.splits import draw_query_gallery, split_by_person
from sameplayer.data.tracks import CannotLinks, one_track_each
from sameplayer.encoder.embed import embed
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.networks.spec import EncoderSpec
from sameplayer.errors import DataError, SettingError
from sameplayer.training.config import TrainConfig
from sameplayer.training.negatives import NEGATIVES
from sameplayer.training.sampling.from_tracks import pairs_from_tracks, training_footage

TESTED = ("query", "gallery", "distractor")


@dataclass(frozen=True, eq=False)
class Plan:
    """Rows to learn from and to validate on, and the settings with the batch size that fits.

    asked    pairs a batch before it was fitted to the persons
    scope    of the table that was given: where its persons hold
    known    with pairs from tracks, which of them are known to differ; None: all of a batch are
    notes    what else a user should know
    """

    learn: Crops
    validation: Crops | None
    config: TrainConfig
    asked: int
    scope: str | None = None
    known: CannotLinks | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def first(self) -> list[np.ndarray]:
        """The batches of the first epoch, drawn once; all epochs have as many."""
        return self._draw(0, None)

    def batches(self, epoch: int, means: np.ndarray | None = None) -> list[np.ndarray]:
        """Return the (b, 2) rows of each batch of an epoch, as many in every epoch.

        means    (persons, d) of ``person_means`` after the last epoch, where negatives want them
        """
        return self._draw(epoch, means) if epoch else self.first

    def _draw(self, epoch: int, means: np.ndarray | None) -> list[np.ndarray]:
        persons, scopes = self.learn.persons(), self.learn.scopes()
        points = NEGATIVES[self.config.negatives].points(self.learn, means)
        rng, pairs = np.random.default_rng((self.config.seed, 0, epoch)), self.config.pairs or 2
        if self.known is None:
            return draw_batches(persons, scopes, pairs, rng, points)
        frames = self.learn.table["frame"].to_numpy(dtype=float)
        return draw_track_batches(persons, frames, self.known, pairs, rng, points)

    def differ(self, persons: np.ndarray) -> np.ndarray | None:
        """Return (b, b) booleans: which persons (b,) of a batch are known to be different ones.

        None where all are. Those that are not known to differ are no negatives of each other.
        """
        if self.known is None:
            return None
        differ = self.known.among(persons)
        return None if differ.sum() == len(persons) * (len(persons) - 1) else differ

    def of_size(self, height: int, width: int) -> Plan:
        """Return the plan with the network's input size in its settings."""
        return replace(self, config=replace(self.config, height=height, width=width))

    def remarks(self) -> list[str]:
        """Return what a user should know: batches smaller than asked."""
        pairs, sizes = self.config.pairs or 2, [len(batch) for batch in self.first]
        notes = list(self.notes)
        if pairs < self.asked:
            who = self.config.pairs_from
            notes.append(
                f"{pairs} pairs per batch instead of {self.asked}: there are no more {who}"
            )
        if min(sizes) < pairs:
            small = sum(size < pairs for size in sizes)
            notes.append(
                f"{small} of {len(sizes)} batches hold fewer than {pairs} pairs, the smallest "
                f"{min(sizes)}: a batch stays within one {self.learn.scope or 'scope'}"
            )
        return notes

    def facts(self) -> dict[str, Any]:
        """Return where the data lies, its scope, and hashes of all that batches and scores see."""
        where = [self.learn.scope] if self.learn.scope else []
        seen = ["image", *BOX, "person", *where, *([] if self.known is None else ["frame"])]
        hashes = {"training": _hashes(self.learn, [*seen, *self._negatives_columns()])}
        if self.validation is not None:
            hashes["validation"] = _hashes(self.validation, [*seen, "role", "camera"])
        return {
            "root": str(self.learn.root),
            "source": self.learn.source,
            "scope": self.scope or "set",
            "rows": hashes,
        }

    def _negatives_columns(self) -> tuple[str, ...]:
        return NEGATIVES[self.config.negatives].columns


def make_plan(crops: Crops, asked: TrainConfig, start: EncoderSpec | None = None) -> Plan:
    """Fill in the settings, split off the validation rows, fit the batch to the persons.

    start    of the encoder to start from, where it is not the preset's; see TrainConfig.resolved

    Raises ConfigError, DataError or TrainingError saying what does not fit.
    """
    config = asked.resolved(start)
    tracks = config.pairs_from == "tracks"
    plan = (_plan_of_tracks if tracks else _plan_of_persons)(crops, config)
    if asked.pairs is None:
        plan = replace(plan, config=_fit_pairs(config, plan.learn.persons()))
    _ = plan.first  # raises where the persons do not suffice
    return plan


def refuse_uneven_shares(plan: Plan, world: int) -> None:
    """Raise SettingError when this many processes cannot share every batch alike."""
    pairs = plan.config.pairs or 2
    if pairs % world:
        raise SettingError("pairs", pairs, f"a multiple of {world}, which {world} processes share")
    if world > 1 and any(len(batch) < pairs for batch in plan.first):
        raise SettingError(
            "pairs",
            pairs,
            f"the persons of the smallest identity scope or fewer, since {world} processes share "
            "every batch; or train in one process",
        )


def person_means(encoder: Encoder, learn: Crops) -> np.ndarray:
    """Return (persons, d): the mean unit feature of each person's pictures."""
    persons = learn.persons()
    vectors = embed(encoder, learn).vectors
    known = persons >= 0
    return unit_means(vectors[known], persons[known], persons.max() + 1)


def _plan_of_persons(crops: Crops, config: TrainConfig) -> Plan:
    learn, validation, notes = _split(crops, config)
    return Plan(learn, validation, config, config.pairs or 2, crops.scope, notes=notes)


def _plan_of_tracks(crops: Crops, config: TrainConfig) -> Plan:
    rows = training_footage(crops, config)
    found = pairs_from_tracks(rows, config)
    validation = found.validation
    if config.validate in ("valid", "test"):
        validation = _labelled(crops, config.validate)
    wanted = config.pairs or 2
    return Plan(found.learn, validation, config, wanted, crops.scope, found.known, found.notes)


def _split(crops: Crops, config: TrainConfig) -> tuple[Crops, Crops | None, tuple[str, ...]]:
    """Return the rows to learn from, those to score, and what a user should know of these."""
    training = crops.select("train")
    if len(training) == 0:
        raise DataError(
            f"{crops.root}: no rows with role 'train' among {len(crops)}; expected a training "
            "split. Make one with: sameplayer split DATA --out crops.csv"
        )
    if config.train_on == "training+test":
        tested = crops.of_split("test").select("query", "gallery")
        training = replace(crops, table=pd.concat([training.table, tested.table]))
        training = training.where(training.table["person"].notna().to_numpy())
    if config.validate == "none":
        return training, None, ()
    if config.validate == "fold":
        learn, held = split_by_person(training, fold=config.fold, folds=config.folds)
        return learn, draw_query_gallery(held), _remark(held)
    validation = _labelled(crops, config.validate)
    return training, validation, _remark(validation)


def _remark(scored: Crops) -> tuple[str, ...]:
    if not one_track_each(scored):
        return ()
    return (
        "the validation mAP means nothing here: all pictures of each held-out person are one "
        "track, whose frames look alike. Hold out persons with several tracks, or score rows of "
        "another match with validate test",
    )


def _labelled(crops: Crops, split: str) -> Crops:
    validation = crops.of_split(split).select(*TESTED)
    known = validation.table["person"].notna() & validation.table["role"].eq("query")
    if not known.any() or not validation.table["role"].eq("gallery").any():
        raise DataError(
            f"{crops.root}: the split {split!r} has no queries with a person and a "
            "gallery to score on; expected validate: fold or none."
        )
    return validation


def _hashes(crops: Crops, columns: list[str]) -> dict[str, str]:
    """Return a short hash of each column, to name what differs, and the number of rows."""
    hashes = {"count": str(len(crops))}
    for name in columns:
        cells = crops.table[name].astype("string").fillna("\x00")
        text = "\x01".join(cells).encode("utf-8", "surrogatepass")
        hashes[name] = hashlib.blake2b(text, digest_size=8).hexdigest()
    return hashes


def _fit_pairs(config: TrainConfig, persons: np.ndarray) -> TrainConfig:
    """Lower the preset's batch to the persons at hand; a batch that was asked for stays."""
    found = int((np.bincount(persons[persons >= 0], minlength=1) >= 2).sum())
    return replace(config, pairs=found) if 2 <= found < (config.pairs or 2) else config
