"""Ranking against plain dense code written from the method, in one run, in turns.

python benchmarks/ranking.py [--quick] [--scale] [--json FILE] [--device cuda]
python benchmarks/ranking.py --approximate
python benchmarks/ranking.py --turns M N WIDTH | --million ROWS | --one-query ROWS WIDTH

Prints time, ratio, peak memory above the imports (of a process of its own) and the largest
difference. --scale adds galleries of 1,000 to 100,000 rows, ours alone; --quick is for a look.
--approximate says instead what an index loses of 21 neighbours and of each first ten. The options
of the last line say how far one machine goes, see one_machine.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import one_machine
import plain

from sameplayer.evaluation.protocols import PROTOCOLS, MatchRanks
from sameplayer.ranking import PreparedGallery, dissimilarity, hard_weights, k_reciprocal
from sameplayer.ranking.config import NeighbourSearch
from sameplayer.ranking.neighbours.search import find_neighbours

Rows = tuple[np.ndarray, np.ndarray]


def features(m: int, n: int, width: int, seed: int = 0) -> Rows:
    """Queries and gallery of persons with 19 pictures each, as the challenge has them."""
    rng = np.random.default_rng(seed)
    persons = -(-n // 19)
    centres = rng.normal(size=(persons, width)).astype(np.float32)
    gallery = np.repeat(centres, 19, axis=0)[:n]
    gallery += 1.3 * rng.normal(size=gallery.shape).astype(np.float32)
    query = centres[np.arange(m) % persons]
    query = query + 1.3 * rng.normal(size=query.shape).astype(np.float32)
    return query, gallery


def ids(m: int, n: int) -> tuple[np.ndarray, ...]:
    persons = -(-n // 19)
    gallery = np.arange(n) // 19
    return np.arange(m) % persons, gallery, np.zeros(m, int), np.ones(n, int)


def metrics(distance: np.ndarray, *names: np.ndarray) -> np.ndarray:
    ranks = MatchRanks(distance, *names)
    curves = [ranks.cmc(protocol, 100) for protocol in PROTOCOLS if protocol != "cuhk03"]
    ranks.cmc("cuhk03", 100)
    return np.concatenate([[np.nanmean(ranks.average_precision())], *curves])


def plain_metrics(distance: np.ndarray, *names: np.ndarray) -> np.ndarray:
    curves = [plain.cmc(distance, *names, protocol) for protocol in ("allshots", "market1501")]
    plain.cmc(distance, *names, "cuhk03")
    return np.concatenate([[plain.mean_average_precision(distance, *names)], *curves])


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def peak_gb(work: str, *sizes: int) -> float:
    """Memory above imports and inputs, in a process of its own; compiled loops already loaded."""
    command = [sys.executable, __file__, "--peak", work, *map(str, sizes)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_peak(work: str, m: int, n: int, width: int) -> None:
    asked = MEMORY_OF[work](m, n, width)
    MEMORY_OF[work](20, 200, 16)()
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the highest memory so far is now
    before = _kilobytes("VmRSS")
    asked()
    print((_kilobytes("VmHWM") - before) / 1e6)


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def _rerank_work(method: Callable, m: int, n: int, width: int) -> Callable:
    rows = features(m, n, width)
    return lambda: method(*rows)


def _fusion_work(m: int, n: int, width: int) -> Callable:
    models = [np.random.default_rng(seed).random((m, n)) for seed in range(3)]
    return lambda: dissimilarity(models)


def _metrics_work(m: int, n: int, width: int) -> Callable:
    distance = np.random.default_rng(0).random((m, n)).astype(np.float32)
    return lambda: metrics(distance, *ids(m, n))


MEMORY_OF: dict[str, Callable[[int, int, int], Callable]] = {
    "k-reciprocal": partial(_rerank_work, k_reciprocal),
    "hard": partial(_rerank_work, hard_weights),
    "fusion": _fusion_work,
    "metrics": _metrics_work,
}


def compare(name: str, ours: Callable, theirs: Callable, repeats: int, peak: tuple | None) -> dict:
    ours()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    difference = float(np.abs(np.asarray(pairs[0][0][1]) - np.asarray(pairs[0][1][1])).max())
    mine = statistics.median(a[0] for a, _ in pairs)
    other = statistics.median(b[0] for _, b in pairs)
    row = {"work": name, "plain_s": other, "ours_s": mine, "ratio": other / mine}
    row |= {"difference": difference, "ours_gb": peak_gb(*peak) if peak else None}
    show(row)
    return row


def show(row: dict) -> None:
    memory = "" if row.get("ours_gb") is None else f"{row['ours_gb']:8.2f} GB"
    if "plain_s" in row:
        times = f"{row['plain_s']:9.2f} s {row['ours_s']:9.3f} s {row['ratio']:7.0f} x"
        print(f"{row['work']:<46}{times}{row['difference']:10.1e}{memory}", flush=True)
    else:
        print(f"{row['work']:<46}{'':>11}{row['ours_s']:9.3f} s{'':>19}{memory}", flush=True)


def alone(name: str, work: Callable, peak: tuple | None) -> dict:
    row = {"work": name, "ours_s": seconds(work)[0], "ours_gb": peak_gb(*peak) if peak else None}
    show(row)
    return row


def main() -> None:
    if sys.argv[1:2] == ["--peak"]:
        print_peak(sys.argv[2], *map(int, sys.argv[3:]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--approximate", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--turns", type=int, nargs=3, metavar=("M", "N", "WIDTH"))
    parser.add_argument("--million", type=int, metavar="ROWS")
    parser.add_argument("--one-query", type=int, nargs=2, metavar=("ROWS", "WIDTH"))
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, numpy {np.__version__}")
    if parts_of_one_machine(options):
        return
    if options.approximate:
        approximate(40, 1000 if options.quick else 10_000, 256)
        return
    print(f"{'':<46}{'plain':>11}{'ours':>12}{'ratio':>9}{'max diff':>10}{'peak':>11}")
    sizes = (60, 900, 128) if options.quick else (468, 8703, 1024)
    rows = measure(*sizes, (20, 400) if options.quick else (100, 3000), options.device)
    rows += one_query(1000 if options.quick else 10_000, sizes[2])
    if options.scale:
        rows += scaling(options.device)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": platform.machine(), "device": options.device, "rows": rows}, file)


def parts_of_one_machine(options: argparse.Namespace) -> bool:
    """Print what was asked for, with how busy the machine is; return whether anything was."""
    works = {
        "turns": lambda asked: one_machine.turns(features, *asked, rounds=7),
        "million": lambda asked: one_machine.million(features, asked),
        "one_query": lambda asked: one_machine.one_query(features, *asked),
    }
    asked = [name for name in works if getattr(options, name) is not None]
    for name in asked:
        works[name](getattr(options, name))
        print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return bool(asked)


def measure(m: int, n: int, width: int, small: tuple[int, int], device: str) -> list[dict]:
    cpu = device == "cpu"
    search = {"search": NeighbourSearch(device=device)}
    repeats = 2
    query, gallery = features(m, n, width)
    every = np.concatenate([query, gallery])
    floor = min(seconds(lambda: every @ every.T)[0] for _ in range(2))
    rows = [{"work": f"floor: the similarities, {len(every)} x {len(every)}", "ours_s": floor}]
    show(rows[0])
    size = f"{m} x {n}"
    ours, theirs = partial(k_reciprocal, query, gallery, **search), plain.k_reciprocal
    peak = ("k-reciprocal", m, n, width) if cpu else None
    rows.append(
        compare(f"k-reciprocal, {size}", ours, partial(theirs, query, gallery), repeats, peak)
    )
    names = ids(m, n)
    distance = np.random.default_rng(0).random((m, n)).astype(np.float32)
    distance[names[0][:, None] == names[1]] *= 0.7
    scored = partial(metrics, distance, *names), partial(plain_metrics, distance, *names)
    rows.append(compare(f"mAP and three CMC, {size}", *scored, 1, ("metrics", m, n, width)))
    few = features(*small, width)
    hard = partial(hard_weights, *few, **search), partial(plain.hard_weights, *few)
    peak = ("hard", *small, width) if cpu else None
    rows.append(compare(f"hard weights, {small[0]} x {small[1]}", *hard, repeats, peak))
    peak = ("hard", m, n, width) if cpu else None
    whole = partial(hard_weights, query, gallery, **search)
    rows.append(alone(f"hard weights, {size}", whole, peak))
    models = [np.random.default_rng(seed).random((m, n)) for seed in range(3)]
    fused = partial(dissimilarity, models), partial(plain.dissimilarity, models)
    peak = ("fusion", m, n, width)
    rows.append(compare(f"dissimilarity fusion, 3 x {size}", *fused, repeats, peak))
    return rows


def scaling(device: str) -> list[dict]:
    rows = []
    for n in (1000, 3000, 10_000, 30_000, 100_000):
        m = min(2000, n)
        asked = features(m, n, 512)
        work = partial(k_reciprocal, *asked, search=NeighbourSearch(device=device))
        peak = ("k-reciprocal", m, n, 512) if device == "cpu" else None
        rows.append(alone(f"k-reciprocal, {m} x {n}, 512-d", work, peak))
    return rows


def approximate(m: int, n: int, width: int) -> None:
    query, gallery = features(m, n, width)
    took, exact = seconds(lambda: find_neighbours(query, gallery, 21))
    first_ten = np.argsort(k_reciprocal(query, gallery), axis=1, kind="stable")[:, :10]
    print(f"{m} queries, gallery of {n}, {width}-d: exact lists {took:.2f} s")
    for effort in (32, 64, 256):
        search = NeighbourSearch(approximate=True, effort=effort)
        took, found = seconds(lambda s=search: find_neighbours(query, gallery, 21, s))
        kept = common(exact.all.lists, found.all.lists)
        ranked = np.argsort(k_reciprocal(query, gallery, search=search), axis=1, kind="stable")
        same = (ranked[:, :10] == first_ten).mean()
        print(
            f"effort {effort}: {took:.2f} s, {kept:.3%} of the neighbours, {same:.1%} of the "
            "first ten of k-reciprocal"
        )


def common(lists: np.ndarray, others: np.ndarray) -> float:
    """Return the share of each row's entries that the other row holds as well."""
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(lists, others, strict=True)]))


def one_query(n: int, width: int) -> list[dict]:
    asked, gallery = features(40, n, width, seed=1)
    unit = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    prepared = PreparedGallery(unit)
    prepared.distances(asked[:1])
    times = [seconds(lambda a=one: prepared.distances(a[None]))[0] for one in asked]
    rows = [
        {"work": f"one new query, gallery of {n}: median", "ours_s": statistics.median(times)},
        {"work": f"one new query, gallery of {n}: slowest", "ours_s": max(times)},
    ]
    for row in rows:
        show(row)
    return rows


if __name__ == "__main__":
    main()
