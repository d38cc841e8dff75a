"""The MOT layout: boxes in a text file, beside a folder of frames or a video."""

from __future__ import annotations

import configparser
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from sameplayer.data.columns import BOX
from sameplayer.data.crops import Crops
from sameplayer.data.images import PICTURE_SUFFIXES
from sameplayer.data.listing import folders, is_hidden
from sameplayer.data.splits import draw_query_gallery
from sameplayer.data.video import VIDEO_SUFFIXES
from sameplayer.errors import DataError

MOT = (
    "gt/gt.txt, a tracker's .txt or det/det.txt beside img1/ or a video, or a folder of such "
    "folders"
)


def has_mot(path: Path) -> bool:
    return path.is_dir() and bool(_sequences(path))


def read_mot(path: Path) -> Crops:
    """Read the boxes of a sequence or a folder of sequences; crops are cut when they are read.

    A track is a person within its sequence; a negative track number is nobody's. Boxes in a video
    are ordered by frame, so that reading them decodes each frame once.
    """
    rows: list[dict[str, object]] = []
    for folder, text in _sequences(path):
        frames = _frames(folder)
        prefix = "" if folder == path else f"{folder.name}/"
        boxes = [row[:4] for row in mot_rows(text)]
        if frames is None:
            continue
        if "#" in frames(1):
            boxes.sort(key=lambda box: (box[1], box[0]))
        for line, frame, track, box in boxes:
            row: dict[str, object] = {"image": prefix + frames(frame), "frame": frame}
            row |= {"person": None if track < 0 else str(track), "sequence": folder.name}
            rows.append(row | dict(zip(BOX, box, strict=True)) | {"split": "test", "line": line})
    crops = Crops(pd.DataFrame(rows, columns=None if rows else ["image"]), path, "sequence", "mot")
    return draw_query_gallery(crops) if rows else crops


def _sequences(path: Path) -> list[tuple[Path, Path]]:
    """Return (sequence folder, file of boxes) of a sequence or a folder of sequences."""
    sequences = []
    for folder in (path, *folders(path)):
        loose = [one for one in sorted(folder.glob("*.txt")) if not is_hidden(one, folder)]
        texts = [folder / "gt" / "gt.txt", *loose]
        texts.append(folder / "det" / "det.txt")
        if _frames(folder) is not None:
            sequences += [(folder, text) for text in texts if text.is_file()][:1]
    return sequences


def _frames(folder: Path) -> Callable[[int], str] | None:
    """Return how a frame number becomes an image path within the folder."""
    names, suffix = _sequence_facts(folder / "seqinfo.ini")
    if (folder / names).is_dir():
        numbered = _numbered(folder / names, suffix)
        return lambda number: f"{names}/{numbered.get(number, f'{number:06d}{suffix}')}"
    files = [one for one in sorted(folder.iterdir()) if not is_hidden(one, folder)]
    videos = [one for one in files if one.suffix.lower() in VIDEO_SUFFIXES]
    return (lambda number: f"{videos[0].name}#{number}") if videos else None


def _numbered(folder: Path, suffix: str) -> dict[int, str]:
    """Return the picture of each frame number: 000012.jpg, 00000012.jpg and 12.png are frame 12.

    Of several pictures of one number, the one with the ``suffix`` is taken.
    """
    found: dict[int, str] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (path.suffix == suffix, path.name)):
        known = path.suffix == suffix or path.suffix.lower() in PICTURE_SUFFIXES
        if known and path.stem.isascii() and path.stem.isdigit():
            found[int(path.stem)] = path.name
    return found


def _sequence_facts(file: Path) -> tuple[str, str]:
    """Return imDir and imExt of a seqinfo.ini, or img1 and .jpg where there is none."""
    facts = configparser.ConfigParser(interpolation=None)
    if not file.is_file():
        return "img1", ".jpg"
    try:
        facts.read_string(file.read_text(encoding="utf-8-sig"))
        names = facts.get("Sequence", "imDir", fallback="img1")
        suffix = facts.get("Sequence", "imExt", fallback=".jpg")
    except (configparser.Error, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{file}: cannot be read ({reason}); expected [Sequence] with imDir and imExt, or no "
            "such file."
        ) from error
    if not names or Path(names).is_absolute() or not names.isprintable():
        raise DataError(f"{file}: imDir is {names!r}; expected the name of the folder of frames.")
    if not suffix.startswith(".") or not suffix.isprintable():
        raise DataError(f"{file}: imExt is {suffix!r}; expected an ending such as .jpg.")
    return names, suffix


def mot_rows(text: Path) -> Iterator[tuple[int, int, int, list[float], float | None]]:
    """Yield (line, frame, track, box, seventh cell) of a file; ignored ground truth is left out.

    Raises DataError with the line that is no box.
    """
    try:
        lines = text.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{text}: not a text in UTF-8 ({error}); export it again.") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            # What stands behind the seventh cell is read by nobody and may be empty.
            values = [float(cell) for cell in line.rstrip(", \t").split(",")[:7]]
            fits = len(values) >= 6 and all(map(math.isfinite, values))
            fits = fits and values[0].is_integer() and values[1].is_integer() and values[0] >= 0
        except ValueError:
            fits = False
        if not fits:
            raise DataError(
                f"{text}, line {number}: expected frame,track,left,top,width,height as numbers, "
                f"frame and track whole ones; found {line[:60]!r}."
            )
        ignored = text.name == "gt.txt" and len(values) > 6 and values[6] == 0
        if not ignored:
            yield (
                number,
                int(values[0]),
                int(values[1]),
                values[2:6],
                dict(enumerate(values)).get(6),
            )
