"""Verbs that say how far an encoder and a number reader hold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sameplayer.commands.score.ranking import tell_scope
from sameplayer.commands.shared import Compute, ReadingSplit, RunThenData, bar, console
from sameplayer.ranking.config import RankConfig


@dataclass(frozen=True)
class CorruptionArgs:
    """What is corrupted, and how."""

    corruptions: tuple[str, ...] | None = None
    """Which: height, blur, loose, tight, shift, jpeg, dark, bright, gamma, tint, grey,
    hidden-below, hidden-side, hidden-patch; with levels of your own: blur=3,9. None: all."""
    corrupted: Literal["query", "both"] = "query"
    """query: corrupt the queries only; both: corrupt queries and gallery."""
    seed: int = 0
    """Seed of random directions, positions and colours."""
    json: Path | None = None
    """Write the scores here as JSON."""


def robustness(
    inputs: RunThenData,
    out: Path,
    corruption: CorruptionArgs = CorruptionArgs(),
    ranking: RankConfig = RankConfig(),
    compute: Compute = Compute(),
    reading: ReadingSplit = ReadingSplit(),
) -> None:
    """Score an encoder on corrupted pictures: small, blurred, badly boxed, dark, occluded.

    Args:
        out: Page to write (.html), with a curve and pictures for every corruption.
    """
    from sameplayer.data.corruption.corrupted_crops import find_corruptions
    from sameplayer.evaluation.robustness.page import write_robustness
    from sameplayer.evaluation.robustness.scores import RobustnessConfig, measure_robustness

    run, data = inputs
    find_corruptions(corruption.corruptions)  # before anything is read
    crops = reading.read(data)
    tell_scope(run, crops)
    config = RobustnessConfig(
        corruption.corruptions,
        corruption.corrupted,
        ranking,
        corruption.seed,
        compute.batch_size,
        compute.precision,
    )
    encoder = compute.load(run)
    with bar("embedding") as advance:
        result = measure_robustness(encoder, crops, config, progress=advance)
    write_robustness(out, result, crops, {"run": run, "data": data, "split": reading.split})
    _write_json(corruption.json, result.json())
    print(result.table())
    console.print(f"page: {out}")


def robustness_numbers(
    reader: tyro.conf.Positional[str | None] = None,
    *,
    out: Path,
    vary: tuple[str, ...] | None = None,
    pictures: Annotated[int, tyro.conf.arg(name="pictures")] = 40,
    threshold: float = 0.5,
    seed: int = 0,
    json: Path | None = None,
) -> None:
    """Try a number reader on drawn shirts: fonts, height of the digits, angles.

    Args:
        reader: Name of a reader, as for jersey; none: the default.
        out: Page to write (.html), with a curve and pictures for every factor.
        vary: Which of number, font, height, turn, lean, "system font"; None: all but the last,
            which takes the bold fonts of this machine.
        pictures: How many at each level.
        threshold: Name a number only from this probability on.
        seed: Decides numbers, players and what is behind them.
        json: Write the shares here as JSON.
    """
    from sameplayer.evaluation.robustness.numbers import measure_number_robustness
    from sameplayer.evaluation.robustness.page import write_robustness
    from sameplayer.numbers.readers import make_reader

    made = make_reader() if reader is None else make_reader(reader)
    with bar("reading") as advance:
        result = measure_number_robustness(
            made, vary, pictures=pictures, threshold=threshold, seed=seed, progress=advance
        )
    write_robustness(out, result)
    _write_json(json, result.json())
    print(result.table())
    console.print(f"page: {out}")


def _write_json(path: Path | None, record: object) -> None:
    from sameplayer.common.files import write_text

    if path is not None:
        write_text(path, json.dumps(record, indent=2) + "\n")
