"""Classes that a file only numbers: their names from a file beside it, or what can be known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from sameplayer.data.annotations.rows import head_of
from sameplayer.errors import DataError

LISTS = ("classes.txt", "obj.names", "labels.txt", "coco.names")
YAMLS = ("data.yaml", "dataset.yaml", "data.yml")
SURELY_COCO = 10  # who numbers this many classes trained on COCO's 80 or 91
ENTRY = re.compile(r"""\s*(?:(\d{1,4})\s*:|-)\s*["']?(.*?)["']?\s*(?:#.*)?""")


def labels_of(
    path: Path, classes: Iterable[int], names: Mapping[int, str], person: int, advice: str
) -> tuple[dict[int, str | None], list[str]]:
    """Return the label of each class by its number, and what to say of it.

    names     that are known; a class that lacks there is "class 7"
    person    number of COCO's person, as the format counts: 0 or 1
    advice    how the classes can be named, the last sentence of an error

    Without names one class is people's. Of several of which one is numbered as only COCO's classes
    are, people are COCO's persons. Raises DataError where that cannot be told.
    """
    found = sorted(set(classes))
    called: dict[int, str | None] = {one: f"class {one}" for one in found}
    if names:
        return {one: names.get(one, called[one]) for one in found}, []
    if len(found) < 2:
        return dict.fromkeys(found), []
    told = ", ".join(map(str, found[:10]))
    if person in found and found[-1] >= SURELY_COCO:
        return {**called, person: "person"}, [
            f"The classes {told} are not named and are read as COCO's, in which {person} is person."
        ]
    raise DataError(
        f"{path}: boxes have the classes {told}, and no file says which of them are people. "
        f"{advice}"
    )


def names_beside(folder: Path) -> tuple[dict[int, str], Path | None]:
    """Return the names of classes from a list or a data.yaml in a folder or up to two above."""
    for place in (folder, *folder.parents[:2]):
        for file in (place / name for name in (*YAMLS, *LISTS)):
            lines = head_of(file).splitlines()
            if file.name in YAMLS:
                names = _names_of_yaml(lines)
            else:
                names = {at: line.strip() for at, line in enumerate(lines) if line.strip()}
            if names:
                return names, file
    return {}, None


def _names_of_yaml(lines: list[str]) -> dict[int, str]:
    """Return ``names:`` of a data.yaml, a list or numbered entries, on one line or on several."""
    start = next((at for at, line in enumerate(lines) if line.startswith("names:")), None)
    if start is None:
        return {}
    rest = lines[start].partition(":")[2].partition("#")[0].strip()
    if rest:
        if rest.startswith("["):
            parts = rest.strip("[]").split(",")
            return {at: part.strip().strip("\"'") for at, part in enumerate(parts)}
        entries = [f"{part.strip()}" for part in rest.strip("{}").split(",")]
    else:
        entries = []
        for line in lines[start + 1 :]:
            if line[:1] not in (" ", "-", "\t"):
                break
            entries.append(line)
    names: dict[int, str] = {}
    for entry in entries:
        matched = ENTRY.fullmatch(entry)
        if matched and matched[2]:
            names[int(matched[1]) if matched[1] else len(names)] = matched[2]
    return names
