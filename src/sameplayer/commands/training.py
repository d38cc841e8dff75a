"""Verbs of training: train, compare runs, look at a batch, the demo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Literal

import tyro

from sameplayer.commands.shared import Data, Rerank, bar, console, embedded, steps
from sameplayer.data.crops import Crops
from sameplayer.errors import SameplayerError
from sameplayer.training.config import TrainConfig, read_config


def train_command(defaults: TrainConfig) -> Callable[..., None]:
    def train(
        data: Data,
        out: Path,
        settings: Annotated[TrainConfig, tyro.conf.arg(name="")] = defaults,
        config: Path | None = None,
        resume: bool = False,
        seeds: tuple[int, ...] | None = None,
        source: str | None = None,
        scope: str | None = None,
    ) -> None:
        """Fine-tune an image encoder on pairs of pictures.

        Args:
            data: Folder or table with training rows.
            out: New folder for weights, metrics, settings and log.
            settings: Every setting of the run.
            config: Take the settings from this file, such as another run's config.json.
            resume: Go on with the stopped run in the folder --out, with its own settings.
            seeds: Train once with each of these seeds, in folders seed-N of --out.
            source: Layout of the data; none: recognised.
            scope: Where a person id holds: set, game or sequence; none: as the layout says.
        """
        from sameplayer.data.sources import read_source

        crops = read_source(data, source, scope)
        if not seeds:
            _train_one(crops, out, settings, resume)
            return
        found = [
            _train_one(crops, out / f"seed-{seed}", replace(settings, seed=seed), resume)
            for seed in seeds
        ]
        if all(score is not None for score in found):
            scores = [100 * float(score) for score in found if score is not None]
            spread = stdev(scores) if len(scores) > 1 else 0.0
            print(
                f"validation mAP {mean(scores):.2f} %, spread {spread:.2f} over {len(scores)} seeds"
            )

    return train


def _train_one(crops: Crops, out: Path, settings: TrainConfig, resume: bool) -> float | None:
    from sameplayer.training.train import train as run

    with steps() as show:
        encoder = run(crops, out, settings, resume=resume, progress=show)
    facts = encoder.spec.facts
    score: float | None = facts.get("validation mAP")
    scored = "" if score is None else f", validation mAP {score}"
    print(f"{out}: epoch {facts['epoch']} of {facts['epochs']} kept{scored}")
    print(f"fingerprint {encoder.fingerprint()}")
    return score


def config_defaults(arguments: list[str]) -> TrainConfig:
    """The settings that flags then change: of --config, or of the run to resume."""
    given = dict(zip(arguments, [*arguments[1:], ""], strict=True))
    given |= dict(word.split("=", 1) for word in arguments if word.startswith("--") and "=" in word)
    if given.get("--resume", "False") != "False" and "--out" in given and "--config" not in given:
        return read_config(Path(given["--out"]) / "config.json")
    return read_config(given["--config"]) if "--config" in given else TrainConfig()


def compare(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    rerank: Rerank = "none",
    out: Path | None = None,
    split: str = "test",
    source: str | None = None,
    scope: str | None = None,
) -> None:
    """Score runs on the same data, side by side, and test each against the first.

    Args:
        runs: Two or more run folders, then the data.
        rerank: Re-ranking.
        out: Write the table and the training curves here as one HTML page.
        split: Which split: test, valid, training.
        source: Layout of the data; none: recognised.
        scope: Where a person id holds: set, game or sequence; none: as the layout says.
    """
    from sameplayer.evaluation.comparison import compare_runs, comparison_table, write_comparison
    from sameplayer.evaluation.scores import evaluate as score
    from sameplayer.ranking.ranking import rank

    if len(runs) < 3:
        raise SameplayerError("compare needs two or more run folders, then the data.")
    *folders, data = runs
    scores = [
        score(rank(embedded(run, data, split, source, scope)[1], rerank=rerank)) for run in folders
    ]
    compared = compare_runs(folders, scores)
    print(comparison_table(compared))
    if out is not None:
        write_comparison(out, compared)
        console.print(f"comparison: {out}")


def find_rate(
    data: Data,
    out: Path,
    preset: str = "small",
    pretrained: bool = True,
    pairs: int | None = None,
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 100,
    device: str = "cpu",
    seed: int = 1,
    source: str | None = None,
    scope: str | None = None,
) -> None:
    """Raise the learning rate until the loss leaves; draw the curve and name a rate to try.

    Args:
        data: Folder or table with training rows.
        out: Picture of the curve to write (.png).
        preset: Encoder.
        pretrained: Start from the preset's pre-trained weights; off: random weights.
        pairs: Pairs a batch; none given: the preset's.
        low: First rate.
        high: Last rate.
        steps: Batches to train on.
        device: cpu, cuda or cuda:N.
        seed: Decides weights, pairs and augmentation.
        source: Layout of the data; none: recognised.
        scope: Where a person id holds: set, game or sequence; none: as the layout says.
    """
    from sameplayer.data.sources import read_source
    from sameplayer.training.rate_finder import find_rate as find

    config = TrainConfig(preset, pretrained=pretrained, pairs=pairs, device=device, seed=seed)
    crops = read_source(data, source, scope)
    with bar("raising the rate") as advance:
        found = find(crops, config, low=low, high=high, steps=steps, progress=advance)
    found.draw(out)
    print(f"--lr {found.suggestion:.1e}; {out} shows {len(found.rates)} of {steps} steps")


def soup(encoders: tyro.conf.Positional[tuple[Path, ...]], out: Path) -> None:
    """Average the weights of encoders that come from one start, such as epochs of a run.

    Args:
        encoders: Two or more run folders or saved encoders.
        out: New folder for the encoder.
    """
    from sameplayer.encoder.encoder import load_encoder
    from sameplayer.encoder.soup import average_encoders

    if len(encoders) < 2:
        raise SameplayerError("soup needs two or more encoders.")
    if out.exists():
        raise SameplayerError(f"{out}: exists already; choose a new folder.")
    average_encoders([load_encoder(one) for one in encoders]).save(out)
    print(f"{out}: mean of {len(encoders)} encoders")


def show_batch(
    data: Data,
    out: Path,
    preset: str = "small",
    augment: Literal["none", "2022", "2023", "strong"] | None = None,
    pairs: int | None = None,
    seed: int = 1,
    source: str | None = None,
    scope: str | None = None,
) -> None:
    """Write the first training batch as a picture: anchors above their positives.

    Args:
        data: Folder or table with training rows.
        out: Picture to write (.png).
        preset: Encoder whose input size and pre-processing are used.
        augment: Augmentation; none given: the preset's.
        pairs: Pairs to show; none given: the preset's.
        seed: Decides pairs and augmentation.
        source: Layout of the data; none: recognised.
        scope: Where a person id holds: set, game or sequence; none: as the layout says.
    """
    from sameplayer.data.sources import read_source
    from sameplayer.encoder.encoder import create_encoder
    from sameplayer.training.batch_picture import show_batch as show

    config = TrainConfig(preset=preset, augment=augment, pairs=pairs, seed=seed)
    encoder = create_encoder(preset, pretrained=False)
    shown = show(read_source(data, source, scope), encoder, config, out)
    print(f"{out}: {shown} pairs")


def demo(
    out: Path = Path("sameplayer-demo"),
    persons: int = 150,
    epochs: int | None = None,
    seed: int = 1,
) -> None:
    """Draw a league, train on it, score before and after, write a report and a submission.

    Args:
        out: New or empty folder.
        persons: Training persons to draw.
        epochs: Epochs to train; none: the preset's.
        seed: Decides everything.
    """
    from sameplayer.commands.demo import demo as run

    with steps() as show:
        result = run(
            out, persons=persons, epochs=epochs, seed=seed, tell=console.print, progress=show
        )
    print(result.table())
    print(f"report: {result.folder / 'report.html'}")
