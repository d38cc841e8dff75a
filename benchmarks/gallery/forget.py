"""How long it takes to forget a person of a large gallery, and whether a byte is left.

    python benchmarks/gallery/forget.py --rows 100000 --persons 20

Rows are drawn at random, 20 a person; the persons that will be forgotten have picture files too.
After each, every file is searched again, in another way than the program does: for the name, the
ids of the pictures, and any 32 bytes of the vectors and the files at every 32nd byte.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np

from sameplayer.encoder.load import load_encoder
from sameplayer.gallery.core.records import NewPicture
from sameplayer.gallery.gallery import Gallery, create_gallery
from sameplayer.gallery.people.enrolment import enrol_pictures
from sameplayer.gallery.privacy.forgetting import forget

EACH = 20  # pictures a person
STEP = 12  # persons enrolled together, as ``enrol`` does with pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--persons", type=int, default=20, help="to forget, one after another")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        encoder = load_encoder("colour")
        with create_gallery(Path(folder) / "club", encoder, purpose="benchmark") as gallery:
            measure(gallery, given.rows, given.persons, given.seed)


def measure(gallery: Gallery, rows: int, persons: int, seed: int) -> None:
    """Fill a gallery, forget some persons, and print how long each took."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(rows // EACH, persons, replace=False)
    told = _fill(gallery, rows, set(chosen.tolist()), rng)
    gallery.database.erase()
    size = sum(path.stat().st_size for path in gallery.database.files()) / 1e6
    print(f"{rows} rows, {gallery.settings.width} columns, {size:.0f} MB", flush=True)
    deleted, searched, left = [], [], 0
    for name, pieces in told.items():
        receipt = forget(gallery, name, actor="benchmark")
        deleted.append(1000 * receipt.seconds)
        searched.append(receipt.searched)
        left += receipt.bytes_found + _count(gallery.folder, pieces)
        print(f"  {deleted[-1]:.0f} ms, search {searched[-1]:.2f} s, {left} bytes", flush=True)
    print(
        f"forget, until no byte is readable: median {statistics.median(deleted):.0f} ms, "
        f"{min(deleted):.0f} to {max(deleted):.0f}"
    )
    print(f"the search of all files: median {statistics.median(searched):.2f} s")
    print(f"{left} bytes found, by the program or by the second search, of {len(told)} persons")


def _fill(
    gallery: Gallery, rows: int, chosen: set[int], rng: np.random.Generator
) -> dict[str, set[bytes]]:
    told: dict[str, set[bytes]] = {}
    for start in range(0, rows // EACH, STEP):
        batch = {}
        for person in range(start, min(start + STEP, rows // EACH)):
            name = f"Zoë Quartz-{person:06d}"
            drawn = rng.normal(size=(EACH, gallery.settings.width)).astype(np.float32)
            drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
            batch[name] = [
                NewPicture(
                    row,
                    f"{person}-{at}",
                    128,
                    64,
                    1.0,
                    rng.bytes(3000) if person in chosen else None,
                )
                for at, row in enumerate(drawn)
            ]
            if person in chosen:
                told[name] = _pieces(name, batch[name])
        made = enrol_pictures(gallery, batch, actor="benchmark")
        for name in told.keys() & batch.keys():
            told[name] |= {one.id.encode() for one in gallery.pictures(made.persons[name])}
    return told


def _pieces(name: str, pictures: list[NewPicture]) -> set[bytes]:
    contents = [data for one in pictures for data in (one.vector.tobytes(), one.content or b"")]
    return {name.encode()} | {
        data[at : at + 32] for data in contents for at in range(0, len(data) - 31, 32)
    }


def _count(folder: Path, pieces: set[bytes]) -> int:
    """Count bytes that are left: the search for names and ids, and for 32 bytes at any place."""
    left = 0
    whole = {piece for piece in pieces if len(piece) == 32}
    begin = {piece[:4] for piece in whole}
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            left += sum(len(piece) for piece in pieces - whole if piece in data)
            left += _windows(data, whole, begin)
    return left


def _windows(data: bytes, whole: set[bytes], begin: set[bytes]) -> int:
    """Count the bytes of ``whole`` in the data, at every offset."""
    marks = np.array(sorted(int.from_bytes(one, "little") for one in begin), np.uint32)
    left = 0
    for first in range(4):
        words = np.frombuffer(data, "<u4", (len(data) - first) // 4, first)
        at = np.minimum(marks.searchsorted(words), len(marks) - 1)
        for hit in np.flatnonzero(marks[at] == words):
            start = 4 * int(hit) + first
            piece = data[start : start + 32]
            left += len(piece) if piece in whole else 0
    return left


if __name__ == "__main__":
    main()
