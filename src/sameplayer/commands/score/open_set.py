"""The verb that scores "who is this, or nobody we know"."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sameplayer.commands.score.ranking import tell_scope
from sameplayer.commands.shared import Compute, ReadingSplit, RunThenData, bar, console
from sameplayer.evaluation.open_set.config import OpenSetConfig


@dataclass(frozen=True)
class Written:
    """What is written beside the printed scores."""

    report: Path | None = None
    """Write one self-contained HTML page here."""
    json: Path | None = None
    """Write the scores here as JSON."""


def open_set(
    inputs: RunThenData,
    asking: OpenSetConfig = OpenSetConfig(),
    written: Written = Written(),
    compute: Compute = Compute(),
    reading: ReadingSplit = ReadingSplit(),
) -> None:
    """Score open-set identification: enrol some persons, query them and strangers."""
    from sameplayer.common.files import write_text
    from sameplayer.evaluation.open_set.page import write_open_set
    from sameplayer.evaluation.open_set.scores import measure_open_set

    run, data = inputs
    crops = reading.read(data)
    tell_scope(run, crops)
    embeddings = compute.embed(compute.load(run), crops)
    with bar("searching") as advance:
        result = measure_open_set(embeddings, asking, progress=advance)
    if written.json is not None:
        write_text(written.json, json.dumps(result.json(), indent=2) + "\n")
    if written.report is not None:
        write_open_set(written.report, result, {"run": run, "data": data, "split": reading.split})
        console.print(f"page: {written.report}")
    print(result.table())
