"""The loop: draw pairs, embed both, InfoNCE, step; after each epoch score and save.

Under torchrun every process takes its share of each batch, and the negatives are those of all.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as processes
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor

from sameplayer.data.augment import erase
from sameplayer.data.crops import Crops
from sameplayer.data.loading import PairBatch, PairLoader
from sameplayer.encoder.embed import embed
from sameplayer.encoder.encoder import Encoder, create_encoder, load_encoder
from sameplayer.errors import TrainingError
from sameplayer.evaluation.scores import evaluate
from sameplayer.ranking.ranking import rank
from sameplayer.training.board import Board
from sameplayer.training.config import TrainConfig
from sameplayer.training.info_nce import Outcome, backward, sum_gradients
from sameplayer.training.losses import PairLoss
from sameplayer.training.optimiser import make_optimiser, merged_model, prepare_model
from sameplayer.training.plan import Plan, make_plan, person_places, refuse_uneven_shares
from sameplayer.training.run_folder import RunFolder, load_state, log
from sameplayer.training.schedule import learning_rates
from sameplayer.training.show_batch import draw_pairs


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


def train(
    crops: Crops,
    out: str | Path,
    config: TrainConfig | None = None,
    *,
    resume: bool = False,
    progress: Callable[[Step], None] | None = None,
) -> Encoder:
    """Fine-tune an encoder on the rows with role "train"; return the best epoch's encoder.

    crops     the table; validation uses held-out training persons or its query and gallery rows
    out       a new or empty folder, see ``run_folder``; with ``resume`` that of a stopped run
    config    settings; None: the small preset. A batch size left to the preset is lowered to the
              number of persons where there are fewer
    resume    go on where a run was stopped or killed

    The same crops, config, machine type and thread count give the same weights to the bit on the
    CPU, resumed or not. Ctrl-C, a NaN loss (TrainingError) or a full disk leave the last finished
    epoch usable.
    """
    plan = make_plan(crops, config or TrainConfig())
    config = plan.config
    with _process_group(config) as (rank, world):
        refuse_uneven_shares(plan, world)
        run = Trainer(plan, rank, world, progress, Path(out))
        if rank == 0:
            data = {"root": str(crops.root), "source": crops.source, "rows": plan.digest()}
            run.folder = RunFolder(out, config, data, resume=resume)
        try:
            run.work(resume)
        finally:
            if run.folder is not None:
                run.folder.close()
    return load_encoder(out, device=config.device)


class Trainer:
    """The state of one run in one process; without a folder nothing is written."""

    def __init__(
        self,
        plan: Plan,
        rank: int,
        world: int,
        progress: Callable[[Step], None] | None,
        out: Path,
    ) -> None:
        self.plan, self.config, config = plan, plan.config, plan.config
        self.rank, self.world, self.progress, self.out = rank, world, progress, out
        self.folder: RunFolder | None = None
        self.encoder = encoder = _start(config, world)
        self.persons = torch.from_numpy(plan.learn.persons()).to(encoder.device)
        self.loss = PairLoss(
            config.loss,
            encoder.log_scale,
            encoder.feature_width,
            int(self.persons.max()) + 1,
            config.label_smoothing,
            config.seed,
        )
        prepare_model(encoder, config)
        self.average = ModelEmaV3(encoder.model, config.ema) if config.ema is not None else None
        self.optimiser = make_optimiser(encoder.model, self.loss, config, encoder.device)
        self.scaler = torch.amp.GradScaler(encoder.device.type, enabled=config.precision == "fp16")
        self.network = torch.compile(encoder.model) if config.compile else encoder.features
        augment = config.augment or "none"
        self.loader = PairLoader(plan.learn, encoder.prepare, augment, config.cache_gb)
        self.per_epoch = len(plan.first)
        self.rates = learning_rates(
            config.schedule,
            config.lr or 0.0,
            config.lr_end or 0.0,
            config.epochs or 1,
            self.per_epoch,
            config.warmup_epochs or 0.0,
        )
        self.board = Board(out) if config.tensorboard and rank == 0 else None
        self.places: np.ndarray | None = None
        self.best, self.best_epoch, self.done = -1.0, 0, 0
        self.outcomes = list[tuple[float, ...]]()
        self.saved_at = self.began = time.monotonic()
        self.seen = 0

    def work(self, resume: bool) -> None:
        try:
            if resume:
                self._restore(load_state(self.out))
            while self.done < len(self.rates) and not self._stopped_early():
                self._epoch(self.done // self.per_epoch)
        finally:
            self.loader.close()
            if self.board is not None:
                self.board.close()

    def _epoch(self, epoch: int) -> None:
        self.encoder.model.train()
        first = self.done - epoch * self.per_epoch
        share = (self.config.pairs or 2) // self.world
        mine = slice(self.rank * share, (self.rank + 1) * share)
        rows = self.plan.batches(epoch, self.places)[first:]
        parts = [batch[mine] for batch in rows]
        batches = self.loader.batches(parts, self.config.seed, self.done, mine.start)
        for batch, everyone in zip(batches, rows, strict=True):
            outcome = self.step(batch, self.persons[everyone[:, 0]])
            _refuse_nan(outcome.loss, epoch, self.done % self.per_epoch, self.out)
            self.outcomes.append(tuple(outcome))
            self.done += 1
            self.seen += 2 * share * self.world
            self._tell(epoch, outcome)
            if self.board is not None:
                scale = self.encoder.log_scale.exp().item()
                self.board.add(self.done, outcome, self.rates[self.done - 1], scale)
            minutes = (time.monotonic() - self.saved_at) / 60
            within = self.done % self.per_epoch and self._sum_is_complete(self.done)
            if minutes > self.config.save_minutes and within:
                self._save_state()  # an epoch's end is saved after its scores and its encoder
        self._finish(epoch)

    def endless(self, steps: int) -> Iterator[tuple[PairBatch, Tensor]]:
        """Yield this many batches with their persons, epoch after epoch, counting them."""
        for epoch in range(-(-steps // self.per_epoch)):
            rows = self.plan.batches(epoch)[: steps - epoch * self.per_epoch]
            made = self.loader.batches(rows, self.config.seed, epoch * self.per_epoch)
            for batch, pairs in zip(made, rows, strict=True):
                yield batch, self.persons[pairs[:, 0]]
                self.done += 1

    def step(self, batch: PairBatch, persons: Tensor) -> Outcome:
        """Learn from one batch of this process; ``persons`` are those of all processes."""
        encoder, config = self.encoder, self.config
        torch.manual_seed(config.seed * 1_000_003 + self.done * self.world + self.rank)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rates[self.done] * group.get("lr_scale", 1.0)
        images = encoder.normalise(batch.pictures)
        images = erase(images, config.augment or "none", batch.generators)
        if self.board is not None and self.done % self.per_epoch == 0:
            self.board.show(self.done, draw_pairs(encoder, images))
        half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(config.precision)

        def features(part: Tensor) -> Tensor:
            with torch.autocast(part.device.type, half, enabled=half is not None):
                return self.network(part)

        with _memory_advice(images):
            outcome = backward(
                features,
                images,
                lambda query, gallery: self.loss(query, gallery, persons),
                chunk=config.chunk,
                scale=self.scaler.scale,
                model=encoder.model,
            )
        if self._sum_is_complete(self.done + 1):
            sum_gradients(encoder.model, self.loss)
            self.scaler.unscale_(self.optimiser)
            torch.nn.utils.clip_grad_norm_(encoder.model.parameters(), config.clip_gradient)
            self.scaler.step(self.optimiser)
            self.scaler.update()
            self.optimiser.zero_grad(set_to_none=True)
            if self.average is not None:
                self.average.update(encoder.model)
        return outcome

    def _sum_is_complete(self, done: int) -> bool:
        """Whether the optimiser steps after this many batches, as it does at an epoch's end."""
        batch = done % self.per_epoch
        return batch == 0 or batch % self.config.accumulate == 0

    def _tell(self, epoch: int, outcome: Outcome) -> None:
        if self.progress is None:
            return
        speed = self.seen / (time.monotonic() - self.began)
        left = (len(self.rates) - self.done) * 2 * (self.config.pairs or 2) / speed
        step = self.done - epoch * self.per_epoch
        self.progress(
            Step(
                epoch + 1,
                self.config.epochs or 1,
                step,
                self.per_epoch,
                outcome.loss,
                self.rates[self.done - 1],
                speed,
                left,
            )
        )

    def _finish(self, epoch: int) -> None:
        """Score the epoch and write everything, the state for resuming last."""
        if self.config.negatives == "nearest":
            self.places = _shared(person_places(self._learned(), self.plan.learn))
        if self.folder is not None:
            self._score_and_save(epoch, self.folder)
        if self.world > 1:
            self.best_epoch = int(_shared(np.array([self.best_epoch]))[0])
        self.outcomes = []
        self._save_state()

    def _learned(self) -> Encoder:
        """The encoder as it is scored and saved: averaged, adapters merged."""
        model = self.encoder.model if self.average is None else self.average.module
        return Encoder(merged_model(model), self.encoder.spec, self.encoder.log_scale.item())

    def _score_and_save(self, epoch: int, folder: RunFolder) -> None:
        encoder = self._learned()
        mean_ap, reranked = _validate(encoder, self.plan.validation)
        elapsed = time.monotonic() - self.began
        loss, positive, negative = np.mean(self.outcomes, axis=0).tolist()
        row = {
            "epoch": epoch + 1,
            "loss": loss,
            "lr": self.rates[self.done - 1],
            "mAP": mean_ap,
            "mAP_reranked": reranked,
            "scale": math.exp(self.encoder.log_scale.item()),
            "positive_similarity": positive,
            "negative_similarity": negative,
            "pictures_per_second": self.seen / elapsed,
            "waiting": self.loader.waited_s / elapsed,
        }
        folder.add_metrics(row)
        epochs = self.config.epochs
        scored = "" if math.isnan(mean_ap) else f", mAP {mean_ap:.4f}"
        log.info("epoch %d of %d: loss %.4f%s", epoch + 1, epochs, loss, scored)
        facts = _facts(self.config, epoch + 1, mean_ap)
        folder.save(encoder, "last", **facts)
        if self.config.keep_epochs:
            folder.save(encoder, f"epoch-{epoch + 1}", **facts)
        if math.isnan(mean_ap) or mean_ap > self.best:
            self.best = -1.0 if math.isnan(mean_ap) else mean_ap
            self.best_epoch = epoch + 1
            folder.save(encoder, "best", **facts)

    def _stopped_early(self) -> bool:
        patience, epochs = self.config.patience, self.done / self.per_epoch
        stop = patience is not None and self.done > 0 and epochs >= self.best_epoch + patience
        if stop:
            log.info("stopped: no better mAP since epoch %d", self.best_epoch)
        return stop

    def _save_state(self) -> None:
        self.saved_at = time.monotonic()
        if self.folder is None:
            return
        self.folder.save_state(
            {
                "model": self.encoder.model.state_dict(),
                "loss": self.loss.state_dict(),
                "average": None if self.average is None else self.average.module.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "scaler": self.scaler.state_dict(),
                "places": None if self.places is None else torch.from_numpy(self.places),
                "done": self.done,
                "best": self.best,
                "best_epoch": self.best_epoch,
                "outcomes": [list(outcome) for outcome in self.outcomes],
            }
        )

    def _restore(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        self.encoder.model.load_state_dict(state["model"])
        self.loss.load_state_dict(state["loss"])
        if self.average is not None:
            self.average.module.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        self.places = None if state["places"] is None else state["places"].numpy()
        self.done, self.best, self.best_epoch = state["done"], state["best"], state["best_epoch"]
        self.outcomes = [tuple(outcome) for outcome in state["outcomes"]]
        if self.folder is not None:
            self.folder.rows = json.loads(state["rows"])
        log.info("going on after step %d of %d", self.done, len(self.rates))


@contextmanager
def _memory_advice(images: Tensor) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # on the CPU it has no type of its own
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        raise TrainingError(
            f"Out of memory with {len(images)} pictures of {tuple(images.shape[2:])} pixels. "
            "Lower --chunk (the same result in less memory), or use --grad-checkpointing True, "
            "--precision bf16, --lora 8 or --freeze."
        ) from error


def _shared(values: np.ndarray) -> np.ndarray:
    """Return the first process's values in every process."""
    if not processes.is_initialized():
        return values
    device = "cuda" if processes.get_backend() == "nccl" else "cpu"
    sent = torch.from_numpy(values).to(device)
    processes.broadcast(sent, 0)
    return sent.cpu().numpy()


@contextmanager
def _process_group(config: TrainConfig) -> Iterator[tuple[int, int]]:
    """Join the processes that torchrun started; yield (rank, how many)."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield 0, 1
        return
    processes.init_process_group("nccl" if config.device == "cuda" else "gloo")
    try:
        yield processes.get_rank(), world
    finally:
        processes.destroy_process_group()


def _facts(config: TrainConfig, epoch: int, mean_ap: float) -> dict[str, Any]:
    """What travels with the weights; the whole configuration is in the run's config.json."""
    names = ("epochs", "preset", "seed", "pairs", "lr", "schedule", "augment", "validate")
    facts: dict[str, Any] = {"epoch": epoch}
    if not math.isnan(mean_ap):
        facts["validation mAP"] = round(mean_ap, 4)
    return facts | {name: getattr(config, name) for name in names}


def _start(config: TrainConfig, world: int) -> Encoder:
    device = config.device
    if world > 1 and device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    if config.weights is not None:
        encoder = load_encoder(config.weights)
    else:
        encoder = create_encoder(
            config.preset,
            pretrained=config.pretrained,
            height=config.height,
            width=config.width,
            seed=config.seed,
        )
    return (encoder.without_padding() if config.drop_padding else encoder).to(device)


def _validate(encoder: Encoder, validation: Crops | None) -> tuple[float, float]:
    """Return mAP on the validation rows without and with k-reciprocal re-ranking."""
    if validation is None:
        return math.nan, math.nan
    embedded = embed(encoder, validation)
    reranked = evaluate(rank(embedded, rerank="k-reciprocal"))
    return evaluate(rank(embedded)).mAP, reranked.mAP


def _refuse_nan(loss: float, epoch: int, step: int, folder: Path) -> None:
    if math.isfinite(loss):
        return
    kept = "last/ holds the last finished epoch" if epoch else "no epoch was finished"
    raise TrainingError(
        f"The loss became {loss} in epoch {epoch + 1}, step {step + 1}; {kept} in {folder}. "
        "Lower --lr, or clip gradients harder with --clip-gradient 1."
    )
