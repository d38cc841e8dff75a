"""Verbs of training: train, compare runs, find a rate, average weights, look at a batch."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Annotated, cast

import tyro

from sameplayer.commands.shared import (
    Compute,
    Data,
    Reading,
    ReadingSplit,
    RunsThenData,
    Scope,
    Several,
    at_least,
    bar,
    console,
    steps,
)
from sameplayer.errors import SameplayerError
from sameplayer.ranking.config import RankConfig
from sameplayer.training.config import TrainConfig
from sameplayer.training.run.run_metadata import read_config, read_run

if TYPE_CHECKING:
    from sameplayer.data.crops import Crops


def train_command(defaults: TrainConfig, remembered: Reading) -> Callable[..., None]:
    """Return the verb with the settings that flags then change."""

    def train(
        data: Data,
        out: Path,
        settings: Annotated[TrainConfig, tyro.conf.arg(name="")] = defaults,
        config: Path | None = None,
        resume: bool = False,
        seeds: Several[int] = (),
        reading: Reading = remembered,
    ) -> None:
        """Fine-tune an image encoder on pairs of pictures.

        Args:
            out: New folder for weights, metrics, settings and log.
            settings: Every setting of the run.
            config: Take the settings from this file, such as another run's config.json.
            resume: Go on with the stopped run in the folder --out, with its own settings.
            seeds: Train once with each of these seeds, in folders seed-N of --out; print
                mean and standard deviation of the scores.
        """
        crops = reading.read(data)
        if not seeds:
            _train_one(crops, out, settings, resume)
            return
        folders = [out / f"seed-{seed}" for seed in seeds]
        runs = zip(seeds, folders, strict=True)
        scores = [
            _train_one(crops, folder, replace(settings, seed=seed), resume and _begun(folder))
            for seed, folder in runs
        ]
        if all(score is not None for score in scores):
            _print_spread([100 * score for score in scores if score is not None])

    return train


def _begun(run: Path) -> bool:
    return (run / "config.json").is_file()


def _train_one(crops: Crops, out: Path, settings: TrainConfig, resume: bool) -> float | None:
    from sameplayer.training.run.train import train as run

    with steps() as show:
        encoder = run(crops, out, settings, resume=resume, progress=show)
    facts = encoder.spec.facts
    score: float | None = facts.get("validation mAP")
    scored = "" if score is None else f", validation mAP {score}"
    print(f"{out}: epoch {facts['epoch']} of {facts['epochs']} kept{scored}")
    print(f"fingerprint {encoder.fingerprint()}")
    return score


def _print_spread(scores: Sequence[float]) -> None:
    spread = stdev(scores) if len(scores) > 1 else 0.0
    print(f"validation mAP {mean(scores):.2f} %, spread {spread:.2f} over {len(scores)} seeds")


train = train_command(TrainConfig(), Reading())


def train_for(arguments: Sequence[str]) -> Callable[..., None]:
    """Return the verb with the settings of --config, or of the run that is resumed."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_known_args(list(arguments))[0]
    if given.config is not None:
        return train_command(read_config(given.config), Reading())
    if given.resume and given.out is not None:
        run = read_run(given.out)
        return train_command(run.config, Reading(run.source, cast(Scope, run.scope)))
    return train_command(TrainConfig(), Reading())


def compare(
    inputs: RunsThenData,
    out: Path | None = None,
    ranking: RankConfig = RankConfig(),
    compute: Compute = Compute(),
    reading: ReadingSplit = ReadingSplit(),
) -> None:
    """Score runs on the same data, side by side, and test each against the first.

    Args:
        out: Write the table and the training curves here as one HTML page.
    """
    from sameplayer.commands.score.ranking import ranked
    from sameplayer.evaluation.comparison import compare_runs, comparison_table, write_comparison
    from sameplayer.evaluation.scores import evaluate as score

    at_least(2, "run folders before the data", inputs.runs)
    crops = reading.read(inputs.data)
    scores = [
        score(ranked(compute.embed(compute.load(run), crops), ranking)) for run in inputs.runs
    ]
    compared = compare_runs(inputs.runs, scores)
    if out is not None:
        write_comparison(out, compared)
        console.print(f"comparison: {out}")
    print(comparison_table(compared))


@dataclass(frozen=True)
class RateRange:
    """Which rates are tried."""

    low: float = 1e-6
    """First rate."""
    high: float = 1.0
    """Last rate."""
    steps: int = 100
    """Batches to train on."""


def find_rate(
    data: Data,
    out: Path,
    rates: RateRange = RateRange(),
    settings: Annotated[TrainConfig, tyro.conf.arg(name="")] = TrainConfig(),
    reading: Reading = Reading(),
) -> None:
    """Raise the learning rate until the loss rises; draw the curve and name a rate to try.

    Args:
        out: Picture of the curve to write (.png).
        settings: Every setting of a run, except its rates.
    """
    from sameplayer.training.run.rate_finder import find_rate as find

    crops = reading.read(data)
    with bar("raising the rate") as advance:
        tested = find(
            crops, settings, low=rates.low, high=rates.high, steps=rates.steps, progress=advance
        )
    tested.draw(out)
    print(f"--lr {tested.suggestion:.1e}; {out} shows {len(tested.rates)} of {rates.steps} steps")


def soup(encoders: tyro.conf.Positional[Several[Path]], out: Path) -> None:
    """Average the weights of encoders that come from one start, such as epochs of a run.

    Args:
        encoders: Two or more run folders or saved encoders.
        out: New folder for the encoder.
    """
    from sameplayer.encoder.load import load_encoder
    from sameplayer.encoder.soup import average_encoders

    at_least(2, "encoders", encoders)
    if out.exists():
        raise SameplayerError(f"{out}: exists already; choose a new folder.")
    average_encoders([load_encoder(source, device="cpu") for source in encoders]).save(out)
    print(f"{out}: mean of {len(encoders)} encoders")


def show_batch(
    data: Data,
    out: Path,
    settings: Annotated[TrainConfig, tyro.conf.arg(name="")] = TrainConfig(),
    reading: Reading = Reading(),
) -> None:
    """Write the first training batch as a picture: anchors above their positives.

    Args:
        out: Picture to write (.png).
        settings: Every setting of a run.
    """
    from sameplayer.training.run.batch_picture import show_batch as show

    print(f"{out}: {show(reading.read(data), settings, out)} pairs")


def demo(
    out: Path = Path("sameplayer-demo"),
    persons: int = 48,
    epochs: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> None:
    """Rank real players, train on a drawn league, score before and after, write a report.

    Args:
        out: New or empty folder.
        persons: Training persons to draw.
        epochs: Epochs to train; None: the preset's.
        seed: Decides everything.
        device: auto: the GPU where there is one; cpu, cuda, cuda:N or mps.
    """
    from sameplayer.commands.demo import demo as run

    with steps() as show:
        result = run(
            out,
            persons=persons,
            epochs=epochs,
            seed=seed,
            device=device,
            tell=console.print,
            progress=show,
        )
    print(result.table())
    print(f"report: {result.folder / 'report.html'}")
