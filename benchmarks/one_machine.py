"""How far one machine goes: the parts of benchmarks/ranking.py that its options ask for."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer import embed, evaluate, load_encoder, rank, read_source
from sameplayer.data.crops import Crops
from sameplayer.encoder.embeddings import Embeddings
from sameplayer.ranking import PreparedGallery, k_reciprocal, prepare_file
from sameplayer.ranking.distance import unit_rows
from sameplayer.ranking.neighbours.search import find_gallery_neighbours
from sameplayer.ranking.prepared.low_precision import small_rows
from sameplayer.ranking.prepared.query import Asking

Rows = tuple[np.ndarray, np.ndarray]
Drawn = Callable[..., Rows]
COUNT = 21  # neighbours with the default settings
PEOPLE = 9500  # rows of a block of whole persons, where exact lists would take too long


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def turns(drawn: Drawn, m: int, n: int, width: int, rounds: int) -> None:
    """The whole re-ranking and its matrix of similarities, in turns."""
    both = drawn(m, n, width)
    every = np.concatenate(both)
    ours, floor = (lambda: k_reciprocal(*both)), (lambda: every @ every.T)
    ours(), floor()
    wall, busy = [], []
    for _ in range(rounds):
        used = [time.process_time()]
        times = []
        for work in (floor, ours):
            times.append(seconds(work))
            used.append(time.process_time())
        wall.append(times)
        busy.append((used[1] - used[0], used[2] - used[1]))
    ratios = [b / a for a, b in wall]
    of_processors = statistics.median(b / a for a, b in busy)
    medians = [statistics.median(column) for column in zip(*wall, strict=True)]
    print(
        f"k-reciprocal, {m} x {n}, {width}-d: floor {medians[0]:.2f} s, ours {medians[1]:.2f} s, "
        f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}, "
        f"{rounds} rounds); of processor time {of_processors:.2f}",
        flush=True,
    )


def million(drawn: Drawn, n: int, width: int = 256, m: int = 2000) -> None:
    """A gallery whose matrix of similarities fits nowhere: floor, time, ratio, peak memory."""
    both = drawn(m, n, width)
    k_reciprocal(both[0][:20], both[1][:200])
    rates = [_rate(both[1])]
    before = _reset_peak()
    used, took = time.process_time(), seconds(lambda: k_reciprocal(*both))
    used = time.process_time() - used
    peak = (_kilobytes("VmHWM") - before) / 1e6
    rates.append(_rate(both[1]))
    operations = 2 * (m + n) ** 2 * width
    floors = [operations / rate[0] for rate in rates]
    busy = used / statistics.mean(operations / rate[1] for rate in rates)
    print(
        f"k-reciprocal, {m} x {n}, {width}-d: floor {floors[0]:.0f} s (before) and "
        f"{floors[1]:.0f} s (after), ours {took:.0f} s, ratio {took / np.mean(floors):.2f}, of "
        f"processor time {busy:.2f}; peak {peak:.2f} GB above {both[1].nbytes / 1e9:.2f} GB of "
        "rows that were given",
        flush=True,
    )


def _rate(rows: np.ndarray) -> tuple[float, float]:
    """Operations a second of a large matrix product, and a second of processor time."""
    a, b = rows[:8000], rows[:8000].copy()
    out = np.empty((len(a), len(b)), np.float32)
    np.matmul(a, b.T, out=out)
    used = time.process_time()
    took = statistics.median(seconds(lambda: np.matmul(a, b.T, out=out)) for _ in range(3))
    used = (time.process_time() - used) / 3
    operations = 2 * len(a) * len(b) * rows.shape[1]
    return operations / took, operations / used


def one_query(drawn: Drawn, n: int, width: int, kind: str) -> None:
    """Answers of a prepared gallery, and the one pass over its rows as their floor, in turns."""
    query, gallery = (
        part / np.linalg.norm(part, axis=1, keepdims=True) for part in drawn(100, n, width, seed=1)
    )
    exact = n <= 30_000
    lists = _lists(gallery, n if exact else PEOPLE)
    asking = Asking(gallery, lists, (20, 6, 0.3), kind)
    out = np.empty(n, np.float32)
    asking.distances(query[:2])
    times: list[tuple[float, float]] = []
    for _ in range(3):
        for row in query:
            once = seconds(lambda row=row: np.matmul(gallery, row, out=out))
            times.append((once, seconds(lambda row=row: asking.distances(row[None]))))
    told = (
        "exact lists" if exact else f"lists within blocks of {PEOPLE}: the time of an answer only"
    )
    for name, column in zip(("rows @ query", "answer"), zip(*times, strict=True), strict=True):
        low, middle, high, most = 1e3 * np.percentile(column, [0, 50, 99, 100])
        print(
            f"one query, {n} x {width}, {kind} rows, {name}: median {middle:.1f} ms, 99 % "
            f"{high:.1f} ms, fastest {low:.1f}, slowest of {len(column)} {most:.1f} ({told})",
            flush=True,
        )


def _lists(gallery: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lists of blocks that hold every drawn person whole, so that most neighbours are the true."""
    parts = []
    for start in range(0, len(gallery), block):
        found = find_gallery_neighbours(gallery[start : start + block], COUNT).all
        parts.append((found.lists + np.int32(start), found.values, found.farthest))
    lists, values, farthest = (np.concatenate(column) for column in zip(*parts, strict=True))
    return lists, values, farthest


def streaming(drawn: Drawn, n: int, width: int) -> None:
    """Preparing from a file and from memory, each in a process of its own: time and peak."""
    with tempfile.TemporaryDirectory() as folder:
        _, gallery = drawn(1, n, width)
        gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
        np.save(Path(folder) / "rows.npy", gallery)
        for way in ("file", "memory"):
            command = [sys.executable, __file__, way, folder]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(
                f"preparing {n} x {width} ({gallery.nbytes / 1e6:.0f} MB of rows) from {way}: "
                f"{done.stdout.strip()}",
                flush=True,
            )


def prepare(way: str, folder: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32)
    np.save(folder / "few.npy", rows)
    prepare_file(folder / "few.npy", folder / "few")
    before = _reset_peak()
    began = time.perf_counter()
    if way == "file":
        prepare_file(folder / "rows.npy", folder / "prepared")
    else:
        PreparedGallery(embedded(np.load(folder / "rows.npy"))).save(folder / "prepared")
    took = time.perf_counter() - began
    print(f"{took:.1f} s, peak {(_kilobytes('VmHWM') - before) / 1e3:.0f} MB")


def small(drawn: Drawn, shared: Path) -> None:
    """What rows of 16 and 8 bits lose where no exact row is looked at, on drawn and real rows."""
    from real.crops import across, cut, soccer_labels, within

    _lost("drawn, 300 x 5,700, 256-d", _drawn_set(*drawn(300, 5700, 256)))
    data, person = shared / "data", load_encoder("person")
    with tempfile.TemporaryDirectory() as folder:
        soccer = cut(soccer_labels(), data / "soccer_two_cameras", Path(folder))
        _lost("soccer, across", embed(person, across(soccer)))
        _lost("soccer, within", embed(person, within(soccer)))
    matches = read_source(data / "volleyball" / "data_reid", scope="sequence").of_split("test")
    _lost("volleyball", embed(person, matches))


def _lost(name: str, exact: Embeddings) -> None:
    lists = find_gallery_neighbours(exact.vectors, COUNT).all.lists
    scores = _scores(exact)
    for kind in ("float16", "int8"):
        rows = small_rows(exact.vectors, np.ones(len(exact), np.float32), kind)
        assert rows is not None
        few = replace(exact, vectors=unit_rows(rows.decoded(), "small"))
        kept = find_gallery_neighbours(few.vectors, COUNT).all.lists
        share = np.mean([np.isin(a, b).mean() for a, b in zip(lists, kept, strict=True)])
        changes = ", ".join(
            f"{way} {100 * scores[way]:.2f} -> {100 * after:.2f}"
            for way, after in _scores(few).items()
        )
        print(
            f"{name} ({len(exact)} rows), {kind} alone: {share:.3%} of the neighbours; mAP "
            f"{changes}",
            flush=True,
        )


def _scores(embeddings: Embeddings) -> dict[str, float]:
    ways = {"direct": "none", "k-reciprocal": "k-reciprocal"}
    return {name: evaluate(rank(embeddings, rerank=way)).mAP for name, way in ways.items()}


def _drawn_set(query: np.ndarray, gallery: np.ndarray) -> Embeddings:
    persons = -(-len(gallery) // 19)
    numbers = [*(np.arange(len(query)) % persons), *(np.arange(len(gallery)) // 19)]
    roles = ["query"] * len(query) + ["gallery"] * len(gallery)
    return embedded(
        np.concatenate([query, gallery]), person=np.array(numbers).astype(str), role=roles
    )


def embedded(rows: np.ndarray, **columns: object) -> Embeddings:
    """Rows as embeddings of pictures that are not there."""
    table = pd.DataFrame({"image": [f"{number}.png" for number in range(len(rows))], **columns})
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return Embeddings(unit.astype(np.float32), Crops(table, Path()), "none")


def _reset_peak() -> int:
    """Let the highest memory so far be what is held now (Linux); return that, in kB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _kilobytes("VmRSS")


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


if __name__ == "__main__":
    prepare(sys.argv[1], Path(sys.argv[2]))
