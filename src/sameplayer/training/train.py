"""The loop: draw pairs, embed both, InfoNCE, step; after each epoch score and save.

Under torchrun every process takes its share of each batch, and the negatives are those of all.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as processes
from torch import Tensor

from sameplayer.data.augment import erase
from sameplayer.data.batches import draw_batches
from sameplayer.data.crops import Crops
from sameplayer.data.loading import PairBatch, PairLoader
from sameplayer.data.splits import draw_query_gallery, split_by_person
from sameplayer.encoder.embed import embed
from sameplayer.encoder.encoder import Encoder, create_encoder, load_encoder
from sameplayer.errors import DataError, TrainingError
from sameplayer.evaluation.scores import evaluate
from sameplayer.ranking.ranking import rank
from sameplayer.training.config import TrainConfig
from sameplayer.training.info_nce import backward, sum_gradients
from sameplayer.training.optimiser import make_optimiser
from sameplayer.training.run_folder import RunFolder, load_state, log
from sameplayer.training.schedule import learning_rates


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
    asked = config or TrainConfig()
    config = asked.resolved()
    learn, validation = _split(crops, config)
    persons, scopes = learn.persons(), learn.scopes()
    if asked.pairs is None:
        config = _fit_pairs(config, persons)
    plan = _draw_plan(persons, scopes, config)
    with _process_group(config) as (rank, world):
        _refuse_uneven_shares(plan, config.pairs or 2, world)
        device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if world > 1 else config.device
        encoder = _start(config, device if config.device == "cuda" else config.device)
        run = _Run(encoder, learn, validation, config, plan, rank, world, progress, Path(out))
        if rank == 0:
            data = {"root": str(crops.root), "source": crops.source, "rows": _digest(learn)}
            run.folder = RunFolder(out, config, data, resume=resume)
        try:
            run.work(resume)
        finally:
            if run.folder is not None:
                run.folder.close()
    return load_encoder(out, device=config.device)


class _Run:
    """The state of one run in one process."""

    def __init__(
        self,
        encoder: Encoder,
        learn: Crops,
        validation: Crops | None,
        config: TrainConfig,
        plan: list[list[np.ndarray]],
        rank: int,
        world: int,
        progress: Callable[[Step], None] | None,
        out: Path,
    ) -> None:
        self.out = out
        self.encoder, self.validation, self.config = encoder, validation, config
        self.rank, self.world, self.progress = rank, world, progress
        self.folder: RunFolder | None = None
        self.plan, self.per_epoch = plan, len(plan[0])
        self.rates = learning_rates(
            config.schedule,
            config.lr or 0.0,
            config.lr_end or 0.0,
            len(plan),
            self.per_epoch,
            config.warmup_epochs,
        )
        self.loader = PairLoader(learn, encoder.prepare, config.augment or "none", config.cache_gb)
        self.optimiser = make_optimiser(encoder, config)
        self.scaler = torch.amp.GradScaler(encoder.device.type, enabled=config.precision == "fp16")
        self.network = torch.compile(encoder.model) if config.compile else encoder.model
        self.best, self.losses, self.done = -1.0, list[float](), 0
        self.saved_at = self.began = time.monotonic()
        self.seen = 0

    def work(self, resume: bool) -> None:
        try:
            if resume:
                self._restore(load_state(self.out))
            while self.done < len(self.rates):
                self._epoch(self.done // self.per_epoch)
        finally:
            self.loader.close()

    def _epoch(self, epoch: int) -> None:
        encoder, config = self.encoder, self.config
        encoder.model.train()
        first = self.done - epoch * self.per_epoch
        share = (config.pairs or 2) // self.world
        mine = slice(self.rank * share, (self.rank + 1) * share)
        plan = [batch[mine] for batch in self.plan[epoch][first:]]
        batches = self.loader.batches(plan, config.seed, self.done, mine.start)
        for batch in batches:
            loss = self._step(batch)
            _refuse_nan(loss, epoch, self.done % self.per_epoch, self.out)
            self.losses.append(loss)
            self.done += 1
            self.seen += 2 * share * self.world
            self._tell(epoch, loss)
            minutes = (time.monotonic() - self.saved_at) / 60
            if minutes > config.save_minutes and self.done % self.per_epoch:
                self._save_state()
        self._finish(epoch)

    def _step(self, batch: PairBatch) -> float:
        encoder, config = self.encoder, self.config
        torch.manual_seed(config.seed * 1_000_003 + self.done * self.world + self.rank)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rates[self.done] * group.get("lr_scale", 1.0)
        images = encoder.normalise(batch.pictures)
        images = erase(images, config.augment or "none", batch.generators)
        half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(config.precision)

        def features(part: Tensor) -> Tensor:
            with torch.autocast(part.device.type, half, enabled=half is not None):
                return self.network(part)

        try:
            loss = backward(
                features,
                images,
                encoder.log_scale,
                label_smoothing=config.label_smoothing,
                chunk=config.chunk,
                scale=self.scaler.scale,
                model=encoder.model,
            )
        except torch.OutOfMemoryError as error:
            raise TrainingError(
                f"Out of memory with {len(images)} pictures of {tuple(images.shape[2:])} pixels. "
                "Lower --chunk (the same result in less memory), or use --grad-checkpointing True, "
                "--precision bf16, or --freeze."
            ) from error
        if (self.done + 1) % config.accumulate == 0 or self.done + 1 == len(self.rates):
            sum_gradients(encoder.model, encoder.log_scale)
            self.scaler.unscale_(self.optimiser)
            torch.nn.utils.clip_grad_norm_(encoder.model.parameters(), config.clip_gradient)
            self.scaler.step(self.optimiser)
            self.scaler.update()
            self.optimiser.zero_grad(set_to_none=True)
        return loss

    def _tell(self, epoch: int, loss: float) -> None:
        if self.progress is None:
            return
        speed = self.seen / (time.monotonic() - self.began)
        left = (len(self.rates) - self.done) * 2 * (self.config.pairs or 2) / speed
        step = self.done - epoch * self.per_epoch
        self.progress(
            Step(
                epoch + 1,
                len(self.plan),
                step,
                self.per_epoch,
                loss,
                self.rates[self.done - 1],
                speed,
                left,
            )
        )

    def _finish(self, epoch: int) -> None:
        """Score the epoch and write everything, the state for resuming last."""
        if self.folder is not None:
            self._score_and_save(epoch, self.folder)
        self.losses = []
        self._save_state()
        if self.world > 1:
            processes.barrier()

    def _score_and_save(self, epoch: int, folder: RunFolder) -> None:
        mean_ap = _validate(self.encoder, self.validation)
        elapsed = time.monotonic() - self.began
        row = {
            "epoch": epoch + 1,
            "loss": float(np.mean(self.losses)),
            "lr": self.rates[self.done - 1],
            "mAP": mean_ap,
            "scale": math.exp(self.encoder.log_scale.item()),
            "pictures_per_second": self.seen / elapsed,
            "waiting": self.loader.waited_s / elapsed,
        }
        folder.add_metrics(row)
        log.info(
            "epoch %d of %d: loss %.4f, mAP %.4f", epoch + 1, len(self.plan), row["loss"], mean_ap
        )
        facts = _facts(self.config, epoch + 1, mean_ap)
        folder.save(self.encoder, "last", **facts)
        if math.isnan(mean_ap) or mean_ap > self.best:
            self.best = -1.0 if math.isnan(mean_ap) else mean_ap
            folder.save(self.encoder, "best", **facts)

    def _save_state(self) -> None:
        self.saved_at = time.monotonic()
        if self.folder is None:
            return
        self.folder.save_state(
            {
                "model": self.encoder.model.state_dict(),
                "log_scale": self.encoder.log_scale.detach(),
                "optimiser": self.optimiser.state_dict(),
                "scaler": self.scaler.state_dict(),
                "gradients": [
                    p.grad for p in (*self.encoder.model.parameters(), self.encoder.log_scale)
                ],
                "done": self.done,
                "best": self.best,
                "losses": list(self.losses),
            }
        )

    def _restore(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        self.encoder.model.load_state_dict(state["model"])
        self.encoder.log_scale.data.copy_(state["log_scale"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        held = (*self.encoder.model.parameters(), self.encoder.log_scale)
        for parameter, gradient in zip(held, state["gradients"], strict=True):
            parameter.grad = None if gradient is None else gradient.to(parameter.device)
        self.done, self.best, self.losses = state["done"], state["best"], list(state["losses"])
        if self.folder is not None:
            self.folder.rows = json.loads(state["rows"])
        log.info("going on after step %d of %d", self.done, len(self.rates))


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


def _digest(crops: Crops) -> str:
    """Return a short hash of what is trained on: pictures, boxes and persons."""
    columns = crops.table[["image", "person", "left", "top", "width", "height"]].astype("string")
    text = columns.to_csv(index=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _facts(config: TrainConfig, epoch: int, mean_ap: float) -> dict[str, Any]:
    """What travels with the weights; the whole configuration is in the run's config.json."""
    names = ("epochs", "preset", "seed", "pairs", "lr", "schedule", "augment", "validate")
    facts: dict[str, Any] = {"epoch": epoch}
    if not math.isnan(mean_ap):
        facts["validation mAP"] = round(mean_ap, 4)
    return facts | {name: getattr(config, name) for name in names}


def _split(crops: Crops, config: TrainConfig) -> tuple[Crops, Crops | None]:
    training = crops.select("train")
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


def _draw_plan(
    persons: np.ndarray, scopes: np.ndarray, config: TrainConfig
) -> list[list[np.ndarray]]:
    """Return the batches of every epoch, the same number in each."""
    rng = np.random.default_rng((config.seed, 0))
    pairs = config.pairs or 2
    plan = [draw_batches(persons, scopes, pairs, rng) for _ in range(config.epochs or 1)]
    per_epoch = min(len(batches) for batches in plan)
    return [batches[:per_epoch] for batches in plan]


def _refuse_uneven_shares(plan: list[list[np.ndarray]], pairs: int, world: int) -> None:
    if pairs % world:
        raise TrainingError(
            f"{pairs} pairs cannot be shared by {world} processes alike; use a multiple of {world} "
            "for --pairs."
        )
    if world > 1 and any(len(batch) < pairs for batches in plan for batch in batches):
        raise TrainingError(
            f"Some identity scope has fewer than {pairs} persons; its small batches cannot be "
            f"shared by {world} processes. Lower --pairs or train in one process."
        )


def _fit_pairs(config: TrainConfig, persons: np.ndarray) -> TrainConfig:
    """Lower the preset's batch to the persons at hand; a batch that was asked for stays."""
    found = int((np.bincount(persons[persons >= 0], minlength=1) >= 2).sum())
    if not 2 <= found < (config.pairs or 2):
        return config
    log.warning("%d pairs a batch instead of %d: there are no more persons", found, config.pairs)
    return replace(config, pairs=found)


def _start(config: TrainConfig, device: str) -> Encoder:
    if config.weights is not None:
        return load_encoder(config.weights, device=device)
    encoder = create_encoder(
        config.preset,
        pretrained=config.pretrained,
        height=config.height,
        width=config.width,
        seed=config.seed,
    )
    return encoder.to(device)


def _validate(encoder: Encoder, validation: Crops | None) -> float:
    if validation is None:
        return math.nan
    return evaluate(rank(embed(encoder, validation))).mAP


def _refuse_nan(loss: float, epoch: int, step: int, folder: Path) -> None:
    if math.isfinite(loss):
        return
    kept = "last/ holds the last finished epoch" if epoch else "no epoch was finished"
    raise TrainingError(
        f"The loss became {loss} in epoch {epoch + 1}, step {step + 1}; {kept} in {folder}. "
        "Lower --lr, or clip gradients harder with --clip-gradient 1."
    )
