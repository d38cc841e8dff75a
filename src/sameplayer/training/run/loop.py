"""The loop: epochs of batches to learn from; after each one score and save."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from sameplayer.data.crops import Crops
from sameplayer.encoder.embed import embed
from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import TrainingError
from sameplayer.evaluation.scores import ranking_map
from sameplayer.ranking.ranking import rank
from sameplayer.training.losses.info_nce import Outcome
from sameplayer.training.negatives import NEGATIVES
from sameplayer.training.run.batch_picture import Board, draw_pairs
from sameplayer.training.run.run_folder import RunFolder, log
from sameplayer.training.run.step import Learner
from sameplayer.training.sampling.dataloader import Batch, Feed
from sameplayer.training.sampling.plan import Plan, person_means
from sameplayer.training.schedule import learning_rates

EpochCallback: TypeAlias = Callable[[int, dict[str, float], Encoder], None]
"""Epoch from 1, the figures of its line of metrics.csv, the encoder as it is saved -> nothing."""


@dataclass(frozen=True)
class Step:
    """What a progress line shows after one step."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    lr: float
    pictures_per_second: float
    seconds_left: float


@dataclass
class _Clock:
    """Times of this process since it began or went on, and what it has seen since."""

    began: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)
    steps: int = 0
    pictures: int = 0

    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def minutes_unsaved(self) -> float:
        return (time.monotonic() - self.saved) / 60


class Trainer:
    """The epochs of one run in one process; without a folder nothing is written."""

    def __init__(
        self,
        plan: Plan,
        learner: Learner,
        feed: Feed,
        folder: RunFolder | None = None,
        board: Board | None = None,
        progress: Callable[[Step], None] | None = None,
        callbacks: Sequence[EpochCallback] = (),
    ) -> None:
        self.plan, self.config = plan, plan.config
        self.learner, self.feed = learner, feed
        self.folder, self.board = folder, board
        self.progress, self.callbacks = progress, callbacks
        self.per_epoch = len(plan.first)
        self.rates = learning_rates(
            self.config.schedule,
            self.config.lr or 0.0,
            self.config.lr_end or 0.0,
            self.config.epochs or 1,
            self.per_epoch,
            self.config.warmup_epochs or 0.0,
        )
        self.means: np.ndarray | None = None
        self.best, self.best_epoch = -1.0, 0
        self.outcomes = list[tuple[float, ...]]()
        self.clock = _Clock()

    @property
    def done(self) -> int:
        """Batches of the run that are learnt."""
        return self.learner.done

    def work(self) -> None:
        """Learn until the last epoch, or until patience ends."""
        for remark in self.plan.remarks() if self.done == 0 else []:
            log.warning(remark)
        try:
            while self.done < len(self.rates) and not self._stopped_early():
                self._epoch(self.done // self.per_epoch)
        finally:
            if self.board is not None:
                self.board.close()

    def restore(self, state: dict[str, Any] | None) -> None:
        """Go on from a saved state; from the beginning where there is none."""
        if state is None:
            return
        self.learner.restore(state["learner"])
        self.means = None if state["means"] is None else state["means"].numpy()
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.outcomes = [tuple(outcome) for outcome in state["outcomes"]]
        log.info("going on after step %d of %d", self.done, len(self.rates))

    def _epoch(self, epoch: int) -> None:
        first = self.done - epoch * self.per_epoch
        for batch in self.feed.epoch(epoch, self.means, first):
            images = self.learner.images(batch.pictures)
            if self.board is not None and self.done % self.per_epoch == 0:
                self.board.show(self.done, draw_pairs(self.learner.encoder, images))
            self._step(epoch, images, batch)
            within = self.done % self.per_epoch and self._sum_is_complete(self.done)
            if self.clock.minutes_unsaved() > self.config.save_minutes and within:
                self._save_state()  # an epoch's end is saved after its scores and its encoder
        self._finish(epoch)

    def _step(self, epoch: int, images: Tensor, batch: Batch) -> None:
        rate, update = self.rates[self.done], self._sum_is_complete(self.done + 1)
        persons, differ = batch.persons, batch.differ
        outcome = self.learner.learn(images, persons, rate, update=update, differ=differ)
        self._refuse_nan(outcome.loss, epoch)
        self.outcomes.append(tuple(outcome))
        self.clock.steps += 1
        self.clock.pictures += 2 * len(persons)
        self._tell(epoch, outcome)
        if self.board is not None:
            scale = self.learner.encoder.log_scale.exp().item()
            self.board.add(self.done, outcome, rate, scale)

    def _sum_is_complete(self, done: int) -> bool:
        """Whether the optimiser steps after this many batches, as it does at an epoch's end."""
        batch = done % self.per_epoch
        return batch == 0 or batch % self.config.accumulate == 0

    def _refuse_nan(self, loss: float, epoch: int) -> None:
        if math.isfinite(loss):
            return
        step = (self.done - 1) % self.per_epoch + 1
        where = "" if self.folder is None else f" in {self.folder.path}"
        kept = "last/ holds the last finished epoch" if epoch else "no epoch was finished"
        raise TrainingError(
            f"The loss became {loss} in epoch {epoch + 1}, step {step}; {kept}{where}. Lower lr, "
            "or clip gradients harder with clip_gradient 1."
        )

    def _tell(self, epoch: int, outcome: Outcome) -> None:
        if self.progress is None:
            return
        elapsed = self.clock.elapsed()
        self.progress(
            Step(
                epoch + 1,
                self.config.epochs or 1,
                self.done - epoch * self.per_epoch,
                self.per_epoch,
                outcome.loss,
                self.rates[self.done - 1],
                self.clock.pictures / elapsed,
                (len(self.rates) - self.done) * elapsed / self.clock.steps,
            )
        )

    def _finish(self, epoch: int) -> None:
        """Score the epoch and write everything, the state for resuming last."""
        process = self.learner.process
        if NEGATIVES[self.config.negatives].embeds:
            learn = self.plan.learn
            means = person_means(self.learner.learned(), learn) if process.first else None
            self.means = process.share(means)
        scored = None if self.folder is None else self._score_and_save(epoch, self.folder)
        if process.world > 1:
            self.best_epoch = int(process.share(np.array([self.best_epoch]))[0])
        self.outcomes = []
        self._save_state()
        if scored is not None:
            for callback in self.callbacks:
                callback(epoch + 1, *scored)

    def _score_and_save(self, epoch: int, folder: RunFolder) -> tuple[dict[str, float], Encoder]:
        """Return the figures of an epoch, as metrics.csv holds them, and its encoder."""
        encoder = self.learner.learned()
        mean_ap, reranked = _validate(encoder, self.plan.validation)
        elapsed = self.clock.elapsed()
        loss, positive, negative = np.mean(self.outcomes, axis=0).tolist()
        figures = {
            "epoch": epoch + 1,
            "loss": loss,
            "lr": self.rates[self.done - 1],
            "mAP": mean_ap,
            "mAP_reranked": reranked,
            "scale": math.exp(encoder.log_scale.item()),
            "positive_similarity": positive,
            "negative_similarity": negative,
            "pictures_per_second": self.clock.pictures / elapsed,
            "waiting": self.feed.waited_s / elapsed,
        }
        folder.add_metrics(figures)
        epochs = self.config.epochs
        scored = "" if math.isnan(mean_ap) else f", mAP {mean_ap:.4f}"
        log.info("epoch %d of %d: loss %.4f%s", epoch + 1, epochs, loss, scored)
        facts = self._facts(epoch + 1, mean_ap)
        folder.save(encoder, "last", **facts)
        if self.config.keep_epochs:
            folder.save(encoder, f"epoch-{epoch + 1}", **facts)
        if math.isnan(mean_ap) or mean_ap > self.best:
            self.best = -1.0 if math.isnan(mean_ap) else mean_ap
            self.best_epoch = epoch + 1
            folder.save(encoder, "best", **facts)
        return figures, encoder

    def _facts(self, epoch: int, mean_ap: float) -> dict[str, Any]:
        """Return the facts saved with the weights; all settings are in the run's config.json."""
        names = ("epochs", "preset", "seed", "pairs", "lr", "schedule", "augment", "validate")
        facts: dict[str, Any] = {"epoch": epoch}
        if not math.isnan(mean_ap):
            facts["validation mAP"] = round(mean_ap, 4)
        facts |= {name: getattr(self.config, name) for name in names}
        return facts | {"scope": self.plan.learn.scope or "set"}

    def _stopped_early(self) -> bool:
        patience, epochs = self.config.patience, self.done / self.per_epoch
        stop = patience is not None and self.done > 0 and epochs >= self.best_epoch + patience
        if stop:
            log.info("stopped: no better mAP since epoch %d", self.best_epoch)
        return stop

    def _save_state(self) -> None:
        self.clock.saved = time.monotonic()
        if self.folder is None:
            return
        self.folder.save_state(
            {
                "learner": self.learner.state(),
                "means": None if self.means is None else torch.from_numpy(self.means),
                "best": self.best,
                "best_epoch": self.best_epoch,
                "outcomes": [list(outcome) for outcome in self.outcomes],
            }
        )


def _validate(encoder: Encoder, validation: Crops | None) -> tuple[float, float]:
    """Return mAP on the validation rows without and with k-reciprocal re-ranking."""
    if validation is None:
        return math.nan, math.nan
    embedded = embed(encoder, validation)
    plain, reranked = (
        ranking_map(rank(embedded, rerank=method)) for method in ("none", "k-reciprocal")
    )
    return plain, reranked
