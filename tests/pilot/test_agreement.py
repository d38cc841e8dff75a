"""A pilot agrees with the full evaluation of all pairs, on real players and on a drawn league."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.pilot.acquisition import simulate_answers, true_labels
from sameplayer.pilot.config import PilotConfig
from sameplayer.pilot.create import draw_pilot
from sameplayer.pilot.labels import labels_from
from sameplayer.pilot.measure import measure
from sameplayer.pilot.results import report_of

SEEDS = 3


def agreement(crops: Crops, encoder: Encoder, config: PilotConfig) -> list[bool]:
    """Whether each rate of each seed's report holds the one counted over all pairs."""
    pictures = measure(crops, encoder, config)
    pairs, persons = pictures.pairs(), crops.persons()[pictures.row]
    same = persons[pairs.first] == persons[pairs.second]
    held = []
    for seed in range(SEEDS):
        facts = {"of_pictures": len(crops), "source": ""}
        pilot = draw_pilot(pictures, Path("nowhere"), replace(config, seed=seed), facts)
        answers = simulate_answers(pilot, true_labels(pilot, crops))
        found = report_of(pilot, labels_from(pilot, answers), more=False)
        overall = found["overall"]
        alike = pairs.similarity >= overall["threshold"]
        for name, full in (("missed", (~alike[same]).mean()), ("false", alike[~same].mean())):
            low, middle, high = overall[name]
            held.append(bool(low <= full <= high) or abs(middle - full) < 5e-4)
    return held


def test_on_real_volleyball_players(volleyball: Path) -> None:
    crops = read_source(volleyball / "data_reid", scope="sequence").of_split("test")
    crops = crops.where(np.arange(len(crops)) % 2 == 0)  # the network takes its time
    held = agreement(crops, load_encoder("person", device="cpu"), PilotConfig(pairs=150))
    assert sum(held) >= 5  # of six


def test_on_a_drawn_league(named: Crops, colour: Encoder) -> None:
    config = PilotConfig(encoder="colour", false_matches=0.05)
    assert np.mean(agreement(named, colour, config)) >= 0.66
