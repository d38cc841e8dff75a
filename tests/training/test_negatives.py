"""Who shares a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sameplayer.data.crops import Crops
from sameplayer.errors import DataError
from sameplayer.training.config import TrainConfig
from sameplayer.training.negatives import NEGATIVES, Negatives, team_points
from sameplayer.training.sampling.plan import make_plan


def test_team_batches_hold_team_mates_and_nobody_twice(league: Crops) -> None:
    plan = make_plan(league, TrainConfig("small", pairs=4, negatives="team", validate="none"))
    learn = plan.learn
    teams = (learn.table["game"] + learn.table["team"]).to_numpy()
    persons = learn.persons()
    shares = []
    for batch in plan.batches(0):
        assert len(set(persons[batch[:, 0]])) == len(batch)
        assert (persons[batch[:, 0]] == persons[batch[:, 1]]).all()
        shares.append(max(np.unique(teams[batch[:, 0]], return_counts=True)[1]) / len(batch))
    mixed = make_plan(league, TrainConfig("small", pairs=4, validate="none")).batches(0)
    loose = [max(np.unique(teams[b[:, 0]], return_counts=True)[1]) / len(b) for b in mixed]
    assert np.mean(shares) > np.mean(loose) + 0.2
    assert len(np.unique(team_points(learn), axis=0)) == len(set(teams))


def test_team_batches_without_teams_say_what_is_missing(league: Crops) -> None:
    bare = replace(league, table=league.table.assign(team=None))
    with pytest.raises(DataError, match=r"columns game and team.*persons\.csv"):
        make_plan(bare, TrainConfig("small", pairs=4, negatives="team", validate="none"))


def test_nearest_batches_are_the_persons_whose_means_are_near(league: Crops) -> None:
    config = TrainConfig("small", pairs=4, negatives="nearest", validate="none")
    plan = make_plan(league, config)
    persons = plan.learn.persons()
    means = np.zeros((persons.max() + 1, 2), np.float32)
    means[:, 0] = np.arange(len(means)) // 4  # four persons stand together
    near = [len(set(persons[batch[:, 0]] // 4)) for batch in plan.batches(1, means)]
    first = [len(set(persons[batch[:, 0]] // 4)) for batch in plan.batches(0, means)]
    assert np.mean(near) < 1.6 < np.mean(first)


def test_an_own_choice_is_an_entry(league: Crops, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_parity(learn: Crops, means: np.ndarray | None) -> np.ndarray:
        return (np.arange(learn.persons().max() + 1) % 2)[:, None].astype(np.float32)

    monkeypatch.setitem(NEGATIVES, "parity", Negatives(by_parity))
    plan = make_plan(league, TrainConfig("small", pairs=4, negatives="parity", validate="none"))
    persons = plan.learn.persons()
    kinds = [len(set(persons[batch[:, 0]] % 2)) for batch in plan.batches(0)]
    assert np.mean(kinds) < 1.3
