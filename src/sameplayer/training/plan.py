"""What a run learns from and is scored on, and who shares a batch in each epoch."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from sameplayer.data.batches import draw_batches
from sameplayer.data.crops import Crops
from sameplayer.data.splits import draw_query_gallery, split_by_person
from sameplayer.encoder.embed import embed
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import DataError, TrainingError
from sameplayer.training.config import TrainConfig

log = logging.getLogger("sameplayer.training")


@dataclass(frozen=True)
class Plan:
    """Rows to learn from and to validate on, and the settings with the batch size that fits."""

    learn: Crops
    validation: Crops | None
    config: TrainConfig

    @cached_property
    def first(self) -> list[np.ndarray]:
        """The batches of the first epoch, drawn once; all epochs have as many."""
        return self._draw(0, None)

    def batches(self, epoch: int, places: np.ndarray | None = None) -> list[np.ndarray]:
        """Return the (b, 2) rows of each batch of an epoch, as many in every epoch.

        places    (persons, d) of ``person_places``, where negatives are the nearest; the first
                  epoch knows none
        """
        return self._draw(epoch, places) if epoch else self.first

    def _draw(self, epoch: int, places: np.ndarray | None) -> list[np.ndarray]:
        persons, scopes = self.learn.persons(), self.learn.scopes()
        if self.config.negatives == "team":
            places = team_places(self.learn)
        rng = np.random.default_rng((self.config.seed, 0, epoch))
        return draw_batches(persons, scopes, self.config.pairs or 2, rng, places)

    def digest(self) -> str:
        """Return a short hash of what is trained on: pictures, boxes and persons."""
        names = ["image", "person", "left", "top", "width", "height"]
        text = self.learn.table[names].astype("string").to_csv(index=False)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def make_plan(crops: Crops, asked: TrainConfig) -> Plan:
    """Fill in the settings, split off the validation rows, fit the batch to the persons.

    Raises ConfigError, DataError or TrainingError saying what does not fit.
    """
    config = asked.resolved()
    learn, validation = _split(crops, config)
    if asked.pairs is None:
        config = _fit_pairs(config, learn.persons())
    plan = Plan(learn, validation, config)
    _ = plan.first  # raises where the persons do not suffice
    return plan


def refuse_uneven_shares(plan: Plan, world: int) -> None:
    """Raise TrainingError when this many processes cannot share every batch alike."""
    pairs = plan.config.pairs or 2
    if pairs % world:
        raise TrainingError(
            f"{pairs} pairs cannot be shared by {world} processes alike; use a multiple of {world} "
            "for --pairs."
        )
    if world > 1 and any(len(batch) < pairs for batch in plan.first):
        raise TrainingError(
            f"Some identity scope has fewer than {pairs} persons; its small batches cannot be "
            f"shared by {world} processes. Lower --pairs or train in one process."
        )


def person_places(encoder: Encoder, learn: Crops) -> np.ndarray:
    """Return (persons, d): the mean unit feature of each person's pictures."""
    persons = learn.persons()
    vectors = embed(encoder, learn).vectors
    places = np.zeros((persons.max() + 1, vectors.shape[1]), np.float32)
    np.add.at(places, persons[persons >= 0], vectors[persons >= 0])
    return places / np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-12)


def team_places(learn: Crops) -> np.ndarray:
    """Return (persons, d) in which team mates coincide and the other team of a game is near.

    Raises DataError where a person's game or team is not known.
    """
    persons, table = learn.persons(), learn.table
    first = pd.Series(persons).drop_duplicates()
    first = first[first >= 0]
    games, teams = (table[name].iloc[first.index] for name in ("game", "team"))
    missing = np.flatnonzero((games.isna() | teams.isna()).to_numpy())
    if len(missing):
        row = int(first.index[missing[0]])
        raise DataError(
            f"{learn.root}: --negatives team needs the columns game and team; row {row}, "
            f"{table['image'].iat[row]}, has not both. Add them to the table, or put a file "
            "persons.csv (person,game,team) into the folder."
        )
    both = games.astype(str) + "/" + teams.astype(str)
    marks = [pd.get_dummies(one).to_numpy(np.float32) for one in (games, both)]
    places = np.zeros((persons.max() + 1, sum(mark.shape[1] for mark in marks)), np.float32)
    places[first.to_numpy()] = np.concatenate(marks, axis=1)
    return places


def _split(crops: Crops, config: TrainConfig) -> tuple[Crops, Crops | None]:
    also = ("query", "gallery") if config.train_on == "training+test" else ()
    training = crops.select("train", *also)
    if also:  # the hidden part of a challenge has no persons to learn from
        training = training.where(training.table["person"].notna().to_numpy())
    if len(training) == 0:
        raise DataError(
            f"{crops.root}: no rows with role 'train' among {len(crops)}; expected a training "
            "split. Make one with: sameplayer split DATA --out crops.csv"
        )
    if config.validate == "none":
        return training, None
    if config.validate == "test":
        tested = crops.select("query", "gallery", "distractor")
        tested = tested.where(tested.table["person"].notna().to_numpy())
        if len(tested) == 0:
            raise DataError(f"{crops.root}: --validate test needs query and gallery rows.")
        return training, tested
    learn, held = split_by_person(training, fold=config.fold, folds=config.folds)
    return learn, draw_query_gallery(held)


def _fit_pairs(config: TrainConfig, persons: np.ndarray) -> TrainConfig:
    """Lower the preset's batch to the persons at hand; a batch that was asked for stays."""
    found = int((np.bincount(persons[persons >= 0], minlength=1) >= 2).sum())
    if not 2 <= found < (config.pairs or 2):
        return config
    log.warning("%d pairs a batch instead of %d: there are no more persons", found, config.pairs)
    return replace(config, pairs=found)
