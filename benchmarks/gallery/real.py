"""Open-set scores on real crops, with ratios fitted to the very footage, elsewhere, and not at all.

    python benchmarks/real/crops.py SHARED OUT
    python benchmarks/gallery/real.py OUT LEAGUE.safetensors

``LEAGUE.safetensors`` holds embeddings of drawn persons by ``person`` (``calibration.py`` keeps
them in its folder), as an example of a ratio that was fitted to something else.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sameplayer.data.crops import read_crops
from sameplayer.encoder.embed import embed
from sameplayer.encoder.embeddings import Embeddings, load_embeddings
from sameplayer.encoder.load import load_encoder
from sameplayer.evaluation.open_set.config import OpenSetConfig
from sameplayer.evaluation.open_set.scores import OpenSetScores, measure_open_set
from sameplayer.ranking.open_set.fit import fit_likelihood

TABLES = {
    "soccer, across": "crops",  # a question is of one camera, the enrolled pictures of the other
    "soccer, within": "within",  # of one camera, at least 3 s apart
    "volleyball": "volleyball",  # of one clip
}
TOLD = (
    "rank-1",
    "TPIR at FPIR 10 %",
    "OSCR",
    "Cllr",
    "min Cllr",
    "log loss",
    "bias",
    "bias of nobody",
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("league", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    rows = {what: embedded(options.out, name) for what, name in TABLES.items()}
    elsewhere = {"drawn league": load_embeddings(options.league), "volleyball": rows["volleyball"]}
    for what, of_table in rows.items():
        for fit in (0.0, 0.5):
            told = "not fitted" if fit == 0 else f"fitted to {fit:.0%} of the persons"
            config = OpenSetConfig(fit=fit, draws=options.draws)
            show(f"{what}, {told}", measure_open_set(of_table, config))
        for name, others in elsewhere.items():
            if name != what:
                fitted = fit_likelihood(others)
                found = measure_open_set(of_table, OpenSetConfig(draws=options.draws), fitted)
                show(f"{what}, fitted to {name}", found)


def embedded(out: Path, name: str) -> Embeddings:
    """Return the rows of a table by ``person``; they are kept beside it."""
    kept = out / f"{name}.safetensors"
    if not kept.exists():
        embed(load_encoder("person"), read_crops(out / f"{name}.csv")).save(kept)
    return load_embeddings(kept)


def show(title: str, found: OpenSetScores) -> None:
    print(f"{title}: {found.facts['persons who can be looked for']} persons")
    if "uncalibrated" in found.facts:
        print(f"  {found.facts['uncalibrated']}")
    for one in found.galleries:
        words = [f"{name} {shown}" for name, shown in one.shown().items() if name in TOLD]
        print(f"  {one.title}: {'; '.join(words)}")


if __name__ == "__main__":
    main()
