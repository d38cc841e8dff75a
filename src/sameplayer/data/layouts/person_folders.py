"""One folder per person, sorted by hand or by layumi's baseline, and MSMT17 with its lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sameplayer.common.names import composed
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.file_names import (
    FACTS,
    GALLERY,
    LAYOUTS,
    NOBODY,
    QUERY,
    TRAIN,
    WHY_JUNK,
    leave_out,
    parse_name,
    row_of,
    table_of,
)
from sameplayer.data.layouts.listing import (
    Files,
    counted,
    example,
    folders,
    is_hidden,
    is_picture,
    listed,
    shown,
)
from sameplayer.data.roles import with_roles
from sameplayer.errors import DataError

MSMT17 = "list_train.txt, list_val.txt, list_query.txt, list_gallery.txt beside train/ and test/"
MSMT17_NAME = r"(?P<person>[0-9]+)_[0-9]+_(?P<camera>[0-9]+)_[^_/]+_[0-9]+_[0-9]+(?:_[^/]*)?"
MSMT17_FORM = "<person>/<person>_<number>_<camera>_<time>_<frame>_<box>.jpg"
# A list -> its folder in version 1 and 2, and the role and split of its pictures.
MSMT17_LISTS = {
    "list_train.txt": ("train", "mask_train_v2", TRAIN),
    "list_val.txt": ("train", "mask_train_v2", TRAIN),
    "list_query.txt": ("test", "mask_test_v2", QUERY),
    "list_gallery.txt": ("test", "mask_test_v2", GALLERY),
}
FOLDER = (
    "one folder per person, or train/, query/, gallery/ (or val/, test/) each with such folders"
)
# A folder -> what SPLITS calls its pictures; those of OWN show that there are such folders.
_PARTS = {
    "train": "train_all train training",
    "val": "val valid validation",
    "query": "query probe",
    "gallery": "gallery",
    "test": "test",
}
PARTS = {name: part for part, names in _PARTS.items() for name in names.split()}
OWN = ("train_all", "train", "query", "gallery")
STRANGE = {*PARTS, *(part for layout in LAYOUTS.values() for part in layout.parts)}
NAMES = {name: LAYOUTS[name].name for name in ("market1501", "dukemtmcreid", "cuhk03np")}
NAMES["msmt17"] = MSMT17_NAME


def has_person_folders(path: Path) -> bool:
    if not path.is_dir():
        return False
    there = _by_name(path)
    tops = [path / there[name] for name in OWN if name in there]
    return any(
        is_picture(file.name) and not is_hidden(file, folder)
        for top in tops or [path]
        for folder in folders(top)
        for file in folder.iterdir()
    )


def read_folder(path: Path) -> Crops:
    """Read one folder per person; without train/, query/, gallery/ all are query and gallery.

    Where most names are a data set's, cameras, sequences and frames are read from them. Pictures in
    folders within a person's are the person's.
    """
    files = Files(path)
    parts = _parts(path)
    pictures = _pictures(files, parts)
    pattern = _pattern(files, [image for _, image in pictures])
    rows = []
    for part, image in pictures:
        facts = parse_name(pattern, image.rsplit("/", 1)[-1]) if pattern else None
        row = row_of(image, "", facts or {}, path)
        if row is None:
            files.leave_out(image, WHY_JUNK)
            continue
        person = composed(image.removeprefix(f"{part}/").split("/")[0])
        row["person"] = None if row["role"] else person
        rows.append(row | {"split": PARTS.get(part.lower(), "test"), NOBODY: row["role"] != ""})
    table = table_of(rows, pattern)
    if rows:
        table = _with_roles(files, table, path)
    _say_of_persons(files, parts, path)
    asked = parts != [""] and rows and (table["role"] == "query").any()
    if asked and ("camera" not in table or table["camera"].isna().all()):
        files.note("No cameras are known, so pictures from the query's own camera are scored too.")
    read = [*(row["image"] for row in rows), FACTS]
    return Crops(table, path, None, "folder", files.notes(read, parts))


def _parts(path: Path) -> list[str]:
    """Return the folders that hold folders of persons; "" is the folder itself."""
    there = _by_name(path)
    if not any(name in there for name in OWN):
        return [""]
    named = [name for name in PARTS if name in there]
    if {"query", "gallery"} & set(named) and "test" in named:
        named.remove("test")  # it would be mixed with them
    return [there[name] for name in named]


def _by_name(path: Path) -> dict[str, str]:
    """Return lower-case name -> folder; an all lower-case folder takes precedence."""
    return {folder.name.lower(): folder.name for folder in folders(path)}


def _pictures(files: Files, parts: Sequence[str]) -> list[tuple[str, str]]:
    """Return (part, image) of the pictures of persons, each picture once."""
    pictures: list[tuple[str, str]] = []
    deep: list[str] = []
    whole: set[str] = set()
    for part in parts:
        top = f"{part}/" if part else ""
        for image in files.pictures(part):
            name = image.removeprefix(top)
            above = name.split("/")[:-1]
            if not above:
                files.leave_out(image, "a picture has to lie in a person's folder")
            elif STRANGE & set(above[1:]):
                files.leave_out(image, "a folder above is named as a part of a data set")
            elif PARTS.get(part.lower()) in ("train", "val") and name in whole:
                files.leave_out(image, "train_all/ holds the same")
            else:
                pictures.append((part, image))
                deep += [image] if above[1:] else []
                whole |= {name} if part.lower() == "train_all" else set()
    if deep:
        files.note(
            f"{counted(len(deep), 'picture')} in a folder within a person's folder "
            f"({example(deep)}) and read as that person's."
        )
    return pictures


def _pattern(files: Files, images: Sequence[str]) -> str:
    """Return the pattern of NAMES that more than half of the names fit, or ""."""
    names = [image.rsplit("/", 1)[-1] for image in images]
    fits = {
        key: [parse_name(pattern, name) is not None for name in names]
        for key, pattern in NAMES.items()
    }
    best = max(fits, key=lambda key: sum(fits[key]))
    if 2 * sum(fits[best]) <= len(names):
        return ""
    first = shown(names[fits[best].index(True)])
    files.note(f"Cameras are read from the names, which are those of {best}, such as {first}.")
    other = [image for image, fit in zip(images, fits[best], strict=True) if not fit]
    if other:
        files.note(
            f"{counted(len(other), 'picture', 'has have')} no camera in the name "
            f"({example(other)})."
        )
    return NAMES[best]


def _with_roles(files: Files, table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the table with roles; val/ is training if its persons are those of train/."""
    persons = table["person"]
    train, val = table["split"] == "train", table["split"] == "val"
    if val.any() and train.any() and persons[val].isin(persons[train]).all():
        table.loc[val, "split"] = "train"
        files.note(
            f"The pictures of val/ ({int(val.sum())}) are read as training, since their persons "
            "are those of train/."
        )
    nobody = table.pop(NOBODY).astype(bool)
    table = with_roles(table.drop(columns="role"), path, None)
    table.loc[nobody.to_numpy(), "role"] = "distractor"
    return table


def _say_of_persons(files: Files, parts: Sequence[str], path: Path) -> None:
    depth = 1 if parts == [""] else 2
    filled = {"/".join(name.split("/")[:depth]) for name in files.pictures()}
    empty = [
        shown(folder.relative_to(path).as_posix())
        for part in parts
        for folder in folders(path / part)
        if folder.relative_to(path).as_posix() not in filled
    ]
    if empty:
        files.note(f"{counted(len(empty), 'person', 'has have')} no picture: {listed(empty)}.")


def has_msmt17(path: Path) -> bool:
    return any((path / name).is_file() and _list_folder(path, name) for name in MSMT17_LISTS)


def read_msmt17(path: Path) -> Crops:
    """Read the listed pictures; person numbers restart in test/.

    So person 0 of the training split is "train/0", person 0 of the test split "test/0".
    """
    files, rows, wrong = Files(path), [], []
    listed = _listed(path)
    parts = sorted({_list_folder(path, name) for name in MSMT17_LISTS} - {""})
    for image in [image for part in parts for image in files.pictures(part)]:
        if image not in listed:
            files.leave_out(image, "no list names it")
            continue
        facts = parse_name(MSMT17_NAME, image.rsplit("/", 1)[-1])
        if facts is None:
            wrong.append(image)
            continue
        person, (role, split) = listed[image]
        row = row_of(image, role, facts, path) or {}
        side = "train" if role == "train" else "test"
        rows.append(row | {"person": f"{side}/{person}", "split": split})
    leave_out(files, wrong, len(rows), MSMT17_FORM)
    gone = sorted(set(listed) - set(files.names))
    if gone:
        files.note(
            f"{counted(len(gone), 'picture')} named in the lists and not there ({example(gone)})."
        )
    read = [*(row["image"] for row in rows), *MSMT17_LISTS, FACTS]
    return Crops(table_of(rows), path, None, "msmt17", files.notes(read, parts))


def _list_folder(path: Path, name: str) -> str:
    """Return the folder of a list's pictures, or "" where it is not there."""
    return next((folder for folder in MSMT17_LISTS[name][:2] if (path / folder).is_dir()), "")


def _listed(path: Path) -> dict[str, tuple[str, tuple[str, str]]]:
    """Return image -> (person, (role, split)). Raises DataError for an invalid line."""
    listed: dict[str, tuple[str, tuple[str, str]]] = {}
    for name, (*_, use) in MSMT17_LISTS.items():
        folder = _list_folder(path, name)
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
