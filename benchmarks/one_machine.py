"""How far one machine goes: the parts of benchmarks/ranking.py that its options ask for."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sameplayer.ranking import PreparedGallery, k_reciprocal

Rows = tuple[np.ndarray, np.ndarray]
Drawn = Callable[..., Rows]


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


def one_query(drawn: Drawn, n: int, width: int) -> None:
    """Answers of a prepared gallery, and the one pass over its rows as their floor, in turns."""
    query, gallery = (
        part / np.linalg.norm(part, axis=1, keepdims=True) for part in drawn(100, n, width, seed=1)
    )
    prepared = PreparedGallery(gallery)
    out = np.empty(n, np.float32)
    prepared.distances(query[:2])
    times: list[tuple[float, float]] = []
    for _ in range(3):
        for row in query:
            once = seconds(lambda row=row: np.matmul(gallery, row, out=out))
            times.append((once, seconds(lambda row=row: prepared.distances(row[None]))))
    for name, column in zip(("rows @ query", "answer"), zip(*times, strict=True), strict=True):
        low, middle, high, most = 1e3 * np.percentile(column, [0, 50, 99, 100])
        print(
            f"one query, {n} x {width}, {name}: median {middle:.1f} ms, 99 % {high:.1f} ms, "
            f"fastest {low:.1f}, slowest of {len(column)} {most:.1f}",
            flush=True,
        )


def _reset_peak() -> int:
    """Let the highest memory so far be what is held now (Linux); return that, in kB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _kilobytes("VmRSS")


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])
