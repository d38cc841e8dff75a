"""MOT text of a log: a file a camera, and a table of who each id is."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pandas as pd

from sameplayer.data.cells import write_csv
from sameplayer.files import write_text
from sameplayer.identity.player_log import PlayerLog

LONGEST = 200  # bytes of a file's name, without its ending
DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{one}{n}" for one in ("COM", "LPT") for n in range(10))}


def identity_ids(log: PlayerLog) -> dict[str, int]:
    """Return a number from 1 for each identity, in the order of ``PlayerLog.players``."""
    return {str(name): place for place, name in enumerate(log.players()["identity"], start=1)}


def camera_files(log: PlayerLog, ending: str) -> dict[str, str]:
    """Return camera -> the name of its file, another for each, also where letters' case is ignored.

    What no file name can hold becomes "_". Cameras whose names can be kept keep them; of others
    that would have a name twice the second is "name (2)".
    """
    names = [camera.name for camera in log.cameras]
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(names, key=lambda one: _file_stem(one) != one):
        stem = file = _file_stem(name)
        number = 1
        while _folded(file) in taken:
            number += 1
            file = f"{stem} ({number})"
        taken.add(_folded(file))
        found[name] = f"{file}{ending}"
    return found


def _file_stem(name: str) -> str:
    safe = "".join("_" if one in '/\\:*?"<>|' or not one.isprintable() else one for one in name)
    short = safe.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore").strip(". ")
    return f"{short}_" if short.split(".")[0].upper() in DEVICES else short or "_"


def _folded(file: str) -> str:
    """Return what two names that a file system may take for one have in common."""
    return normalize("NFC", file).casefold()


def boxes_with_identity(log: PlayerLog) -> pd.DataFrame:
    """Return the boxes with the columns identity, name, team, number, sure of their appearances."""
    told = log.appearances[["appearance", "identity", "name", "team", "number", "sure"]]
    return log.boxes.merge(told, on="appearance", how="left", validate="many_to_one")


def export_mot(log: PlayerLog, folder: Path) -> list[Path]:
    """Write tracks/CAMERA.txt and tracks/names.csv.

    A line a box: frame, id, left, top, width, height, score, -1, -1, -1, frames from 1, pixels, in
    order of frame and id. An id is one identity in every camera.
    """
    ids = identity_ids(log)
    boxes = boxes_with_identity(log)
    paths, files = [], camera_files(log, ".txt")
    for camera in log.cameras:
        own = boxes[boxes["camera"] == camera.name]
        own = own.assign(id=own["identity"].map(ids)).sort_values(["frame", "id"], kind="stable")
        columns = [own[name].tolist() for name in ("frame", "id", *_NUMBERS)]
        lines = [
            f"{frame},{track},{left:.2f},{top:.2f},{width:.2f},{height:.2f},{score:.4f},-1,-1,-1\n"
            for frame, track, left, top, width, height, score in zip(*columns, strict=True)
        ]
        path = folder / "tracks" / files[camera.name]
        write_text(path, "".join(lines))
        paths.append(path)
    names = log.players()[["identity", "name", "team", "number"]]
    names.insert(0, "id", range(1, len(names) + 1))
    path = folder / "tracks" / "names.csv"
    write_csv(names, path)
    return [*paths, path]


_NUMBERS = ("left", "top", "width", "height", "score")
