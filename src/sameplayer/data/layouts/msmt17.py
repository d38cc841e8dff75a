"""MSMT17, both versions: the folders of persons, and lists that say what a picture is for."""

from __future__ import annotations

import re
from pathlib import Path

from sameplayer.data.crops import Crops
from sameplayer.data.layouts.file_names import (
    FACTS,
    GALLERY,
    QUERY,
    TRAIN,
    parse_name,
    refuse,
    row_of,
    table_of,
)
from sameplayer.data.layouts.listing import Files, counted, example, shown
from sameplayer.errors import DataError

MSMT17 = "list_train.txt, list_val.txt, list_query.txt, list_gallery.txt beside train/ and test/"
NAME = r"(?P<person>[0-9]+)_[0-9]+_(?P<camera>[0-9]+)_[^_/]+_[0-9]+_[0-9]+(?:_[^/]*)?"
FORM = "<person>/<person>_<number>_<camera>_<time>_<frame>_<box>.jpg"
# A list -> its folder in version 1 and 2, and the role and split of its pictures.
LISTS = {
    "list_train.txt": ("train", "mask_train_v2", TRAIN),
    "list_val.txt": ("train", "mask_train_v2", TRAIN),
    "list_query.txt": ("test", "mask_test_v2", QUERY),
    "list_gallery.txt": ("test", "mask_test_v2", GALLERY),
}


def has_msmt17(path: Path) -> bool:
    return any((path / name).is_file() and _folder(path, name) for name in LISTS)


def read_msmt17(path: Path) -> Crops:
    """Read the listed pictures; person numbers restart in test/.

    So person 0 of the training split is "train/0", person 0 of the test split "test/0".
    """
    files, rows, wrong = Files(path), [], []
    listed = _listed(path)
    parts = sorted({_folder(path, name) for name in LISTS} - {""})
    for image in [image for part in parts for image in files.pictures(part)]:
        if image not in listed:
            files.leave_out(image, "no list names it")
            continue
        facts = parse_name(NAME, image.rsplit("/", 1)[-1])
        if facts is None:
            wrong.append(image)
            continue
        person, (role, split) = listed[image]
        row = row_of(image, role, facts, path) or {}
        side = "train" if role == "train" else "test"
        rows.append(row | {"person": f"{side}/{person}", "split": split})
    refuse(wrong, len(rows), path, FORM)
    for image in wrong:
        files.leave_out(image, f"names are {FORM}")
    gone = sorted(set(listed) - set(files.names))
    if gone:
        files.note(
            f"{counted(len(gone), 'picture')} named in the lists and not there ({example(gone)})."
        )
    read = [*(row["image"] for row in rows), *LISTS, FACTS]
    return Crops(table_of(rows), path, None, "msmt17", files.notes(read, parts))


def _folder(path: Path, name: str) -> str:
    """Return the folder of a list's pictures, or "" where it is not there."""
    return next((folder for folder in LISTS[name][:2] if (path / folder).is_dir()), "")


def _listed(path: Path) -> dict[str, tuple[str, tuple[str, str]]]:
    """Return image -> (person, (role, split)). Raises DataError for an invalid line."""
    listed: dict[str, tuple[str, tuple[str, str]]] = {}
    for name, (*_, use) in LISTS.items():
        folder = _folder(path, name)
        if not folder or not (path / name).is_file():
            continue
        for number, line in enumerate(_lines(path / name), start=1):
            image, _, person = line.strip().rpartition(" ")
            if not line.strip():
                continue
            if not image or not re.fullmatch("[0-9]{1,9}", person):
                raise DataError(
                    f"{path / name}, line {number}: expected a picture and the number of its "
                    f"person, such as 0000/0000_000_01_0303morning_0008_0.jpg 0; found "
                    f"{line.strip()[:80]!r}."
                )
            key = f"{folder}/{image.strip()}"
            if listed.setdefault(key, (str(int(person)), use)) != (str(int(person)), use):
                raise DataError(
                    f"{path / name}, line {number}: {shown(image)} is listed twice, for "
                    "another person or use; expected each picture once."
                )
    return listed


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text in UTF-8 ({error}).") from error
