"""Does a pilot agree with the full evaluation? Real and drawn pictures whose persons are known.

    python benchmarks/gallery/pilot.py SHARED [--seeds 20] [--answers 300] [--encoder person]

Each footage is looked at once. For every seed a pilot draws its pairs and gets its answers from
the labels; each figure of its report is compared with the same share counted over all pairs.
Printed: how often the 95 % interval holds the full value, by kind of figure, and how wide it is.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from real.crops import cut, soccer_labels

from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.load import load_encoder
from sameplayer.pilot.acquisition import simulate_answers
from sameplayer.pilot.config import PilotConfig
from sameplayer.pilot.create import draw_pilot
from sameplayer.pilot.labels import labels_from
from sameplayer.pilot.measure import Pictures, measure
from sameplayer.pilot.population import third_of
from sameplayer.pilot.results import GROUPS, report_of
from sameplayer.synthetic.league import draw_league

TRACK_S = 2  # the soccer persons are cut into tracks of so many seconds
Figure = tuple[str, float, tuple[float, float, float]]  # kind, full value, interval


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--answers", type=int, default=300)
    parser.add_argument("--encoder", default="person")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    encoder = load_encoder(options.encoder, device="cpu")
    config = PilotConfig(encoder=options.encoder, pairs=options.answers)
    print(f"encoder {options.encoder}, {options.answers} answers, {options.seeds} seeds")
    with tempfile.TemporaryDirectory() as folder:
        for name, crops in footages(options.shared, Path(folder)):
            if options.only in name:
                pictures = measure(crops, encoder, config)
                print(f"\n{name}: {compared(pictures, crops, config, options.seeds)}", flush=True)


def footages(shared: Path, folder: Path) -> Iterator[tuple[str, Crops]]:
    """Yield a name and crops with known persons, one footage after the other."""
    soccer = cut(soccer_labels(), shared / "data" / "soccer_two_cameras", folder / "soccer")
    soccer = soccer.where(soccer.table["sure"] == "yes")
    table = soccer.table
    part = (table["time_s"].astype(float) // TRACK_S).astype(int).astype(str)
    yield (
        "soccer, tracks of 2 s",
        replace(soccer, table=table.assign(track=table["person"] + " " + part)),
    )
    yield "soccer, pictures alone", replace(soccer, table=table.assign(frame=None))
    volleyball = read_source(shared / "data" / "volleyball" / "data_reid", scope="sequence")
    for split in ("training", "test"):
        yield f"volleyball, {split}", volleyball.of_split(split)
    drawn = draw_league(folder / "league", 60, 5, test_persons=40, frames=6)
    yield "drawn league, 40 persons", read_source(drawn).of_split("test")


def compared(pictures: Pictures, crops: Crops, config: PilotConfig, seeds: int) -> str:
    """Return, as a table, how the pilots of several seeds compare with all pairs."""
    truth = Truth(pictures, crops)
    found: dict[str, list[Figure]] = {}
    begun = time.perf_counter()
    for seed in range(seeds):
        for figure in truth.compare(replace(config, seed=seed)):
            found.setdefault(figure[0], []).append(figure)
    seconds = (time.perf_counter() - begun) / seeds
    lines = [
        f"{truth}, {seconds:.1f} s a pilot",
        f"{'figure':<28}{'full %':>8}{'held %':>8}"
        f"{'of':>6}{'half width':>12}{'off by':>9}{'bias':>8}",
    ]
    for kind, figures_ in found.items():
        full = np.array([one[1] for one in figures_])
        low, middle, high = np.array([one[2] for one in figures_]).T
        held = ((low <= full) & (full <= high)).mean()
        lines.append(
            f"{kind:<28}{100 * full.mean():>8.2f}{100 * held:>8.0f}{len(full):>6}"
            f"{50 * (high - low).mean():>12.2f}{100 * np.abs(middle - full).mean():>9.2f}"
            f"{100 * (middle - full).mean():>8.2f}"
        )
    return "\n".join(lines)


class Truth:
    """All pairs of a footage with their labels."""

    def __init__(self, pictures: Pictures, crops: Crops) -> None:
        self.pictures, self.pairs = pictures, pictures.pairs()
        persons = crops.persons()[pictures.row]
        self.same = persons[self.pairs.first] == persons[self.pairs.second]
        self.persons = len(np.unique(persons))
        wrong = int((self.same & self.pairs.differ).sum())
        assert not wrong, f"{wrong} pairs of one person count as known to differ"

    def __str__(self) -> str:
        return (
            f"{len(self.pictures.row)} pictures of {self.persons} persons, {len(self.same)} pairs, "
            f"{100 * self.same.mean():.1f} % of one person"
        )

    def compare(self, config: PilotConfig) -> Iterator[Figure]:
        """Yield each figure of one pilot's report with the full value."""
        pilot = draw_pilot(self.pictures, Path("nowhere"), config, {"of_pictures": 0, "source": ""})
        labels = self._labels(pilot.pairs)
        found = report_of(pilot, labels_from(pilot, simulate_answers(pilot, labels)), more=False)
        if not found["enough"]:
            return
        every = np.ones(len(self.same), bool)
        yield "share of one person", float(self.same.mean()), found["matching"]
        for row in found["thresholds"]:
            for rate in ("missed", "false"):
                full = self.rate(rate, row["threshold"], every)
                yield f"{rate} at {100 * row['wanted']:g} % wanted", full, row[rate]
        for entry in found["groups"]:
            inside = self._group(pilot.population, entry)
            for rate in ("missed", "false"):
                if entry[rate] is not None:
                    full = self.rate(rate, found["overall"]["threshold"], inside)
                    yield f"{rate} by {entry['by']}", full, entry[rate]

    def rate(self, name: str, threshold: float, inside: np.ndarray) -> float:
        """Return a rate over some pairs, counted."""
        if name == "missed":
            return float((self.pairs.similarity[self.same & inside] < threshold).mean())
        return float((self.pairs.similarity[~self.same & inside] >= threshold).mean())

    def _labels(self, table: Any) -> np.ndarray:
        rows = {int(row): place for place, row in enumerate(self.pictures.row)}
        size = len(self.pictures.row)
        known = dict(
            zip(
                (self.pairs.first * size + self.pairs.second).tolist(),
                self.same.tolist(),
                strict=True,
            )
        )
        return np.array(
            [
                known[rows[int(one)] * size + rows[int(other)]]
                for one, other in zip(table["first_row"], table["second_row"], strict=True)
            ],
            int,
        )

    def _group(self, population: Any, entry: dict[str, Any]) -> np.ndarray:
        place = GROUPS[entry["by"]].index(entry["group"])
        values = getattr(self.pairs, entry["by"])
        if entry["by"] != "kit":
            values = third_of(getattr(population, entry["by"]), values)
        found: np.ndarray = values == place
        return found


if __name__ == "__main__":
    main()
