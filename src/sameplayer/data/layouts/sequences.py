"""Sequences of frames with boxes beside them: folders of pictures as MOTChallenge's, and videos."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sameplayer.data.annotations.read import detect_format
from sameplayer.data.images.picture import PICTURE_SUFFIXES
from sameplayer.data.layouts.listing import is_hidden
from sameplayer.data.video.frames import VIDEO_SUFFIXES
from sameplayer.errors import DataError

PICTURES = ("img1", "img", "images", "frames")  # names of folders of frames
TRUTH, DETECTIONS = Path("gt", "gt.txt"), Path("det", "det.txt")
ANNOTATIONS = "annotations"  # folder of files of boxes
DEEP = 2  # levels of folders that are searched, such as train/dancetrack0001
NO_BOXES = ("labels", "persons", "crops", "roster", "readme", "seqinfo", "gameinfo")
UNSURE = (".xlsx",)  # boxes only if the file's name says so
SURE = re.compile("box|track|det|annot|gt", re.IGNORECASE)


@dataclass(frozen=True)
class Sequence:
    """Frames and the boxes in them.

    folder      that holds both
    name        of the sequence
    boxes       the file or folder of its boxes; None: there are none
    pictures    folder of the frames within the folder, "" for the folder itself; None: a video
    suffix      ending of a frame where it is not there
    video       name of the video, where there is no folder of frames
    unused      further files of boxes, and videos without boxes
    """

    folder: Path
    name: str
    boxes: Path | None
    pictures: str | None = None
    suffix: str = ".jpg"
    video: str = ""
    unused: tuple[str, ...] = ()

    def frames(self) -> dict[int, str]:
        """Return the frames' paths within the folder by their numbers; of a video: none."""
        if self.pictures is None:
            return {}
        numbered = _numbered(self.folder / self.pictures, self.suffix)
        return {
            number: (Path(self.pictures) / name).as_posix() for number, name in numbered.items()
        }

    def missing(self, number: int) -> str:
        """Return the path of a frame by the rule, for one that is not among ``frames``."""
        if self.pictures is None:
            return f"{self.video}#{number}"
        return (Path(self.pictures) / f"{number:06d}{self.suffix}").as_posix()


def sequences(path: Path, deep: int = DEEP) -> Iterator[Sequence]:
    """Yield the sequences in a folder and in the folders in it, in the order of names.

    Raises DataError for a seqinfo.ini that cannot be read.
    """
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except PermissionError:  # of a folder in the one that was named, such as lost+found
        if deep == DEEP:
            raise
        return
    kept = [entry for entry in entries if not is_hidden(Path(entry.path), path)]
    below = [Path(entry.path) for entry in kept if entry.is_dir()]
    own = list(_of_folder(path, [Path(entry.path) for entry in kept], below))
    yield from own
    if deep and not any(sequence.pictures is not None for sequence in own):
        for folder in below:
            yield from sequences(folder, deep - 1)


def _of_folder(folder: Path, entries: list[Path], below: list[Path]) -> Iterator[Sequence]:
    names, suffix = _sequence_facts(folder / "seqinfo.ini")
    usual = (name for name in PICTURES if folder / name in below)
    pictures = next((name for name in usual if _numbered(folder / name, suffix)), None)
    pictures = names if (folder / names).is_dir() else pictures
    if pictures is not None:
        boxes = _boxes(folder, entries, pictures)
        unused = tuple(file.name for file in boxes[1:] if file.parent == folder)
        yield Sequence(folder, folder.name, next(iter(boxes), None), pictures, suffix, "", unused)
        return
    videos = [
        file for file in entries if file.suffix.lower() in VIDEO_SUFFIXES and file not in below
    ]
    if videos:
        yield from _of_videos(folder, videos, _boxes(folder, entries, ""))
        return
    truth = [folder / file for file in (TRUTH, TRUTH.name, DETECTIONS)]
    boxes = [file for file in truth if file.is_file()]
    if boxes and _numbered(folder, suffix):
        yield Sequence(folder, folder.name, boxes[0], "", suffix)


def _of_videos(folder: Path, videos: list[Path], boxes: list[Path]) -> Iterator[Sequence]:
    """Yield one video with its boxes, or several with the boxes named after each."""
    named: dict[Path, list[Path]] = {video: [] for video in videos}
    for file in boxes:
        own = [video for video in videos if re.match(rf"{re.escape(video.stem)}(\b|_)", file.name)]
        if own:
            named[max(own, key=lambda video: len(video.stem))].append(file)
    if len(videos) > 1 and any(named.values()):
        for video, own in named.items():
            if own:
                unused = tuple(file.name for file in own[1:])
                yield Sequence(folder, video.stem, own[0], video=video.name, unused=unused)
    elif boxes:
        unused = tuple(file.name for file in (*videos[1:], *boxes[1:]) if file.parent == folder)
        yield Sequence(folder, folder.name, boxes[0], video=videos[0].name, unused=unused)


def _boxes(folder: Path, entries: list[Path], pictures: str) -> list[Path]:
    """Return the files of boxes in a sequence's folder, the best first."""
    truth, detections = folder / TRUTH, folder / DETECTIONS
    others = [entry for entry in entries if entry.name not in (pictures, "gt", "det")]
    if folder / ANNOTATIONS in entries:  # as CVAT writes COCO
        others += sorted((folder / ANNOTATIONS).iterdir())
    boxes = [truth] if truth.is_file() else []
    boxes += [file for file in others if _may_hold(file) and detect_format(file) is not None]
    return boxes + ([detections] if detections.is_file() else [])


def _may_hold(path: Path) -> bool:
    """Tell whether a file or folder may hold boxes, by its name."""
    suffix = path.suffix.lower()
    if path.is_dir():
        return True
    named = path.stem.lower() in NO_BOXES or (suffix in UNSURE and not SURE.search(path.stem))
    if named or suffix in (*VIDEO_SUFFIXES, *PICTURE_SUFFIXES):
        return False
    return path.stat().st_size > 0


def _numbered(folder: Path, suffix: str) -> dict[int, str]:
    """Return the picture of each frame number: 000012.jpg, 12.png and frame_0012.jpg are frame 12.

    Of several of one number, one that is called by it alone, with the ``suffix``, is taken.
    """
    numbered: dict[int, str] = {}
    names = [entry.name for entry in os.scandir(folder) if not entry.name.startswith(".")]
    for name in sorted(names, key=lambda name: (name[:1].isdigit(), name.endswith(suffix), name)):
        match = re.fullmatch(r".*?([0-9]{1,12})(\.\w+)", name)
        if match and (match[2] == suffix or match[2].lower() in PICTURE_SUFFIXES):
            numbered[int(match[1])] = name
    return numbered


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
