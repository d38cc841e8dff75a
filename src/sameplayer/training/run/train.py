"""Training: from a crop table to a run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import NoneType

from sameplayer.data.batches.augment import Augment, PairTransform
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import as_crops
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.errors import refuse_other_types
from sameplayer.training.config import TrainConfig
from sameplayer.training.losses.pair_losses import Loss
from sameplayer.training.processes import Process, join_processes
from sameplayer.training.run.batch_picture import Board
from sameplayer.training.run.init_encoder import OwnParts, begin, finished_encoder
from sameplayer.training.run.loop import EpochCallback, Step, Trainer
from sameplayer.training.run.run_folder import RunFolder, load_state, refuse_used_folder
from sameplayer.training.run.step import Learner
from sameplayer.training.sampling.dataloader import Feed


def train(
    crops: Crops | str | Path,
    out: str | Path,
    config: TrainConfig | None = None,
    *,
    resume: bool = False,
    progress: Callable[[Step], None] | None = None,
    callbacks: Sequence[EpochCallback] = (),
    loss: Loss | None = None,
    augment: PairTransform | Augment | None = None,
    encoder: Encoder | str | Path | None = None,
) -> Encoder:
    """Fine-tune an encoder on the rows with role "train"; return the best epoch's encoder.

    crops     Crops, or what ``read_source`` takes; validation uses held-out training persons
              or its query and gallery rows
    out       a new or empty folder, see ``run_folder``; with ``resume`` that of a stopped run
    config    settings; None: the person preset. A batch size left to the preset is lowered to the
              number of persons where there are fewer
    resume    go on where a run was stopped or killed: with its settings, scope, rows and own parts
    progress  called after each step
    callbacks called after each epoch, once it is scored and saved: f(epoch, figures, encoder) with
              the epoch from 1, the figures of its line of metrics.csv, and the encoder as it is
              saved. An error that one raises ends the run, which can be resumed
    loss      an own loss: raw features of anchors (b, d) and positives (b, d), persons (b,) ->
              scalar. The weights of a torch module learn too and are resumed; it is copied
    augment   an own augmentation: uint8 RGB pictures (h, w, 3) of anchor and positive, and a NumPy
              generator, the only source of chance -> both pictures, of the same shape
    encoder   an own encoder to start from, or what ``load_encoder`` takes; it is copied

    The same crops, config, machine type and thread count give the same weights to the bit on the
    CPU, resumed or not. Ctrl-C, a NaN loss (TrainingError) or a full disk leave the last finished
    epoch usable. Raises ConfigError, DataError or TrainingError, before anything is written, where
    settings, table or folder do not fit.
    """
    refuse_other_types(
        "train",
        crops=(crops, (Crops, str, Path)),
        out=(out, (str, Path)),
        config=(config, (TrainConfig, NoneType)),
        encoder=(encoder, (Encoder, str, Path, NoneType)),
    )
    crops = as_crops(crops)
    if encoder is not None and not isinstance(encoder, Encoder):
        encoder = load_encoder(encoder, device="cpu")
    config = config or TrainConfig()
    config.refuse_wrong_types()
    own = OwnParts(loss, augment, encoder)
    with join_processes(config.device) as process:
        if process.first and not resume:
            refuse_used_folder(out)
        _train(crops, Path(out), own.recorded(config), own, process, resume, progress, callbacks)
        return finished_encoder(out, own).to(process.device)


def _train(
    crops: Crops,
    out: Path,
    asked: TrainConfig,
    own: OwnParts,
    process: Process,
    resume: bool,
    progress: Callable[[Step], None] | None,
    callbacks: Sequence[EpochCallback],
) -> None:
    run = begin(crops, asked, own, process.world)
    plan, encoder, augment = run
    loss = own.chosen_loss(plan.config)
    learner = Learner(encoder, loss, augment, run.persons, plan.config, process)
    board = Board(out) if plan.config.tensorboard and process.first else None
    opened: AbstractContextManager[RunFolder | None] = nullcontext()
    if process.first:
        device = str(process.device)
        opened = RunFolder(out, plan.config, plan.facts(), device=device, resume=resume)
    with opened as folder, Feed(plan, encoder.prepare, augment, process) as feed:
        trainer = Trainer(plan, learner, feed, folder, board, progress, callbacks)
        if resume:
            trainer.restore(load_state(out) if folder is None else folder.load_state())
        trainer.work()
