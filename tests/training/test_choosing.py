"""The rate finder, losses and who shares a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from sameplayer.data.batches import draw_batches
from sameplayer.data.crops import Crops
from sameplayer.errors import TrainingError
from sameplayer.training.config import TrainConfig
from sameplayer.training.find_rate import find_rate
from sameplayer.training.losses import PairLoss, hardest_triplets
from sameplayer.training.plan import make_plan, team_places


def test_the_rate_finder_stops_where_the_loss_turns(league: Crops, tmp_path: Path) -> None:
    config = TrainConfig(pairs=8, height=64, width=32)
    found = find_rate(league, config, low=1e-5, high=10, steps=60)
    assert (np.diff(found.rates) > 0).all()
    assert len(found.rates) == len(found.losses) < 60
    assert 1e-5 < found.suggestion < found.rates[-1] / 2
    found.draw(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").stat().st_size > 1000
    with pytest.raises(TrainingError, match="low < high"):
        find_rate(league, config, low=1.0, high=0.1)


def test_team_batches_hold_team_mates_and_nobody_twice(league: Crops) -> None:
    plan = make_plan(league, TrainConfig(pairs=4, negatives="team", validate="none"))
    learn = plan.learn
    teams = (learn.table["game"] + learn.table["team"]).to_numpy()
    persons = learn.persons()
    shares = []
    for batch in plan.batches(0):
        assert len(set(persons[batch[:, 0]])) == len(batch)
        assert (persons[batch[:, 0]] == persons[batch[:, 1]]).all()
        shares.append(max(np.unique(teams[batch[:, 0]], return_counts=True)[1]) / len(batch))
    mixed = make_plan(league, TrainConfig(pairs=4, validate="none")).batches(0)
    loose = [max(np.unique(teams[b[:, 0]], return_counts=True)[1]) / len(b) for b in mixed]
    assert np.mean(shares) > np.mean(loose) + 0.2
    places = team_places(learn)
    assert len(np.unique(places, axis=0)) == len(set(teams))


def test_nearest_batches_are_neighbours_and_use_every_picture() -> None:
    persons = np.repeat(np.arange(12), 4)
    places = np.repeat(np.arange(3.0), 4)[:, None]  # three groups of four persons
    batches = draw_batches(persons, np.zeros(48, int), 4, np.random.default_rng(1), places)
    assert len(batches) == 12
    anchors = np.concatenate([batch[:, 0] for batch in batches])
    assert sorted(anchors) == list(range(48))
    same = [len(set(persons[batch[:, 0]] // 4)) == 1 for batch in batches]
    assert np.mean(same) > 0.7


def test_losses_are_what_their_names_say() -> None:
    rng = torch.Generator().manual_seed(1)
    query, gallery = (torch.randn(5, 7, generator=rng) for _ in range(2))
    rows = functional.normalize(torch.cat([query, gallery]), dim=1)
    apart = torch.cdist(rows, rows)
    expected = []
    for row in range(10):
        others = [apart[row, o] for o in range(10) if o % 5 != row % 5]
        expected.append(max(0.0, 0.3 + float(apart[row, (row + 5) % 10] - min(others))))
    assert float(hardest_triplets(query, gallery)) == pytest.approx(np.mean(expected), abs=1e-4)
    scale = torch.nn.Parameter(torch.tensor(2.6))
    persons = torch.tensor([3, 0, 8, 1, 2])
    both = PairLoss("info-nce+identity", scale, 7, 9, 0.1)
    nce, identity = PairLoss("info-nce", scale, 7, 9, 0.1), PairLoss("identity", scale, 7, 9, 0.1)
    total = nce(query, gallery, persons) + identity(query, gallery, persons)
    torch.testing.assert_close(both(query, gallery, persons), total)


def test_the_settings_of_a_preset_are_filled_in() -> None:
    config = TrainConfig(preset="vit-l14-openai").resolved()
    expected = ("polynomial", 0.01, 0.1, 1, 1.0)
    found = (config.schedule, config.weight_decay, config.label_smoothing, config.seed)
    assert (*found, config.warmup_epochs) == expected
