"""Classes that a file only numbers: their names from a file beside it, or what can be known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from sameplayer.data.annotations.heads import head_lines
from sameplayer.data.annotations.labels import unnamed

LISTS = ("classes.txt", "obj.names", "labels.txt", "coco.names")
YAMLS = ("data.yaml", "dataset.yaml", "data.yml")
SURELY_COCO = 10  # who numbers this many classes trained on COCO's 80 or 91
ENTRY = re.compile(r"""\s*(?:(\d{1,4})\s*:|-)\s*["']?([^"'#]+?)["']?\s*(?:#.*)?""")


def labels_of(
    classes: Iterable[int], names: Mapping[int, str], person: int, where: str, names_them: str
) -> tuple[dict[int, str | None], tuple[str, ...]]:
    """Return the label of each class by its number, and what to say of it.

    names         that are known; a class that lacks there is "class 7"
    person        number of COCO's person, as the format counts: 0 or 1
    where         the classes stand, such as "column 8"
    names_them    what would name them

    Without names, people are COCO's persons where a class is numbered as only COCO's are;
    otherwise boxes of all classes are read.
    """
    found = sorted(set(classes))
    called: dict[int, str | None] = {one: names.get(one, f"class {one}") for one in found}
    if names:
        return called, ()
    if person in found and found[-1] >= SURELY_COCO:
        return {**called, person: "person"}, (
            f"The classes in {where} have no names and are read as COCO's, in which {person} is "
            f"person; {names_them} says otherwise.",
        )
    return dict.fromkeys(found), unnamed(found, where, f"{names_them} names them")


def names_beside(folder: Path) -> tuple[dict[int, str], Path | None]:
    """Return the names of classes from a list or a data.yaml in a folder or up to two above."""
    for place in (folder, *folder.parents[:2]):
        for file in (place / name for name in (*YAMLS, *LISTS)):
            lines = head_lines(file)
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
    if rest.startswith("["):
        parts = rest.strip("[]").split(",")
        return {at: part.strip(" \"'") for at, part in enumerate(parts) if part.strip()}
    entries = rest.strip("{}").split(",") if rest else lines[start + 1 :]
    names: dict[int, str] = {}
    for entry in entries:
        matched = ENTRY.fullmatch(entry)
        if not matched:
            break
        names[int(matched[1]) if matched[1] else len(names)] = matched[2]
    return names
