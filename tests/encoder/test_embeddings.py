"""Embeddings: unit rows that know their crops and their encoder, or an error that says so."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings, load_embeddings
from sameplayer.errors import DataError, MissingFile, RankingError

ROWS = np.array([[1, 0], [0.6, 0.8], [0, -1]], np.float32)


@pytest.fixture(scope="module")
def crops() -> Crops:
    table = pd.DataFrame({"image": ["a.png", "b.png", "c.png"], "person": ["1", "2", None]})
    return Crops(table, Path("root"))


@pytest.fixture(scope="module")
def saved(crops: Crops, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.safetensors"
    Embeddings(ROWS, crops, "f" * 16, {"precision": "fp32"}).save(path)
    return path


def parts_of(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in ("vectors", "table")}, file.metadata()


def test_embeddings_come_back_as_they_were(crops: Crops, saved: Path) -> None:
    loaded = load_embeddings(saved, "f" * 16)
    np.testing.assert_array_equal(loaded.vectors, ROWS)
    assert loaded.crops.table.equals(crops.table)
    assert loaded.facts == {"precision": "fp32"}
    assert loaded == loaded
    assert loaded != load_embeddings(saved)


def test_a_stale_foreign_or_missing_file_is_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(RankingError, match="stale"):
        load_embeddings(saved, "0" * 16)
    (tmp_path / "foreign").write_bytes(b"foreign")
    with pytest.raises(DataError, match="not an embeddings file"):
        load_embeddings(tmp_path / "foreign")
    with pytest.raises(MissingFile, match="no such file"):
        load_embeddings(tmp_path / "typo")
    save_file({"vectors": ROWS}, tmp_path / "other", {})
    with pytest.raises(DataError, match="expected format"):
        load_embeddings(tmp_path / "other")


def test_a_damaged_table_part_is_refused(saved: Path, tmp_path: Path) -> None:
    parts, header = parts_of(saved)
    for table in (parts["table"][:-9], np.zeros(0, np.uint8), parts["table"][::-1].copy()):
        for names in (header, {k: v for k, v in header.items() if k != "table"}):
            save_file({**parts, "table": table}, tmp_path / "bad", names)
            with pytest.raises(DataError, match="damaged"):
                load_embeddings(tmp_path / "bad")


@pytest.mark.parametrize("name", ["facts", "root", "scope", "source"])
@pytest.mark.parametrize("value", [None, "{", "[1, 2]", "\0"])
def test_a_damaged_header_is_refused_or_harmless(
    saved: Path, tmp_path: Path, name: str, value: str | None
) -> None:
    parts, header = parts_of(saved)
    changed = {k: v for k, v in header.items() if k != name}
    save_file(parts, tmp_path / "bad", changed if value is None else {**changed, name: value})
    if value is None or name in ("facts", "scope"):
        with pytest.raises(DataError, match="damaged"):
            load_embeddings(tmp_path / "bad")
    else:
        assert len(load_embeddings(tmp_path / "bad")) == 3


@pytest.mark.parametrize(
    "vectors",
    [ROWS[:2], ROWS.astype(np.int64), ROWS[0], ROWS * 2, ROWS * np.float32("nan"), ROWS[:, :0]],
)
def test_damaged_vectors_are_refused(saved: Path, tmp_path: Path, vectors: np.ndarray) -> None:
    parts, header = parts_of(saved)
    save_file({**parts, "vectors": np.ascontiguousarray(vectors)}, tmp_path / "bad", header)
    if vectors.shape == (3, 0):
        assert load_embeddings(tmp_path / "bad").vectors.shape == (3, 0)
        return
    with pytest.raises(DataError, match="damaged"):
        load_embeddings(tmp_path / "bad")


@settings(max_examples=200)
@given(data=st.data())
def test_any_damage_to_embeddings_is_an_error_of_ours(saved: Path, data: st.DataObject) -> None:
    content = bytearray(saved.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    bad = saved.with_name("bad")
    bad.write_bytes(content[: data.draw(st.integers(0, 2 * len(content)))])
    with suppress(DataError, RankingError):
        assert load_embeddings(bad).vectors.shape == (3, 2)


def test_nan_or_long_rows_and_whole_numbers_are_refused(crops: Crops) -> None:
    for factor, words in ((np.nan, "NaN"), (2, "length")):
        with pytest.raises(RankingError, match=words):
            Embeddings(ROWS * np.float32(factor), crops, "f")
    with pytest.raises(RankingError, match="int64"):
        Embeddings(ROWS.astype(np.int64), crops, "f")
    assert Embeddings(ROWS.astype(np.float64), crops, "f").vectors.dtype == np.float32
