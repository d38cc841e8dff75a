"""Score readers of shirt numbers on labelled crops, with intervals over persons.

    python recipes/number_scores.py TABLE [--where camera right] [--readers shirt ocr shirt+ocr]

TABLE is a crop table with the columns person and number (empty: none can be read), and perhaps
note: rows whose note is `doubtful` are left out. `right` counts the readable numbers that are
named rightly, `precision` the right ones of all numbers named (where none can be read, too),
`false` those named where none can be read. `at 90 %` and `at 95 %` count the right ones among as
many of the surest readings as have that precision. Intervals: 95 %, persons drawn again 2000
times. Time is that of one core, pictures one by one; `together` is that of all in one call.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from sameplayer import read_jersey_number
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.numbers import make_reader
from sameplayer.numbers.reader import NumberReader
from sameplayer.numbers.reading import reading

DRAWS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--where", nargs="+", default=[], help="a column and the values to keep")
    parser.add_argument("--readers", nargs="+", default=["shirt"])
    parser.add_argument("--threshold", type=float, default=0.5)
    choice = parser.parse_args()
    torch.set_num_threads(1)
    crops = read_source(choice.table)
    table = crops.table
    keep = np.ones(len(table), bool)
    if "note" in table.columns:
        keep &= ~table["note"].astype("string").fillna("").str.contains("doubtful").to_numpy(bool)
    if choice.where:
        keep &= table[choice.where[0]].astype("string").isin(choice.where[1:]).to_numpy(bool)
    crops = crops.where(keep)
    for name in choice.readers:
        print(name, "|", score(crops, make_reader(name), choice.threshold), flush=True)


def score(crops: Crops, reader: NumberReader, threshold: float) -> str:
    """Return a line of figures."""
    pictures = [crops.read(row) for row in range(len(crops))]
    read_jersey_number(pictures[:2], reader)
    started, rows = time.process_time(), []
    for picture in pictures:
        rows.append(reader.read([picture])[0])
    spent = (time.process_time() - started) / len(pictures) * 1000
    started = time.process_time()
    reader.read(pictures)
    together = (time.process_time() - started) / len(pictures) * 1000
    named = [reading(row, reader.candidates, threshold).number or "" for row in rows]
    known = crops.table["number"].astype("string").fillna("").tolist()
    persons = crops.table["person"].astype("string").fillna("").to_numpy()
    facts = np.array(
        [
            (a == b != "", b != "", a != "", a != "" and b == "", b == "")
            for a, b in zip(named, known, strict=True)
        ],
        float,
    )
    groups = [facts[persons == one].sum(axis=0) for one in np.unique(persons)]
    rng = np.random.default_rng(0)
    draws = [
        np.sum([groups[one] for one in rng.integers(len(groups), size=len(groups))], axis=0)
        for _ in range(DRAWS)
    ]
    whole = facts.sum(axis=0)
    parts = [
        f"{int(whole[0])} of {int(whole[1])} right {_share(whole, draws, 0, 1)}",
        f"precision {_share(whole, draws, 0, 2)}",
        f"{int(whole[3])} of {int(whole[4])} false",
        *(f"{_right_at(np.stack(rows), reader, known, one)} at {one:.0%}" for one in (0.9, 0.95)),
        f"{spent:.1f} ms, together {together:.1f} ms",
    ]
    return " | ".join(parts)


def _right_at(rows: np.ndarray, reader: NumberReader, known: list[str], precision: float) -> int:
    """Return how many are right among as many of the surest as have this precision."""
    best = rows[:, :-1].argmax(axis=1)
    order = np.argsort(-rows[:, :-1].max(axis=1), kind="stable")
    right = np.cumsum([reader.candidates[best[row]] == known[row] for row in order])
    good = np.flatnonzero(right >= precision * np.arange(1, len(right) + 1))
    return int(right[good[-1]]) if len(good) else 0


def _share(whole: np.ndarray, draws: list[np.ndarray], part: int, of: int) -> str:
    shares = [one[part] / one[of] for one in draws if one[of]]
    if not whole[of]:
        return "none"
    low, high = np.percentile(shares, [2.5, 97.5])
    return f"{whole[part] / whole[of]:.0%} ({low:.0%} to {high:.0%})"


if __name__ == "__main__":
    main()
