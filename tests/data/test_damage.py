"""Damaged and hostile input to every reader of the data stage: an error of ours, or a result."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from sameplayer.data.check import check_crops
from sameplayer.data.crops import describe_crops
from sameplayer.data.download import unpack
from sameplayer.data.images import decode
from sameplayer.data.sources import read_source
from sameplayer.errors import SameplayerError

TOKENS = [
    b"nan", b"inf", b"1e999", b"-1", b"\0", b"\xff\xfe", b",,", b"\n", b'"', b"9" * 400, b"[", b"{",
    b"null", b"#", b"=", b"%(", b"../", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0",
]  # fmt: skip


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Change, cut out, double or insert some bytes, one to four times."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at : at + rng.randint(1, 40)]
        elif kind == 2:
            data[at:at] = rng.choice(TOKENS)
        elif kind == 3:
            data[at:at] = data[at // 2 : at // 2 + rng.randint(1, 60)]
        elif rng.random() < 0.3:
            data = data[:at]
    return bytes(data)


def table() -> pd.DataFrame:
    box = {
        "left": [1.0, None, 2],
        "top": [1.0, None, 2],
        "width": [5, None, 6],
        "height": [5, None, 6],
    }
    return pd.DataFrame(
        {
            "image": ["a.jpg", "a.jpg", "b.jpg#3"], "person": ["1", "2", None],
            "frame": [1, 2, None], "role": ["query", "gallery", "train"],
            "number": [7, None, 8], "split": "test", **box,
        }
    )  # fmt: skip


def picture(ending: str) -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (30, 20, 3), dtype=np.uint8)
    return bytes(cv2.imencode(ending, noise)[1])


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def use(path: Path) -> None:
    crops = read_source(path)
    describe_crops(crops)
    check_crops(crops)


def read_csv(folder: Path, rng: random.Random) -> None:
    use(put(folder / "t.csv", damaged(table().to_csv(index=False).encode(), rng)))


def read_parquet(folder: Path, rng: random.Random) -> None:
    use(put(folder / "t.parquet", damaged(table().to_parquet(compression=None), rng)))


def read_side_file(folder: Path, rng: random.Random) -> None:
    put(folder / "t.json", damaged(b'{"scope": null, "root": "."}', rng))
    use(put(folder / "t.csv", table().to_csv(index=False).encode()))


def read_mot(folder: Path, rng: random.Random) -> None:
    lines = [f"{frame},{track},1,2,8,9,1,-1" for frame in (1, 2) for track in (1, 2)]
    boxes = "\n".join(lines).encode()
    put(folder / "img1" / "000001.jpg", picture(".jpg"))
    put(folder / "gt" / "gt.txt", damaged(boxes, rng) if rng.random() < 0.6 else boxes)
    facts = b"[Sequence]\nname=x\nimDir=img1\nframeRate=25\nimExt=.jpg\n"
    put(folder / "seqinfo.ini", damaged(facts, rng) if rng.random() < 0.6 else facts)
    use(folder)


def read_facts_of_persons(folder: Path, rng: random.Random) -> None:
    for name in ("ann", "bob"):
        put(folder / name / "1.jpg", picture(".jpg"))
    put(folder / "persons.csv", damaged(b"person,number,team\nann,7,a\nbob,8,b\n", rng))
    use(folder)


def read_names(folder: Path, rng: random.Random) -> None:
    place, name = rng.choice(
        [
            ("train/a/b/c", "54404-1940-33397-5089-Player_team_right-9-014r002_0085-775x449.png"),
            ("bounding_box_test", "0002_c2s1_000301_02.jpg"),
            ("reid_training", "1_2_3.jpeg"),
            ("reid_challenge/query", "7.jpeg"),
        ]
    )
    changed = damaged(name.encode(), rng).replace(b"/", b"").replace(b"\0", b"")[:200]
    (folder / place).mkdir(parents=True)
    with suppress(OSError):  # "", "." and ".." are no names
        (folder / place / changed.decode(errors="surrogateescape")).write_bytes(picture(".jpg"))
    use(folder)


def read_picture(folder: Path, rng: random.Random) -> None:
    ending = rng.choice([".jpg", ".png", ".bmp", ".webp", ".tiff", ".gif"])
    decode(put(folder / "picture", damaged(picture(ending), rng)))


def read_archive(folder: Path, rng: random.Random) -> None:
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("a/b.txt", "hello " * 50), ("c.txt", "x"), ("d/", "")):
            archive.writestr(name, text)
    unpack(put(folder / "a.zip", damaged(content.getvalue(), rng)), folder / "out")


READERS = [
    read_csv, read_parquet, read_side_file, read_mot, read_facts_of_persons, read_names,
    read_picture, read_archive,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged TIFF
@pytest.mark.parametrize("reader", READERS)
def test_damage_gives_an_error_of_ours_or_a_result(
    tmp_path: Path, reader: Callable[[Path, random.Random], None]
) -> None:
    for number in range(40):
        with suppress(SameplayerError):
            reader(tmp_path / str(number), random.Random(number))
