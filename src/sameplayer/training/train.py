"""The loop: draw pairs, embed both, InfoNCE, step; after each epoch score and save."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sameplayer.data.augment import augment_pair, erase
from sameplayer.data.batches import draw_batches
from sameplayer.data.crops import Crops
from sameplayer.data.images import Picture
from sameplayer.data.splits import draw_query_gallery, split_by_person
from sameplayer.encoder.embed import embed
from sameplayer.encoder.encoder import Encoder, create_encoder, load_encoder
from sameplayer.errors import DataError, TrainingError
from sameplayer.evaluation.scores import evaluate
from sameplayer.ranking.ranking import rank
from sameplayer.training.config import TrainConfig
from sameplayer.training.info_nce import info_nce
from sameplayer.training.run_folder import RunFolder, log
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
    progress: Callable[[Step], None] | None = None,
) -> Encoder:
    """Fine-tune an encoder on the rows with role "train"; return the best epoch's encoder.

    crops     the table; validation uses held-out training persons or its query and gallery rows
    out       a new or empty folder, see ``run_folder``
    config    settings; None: the small preset. A batch size left to the preset is lowered to the
              number of persons where there are fewer

    The same crops, config, machine type and thread count give the same weights to the bit on the
    CPU. Ctrl-C, a NaN loss (TrainingError) or a full disk leave the last finished epoch usable.
    """
    asked = config or TrainConfig()
    config = asked.resolved()
    learn, validation = _split(crops, config)
    persons, scopes = learn.persons(), learn.scopes()
    if asked.pairs is None:
        config = _fit_pairs(config, persons)
    draw_batches(persons, scopes, config.pairs or 2, np.random.default_rng(config.seed))
    encoder = _start(config)
    folder = RunFolder(out, config, {"root": str(crops.root), "source": crops.source})
    try:
        _loop(encoder, learn, validation, config, folder, progress)
    finally:
        folder.close()
    return load_encoder(folder.path, device=config.device)


def _loop(
    encoder: Encoder,
    learn: Crops,
    validation: Crops | None,
    config: TrainConfig,
    folder: RunFolder,
    progress: Callable[[Step], None] | None,
) -> None:
    persons, scopes = learn.persons(), learn.scopes()
    epochs, pairs = config.epochs or 1, config.pairs or 2
    rng = np.random.default_rng((config.seed, 0))
    torch.manual_seed(config.seed)
    pictures = PreparedPictures(learn, encoder, config.cache_gb)
    optimiser = torch.optim.AdamW(
        [*encoder.model.parameters(), encoder.log_scale],
        lr=config.lr or 0.0,
        weight_decay=config.weight_decay,
    )
    plan = [draw_batches(persons, scopes, pairs, rng) for _ in range(epochs)]
    per_epoch = min(len(batches) for batches in plan)
    rates = learning_rates(
        config.schedule,
        config.lr or 0.0,
        config.lr_end or 0.0,
        epochs,
        per_epoch,
        config.warmup_epochs,
    )
    best = -1.0
    began, seen = time.monotonic(), 0
    for epoch, batches in enumerate(plan):
        encoder.model.train()
        losses = []
        for step, batch in enumerate(batches[:per_epoch]):
            done = epoch * per_epoch + step
            for group in optimiser.param_groups:
                group["lr"] = rates[done]
            loss = _step(encoder, pictures, batch, config, rng, optimiser)
            _refuse_nan(loss, epoch, step, folder.path)
            losses.append(loss)
            seen += 2 * len(batch)
            speed = seen / (time.monotonic() - began)
            if progress is not None:
                left = (len(rates) - done - 1) * 2 * len(batch) / speed
                progress(
                    Step(epoch + 1, epochs, step + 1, per_epoch, loss, rates[done], speed, left)
                )
        mean_ap = _validate(encoder, validation)
        row = {
            "epoch": epoch + 1,
            "loss": float(np.mean(losses)),
            "lr": rates[done],
            "mAP": mean_ap,
        }
        row["scale"] = math.exp(encoder.log_scale.item())
        row["pictures_per_second"] = speed
        folder.add_metrics(row)
        log.info("epoch %d of %d: loss %.4f, mAP %.4f", epoch + 1, epochs, row["loss"], mean_ap)
        facts = _facts(config, epoch + 1, mean_ap)
        folder.save(encoder, "last", **facts)
        if math.isnan(mean_ap) or mean_ap > best:
            best = -1.0 if math.isnan(mean_ap) else mean_ap
            folder.save(encoder, "best", **facts)


def _facts(config: TrainConfig, epoch: int, mean_ap: float) -> dict[str, Any]:
    """What travels with the weights; the whole configuration is in the run's config.json."""
    names = ("epochs", "preset", "seed", "pairs", "lr", "schedule", "augment", "validate")
    facts: dict[str, Any] = {"epoch": epoch}
    if not math.isnan(mean_ap):
        facts["validation mAP"] = round(mean_ap, 4)
    return facts | {name: getattr(config, name) for name in names}


def _step(
    encoder: Encoder,
    pictures: PreparedPictures,
    batch: np.ndarray,
    config: TrainConfig,
    rng: np.random.Generator,
    optimiser: torch.optim.Optimizer,
) -> float:
    images = pictures.pairs(batch, config.augment or "none", rng)
    images = erase(encoder.normalise(images), config.augment or "none", rng)
    features = encoder.features(images)
    query, gallery = features.chunk(2)
    loss = info_nce(query, gallery, encoder.log_scale, config.label_smoothing)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(encoder.model.parameters(), config.clip_gradient)
    optimiser.step()
    return float(loss.detach())


class PreparedPictures:
    """Letterboxed pictures, decoded in threads and kept while they fit the memory given."""

    def __init__(self, crops: Crops, encoder: Encoder, cache_gb: float) -> None:
        self._crops, self._encoder = crops, encoder
        size = encoder.spec.height * encoder.spec.width * 3
        self._keep = int(cache_gb * 1e9 // size)
        self._kept: dict[int, Picture] = {}
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def pairs(self, batch: np.ndarray, augment: str, rng: np.random.Generator) -> Tensor:
        """Return (2b, h, w, 3) uint8: all anchors, then all positives, of a (b, 2) batch."""
        anchors = list(self._pool.map(self._get, batch[:, 0]))
        positives = list(self._pool.map(self._get, batch[:, 1]))
        made = [augment_pair(a, p, augment, rng) for a, p in zip(anchors, positives, strict=True)]
        return torch.from_numpy(np.stack([a for a, _ in made] + [p for _, p in made]))

    def _get(self, row: int) -> Picture:
        picture = self._kept.get(row)
        if picture is None:
            picture = self._encoder.prepare(self._crops.read(row))
            if len(self._kept) < self._keep:
                self._kept[row] = picture
        return picture


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


def _fit_pairs(config: TrainConfig, persons: np.ndarray) -> TrainConfig:
    """Lower the preset's batch to the persons at hand; a batch that was asked for stays."""
    found = int((np.bincount(persons[persons >= 0], minlength=1) >= 2).sum())
    if not 2 <= found < (config.pairs or 2):
        return config
    log.warning("%d pairs a batch instead of %d: there are no more persons", found, config.pairs)
    return replace(config, pairs=found)


def _start(config: TrainConfig) -> Encoder:
    if config.weights is not None:
        return load_encoder(config.weights, device=config.device)
    encoder = create_encoder(
        config.preset,
        pretrained=config.pretrained,
        height=config.height,
        width=config.width,
        seed=config.seed,
    )
    return encoder.to(config.device)


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
