"""Several runs side by side: scores with intervals, paired tests against the first, curves."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from sameplayer.common.files import write_text
from sameplayer.errors import DataError
from sameplayer.evaluation.pages import figure_address, render
from sameplayer.evaluation.scores import Comparison, Scores, compare

CURVES = ("epoch", "loss", "mAP")


@dataclass(frozen=True)
class ComparedRun:
    """One run: its name, scores, difference to the first run, and its curves by epoch."""

    name: str
    scores: Scores
    against_first: Comparison | None
    metrics: list[dict[str, float]]

    def curve(self, column: str) -> tuple[list[float], list[float]]:
        """Return the epochs and what a column of CURVES held after each."""
        return [row["epoch"] for row in self.metrics], [row[column] for row in self.metrics]


def compare_runs(folders: Sequence[Path], scores: Sequence[Scores]) -> list[ComparedRun]:
    """Put runs and their scores on the same queries together; the first is what others are held to.

    Raises RankingError when the scores are not of the same queries.
    """
    runs: list[ComparedRun] = []
    for folder, scored in zip(folders, scores, strict=True):
        against_first = compare(scores[0], scored) if runs else None
        runs.append(ComparedRun(str(folder), scored, against_first, _metrics(folder)))
    return runs


def comparison_table(runs: Sequence[ComparedRun]) -> str:
    """Return one line a run: mAP, its interval, rank-1, and the difference to the first."""
    width = max(len(run.name) for run in runs) + 2
    lines = [f"{'':<{width}}{'mAP %':>7}{'95 % interval':>16}{'rank-1 %':>10}  against the first"]
    for run in runs:
        low, high = (100 * end for end in run.scores.interval)
        interval, scores = f"{low:.1f} to {high:.1f}", run.scores
        text = (
            f"{run.name:<{width}}{100 * scores.mAP:>7.2f}{interval:>16}{100 * scores.rank1:>10.1f}"
        )
        if run.against_first is not None:
            change = run.against_first
            text += f"  {100 * change.difference:+.2f} points, {change.p_text}"
        lines.append(text)
    return "\n".join(lines)


def write_comparison(path: str | Path, runs: Sequence[ComparedRun]) -> None:
    """Write the table and the curves of loss and validation mAP as one self-contained page."""
    write_text(path, render("comparison.html.j2", runs=runs, curves=_curves(runs)))


def _curves(runs: Sequence[ComparedRun]) -> str:
    """Return the figure of those runs that have curves as a data address; "" where none has."""
    trained = [run for run in runs if run.metrics]
    if not trained:
        return ""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, column in zip(figure.subplots(1, 2), ("loss", "mAP"), strict=True):
        for run in trained:
            epochs, values = run.curve(column)
            axes.plot(epochs, values, marker="o", markersize=3, label=run.name)
        axes.set(xlabel="epoch", ylabel="loss" if column == "loss" else "validation mAP")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    lines = figure.axes[0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=3, fontsize=8)
    return figure_address(figure)


def _metrics(folder: Path) -> list[dict[str, float]]:
    """Return the epochs of a run, [] where it has no metrics.csv; DataError for a damaged one."""
    path = folder / "metrics.csv"
    if not path.is_file():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [{name: float(row[name]) for name in CURVES} for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise DataError(
            f"{path}: not the metrics of a run ({type(error).__name__}: {error}); expected the "
            f"columns {', '.join(CURVES)} with a number in every line."
        ) from error
