"""The whole on a small scale: real crops, a drawn league, training, scores, report, submission."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sameplayer import data
from sameplayer.common.files import new_folder, write_text
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.embed import embed
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.evaluation.report import write_report
from sameplayer.evaluation.scores import Scores, evaluate
from sameplayer.evaluation.submission import write_submission_of
from sameplayer.numbers.readers import make_reader
from sameplayer.ranking.ranking import rank
from sameplayer.synthetic.league import draw_league
from sameplayer.training.config import TrainConfig
from sameplayer.training.run.loop import Step
from sameplayer.training.run.train import train

REAL = Path(data.__file__).with_name("real")
FRAMES = 10  # pictures a person
BASE = "as shipped"
TRAINED = "person, trained on the league"


@dataclass(frozen=True)
class DemoResult:
    """What the demo leaves: scores by data and way to rank, and where the files are."""

    real: dict[str, Scores]
    drawn: dict[str, Scores]
    folder: Path

    def table(self) -> str:
        lines = []
        parts = {
            "real players, two cameras (4 queries, 8 pictures)": self.real,
            "drawn league, persons never trained on": self.drawn,
        }
        for title, rows in parts.items():
            lines.append(f"{title:<52}{'mAP %':>8}{'rank-1 %':>10}")
            for what, scores in rows.items():
                first = scores.cmc["market1501"][0]
                lines.append(f"  {what:<50}{100 * scores.mAP:>8.1f}{100 * first:>10.1f}")
        return "\n".join(lines)


def demo(
    out: str | Path,
    *,
    persons: int = 48,
    epochs: int | None = None,
    seed: int = 0,
    device: str = "auto",
    tell: Callable[[str], None] = print,
    progress: Callable[[Step], None] | None = None,
) -> DemoResult:
    """Score the shipped encoder on real players, then train it on a drawn league and score that.

    Writes league/, run/, report.html, submission.csv and scores.json into ``out``, which must be
    new or empty.
    """
    out = new_folder(out)
    shipped = {name: load_encoder(name, device=device) for name in ("colour", "person")}
    tell("ranking twelve real crops of four players of one team")
    real = read_source(REAL / "crops.csv")
    on_real = {f"{name}, {BASE}": _score(embed(one, real)) for name, one in shipped.items()}
    tell(f"drawing a league of {persons} training persons")
    tested = max(persons // 2, 12)
    drawn = draw_league(
        out / "league", persons, seed, test_persons=tested, challenge_persons=12, frames=FRAMES
    )
    crops = read_source(drawn)
    test = crops.of_split("test")
    rows = {f"{name}, {BASE}": _score(embed(one, test)) for name, one in shipped.items()}
    tell("training the encoder that knows real people on the league")
    config = TrainConfig("person", epochs=epochs, seed=seed, validate="none", device=device)
    encoder = train(crops, out / "run", config, progress=progress)
    on_real[TRAINED] = _score(embed(encoder, real))
    embedded = embed(encoder, test)
    rows[TRAINED] = _score(embedded)
    rows["  with k-reciprocal re-ranking"] = _score(embedded, "k-reciprocal")
    rows["  with hard-weight re-ranking"] = _score(embedded, "hard")
    result = DemoResult(on_real, rows, out)
    _write_files(result, encoder, crops, embedded)
    return result


def _score(embedded: Embeddings, method: str = "none") -> Scores:
    return evaluate(rank(embedded, rerank=method))


def _write_files(result: DemoResult, encoder: Encoder, crops: Crops, embedded: Embeddings) -> None:
    out = result.folder
    facts = {"data": "synthetic league, test split", "encoder": encoder.fingerprint()}
    facts |= encoder.spec.facts
    pictures: dict[str, Any] = {"encoder": encoder, "reader": make_reader(), "best": 3, "worst": 6}
    scores = result.drawn[TRAINED]
    write_report(out / "report.html", rank(embedded), scores, facts, **pictures)
    hidden = rank(embed(encoder, crops.of_split("challenge")))
    write_submission_of(out / "submission.csv", hidden)
    parts = {"real": result.real, "drawn": result.drawn}
    record = {
        part: {what.strip(): scores.json() for what, scores in rows.items()}
        for part, rows in parts.items()
    }
    write_text(out / "scores.json", json.dumps(record, indent=2) + "\n")
