"""Embedding a crop table: as one by one, in the order of its rows."""

from __future__ import annotations

import time

import numpy as np
import pytest

from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import Picture
from sameplayer.encoder.embed import embed, embed_timed
from sameplayer.encoder.load import create_encoder
from sameplayer.errors import DataError, SettingError


def test_embed_equals_embedding_one_by_one(league: Crops) -> None:
    encoder = create_encoder("small", pretrained=False)
    few = league.select("query")
    paths = [few.path(row) for row in range(len(few))]
    seen: list[tuple[int, int]] = []
    rows = embed(encoder, few, batch_size=3, progress=lambda *step: seen.append(step)).vectors
    np.testing.assert_allclose(rows, encoder.embed(paths), atol=1e-5)
    assert seen[-1] == (len(few), len(few))
    assert [done for done, _ in seen[:2]] == [3, 6]


def test_embed_says_in_its_facts_what_decided_the_rows(league: Crops) -> None:
    encoder = create_encoder("small", pretrained=False)
    few = league.where(np.arange(4))
    exact, near = embed(encoder, few), embed(encoder, few, precision="bf16")
    assert exact.facts["precision"] == "fp32"
    assert near.facts["precision"] == "bf16"
    assert exact.fingerprint == near.fingerprint == encoder.fingerprint()
    assert 0 < np.abs(exact.vectors - near.vectors).max() < 0.05


@pytest.mark.parametrize("name", ["test_efficientnet", "lcnet_035", "test_mambaout"])
def test_towers_whose_head_is_wider_than_their_maps_embed(name: str, league: Crops) -> None:
    encoder = create_encoder(name, pretrained=False)
    rows = embed(encoder, league.where(np.arange(3))).vectors
    assert rows.shape == (3, encoder.feature_width)


def test_nothing_to_embed_and_a_batch_of_none_are_refused(league: Crops) -> None:
    encoder = create_encoder("small", pretrained=False)
    with pytest.raises(DataError, match="no crops to embed"):
        embed(encoder, league.where(np.zeros(len(league), bool)))
    with pytest.raises(SettingError, match="batch_size is 0"):
        embed(encoder, league, batch_size=0)
    with pytest.raises(SettingError, match="precision is 'fp16'"):
        embed(encoder, league.where(np.arange(2)), precision="fp16")


def test_the_time_waited_for_pictures_is_told(
    league: Crops, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, few = create_encoder("small", pretrained=False), league.where(np.arange(8))
    rows, quick = embed_timed(encoder, few, batch_size=4)
    np.testing.assert_array_equal(rows.vectors, embed(encoder, few, batch_size=4).vectors)
    read = Crops.read

    def slowly(crops: Crops, row: int) -> Picture:
        time.sleep(0.1)
        return read(crops, row)

    monkeypatch.setattr(Crops, "read", slowly)
    _, slow = embed_timed(encoder, few, batch_size=4)
    assert slow.crops == quick.crops == len(few)
    assert 0.1 < slow.first_s <= slow.waited_s <= slow.seconds
    assert 0 <= quick.waited <= 1
    assert f"{len(few)} crops in" in str(slow)
