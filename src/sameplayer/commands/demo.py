"""The whole on data it draws itself: league, histogram, training, scores, report, submission."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sameplayer.data.crops import Crops
from sameplayer.data.sources import read_source
from sameplayer.data.synthetic import draw_league, histogram_features
from sameplayer.encoder.embed import embed
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.encoder import Encoder, create_encoder
from sameplayer.errors import MissingExtra
from sameplayer.evaluation.report import write_report
from sameplayer.evaluation.scores import Scores, evaluate
from sameplayer.evaluation.submission import write_submission_of
from sameplayer.files import new_folder, write_text
from sameplayer.numbers.readers import make_reader
from sameplayer.ranking.ranking import rank
from sameplayer.training.config import TrainConfig
from sameplayer.training.loop import Step
from sameplayer.training.train import train


@dataclass(frozen=True)
class DemoResult:
    """What the demo leaves: scores of each way to rank, and where the files are."""

    rows: dict[str, Scores]
    folder: Path

    def table(self) -> str:
        lines = [f"{'':<34}{'mAP %':>8}{'rank-1 %':>10}{'mINP %':>8}"]
        for what, scores in self.rows.items():
            first = scores.cmc["market1501"][0]
            lines.append(
                f"{what:<34}{100 * scores.mAP:>8.1f}{100 * first:>10.1f}{100 * scores.mINP:>8.1f}"
            )
        return "\n".join(lines)


def demo(
    out: str | Path,
    *,
    persons: int = 150,
    epochs: int | None = None,
    seed: int = 1,
    device: str = "auto",
    tell: Callable[[str], None] = print,
    progress: Callable[[Step], None] | None = None,
) -> DemoResult:
    """Draw a league, train the small encoder on it and score it on persons it never saw.

    Writes league/, run/, report.html, submission.csv and scores.json into ``out``, which must be
    new or empty.
    """
    out = new_folder(out)
    tell(f"drawing a league of {persons} training persons")
    crops = read_source(draw_league(out / "league", persons, seed))
    test = crops.of_split("test")
    rows = {"colour histogram": _score(_histograms(test))}
    untrained = create_encoder("small", pretrained=False, seed=seed).to(device)
    rows["small encoder, untrained"] = _score(embed(untrained, test))
    tell("training the small encoder")
    config = TrainConfig("small", epochs=epochs, seed=seed, validate="none", device=device)
    encoder = train(crops, out / "run", config, progress=progress)
    embedded = embed(encoder, test)
    rows["small encoder, trained"] = _score(embedded)
    rows["  with k-reciprocal re-ranking"] = _score(embedded, "k-reciprocal")
    rows["  with hard-weight re-ranking"] = _score(embedded, "hard")
    _write_files(out, encoder, crops, embedded, rows)
    return DemoResult(rows, out)


def _score(embedded: Embeddings, method: str = "none") -> Scores:
    return evaluate(rank(embedded, rerank=method))


def _histograms(crops: Crops) -> Embeddings:
    pictures = [crops.read(row) for row in range(len(crops))]
    return Embeddings(histogram_features(pictures), crops, "colour histogram")


def _write_files(
    out: Path, encoder: Encoder, crops: Crops, embedded: Embeddings, rows: dict[str, Scores]
) -> None:
    ranking = rank(embedded)
    facts = {"data": "synthetic league, test split", "encoder": encoder.fingerprint()}
    try:
        reader = make_reader("ocr")
    except MissingExtra:
        reader = None
    facts |= encoder.spec.facts
    pictures: dict[str, Any] = {"encoder": encoder, "reader": reader, "best": 3, "worst": 6}
    write_report(out / "report.html", ranking, rows["small encoder, trained"], facts, **pictures)
    hidden = rank(embed(encoder, crops.of_split("challenge")))
    write_submission_of(out / "submission.csv", hidden)
    record = {what.strip(): scores.json() for what, scores in rows.items()}
    write_text(out / "scores.json", json.dumps(record, indent=2) + "\n")
