"""Embedding and reading numbers in blocks: the rows of the whole, and only what changed again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sameplayer.cli import main
from sameplayer.data.crops import Crops, read_crops, write_crops
from sameplayer.encoder.embed import embed
from sameplayer.encoder.embeddings import load_embeddings
from sameplayer.encoder.load import create_encoder, load_encoder
from sameplayer.errors import DataError, MissingFile, SettingError
from sameplayer.numbers.readers import make_reader
from sameplayer.numbers.tables import add_readings, read_numbers
from sameplayer.ranking.ranking import rank
from sameplayer.scale import Run, embed_blocks, read_ranked
from sameplayer.scale.config import EmbedConfig
from sameplayer.scale.embedding import number_blocks

HERE = Run(workers=1)
CONFIG = EmbedConfig(batch_size=8)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    create_encoder("small", pretrained=False).save(folder)
    return folder


@pytest.fixture
def crops(league: Crops, tmp_path: Path) -> Crops:
    """Forty pictures of the league's test split that a test may change."""
    part = league.of_split("test").where(np.arange(40))
    for image in part.table["image"]:
        (tmp_path / "data" / image).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(part.root / image, tmp_path / "data" / image)
    return replace(part, root=tmp_path / "data")


def made(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_any_number_of_blocks_gives_the_bits_of_the_whole(
    encoder: Path, crops: Crops, tmp_path: Path
) -> None:
    whole = embed(load_encoder(encoder), crops, batch_size=8).vectors
    for blocks in (1, 2, 4):
        rows = embed_blocks(encoder, crops, tmp_path / str(blocks), CONFIG, blocks=blocks, run=HERE)
        assert len(rows.digests) == blocks
        np.testing.assert_array_equal(rows.read(0, 40), whole)
    np.testing.assert_array_equal(rows.read(7, 23), whole[7:23])


def test_only_the_block_of_a_changed_picture_is_made_again(
    encoder: Path, crops: Crops, tmp_path: Path
) -> None:
    def run() -> np.ndarray:
        rows = embed_blocks(encoder, crops, tmp_path / "out", CONFIG, blocks=4, run=HERE)
        return rows.read(0, 40)

    before, first = run(), made(tmp_path / "out" / "rows")
    run()
    assert made(tmp_path / "out" / "rows") == first
    shutil.copy(crops.path(30), crops.path(12))
    after, second = run(), made(tmp_path / "out" / "rows")
    changed = [name for name in first if first[name] != second[name]]
    assert changed == ["00001.parquet"]
    assert (np.flatnonzero((before != after).any(axis=1)) == [12]).all()


def test_another_encoder_missing_pictures_and_odd_blocks_are_refused(
    encoder: Path, crops: Crops, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(SettingError, match="blocks is 0"):
        embed_blocks(encoder, crops, out, blocks=0, run=HERE)
    embed_blocks(encoder, crops, out, CONFIG, run=HERE)
    create_encoder("small", pretrained=False, seed=2).save(tmp_path / "other")
    with pytest.raises(DataError, match=r"holds a run with encoder '\w+'; expected '\w+'"):
        embed_blocks(tmp_path / "other", crops, out, CONFIG, run=HERE)
    with pytest.raises(DataError, match="no crops"):
        embed_blocks(encoder, crops.where(np.zeros(40, bool)), tmp_path / "new", run=HERE)
    crops.path(3).unlink()
    with pytest.raises(MissingFile, match="no such file"):
        embed_blocks(encoder, crops, tmp_path / "new", CONFIG, run=HERE)


def test_a_worker_with_other_weights_says_so(encoder: Path, crops: Crops, tmp_path: Path) -> None:
    """The encoder is changed after the run has looked at it, as on a machine with old weights."""
    from sameplayer.scale.embedding import EmbedJob
    from sameplayer.scale.storage.store import Store

    facts = {"encoder": "0" * 16}
    job = EmbedJob(Store(tmp_path / "out"), (0, 40), facts, None, str(encoder), CONFIG)
    with pytest.raises(DataError, match=r"expected 0{16}\. Bring the same weights"):
        job.open()


def test_numbers_in_blocks_are_those_of_the_whole(crops: Crops, tmp_path: Path) -> None:
    few = crops.where(np.arange(12))
    reader = make_reader("shirt")
    whole = add_readings(few, *read_numbers(few, reader, threshold=0.1))
    read = number_blocks("shirt", few, tmp_path / "out", threshold=0.1, run=HERE)
    columns = ["read_number", "read_number_probability", "read_number_frames"]
    for name in columns:
        assert read.table[name].fillna("").tolist() == whole.table[name].fillna("").tolist()
    assert read.table["read_number"].notna().any()


def test_the_verbs_end_with_the_ranking_of_the_whole(
    encoder: Path, crops: Crops, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emb, ranked, data = tmp_path / "emb", tmp_path / "ranked", tmp_path / "data" / "crops.csv"
    write_crops(replace(crops, scope=None), data)
    here = ["--workers", "1"]
    asked = ["scale", "embed", str(encoder), str(data), "--out", str(emb), *here]
    assert main([*asked, "--batch-size", "8", "--blocks", "3"]) == 0
    assert "40 rows in 3 blocks" in capsys.readouterr().out
    assert main(["scale", "rerank", str(emb), "--out", str(ranked), "--top", "5", *here]) == 0
    assert main(["scale", "join", str(emb), "--out", str(tmp_path / "j.safetensors")]) == 0
    joined = load_embeddings(tmp_path / "j.safetensors")
    whole, found = rank(joined, rerank="k-reciprocal"), read_ranked(ranked)
    gallery = np.flatnonzero(joined.crops.table["role"] == "gallery")
    np.testing.assert_allclose(found.distances, np.sort(whole.distance, axis=1)[:, :5], atol=1e-5)
    assert set(found.neighbours.ravel()) <= set(gallery)
    capsys.readouterr()
    assert main(["scale", "rerank", str(emb), "--out", str(ranked), "--top", "6", *here]) == 2
    assert "holds a run with top 5; expected 6" in capsys.readouterr().err
    assert main(["scale", "numbers", str(data), "--out", "n", "--by", "team"]) == 2
    assert "--by is team; expected none" in capsys.readouterr().err
    assert read_crops(data).scope is None
