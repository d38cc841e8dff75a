"""The rate finder, soups of encoders, losses and who shares a batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from sameplayer.cli import main
from sameplayer.data.batches import draw_batches
from sameplayer.data.crops import Crops
from sameplayer.encoder.encoder import create_encoder, load_encoder
from sameplayer.encoder.padding import unpadded_features
from sameplayer.encoder.presets import PRESETS
from sameplayer.encoder.soup import average_encoders
from sameplayer.errors import TrainingError, WeightsError
from sameplayer.training.config import TrainConfig
from sameplayer.training.rate_finder import find_rate
from sameplayer.training.losses import PairLoss, hardest_triplets
from sameplayer.training.plan import make_plan, team_places

TINY = "vit_tiny_patch16_224"


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


def test_a_soup_is_the_mean_of_its_encoders(tmp_path: Path) -> None:
    encoders = [create_encoder("small", pretrained=False, seed=seed) for seed in (1, 2, 3)]
    for encoder in encoders:
        encoder.save(tmp_path / str(encoder.fingerprint()))
    folders = [str(tmp_path / encoder.fingerprint()) for encoder in encoders]
    assert main(["soup", *folders, "--out", str(tmp_path / "soup")]) == 0
    mean = sum(encoder.model.head.weight for encoder in encoders) / 3
    torch.testing.assert_close(load_encoder(tmp_path / "soup").model.head.weight, mean)
    assert main(["soup", *folders, "--out", str(tmp_path / "soup")]) == 2
    other = create_encoder("small", pretrained=False, height=64)
    with pytest.raises(WeightsError, match=r"Encoder 2.*64 x 64"):
        average_encoders([encoders[0], other])


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


def test_features_without_padding_depend_on_their_own_picture_alone() -> None:
    encoder = create_encoder(TINY, pretrained=False, height=96, width=96).without_padding()
    rng = np.random.default_rng(2)
    sizes = ((96, 30), (80, 60), (50, 90), (96, 96))
    pictures = [rng.integers(1, 255, (*size, 3), dtype=np.uint8) for size in sizes]
    pictures.append(np.zeros((96, 40, 3), np.uint8))
    together = encoder.embed(pictures)
    alone = np.concatenate([encoder.embed([picture]) for picture in pictures])
    np.testing.assert_allclose(together, alone, atol=2e-6)
    padded = replace(encoder.spec, drop_padding=False)
    full = type(encoder)(encoder.model, padded)
    np.testing.assert_allclose(together[3], full.embed([pictures[3]])[0], atol=2e-6)
    assert np.abs(together[0] - full.embed([pictures[0]])[0]).max() > 1e-4
    assert encoder.fingerprint() != full.fingerprint()
    cut = [encoder.prepare(p) for p in pictures[:1]]
    images = encoder.normalise(torch.from_numpy(np.stack(cut)))
    black = encoder.normalise(torch.zeros((1, 1, 1, 3), dtype=torch.uint8)).flatten()
    seen: list[int] = []
    hook = encoder.model.blocks[0].register_forward_hook(lambda m, i, o: seen.append(o.shape[1]))
    unpadded_features(encoder.model, images, black)
    hook.remove()
    assert seen == [1 + 6 * 2]  # 30 of 96 columns reach into the two middle patch columns


def test_an_unpadded_encoder_is_saved_as_one(tmp_path: Path) -> None:
    encoder = create_encoder(TINY, pretrained=False, height=64, width=64).without_padding()
    encoder.save(tmp_path / "saved")
    loaded = load_encoder(tmp_path / "saved")
    assert loaded.spec.drop_padding
    assert loaded.fingerprint() == encoder.fingerprint()


def test_presets_of_the_winners_are_theirs_to_the_letter() -> None:
    def recipe(name: str) -> tuple:
        p = PRESETS[name]
        return p.height, p.pairs, p.epochs, p.lr, p.lr_end, p.warmup_epochs, p.augment

    assert recipe("vit-l14-openai") == (224, 16, 4, 4e-5, 1e-5, 1.0, "2022")
    assert recipe("vit-b16-openai") == (224, 16, 4, 4e-5, 1e-5, 1.0, "2022")
    assert recipe("vit-l14-openai-paper") == (224, 16, 8, 4e-5, 4e-6, 2.0, "2022")
    assert recipe("resnet50")[3] == 4e-4
    assert recipe("eva-l14-336") == (336, 32, 8, 4e-5, 1e-5, 1.0, "2023")
    assert recipe("eva-g14-336") == (336, 8, 8, 4e-5, 1e-5, 1.0, "2023")
    assert recipe("eva02-l14-448") == (448, 4, 8, 4e-5, 1e-5, 1.0, "2023")
    assert recipe("beitv2-l16-224") == (224, 32, 8, 4e-5, 1e-5, 1.0, "2023")
    config = TrainConfig(preset="vit-l14-openai").resolved()
    expected = ("polynomial", 0.01, 0.1, 1, 1.0)
    found = (config.schedule, config.weight_decay, config.label_smoothing, config.seed)
    assert (*found, config.warmup_epochs) == expected
