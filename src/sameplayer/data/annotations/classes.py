"""Classes of boxes: which are people, and names for those that a file only numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from sameplayer.data.tabular.encodings import head_lines

LISTS = ("classes.txt", "obj.names", "labels.txt", "coco.names")
YAMLS = ("data.yaml", "dataset.yaml", "data.yml")
SURELY_COCO = 10  # a file with class numbers this high was made with COCO's 80 or 91
ENTRY = re.compile(r"""\s*(?:(\d{1,4})\s*:|-)\s*["']?([^"'#]+?)["']?\s*(?:#.*)?""")
PEOPLE = re.compile(
    r"person|people|player|pedestrian|athlete|human|keeper|referee|coach|goalie|umpire|linesman|"
    r"linesmen|official|runner|skater|swimmer|dancer|cyclist|spieler|torwart|schiedsrichter|joueu|"
    r"gardien|jugador|portero|jogador|goleiro|giocator|portiere|[aá]rbitr|speler|keeper|\b(?:man|"
    r"men|woman|women|boy|girl|child|children|ref|gk|staff|trainer|substitute|captain|striker|"
    r"defender|midfielder|teams?|home|away|equipe|équipe|equipo|mannschaft)\b",
    re.IGNORECASE,
)
OTHERS = re.compile(
    r"\b(?:\w*balls?|puck|goals?|goal ?posts?|net|hoop|rim|basket|court|field|pitch|lines?|bat|"
    r"racket|racquet|stick|shuttlecock|flag|whistle|scoreboard|logo|car|bus|truck|bicycle|"
    r"motorbike|vehicle|distractor|occluder|reflection|crowd|ignored?|background|other)\b",
    re.IGNORECASE,
)


def person_labels(labels: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the labels of people, and those among them that are only assumed to be people.

    Where no label is known to be of people, all that are not known to be of something else count.
    """
    labels = list(labels)
    known = [label for label in labels if PEOPLE.search(_words(label))]
    if known:
        return known, []
    rest = [label for label in labels if not OTHERS.search(_words(label))]
    return rest, rest


def class_labels(
    classes: Iterable[int], names: Mapping[int, str], person: int, where: str, names_them: str
) -> tuple[dict[int, str | None], tuple[str, ...]]:
    """Return the label of each class by its number, and notes.

    names         that are known; a class that lacks there is "class 7"
    person        number of COCO's person, as the format counts: 0 or 1
    where         the classes stand, such as "column 8"
    names_them    what would name them

    Without names, people are COCO's persons where a class is numbered as only COCO's are;
    otherwise boxes of all classes are read.
    """
    numbers = sorted(set(classes))
    called: dict[int, str | None] = {
        number: names.get(number, f"class {number}") for number in numbers
    }
    if names:
        return called, ()
    if person in numbers and numbers[-1] >= SURELY_COCO:
        return {**called, person: "person"}, (
            f"The classes in {where} have no names and are read as COCO's, in which {person} is "
            f"person; {names_them} says otherwise.",
        )
    if len(numbers) < 2:
        return dict.fromkeys(numbers), ()
    listed = ", ".join(map(str, numbers[:10])) + (" and others" if len(numbers) > 10 else "")
    return dict.fromkeys(numbers), (
        f"The classes in {where}, {listed}, have no names, so boxes of all of them are read; "
        f"{names_them} names them.",
    )


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


def _words(label: str) -> str:
    """Return a label with blanks between its words: "TeamLeft_player" is "Team Left player"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[\W_0-9]+", " ", str(label))
