"""The command line: every verb parses, calls public functions and shows the result."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from sameplayer.data.crops import Crops
from sameplayer.errors import SameplayerError
from sameplayer.files import write_text
from sameplayer.training.config import TrainConfig, read_config

Data = tyro.conf.Positional[Path]
Rerank = Literal["none", "k-reciprocal", "hard"]
Lambda = Annotated[float | None, tyro.conf.arg(name="lambda")]
console = Console(stderr=True, highlight=False)


def synth(out: Data, persons: int = 120, seed: int = 1, clips: int = 0) -> None:
    """Draw a league of players in the Synergy layout.

    Args:
        out: New or empty folder.
        persons: Training persons; a third as many each for test and challenge.
        seed: Decides every pixel.
        clips: Draw this many short clips with ground truth (MOT layout) beside it.
    """
    from sameplayer.data.synthetic import draw_clip, draw_league

    with _bar("drawing") as advance:
        root = draw_league(out, persons, seed, progress=advance)
    for number in range(clips):
        draw_clip(out / "clips" / f"clip{number + 1}", seed + number)
    print(root)


def fetch(
    name: tyro.conf.Positional[Literal["synergy"]],
    folder: Data,
    url: str | None = None,
) -> None:
    """Download, verify and unpack a public data set; a broken download goes on where it stopped.

    Args:
        name: Which data set.
        folder: New or empty folder.
        url: Fetch the archive from this address instead.
    """
    from sameplayer.data.crops import describe_crops
    from sameplayer.data.download import SYNERGY, fetch_synergy

    with _bar(f"fetching {name}") as advance:
        crops, warnings = fetch_synergy(folder, url=url or SYNERGY, progress=advance)
    for warning in warnings:
        console.print(f"warning: {warning}")
    print(describe_crops(crops))


def check(data: Data, source: str | None = None, scope: str | None = None) -> int:
    """Count a data set and list every problem with its row and file; exit 1 when there is one.

    Args:
        data: Folder or table.
        source: Layout: synergy, market1501, soccernet, mot, folder or table; none: recognised.
        scope: Where a person id holds: set, game or sequence; none: as the layout says.
    """
    from sameplayer.data.crops import check_crops, describe_crops
    from sameplayer.data.sources import read_source

    crops = read_source(data, source, scope)
    print(describe_crops(crops))
    with _bar("checking") as advance:
        problems = check_crops(crops, advance)
    for problem in problems:
        print(problem)
    kinds = Counter(problem.kind for problem in problems)
    print(", ".join(f"{count} x {kind}" for kind, count in kinds.items()) or "no problems")
    return 1 if problems else 0


def split(
    data: Data,
    out: Path,
    share: float = 0.3,
    seed: int = 1,
    source: str | None = None,
    scope: str | None = None,
) -> None:
    """Split a data set by person into training, query and gallery; write it as a crop table.

    Args:
        data: Folder or table; its own split, if any, is left aside.
        out: Table to write (.csv or .parquet).
        share: Share of the persons to keep for query and gallery.
        seed: Decides who.
        source: Layout of the data; none: recognised.
        scope: Where a person id holds: set, game or sequence; none: as the layout says.
    """
    from sameplayer.data.crops import describe_crops, write_crops
    from sameplayer.data.sources import read_source
    from sameplayer.data.splits import hold_out

    crops = hold_out(read_source(data, source, scope), share, seed)
    write_crops(crops, out)
    print(describe_crops(crops))


def _train_command(defaults: TrainConfig) -> Callable[..., None]:
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

    with _steps() as show:
        encoder = run(crops, out, settings, resume=resume, progress=show)
    facts = encoder.spec.facts
    score: float | None = facts.get("validation mAP")
    scored = "" if score is None else f", validation mAP {score}"
    print(f"{out}: epoch {facts['epoch']} of {facts['epochs']} kept{scored}")
    print(f"fingerprint {encoder.fingerprint()}")
    return score


def evaluate(
    run: Data,
    data: Data,
    rerank: Rerank = "none",
    k1: int = 20,
    k2: int = 6,
    lambda_: Lambda = None,
    memory: float = 0.25,
    expand: int = 0,
    alpha: float = 3.0,
    split: str = "test",
    json_: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
    report: Path | None = None,
    source: str | None = None,
    scope: str | None = None,
) -> None:
    """Rank a gallery for every query and score it.

    Args:
        run: Run folder, saved encoder, or preset name.
        data: Folder or table with query and gallery rows.
        rerank: Re-ranking.
        k1: Neighbours in the reciprocal sets.
        k2: Neighbours of the local expansion.
        lambda_: Weight in the re-ranked sum; none: the method's own.
        memory: Bound of the block of similarities, in GB.
        expand: Mix each query with this many of its nearest gallery pictures first; 0: do not.
        alpha: Power of the similarity by which those weigh.
        split: Which split: test, valid, training.
        json_: Write the scores here as JSON.
        report: Write one self-contained HTML page here.
        source: Layout of the data; none: recognised.
        scope: Where a person id holds: set, game or sequence; none: as the layout says.
    """
    from sameplayer.evaluation.report import write_report
    from sameplayer.evaluation.scores import evaluate as score
    from sameplayer.ranking.expansion import expand_queries
    from sameplayer.ranking.ranking import rank

    encoder, embedded = _embedded(run, data, split, source, scope)
    if expand:
        embedded = expand_queries(embedded, expand, alpha)
    settings: dict[str, Any] = {"k1": k1, "k2": k2, "lambda_": lambda_, "memory_gb": memory}
    with _bar("ranking") as advance:
        ranking = rank(embedded, rerank=rerank, progress=advance, **settings)
    scores = score(ranking)
    print(scores.table())
    if json_ is not None:
        write_text(json_, json.dumps(scores.json(), indent=2) + "\n")
    if report is not None:
        facts = {"data": str(data), "split": split, "encoder": encoder.spec.architecture}
        write_report(report, ranking, scores, {**facts, **encoder.spec.facts})
        console.print(f"report: {report}")


def rerank(
    embeddings: Data,
    method: Annotated[Rerank, tyro.conf.arg(name="method")] = "k-reciprocal",
    k1: int = 20,
    k2: int = 6,
    lambda_: Lambda = None,
    memory: float = 0.25,
    one_by_one: bool = False,
    out: Path | None = None,
) -> None:
    """Re-rank saved embeddings; score them before and after where the persons are known.

    Args:
        embeddings: File that "sameplayer embed" wrote, with query and gallery rows.
        method: Re-ranking.
        k1: Neighbours in the reciprocal sets.
        k2: Neighbours of the local expansion.
        lambda_: Weight in the re-ranked sum; none: the method's own.
        memory: Bound of the block of similarities, in GB.
        one_by_one: Ask each query as if it were the only one (k-reciprocal).
        out: Write the distances here (.csv), by the column id or else by row number.
    """
    from sameplayer.encoder.embeddings import load_embeddings
    from sameplayer.evaluation.scores import compare
    from sameplayer.evaluation.scores import evaluate as score
    from sameplayer.evaluation.submission import write_distances
    from sameplayer.ranking.prepared import rank_one_by_one
    from sameplayer.ranking.ranking import rank

    loaded = load_embeddings(embeddings)
    with _bar("ranking") as advance:
        if one_by_one:
            own = 0.3 if lambda_ is None else lambda_
            ranking = rank_one_by_one(loaded, k1, k2, own, memory_gb=memory, progress=advance)
        else:
            settings: dict[str, Any] = {"k1": k1, "k2": k2, "lambda_": lambda_, "memory_gb": memory}
            ranking = rank(loaded, rerank=method, progress=advance, **settings)
    if ranking.query.table["person"].notna().any():
        before, after = score(rank(loaded)), score(ranking)
        print(f"before\n{before.table()}\n\nafter\n{after.table()}\n")
        print(compare(before, after).table())
    if out is not None:
        write_distances(out, ranking)
        print(f"{out}: {len(ranking.query)} queries x {len(ranking.gallery)} gallery pictures")


def fuse(
    files: tyro.conf.Positional[tuple[Path, ...]],
    out: Path,
    method: Literal["similarity", "dissimilarity", "combined"] = "similarity",
    weights: tuple[float, ...] | None = None,
    normalise: Literal["none", "score", "rank"] = "none",
) -> None:
    """Fuse submission files of several models into one.

    Args:
        files: Two or more submission files (.csv) with the same ids.
        out: File to write (.csv).
        method: How the distances become one.
        weights: A number over 0 for each file; none: all alike.
        normalise: Make distances of different scale comparable first: by score or by rank.
    """
    from sameplayer.evaluation.submission import fuse_submissions, write_submission

    fused = fuse_submissions(files, method, weights=weights, normalise=normalise)
    write_submission(out, *fused)
    print(f"{out}: {len(files)} models, {len(fused[1])} queries x {len(fused[2])} gallery pictures")


def embed(
    run: Data,
    data: Data,
    out: Path,
    split: str | None = None,
    source: str | None = None,
    scope: str | None = None,
) -> None:
    """Turn crops into unit feature rows, saved with the encoder's fingerprint.

    Args:
        run: Run folder, saved encoder, or preset name.
        data: Folder or table.
        out: File to write (.safetensors).
        split: Only this split; none: all rows.
        source: Layout of the data; none: recognised.
        scope: Where a person id holds: set, game or sequence; none: as the layout says.
    """
    _, embedded = _embedded(run, data, split, source, scope)
    embedded.save(out)
    print(f"{out}: {len(embedded)} rows, encoder {embedded.fingerprint}")


def submit(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    out: Path,
    rerank: Rerank = "none",
    k1: int = 20,
    k2: int = 6,
    lambda_: Lambda = None,
    memory: float = 0.25,
    fuse: Literal["similarity", "dissimilarity", "combined"] = "similarity",
    weights: tuple[float, ...] | None = None,
    normalise: Literal["none", "score", "rank"] = "none",
    split: str = "challenge",
    source: str | None = None,
) -> None:
    """Write the challenge's distance matrix (csv) of one encoder or several fused.

    Args:
        runs: One or more run folders, then the data.
        out: File to write (.csv).
        rerank: Re-ranking before fusion.
        k1: Neighbours in the reciprocal sets.
        k2: Neighbours of the local expansion.
        lambda_: Weight in the re-ranked sum; none: the method's own.
        memory: Bound of the block of similarities, in GB.
        fuse: How several encoders' distances become one.
        weights: A number over 0 for each encoder; none: all alike.
        normalise: Make distances of different scale comparable first: by score or by rank.
        split: Which split.
        source: Layout of the data; none: recognised.
    """
    from sameplayer.evaluation.submission import write_submission_of
    from sameplayer.ranking.fusion import fuse_rankings
    from sameplayer.ranking.ranking import rank

    if len(runs) < 2:
        raise SameplayerError("submit needs at least one run folder, then the data folder.")
    *folders, data = runs
    settings: dict[str, Any] = {"k1": k1, "k2": k2, "lambda_": lambda_, "memory_gb": memory}
    rankings = []
    for run in folders:
        embedded = _embedded(run, data, split, source, "set")[1]
        with _bar("ranking") as advance:
            rankings.append(rank(embedded, rerank=rerank, progress=advance, **settings))
    fused = fuse_rankings(rankings, fuse, weights=weights, normalise=normalise)
    write_submission_of(out, fused)
    print(f"{out}: {len(fused.query)} queries x {len(fused.gallery)} gallery pictures")


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
        score(rank(_embedded(run, data, split, source, scope)[1], rerank=rerank)) for run in folders
    ]
    compared = compare_runs(folders, scores)
    print(comparison_table(compared))
    if out is not None:
        write_comparison(out, compared)
        console.print(f"comparison: {out}")


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
    from sameplayer.training.show_batch import show_batch as show

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
    from sameplayer.demo import demo as run

    with _steps() as show:
        result = run(
            out, persons=persons, epochs=epochs, seed=seed, tell=console.print, progress=show
        )
    print(result.table())
    print(f"report: {result.folder / 'report.html'}")


COMMANDS: dict[str, Callable[..., Any]] = {
    "synth": synth,
    "fetch": fetch,
    "check": check,
    "split": split,
    "train": _train_command(TrainConfig()),
    "evaluate": evaluate,
    "embed": embed,
    "rerank": rerank,
    "fuse": fuse,
    "submit": submit,
    "compare": compare,
    "show-batch": show_batch,
    "demo": demo,
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, 1 (check found problems), 2 (bad input) or 130 (Ctrl-C)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        commands = dict(COMMANDS)
        if arguments[:1] == ["train"]:
            commands["train"] = _train_command(_config_defaults(arguments))
        result = tyro.extras.subcommand_cli_from_dict(
            commands,
            args=arguments,
            prog="sameplayer",
            description="Tells which pictures show the same player, and why.",
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagConversionOff),
        )
        return result if isinstance(result, int) else 0
    except SameplayerError as error:
        print(f"sameplayer: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "sameplayer: stopped; finished files are whole, nothing half-written is left.",
            file=sys.stderr,
        )
        return 130


def _config_defaults(arguments: list[str]) -> TrainConfig:
    """The settings that flags then change: of --config, or of the run to resume."""
    given = dict(zip(arguments, [*arguments[1:], ""], strict=True))
    given |= dict(word.split("=", 1) for word in arguments if word.startswith("--") and "=" in word)
    if given.get("--resume", "False") != "False" and "--out" in given and "--config" not in given:
        return read_config(Path(given["--out"]) / "config.json")
    return read_config(given["--config"]) if "--config" in given else TrainConfig()


def _embedded(run: Path, data: Path, split: str | None, source: str | None, scope: str | None):  # type: ignore[no-untyped-def]
    from sameplayer.data.sources import read_source
    from sameplayer.data.sources import split as select
    from sameplayer.encoder.embed import embed as embed_crops
    from sameplayer.encoder.encoder import load_encoder

    crops = read_source(data, source, scope)
    if split is not None:
        crops = select(crops, split)
    encoder = load_encoder(run)
    with _bar("embedding") as advance:
        return encoder, embed_crops(encoder, crops, progress=advance)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _steps() -> Iterator[Callable[[Any], None]]:
    text = (
        "epoch {task.fields[epoch]} loss {task.fields[loss]:.3f} rate {task.fields[lr]:.1e} "
        "{task.fields[speed]:.0f} pictures/s {task.fields[left]:.0f} s left"
    )
    with Progress(BarColumn(), TextColumn(text), console=console, transient=True) as bar:
        task = bar.add_task(
            "", total=None, visible=False, epoch="", loss=0.0, lr=0.0, speed=0.0, left=0.0
        )

        def show(step: Any) -> None:
            bar.update(
                task,
                visible=True,
                completed=(step.epoch - 1) * step.steps + step.step,
                total=step.epochs * step.steps,
                epoch=f"{step.epoch}/{step.epochs}",
                loss=step.loss,
                lr=step.lr,
                speed=step.pictures_per_second,
                left=step.seconds_left,
            )

        yield show


if __name__ == "__main__":
    sys.exit(main())
