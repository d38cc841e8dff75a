"""What is foretold of a re-ranking is what is then read, written and held; and it adds up."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from dataclasses import replace
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sameplayer.errors import DataError, MissingFile, SettingError
from sameplayer.ranking.config import TILE, TopConfig
from sameplayer.scale import Run, Store, rerank_blocks, write_blocks
from sameplayer.scale.cost import describe, duration, most_rows, price_of, stages_of
from sameplayer.scale.parts import sparse_of
from sameplayer.scale.rates import RATES, read_rates, write_rates
from sameplayer.scale.stage_cost import STAGES, Stage, list_operations
from sameplayer.scale.tables import Ragged
from sameplayer.scale.traffic import stored_traffic
from sameplayer.scale.workload import Fleet, Size
from tests.ranking.drawn import embedded

RATE = replace(RATES[512], columns=16)
BLOCKS, TOP = 4, 30
STEPS = ("lists", "near", "weights", "means", "answers", "ranked")


class Seen:
    """A run of the real thing: bytes of arrays read in each stage, and bytes of its files."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: Counter[str] = Counter()
        self.stage = ""
        rng = np.random.default_rng(0)
        drawn = np.repeat(rng.normal(size=(BLOCKS * TILE // 8, 16)), 8, axis=0)
        rows = write_blocks(embedded(drawn + rng.normal(size=drawn.shape)), folder / "rows", BLOCKS)
        read_part = Store.read_part

        def counted(store: Store, name: str, columns: list[str] | None = None) -> dict[str, Any]:
            found = read_part(store, name, columns)
            arrays = (one.values if isinstance(one, Ragged) else one for one in found.values())
            self.read[self.stage] += sum(array.nbytes for array in arrays)
            return found

        monkeypatch.setattr(Store, "read_part", counted)
        rerank_blocks(
            rows,
            folder / "out",
            TopConfig(top=TOP),
            blocks=BLOCKS,
            run=Run(workers=1),
            tell=self._tell,
        )
        monkeypatch.undo()
        self.kept = {stage: _bytes(folder / "out", stage) for stage in STEPS}
        nonzeros, averaged = (_entries(folder / "out", stage) for stage in ("weights", "means"))
        self.size = Size(len(rows), 16, BLOCKS, top=TOP, nonzeros=nonzeros, averaged=averaged)

    def _tell(self, stage: str, done: int, total: int) -> None:
        self.stage = stage if done < total else "read back"


def _bytes(out: Path, stage: str) -> int:
    files = (out / stage).iterdir() if (out / stage).is_dir() else [out / f"{stage}.parquet"]
    return sum(file.stat().st_size for file in files)


def _entries(out: Path, stage: str) -> float:
    parts = [Store(out).read_part(f"{stage}/{file.name}") for file in (out / stage).iterdir()]
    return float(sum(sparse_of(part).starts[-1] for part in parts)) / (BLOCKS * TILE)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return Seen(tmp_path_factory.mktemp("cost"), monkeypatch)


@pytest.mark.parametrize("stage", STEPS)
def test_each_stage_reads_what_the_formula_says(seen: Seen, stage: str) -> None:
    assert seen.read[stage] == pytest.approx(STAGES[stage](seen.size, RATE).read, rel=1e-9)


@pytest.mark.parametrize("stage", STEPS)
def test_files_are_as_large_as_the_formula_says(seen: Seen, stage: str) -> None:
    assert seen.kept[stage] == pytest.approx(STAGES[stage](seen.size, RATE).written, rel=0.1)


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 700))
def test_products_are_counted_as_the_tiles_are_made(blocks: int, tiles: int, columns: int) -> None:
    size, counted = Size(blocks * tiles * TILE, columns, blocks), 0
    for first, second in combinations_with_replacement(range(blocks), 2):
        for s in range(tiles):
            counted += tiles - (s if first == second else 0)
    assert list_operations(size) == counted * 2 * TILE * TILE * columns


@given(st.integers(1, 40), st.integers(TILE, 10**5))
def test_lists_read_what_the_traffic_of_pairs_says(blocks: int, rows: int) -> None:
    size = Size(blocks * rows, 16, blocks)
    assert STAGES["lists"](size, RATE).read == stored_traffic([rows * 16 * 4] * blocks)


@given(st.integers(1, 200), st.integers(1, 8), st.integers(1, 8))
def test_no_order_of_tasks_takes_longer_than_the_time(
    tasks: int, machines: int, cores: int
) -> None:
    stage = Stage("one", tasks, 0, float(tasks), 1.0, 0, 0, 1e6, ())
    free = [0.0] * (machines * cores)
    for _ in range(tasks):
        heapq.heappush(free, heapq.heappop(free) + 1.0)
    found = stage.seconds(Fleet(machines, cores))
    assert max(free) <= found + 1e-9
    assert found < max(free) + 1.0


def test_more_machines_take_less_time_and_one_core_all_of_it() -> None:
    size = Size(10**6, 16, 32)
    for stage in stages_of(size, RATE).values():
        alone = stage.seconds(Fleet(1, 1, storage=1e9, gigabits=1e9))
        assert alone == pytest.approx(stage.computed, rel=1e-3)
        assert stage.seconds(Fleet(4)) <= stage.seconds(Fleet(1))


def test_memory_decides_how_many_work_on_a_machine() -> None:
    stage = Stage("one", 9, 0, 1, 1, 0, 0, 10e9, ())
    assert stage.workers(Fleet(memory=64)) == 6
    assert stage.workers(Fleet(memory=640)) == 16
    assert stage.workers(Fleet(memory=9)) == 0
    assert stage.seconds(Fleet(memory=9)) == float("inf")


def test_the_most_rows_fit_and_one_more_block_does_not() -> None:
    size, fleet = Size(10**6, 16, 10), Fleet(memory=32)
    most = most_rows(size, fleet, RATE)
    for rows, fit in ((most, True), (most + 100_000, False)):
        stages = stages_of(replace(size, rows=rows, blocks=-(-rows // 100_000)), RATE)
        assert all(stage.workers(fleet) for stage in stages.values()) is fit


def test_a_price_is_that_of_all_cores_for_the_time() -> None:
    assert price_of(7200, Fleet(2, 4, price=0.5), 4_000_000) == (8.0, 2.0)


def test_the_table_names_every_stage_its_rates_and_what_is_assumed() -> None:
    text = describe(Size(10**7, 512, 64), Fleet(), RATES[512])
    for name, stage in stages_of(Size(10**7, 512, 64), RATES[512]).items():
        (line,) = (line for line in text.splitlines() if line.startswith(f"{name:<8}"))
        assert line.endswith(", ".join(stage.rests))
    assert "0.05 a core hour assumed" in text
    assert "cannot run" not in text


def test_a_billion_rows_do_not_fit_and_the_table_says_what_is_too_large() -> None:
    text = describe(Size(10**9, 512, 1024), Fleet(), RATES[512])
    assert "re-rank: cannot run on these machines" in text
    assert "means: a worker needs" in text
    assert "years" in text


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Fleet(machines=0), "machines is 0"),
        (lambda: Fleet(memory=float("nan")), "memory is nan"),
        (lambda: Fleet(price=-1), "price is -1"),
        (lambda: Size(0), "rows is 0"),
        (lambda: Size(1000, blocks=3), "blocks is 3; expected 1 to 2"),
        (lambda: Size(1000, top=0), "top is 0"),
        (lambda: Size(1000, encoder="x"), "encoder is 'x'; expected one of person"),
        (lambda: stages_of(Size(1000, 7), RATE), "columns is 7; expected 16"),
    ],
)
def test_settings_out_of_range_are_refused(make: Any, name: str) -> None:
    with pytest.raises(SettingError, match=name):
        make()


def test_rates_are_read_as_they_were_written_and_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "rates.json"
    write_rates(path, RATES)
    assert read_rates(path) == RATES
    with pytest.raises(MissingFile, match=r"benchmarks/scale/rates.py"):
        read_rates(tmp_path / "none.json")
    found = json.loads(path.read_text())
    found["512"]["product"] = 0
    for text in (json.dumps(found), "{", "[]", '{"512": {}}', '{"x": 1}'):
        path.write_text(text)
        with pytest.raises(DataError, match="no rates"):
            read_rates(path)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "5 s"), (600, "10.0 min"), (7200, "2.0 h"), (864_000, "10.0 d"), (4e9, "126.8 years")],
)
def test_a_time_is_said_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
