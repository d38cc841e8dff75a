"""How fast a gallery answers: warm and cold, after a change, with a filter; how fast it takes rows.

Run: python benchmarks/gallery/speed.py [--rows 10000 100000 1000000] [--each 20] [--width 1120]
Rows are drawn around a centre a person; each size is measured in a process of its own. The floor
is the time to read the means once, at the speed at which this machine reads memory in the same run.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from sameplayer.encoder.load import load_encoder
from sameplayer.gallery.core.records import NewPicture, PictureFilter
from sameplayer.gallery.gallery import create_gallery, open_gallery
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.search.asking import answer_vectors, ask_vectors

TOGETHER = 2000  # rows that are enrolled in one change
GAMES = 40
NOISE = 1.0  # beside a centre of the same length
Times = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--each", type=int, default=20, help="pictures a person")
    parser.add_argument("--width", type=int, default=1120, help="columns, as of encoder person")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--store", help="connection string of PostgreSQL; without: SQLite")
    parser.add_argument("--folder", help="where the gallery is made; kept, and used again")
    chosen = parser.parse_args()
    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    print(
        f"{chosen.width} columns, {chosen.each} pictures a person, {os.cpu_count()} cores, "
        f"OMP_NUM_THREADS {threads}, load {os.getloadavg()[0]:.1f}"
    )
    for rows in chosen.rows:
        with _place(chosen.folder) as place:
            folder = Path(place) / f"{rows}-{chosen.each}-{chosen.width}"
            new = not folder.exists()
            speed = fill(folder, rows, chosen.each, chosen.width, chosen.store) if new else None
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found = pool.apply(measure, (folder, rows, chosen.each, chosen.rounds))
        _print(rows, speed, *found)


def fill(folder: Path, rows: int, each: int, width: int, store: str | None) -> float:
    """Make a gallery; return how many rows it took a second, without drawing them."""
    encoder = load_encoder("colour")
    spent = 0.0
    with create_gallery(folder, encoder, purpose="speed", store=store) as gallery:
        gallery.set("speed", width=width, fingerprint="drawn")
        for start in range(0, rows, TOGETHER):
            persons: dict[str, list[NewPicture]] = {}
            for row in range(start, min(start + TOGETHER, rows), each):
                persons[f"Person {row // each:07d}"] = drawn(row // each, each, width)
            began = time.perf_counter()
            enrol_pictures(gallery, persons, actor="speed")
            spent += time.perf_counter() - began
    return rows / spent


def drawn(person: int, count: int, width: int, seed: int = 0) -> list[NewPicture]:
    """Return pictures of a person, alike among themselves."""
    centre = np.random.default_rng(person).standard_normal(width, np.float32)
    rng = np.random.default_rng((person, seed))
    rows = centre + NOISE * rng.standard_normal((count, width), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return [
        NewPicture(row, f"{person}-{seed}-{at}", 128, 64, 1.0, game=f"game {(person + at) % GAMES}")
        for at, row in enumerate(rows)
    ]


def measure(folder: Path, rows: int, each: int, rounds: int) -> tuple[Times, dict[str, float]]:
    """Return milliseconds of each kind of ask, and facts: bytes, floor, memory."""
    persons = rows // each
    gallery = open_gallery(folder)
    width = gallery.settings.width
    queries = [drawn(row * 7919 % persons, 1, width, 1)[0].vector[None] for row in range(rounds)]
    times: Times = {}

    def timed(name: str, what: Callable[[np.ndarray], object], count: int = rounds) -> None:
        for query in queries[:count]:
            began = time.perf_counter()
            what(query)
            times.setdefault(name, []).append(1e3 * (time.perf_counter() - began))

    gallery.close()
    began = time.perf_counter()
    gallery = open_gallery(folder)
    answer_vectors(gallery, queries[0])
    times["cold: open, ask once"] = [1e3 * (time.perf_counter() - began)]
    timed("ask, warm, without its event", lambda query: answer_vectors(gallery, query))
    timed("ask, warm, its event written", lambda query: ask_vectors(gallery, query, actor="speed"))
    seed = time.time_ns()
    for at in range(min(rounds, 10)):
        one = {f"Person {at * 31 % persons:07d}": drawn(at * 31 % persons, 1, width, seed)}
        began = time.perf_counter()
        enrol_pictures(gallery, one, actor="speed")
        times.setdefault("one picture more, enrolled", []).append(
            1e3 * (time.perf_counter() - began)
        )
        began = time.perf_counter()
        answer_vectors(gallery, queries[at])
        times.setdefault("ask after that", []).append(1e3 * (time.perf_counter() - began))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    where = [PictureFilter(game=f"game {at}") for at in range(3)]
    for one in where:
        timed(
            "ask of one game in 40, cold", lambda query, w=one: answer_vectors(gallery, query, w), 1
        )
    timed("ask of one game in 40, warm", lambda query: answer_vectors(gallery, query, where[2]))
    began = time.perf_counter()
    gallery.database.erase()
    times["erase what was deleted"] = [1e3 * (time.perf_counter() - began)]
    size = len(gallery.index.means()) * width * 4
    gallery.close()
    return times, {"persons": persons, "size": size, "speed": memory_speed(), "memory": memory}


def memory_speed() -> float:
    """Return bytes a second at which memory is read, by the best of several sums of products."""
    values = np.ones(2**26, np.float32)
    least = float("inf")
    for _ in range(7):
        began = time.perf_counter()
        np.dot(values, values)
        least = min(least, time.perf_counter() - began)
    return values.nbytes / least


def _place(folder: str | None) -> nullcontext[str] | tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory() if folder is None else nullcontext(folder)


def _print(rows: int, speed: float | None, times: Times, facts: dict[str, float]) -> None:
    floor = 1e3 * facts["size"] / facts["speed"]
    print(
        f"\n{rows:,} rows of {facts['persons']:,} persons; means {facts['size'] / 1e6:,.0f} MB, "
        f"floor {floor:.1f} ms at {facts['speed'] / 1e9:.1f} GB/s; "
        f"{facts['memory']:.2f} GB in all"
    )
    if speed is not None:
        print(f"enrolled: {speed:,.0f} rows a second")
    print(f"{'ms':<32}{'least':>9}{'p50':>9}{'p95':>9}")
    for name, found in times.items():
        p50, p95 = np.percentile(found, [50, 95])
        print(f"{name:<32}{min(found):>9.1f}{p50:>9.1f}{p95:>9.1f}")


if __name__ == "__main__":
    main()
