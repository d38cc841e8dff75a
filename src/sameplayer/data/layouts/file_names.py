"""Layouts that encode person, camera and frame in file names: LAYOUTS, and their reader."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sameplayer.data.columns import COLUMNS
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.listing import Files, file_names, folders, is_picture, shown
from sameplayer.errors import DataError

FACTS = "persons.csv"
TRAIN, QUERY, GALLERY = ("train", "training"), ("query", "test"), ("gallery", "test")
BOXES = {"bounding_box_train": TRAIN, "query": QUERY, "bounding_box_test": GALLERY}
WRONG_SHOWN = 10
# Groups that are no columns: a picture that the data set leaves out; one that matches no query.
JUNK, NOBODY = "junk", "nobody"
WHY_JUNK = "the data set calls such pictures junk"


@dataclass(frozen=True)
class Layout:
    """A layout that encodes person, camera and frame in file names.

    parts      folder -> role and split of its pictures
    name       pattern of a picture's path within such a folder, without its ending. Named groups
               are columns; a group ``junk`` leaves the picture out, ``nobody`` is a distractor
    form       the same in words, for messages
    scope      where person ids hold: None (everywhere), "game" or "sequence"
    signs      folders of which one is enough to know the layout; none: a name has to fit
    hidden     pattern of names in the split challenge
    inside     whether the folders may lie one folder further down
    """

    parts: Mapping[str, tuple[str, str]]
    name: str
    form: str
    scope: str | None = None
    signs: tuple[str, ...] = ("bounding_box_train", "bounding_box_test")
    hidden: str = ""
    inside: bool = False

    @property
    def what(self) -> str:
        return f"{', '.join(f'{part}/' for part in self.parts)} with {self.form}"

    def facts(self, name: str, split: str = "") -> dict[str, Any] | None:
        """Return the groups of a picture's path in its part; None where the path does not fit."""
        return parse_name(self.hidden if split == "challenge" else self.name, name)


LAYOUTS: dict[str, Layout] = {
    "synergy": Layout(
        {
            "reid_training": TRAIN,
            "reid_test/query": QUERY,
            "reid_test/gallery": GALLERY,
            "reid_challenge/query": ("query", "challenge"),
            "reid_challenge/gallery": ("gallery", "challenge"),
        },
        r"(?P<person>[0-9]+)_(?P<sequence>[0-9]+)_(?P<frame>[0-9]+)",
        "<person>_<sequence>_<frame>.jpeg or, in the challenge, <id>.jpeg",
        signs=("reid_training", "reid_test", "reid_challenge"),
        hidden="(?P<id>[0-9]+)",
        inside=True,
    ),
    "market1501": Layout(
        BOXES,
        r"(?:(?P<junk>-1)|(?P<nobody>0+)|(?P<person>[0-9]+))"
        r"_c(?P<camera>[0-9]+)s(?P<sequence>[0-9]+)_(?P<frame>[0-9]+)_[0-9]+",
        "<person>_c<camera>s<sequence>_<frame>_<box>.jpg",
    ),
    "dukemtmcreid": Layout(
        BOXES,
        r"(?P<person>[0-9]+)_c(?P<camera>[0-9]+)_f(?P<frame>[0-9]+)",
        "<person>_c<camera>_f<frame>.jpg",
    ),
    "cuhk03np": Layout(
        BOXES, r"(?P<person>[0-9]+)_c(?P<camera>[0-9]+)_[0-9]+", "<person>_c<camera>_<number>.png"
    ),
    "veri776": Layout(
        {"image_train": TRAIN, "image_query": QUERY, "image_test": GALLERY},
        r"(?P<person>[0-9]+)_c(?P<camera>[0-9]+)_(?P<frame>[0-9]+)_[0-9]+",
        "<person>_c<camera>_<frame>_<number>.jpg",
        signs=("image_train", "image_test"),
    ),
    "soccernet": Layout(
        {"train": TRAIN}
        | {
            f"{split}/{role}": (role, split)
            for split in ("valid", "test", "challenge")
            for role in ("query", "gallery")
        },
        r"(?:(?P<game>[^/]+/[^/]+/[^/]+)/)?(?:.*/)?(?P<id>[0-9]+)-(?P<sequence>[^-/]*)-"
        r"(?P<person>[^-/]*)-(?P<frame>[0-9]+)-(?P<class>(?:[^-/]*_)?(?P<team>left|right)(?=-)|"
        r"[^-/]*)-(?:(?P<number>[0-9]+)(?=-)|[^-/]*)-[^-/]*-[^-/]*",
        "<championship>/<season>/<game>/<action>/"
        "<box>-<action>-<person>-<frame>-<class>-<id>-<UAI>-<height>x<width>.png",
        scope="sequence",
        signs=(),
        hidden=r"(?:(?P<game>[^/]+/[^/]+/[^/]+)/)?(?:.*/)?(?P<id>[0-9]+)-(?P<sequence>[^-/]*)-"
        r"[^-/]*",
    ),
}


def has_layout(name: str, path: Path) -> bool:
    """Tell whether a folder has a layout: of those with the same folders, most names match it."""
    layout = LAYOUTS[name]
    root = root_of(layout, path)
    if root is None:
        return False
    if not layout.signs:
        return next(_fitting(layout, root), None) is not None
    rivals = _rivals(layout)
    return len(rivals) == 1 or layout is max(
        rivals, key=lambda rival: sum(1 for _ in _fitting(rival, root))
    )


def read_layout(name: str, path: Path) -> Crops:
    """Read a folder of this layout; a few names that do not match are left out."""
    layout = LAYOUTS[name]
    root = root_of(layout, path) or path
    files, rows, wrong, fitting = Files(path), [], [], 0
    prefix = "" if root == path else f"{root.name}/"
    for part, (role, split) in layout.parts.items():
        top = f"{prefix}{part}/"
        for file in files.pictures(top[:-1]):
            facts = layout.facts(file.removeprefix(top), split)
            if facts is None:
                wrong.append(file)
                continue
            fitting += 1
            row = row_of(file.removeprefix(prefix), role, facts, root)
            if row is None:
                files.leave_out(file, WHY_JUNK)
            else:
                rows.append(row | {"split": split})
    leave_out(files, wrong, fitting, layout.form, *(rival.form for rival in _rivals(layout)))
    read = [prefix + str(row["image"]) for row in rows]
    notes = files.notes([*read, prefix + FACTS], [prefix + part for part in layout.parts])
    return Crops(table_of(rows, layout.name + layout.hidden), root, layout.scope, name, notes)


def parse_name(pattern: str, path: str) -> dict[str, Any] | None:
    """Return the named groups of a picture's path, without leading zeros; None: no match."""
    match = re.fullmatch(rf"(?:{pattern})\.[^/]+", path)
    if match is None:
        return None
    facts: dict[str, Any] = match.groupdict()
    for name in {"person", "camera", "sequence", "id"} & set(facts):
        if facts[name] is not None and re.fullmatch("[0-9]+", facts[name]):
            facts[name] = str(int(facts[name]))
    if facts.get("frame") is not None:
        facts["frame"] = int(facts["frame"])
    return facts


def row_of(image: str, role: str, facts: Mapping[str, Any], root: Path) -> dict[str, Any] | None:
    """Return a row of the crop table; None for a picture that the data set marks as junk."""
    if facts.get(JUNK):
        return None
    row = {name: fact for name, fact in facts.items() if name not in (JUNK, NOBODY)}
    row |= {"image": valid_name(image, root), "role": role}
    return row | {"person": None, "role": "distractor"} if facts.get(NOBODY) else row


def valid_name(name: str, root: Path) -> str:
    """Return the name. Raises DataError where it is not valid UTF-8."""
    if not name.isascii() and name.encode(errors="replace").decode() != name:
        raise DataError(
            f"{str(root / name)!a}: a name that is not UTF-8; rename the file or folder."
        )
    return name


def leave_out(files: Files, wrong: list[str], right: int, form: str, *rivals: str) -> None:
    """Leave out pictures whose names do not match the form.

    rivals    the forms of all layouts with the same folders

    Raises DataError where they are half of all, or more.
    """
    if wrong and len(wrong) >= right:
        more = f" and {len(wrong) - WRONG_SHOWN} more" if len(wrong) > WRONG_SHOWN else ""
        names = ", ".join(map(shown, wrong[:WRONG_SHOWN])) + more
        raise DataError(
            f"{files.top}: {len(wrong)} names do not parse: {names}. Expected "
            f"{' or '.join(rivals or [form])}; rename the files or move them away."
        )
    for file in wrong:
        files.leave_out(file, f"names are {form}")


def table_of(rows: list[dict[str, Any]], pattern: str = "") -> pd.DataFrame:
    """Return rows as a table, which has a column for each group of a pattern."""
    table = pd.DataFrame(rows, columns=None if rows else ["image"])
    for name in re.findall(r"\(\?P<(\w+)>", pattern):
        if name not in (*COLUMNS, JUNK, NOBODY):
            table[name] = table[name].astype("string") if name in table else pd.NA
    return table


def root_of(layout: Layout, path: Path) -> Path | None:
    """Return the folder that holds the layout's folders: this one or, for some, one inside."""
    if not path.is_dir():
        return None
    signs = layout.signs or tuple(layout.parts)
    for root in (path, *folders(path)) if layout.inside else (path,):
        if any((root / sign).is_dir() for sign in signs):
            return root
    return None


def _rivals(layout: Layout) -> list[Layout]:
    return [other for other in LAYOUTS.values() if other.signs == layout.signs]


def _fitting(layout: Layout, root: Path) -> Iterator[str]:
    """Yield the pictures whose names fit."""
    for part, (_, split) in layout.parts.items():
        if (root / part).is_dir():
            names = file_names(root / part, deep=not layout.signs)
            yield from (name for name in names if is_picture(name) and layout.facts(name, split))
