"""Stores: storage that fails gives the bytes of a disk; what is damaged is never taken for good."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.encoder.embeddings import Embeddings
from sameplayer.errors import ConfigError, DataError, MissingFile
from sameplayer.scale import Run, rerank_blocks
from sameplayer.scale.results import read_ranked
from sameplayer.scale.rows import Rows, write_blocks
from sameplayer.scale.storage import backend
from sameplayer.scale.storage.backend import RetryPolicy
from sameplayer.scale.storage.store import HOST, Store
from sameplayer.scale.storage.tables import Ragged
from tests.scale.conftest import TOP
from tests.scale.faulty import FaultyFileSystem, FaultyObjects

ONE = Run(workers=1)
PART = {"number": np.arange(2000), "vector": np.arange(6000, dtype=np.float32).reshape(2000, 3)}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "RETRY", RetryPolicy(8, 0.001))


@pytest.mark.parametrize(
    ("kind", "faults"),
    [
        (FaultyFileSystem, {}),
        (FaultyFileSystem, {"every": 5, "late": 3, "cut": 4}),
        (FaultyObjects, {"every": 4, "late": 2, "cut": 3}),
    ],
)
def test_storage_that_fails_gives_the_bytes_of_a_disk(
    kind: type[FaultyFileSystem],
    faults: dict[str, int],
    few: Embeddings,
    ranked_few: Path,
    faulty: object,
) -> None:
    kind.reset(**faults)
    protocol = "faulty" if kind is FaultyFileSystem else "faultys3"
    rows = write_blocks(few, f"{protocol}://rows", 3)
    rerank_blocks(rows, f"{protocol}://out", TOP, blocks=3, run=ONE)
    made = {name: bytes(file.getvalue()) for name, file in kind.store.items()}
    for folder in ("rows", "out"):
        files = sorted((ranked_few / folder).rglob("*.parquet"))
        assert len(files) > 3
        for path in files:
            name = path.relative_to(ranked_few).as_posix()
            assert made[f"{protocol}://{name}"] == path.read_bytes(), name
    assert not [name for name in made if "partial" in name]
    assert kind.failed > 0 or not faults


def test_storage_that_never_answers_gives_a_clear_error_soon(
    few: Embeddings, faulty: type[FaultyFileSystem]
) -> None:
    rows = write_blocks(few, "faulty://rows", 3)
    faulty.silent = True
    begin = time.monotonic()
    with pytest.raises(DataError, match=r"faulty://out.*: the storage failed 8 times"):
        rerank_blocks(rows, "faulty://out", TOP, blocks=3, run=ONE)
    faulty.silent = False
    told: list[str] = []

    def stop(stage: str, done: int, tasks: int) -> None:
        told.append(stage)
        faulty.silent = stage == "near" and done == 1

    with pytest.raises(DataError, match=r"the storage failed 8 times .*Finished parts are kept"):
        rerank_blocks(rows, "faulty://out", TOP, blocks=3, run=ONE, progress=stop)
    assert time.monotonic() - begin < 30
    faulty.silent = False
    told.clear()
    rerank_blocks(
        rows, "faulty://out", TOP, blocks=3, run=ONE, progress=lambda *t: told.append(str(t))
    )
    assert "('lists', 6, 6)" in told
    assert "('near', 1, 3)" in told


def test_parts_are_read_back_as_they_were_written(faulty: object, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    part = {
        **PART,
        "half": rng.normal(size=2000).astype(np.float16),
        "lists": Ragged(np.arange(2001) * 2, rng.integers(9, size=4000).astype(np.int32)),
    }
    for address in (tmp_path, "faulty://parts"):
        store = Store(address)
        facts = store.write_part("a/1.parquet", part, "these")
        assert store.facts("a/1.parquet") == facts
        assert facts.rows == 2000
        found = store.read_part("a/1.parquet")
        for name, array in part.items():
            pairs = zip(found[name], array, strict=True)
            assert all(np.array_equal(one, other) for one, other in pairs)
        assert set(store.read_part("a/1.parquet", ["half"])) == {"half"}


DAMAGES = {
    "cut short": lambda content: content[: len(content) // 2],
    "without its end": lambda content: content[:-1],
    "empty": lambda content: b"",
    "no Parquet": lambda content: b"number,vector\n1,2\n",
    "a byte changed": lambda content: _changed(content, 2 * len(content) // 3),
}


def _changed(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 64]) + content[place + 1 :]


@pytest.mark.parametrize("columns", [None, ["vector"]])
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_damaged_file_is_never_taken_for_good(
    damage: str, columns: list[str] | None, elsewhere: bool, faulty: object, tmp_path: Path
) -> None:
    store = Store("faulty://parts" if elsewhere else tmp_path)
    store.write_part("a/1.parquet", PART, "these")
    with store.local_copy("a/1.parquet") as path:
        content = path.read_bytes()
    with store.whole("a/1.parquet") as path:
        path.write_bytes(DAMAGES[damage](content))
    place = r"a/1.parquet: (damaged|cut short).*Remove this file and run the same"
    with pytest.raises(DataError, match=place):
        store.read_part("a/1.parquet", columns)


def test_foreign_files_are_told_from_own_ones(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pd.DataFrame({"number": [1, 2]}).to_parquet(tmp_path / "1.parquet")
    assert store.facts("1.parquet") is None
    with pytest.raises(DataError, match="not ours"):
        store.read_part("1.parquet")
    store.write_part("2.parquet", PART, "these")
    with pytest.raises(DataError, match=r"2.parquet: holds number, vector; expected weights"):
        _ = store.read_part("2.parquet")["weights"]
    with pytest.raises(MissingFile, match=r"3.parquet: no such file"):
        store.read_part("3.parquet")
    with pytest.raises(ConfigError, match=r"fsspec knows|needs a package"):
        Store("nowhere://bucket")


@pytest.mark.parametrize("columns", [None, ["vector"]])
def test_a_file_with_one_byte_changed_holds_the_same_or_is_an_error(
    columns: list[str] | None, tmp_path: Path
) -> None:
    store, wrong = Store(tmp_path), 0
    small = {"number": np.arange(9), "vector": np.ones((9, 2), np.float32)}
    store.write_part("1.parquet", small, "these")
    content = (tmp_path / "1.parquet").read_bytes()
    for place in range(len(content)):
        (tmp_path / "1.parquet").write_bytes(_changed(content, place))
        try:
            found = store.read_part("1.parquet", columns)
            for name in columns or small:
                np.testing.assert_array_equal(found[name], small[name])
                assert found[name].dtype == small[name].dtype
        except DataError:
            wrong += 1
    assert wrong > 300


def test_what_a_run_finds_damaged_of_its_own_it_makes_again_or_names(
    ranked_few: Path, few: Embeddings, tmp_path: Path
) -> None:
    rows, out = Rows.of(Store(ranked_few / "rows")), tmp_path / "out"

    def run() -> bytes:
        rerank_blocks(rows, out, TOP, blocks=3, run=ONE)
        return (out / "ranked.parquet").read_bytes()

    whole = run()
    near, lists = out / "near" / "00001.parquet", out / "lists" / "00000-00001.parquet"
    weights, content = out / "weights" / "00000.parquet", lists.read_bytes()
    for damaged in (b"", content[:99], content, (out / "weights" / "00001.parquet").read_bytes()):
        weights.write_bytes(damaged)  # cut short, and files of another stage
        (out / "ranked.parquet").unlink(missing_ok=True)
        assert run() == whole
    lists.write_bytes(_changed(content, len(content) // 2))
    near.unlink()
    with pytest.raises(DataError, match=r"lists/00000-00001.parquet: (damaged|cut short)"):
        run()
    lists.unlink()
    assert run() == whole
    (out / "ranked.parquet").write_bytes(near.read_bytes())
    with pytest.raises(DataError, match=r"ranked.parquet: holds .*; expected row"):
        read_ranked(out)
    assert run() == whole


def test_half_written_files_of_killed_runs_are_removed(ranked_few: Path, tmp_path: Path) -> None:
    rows, out = Rows.of(Store(ranked_few / "rows")), tmp_path / "out"
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True
    )
    end = f"{HOST}-{int(ended.stdout)}-0123.partial"
    left = [out / "near" / f"00001.parquet.{end}", out / f"ranked.parquet.{end}"]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"PAR1")
    rerank_blocks(rows, out, TOP, blocks=3, run=ONE)
    assert not [path for path in left if path.exists()]


def test_a_changed_block_of_rows_makes_only_what_rests_on_it_again(
    few: Embeddings, tmp_path: Path
) -> None:
    rows, out = write_blocks(few, tmp_path / "rows", 3), tmp_path / "out"
    rerank_blocks(rows, out, TOP, blocks=3, run=ONE)
    before = _times(out)
    rerank_blocks(rows, out, TOP, blocks=3, run=ONE)
    assert _times(out) == before
    few.vectors[-1], last = few.vectors[0], few.vectors[-1].copy()
    try:
        (tmp_path / "rows" / "manifest.json").unlink()
        changed = write_blocks(few, tmp_path / "rows", 3)
        rerank_blocks(changed, out, TOP, blocks=3, run=ONE)
        rerank_blocks(changed, tmp_path / "anew", TOP, blocks=3, run=ONE)
    finally:
        few.vectors[-1] = last
    after = _times(out)
    same = {name for name in before if after[name] == before[name]}
    lists = {f"lists/{pair}.parquet" for pair in ("00000-00000", "00000-00001", "00001-00001")}
    assert {name for name in same if name.startswith("lists")} == lists
    assert (out / "ranked.parquet").read_bytes() == (
        tmp_path / "anew" / "ranked.parquet"
    ).read_bytes()


def _times(folder: Path) -> dict[str, int]:
    files = folder.rglob("*.parquet")
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in files}
