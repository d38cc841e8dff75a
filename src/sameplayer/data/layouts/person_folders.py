"""One folder per person: sorted by hand, or prepared by layumi's baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sameplayer.common.names import composed
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.file_names import (
    FACTS,
    LAYOUTS,
    NOBODY,
    WHY_JUNK,
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
from sameplayer.data.layouts.msmt17 import NAME as MSMT17
from sameplayer.data.roles import with_roles

FOLDER = (
    "one folder per person, or train/, query/, gallery/ (or val/, test/) each with such folders"
)
# A folder -> what SPLITS calls its pictures; those of OWN show that there are such folders.
PARTS = {
    "train_all": "train",
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "query": "query",
    "probe": "query",
    "gallery": "gallery",
    "test": "test",
}
OWN = ("train_all", "train", "query", "gallery")
STRANGE = {*PARTS, *(part for layout in LAYOUTS.values() for part in layout.parts)}
NAMES = {name: LAYOUTS[name].name for name in ("market1501", "dukemtmcreid", "cuhk03np")}
NAMES["msmt17"] = MSMT17


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
